"""What a batch is: its parts, and how many samples it has."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from topocallback.activations.graphs import node_counts

__all__ = ["Part", "SampleCount", "batch_parts", "count_samples", "select_part", "tensors_in"]

_IMAGE_CHANNELS = (1, 3)


class Part(NamedTuple):
    """A part of a batch: how Python reaches it, its index or key, and what it is."""

    place: str
    key: Any
    value: Any


class SampleCount(NamedTuple):
    """How many samples a batch has, ``None`` if nothing tells, and a sentence if it might be another number."""

    size: int | None
    doubt: str | None = None


def batch_parts(batch: Any) -> list[Part]:
    """The parts of a batch.

    Args:
        batch: What the data loader gave: a mapping, a tuple or list, or an object with its parts as attributes.

    Returns:
        The parts in their order; of anything else none.

    Example:
        >>> [part.place for part in batch_parts({"x": 1, "y": 2})], [part.place for part in batch_parts((1, 2))]
        (["batch['x']", "batch['y']"], ['batch[0]', 'batch[1]'])
    """
    if isinstance(batch, Mapping):
        return [Part(f"batch[{key!r}]", key, value) for key, value in batch.items()]
    if isinstance(batch, PackedSequence):
        return []
    if isinstance(batch, (tuple, list)):
        return [Part(f"batch[{i}]", i, value) for i, value in enumerate(batch)]
    return [Part(f"batch.{name}", name, value) for name, value in _attributes(batch).items()]


def _attributes(batch: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        return {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    if isinstance(batch, (Tensor, np.ndarray, str, int, float, type)):
        return {}
    keys = getattr(batch, "keys", None)
    if callable(keys):  # PyTorch Geometric's data, whose attributes lie in a store
        return {str(key): batch[key] for key in keys()}
    return {name: value for name, value in getattr(batch, "__dict__", {}).items() if not name.startswith("_")}


def tensors_in(batch: Any, depth: int = 6) -> list[Tensor]:
    """All tensors in a batch, in their order; the data of packed sequences."""
    if isinstance(batch, Tensor):
        return [batch]
    if isinstance(batch, PackedSequence):
        return [batch.data]
    parts = batch_parts(batch) if depth else []
    return [tensor for part in parts for tensor in tensors_in(part.value, depth - 1)]


def select_part(batch: Any, loaders: Any, number: int) -> Any:
    """One data loader's share of a batch that holds one of each.

    Args:
        batch: What a combined loader gave: lists and mappings as deep as its loaders are.
        loaders: The loaders, nested in the same way.
        number: Which one, counted as ``flatten_loaders`` does.

    Returns:
        That loader's batch; ``None`` if it is exhausted, or the batch is of another form.

    Example:
        >>> select_part({"a": 1, "b": [2, 3]}, {"a": "first", "b": ["second", "third"]}, 2)
        3
    """
    leaves: list[Any] = []
    _pair(batch, loaders, leaves)
    return leaves[number] if number < len(leaves) else None


def _pair(batch: Any, loaders: Any, leaves: list[Any]) -> None:
    if isinstance(loaders, Mapping):
        for key, loader in loaders.items():
            _pair(batch.get(key) if isinstance(batch, Mapping) else None, loader, leaves)
    elif isinstance(loaders, (list, tuple)):
        parts = batch if isinstance(batch, (list, tuple)) and len(batch) == len(loaders) else [None] * len(loaders)
        for part, loader in zip(parts, loaders, strict=True):
            _pair(part, loader, leaves)
    else:
        leaves.append(batch)


def count_samples(batch: Any, expected: int | None = None) -> SampleCount:
    """How many samples a batch has.

    Every part has its say: a tensor is as many samples as it is long, packed sequences as many as there are sequences,
    batched graphs as there are graphs, a list either as many as it has elements (images of different sizes) or as many
    as all of these say (several views of the same samples). What all parts agree on is the number. Where more than one
    is possible, the number that the sampler put into the batch decides.

    Args:
        batch: What the data loader gave.
        expected: How many samples the sampler put into it, if that is known.

    Returns:
        The number, with a sentence where another one is as likely.

    Example:
        >>> import torch
        >>> count_samples({"x": torch.zeros(3, 2), "y": torch.zeros(3)})
        SampleCount(size=3, doubt=None)
        >>> images = [torch.zeros(3, 8, 8), torch.zeros(3, 9, 7)]
        >>> count_samples((images, [{"label": 1}, {"label": 0}]))
        SampleCount(size=2, doubt=None)
    """
    if expected is not None and expected in _possible(batch):
        return SampleCount(expected)
    if isinstance(batch, list) and _holds_samples(batch):
        return SampleCount(len(batch))
    possible = _agreed(batch)
    if len(possible) > 1:
        first = _first_length(batch)
        size = first if first in possible else min(possible)
        others = " or ".join(map(str, sorted(possible - {size})))
        return SampleCount(size, f"a batch is taken to have {size} samples, and could as well have {others}.")
    return SampleCount(next(iter(possible), None))


def _holds_samples(batch: Sequence[Any]) -> bool:
    """Whether a list is one of samples, as it is where a collate function gives back what it gets."""
    if not batch:
        return False
    if all(isinstance(part, Tensor) for part in batch):
        shapes = [part.shape for part in batch]
        return all(len(shape) == 3 and shape[0] in _IMAGE_CHANNELS for shape in shapes)
    return all(isinstance(part, Mapping) for part in batch) or all(
        isinstance(part, tuple) and any(isinstance(value, (int, float, str)) for value in part) for part in batch
    )


def _possible(batch: Any) -> set[int]:
    """All numbers of samples that any part of a batch could stand for."""
    own = _lengths(batch)
    if own is not None:
        return own
    inside = [number for part in batch_parts(batch) for number in _possible(part.value)]
    return {*inside, *({len(batch)} if isinstance(batch, (list, tuple)) else ())}


def _agreed(batch: Any) -> set[int]:
    """The numbers of samples on which all parts of a batch agree; of parts that disagree, those of the first."""
    own = _lengths(batch)
    return _common(part.value for part in batch_parts(batch)) if own is None else own


def _common(parts: Iterable[Any]) -> set[int]:
    # A single number, such as a temperature, is of the batch and not of one sample.
    said = [_of_part(part) for part in parts if not (isinstance(part, Tensor) and not part.dim())]
    said = [numbers for numbers in said if numbers]
    if not said:
        return set()
    common = set.intersection(*said)
    return common or said[0]


def _of_part(part: Any) -> set[int]:
    own = _lengths(part)
    if own is not None:
        return own
    if isinstance(part, (list, tuple)) and _holds_samples(part):
        return {len(part)}
    inside = _common(inner.value for inner in batch_parts(part))
    # A list of views, or of samples: its elements are of one kind either way.
    is_list = isinstance(part, (list, tuple)) and len({type(element) for element in part}) == 1
    return inside | ({len(part)} if is_list else set())


def _lengths(part: Any) -> set[int] | None:
    """The number of samples that something without parts stands for, nothing if it is one value, else ``None``."""
    if isinstance(part, PackedSequence):
        return {int(part.batch_sizes[0])} if len(part.batch_sizes) else {0}
    counts = node_counts(part)
    if counts is not None:
        return {len(counts)}
    if isinstance(part, Mapping) and isinstance(part.get("offsets"), Tensor):  # of an embedding bag
        return {len(part["offsets"])}
    if isinstance(part, Tensor):
        return {part.size(0) if part.dim() else 1}
    if isinstance(part, np.ndarray):
        return {len(part) if part.ndim else 1}
    if part is None or isinstance(part, (str, bytes, int, float)):
        return set()
    return None


def _first_length(batch: Any) -> int | None:
    first = next(iter(tensors_in(batch)), None)
    return None if first is None or not first.dim() else first.size(0)
