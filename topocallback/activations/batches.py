"""What a batch is: its parts, and how many samples it has."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from topocallback.activations.graphs import node_counts

__all__ = ["Part", "SampleCount", "batch_parts", "count_samples", "select_part", "tensors_in"]

_IMAGE_CHANNELS = (1, 3)
_DEPTH = 6  # of nested batches, which may hold themselves


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
    kinds = getattr(batch, "node_types", None)
    if isinstance(kinds, list):  # PyTorch Geometric's data of several kinds of nodes, which makes what it lacks
        return {str(kind): batch[kind] for kind in kinds}
    keys = getattr(batch, "keys", None)
    if callable(keys):  # and of one kind, whose attributes lie in a store
        return {str(key): batch[key] for key in keys()}
    return {name: value for name, value in getattr(batch, "__dict__", {}).items() if not name.startswith("_")}


def tensors_in(batch: Any, depth: int = _DEPTH) -> list[Tensor]:
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
    as all of these say (several views of the same samples). What all parts agree on is the number, or else what most of
    them say. Where more than one is possible, the number that the sampler put into the batch decides.

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
    if expected is not None and (expected in _possible(batch, _DEPTH) or _is_second_axis(batch, expected)):
        return SampleCount(expected)
    said = _said(batch)
    if not said:
        return SampleCount(None)
    common = set.intersection(*said)
    votes = Counter(number for numbers in said for number in numbers if not common or number in common)
    first = _first_length(batch)
    # Of numbers with as many votes the first tensor's own, if it is one of them, or else the first that was said.
    size = max(votes, key=lambda number: (votes[number], number == first, number != _length(batch)))
    others = sorted(set(votes) - {size})
    if not others:
        return SampleCount(size)
    could = " or ".join(map(str, others))
    return SampleCount(size, f"a batch is taken to have {size} samples, and could as well have {could}.")


def _said(batch: Any) -> list[set[int]]:
    """What each part of a batch says: the numbers of samples that it may stand for."""
    own = _lengths(batch)
    if own is not None:
        return [own] if own else []
    if not isinstance(batch, (list, tuple)):
        return _parts_say(batch, _DEPTH)
    if _are_samples(batch):
        return [{len(batch)}]
    said = _parts_say(batch, _DEPTH)
    if not _may_be_samples(batch):
        return said
    if not said:
        return [{len(batch)}]
    is_of_inputs = node_counts(batch[0]) is not None or _is_nested(batch[0])
    if is_of_inputs or (isinstance(batch[0], (Tensor, np.ndarray)) and _may_be_inputs_and_targets(batch)):
        return said
    return [numbers | {len(batch)} for numbers in said]


def _may_be_inputs_and_targets(tensors: Sequence[Any]) -> bool:
    """Whether tensors are of one shape, or two that are equally long."""
    shapes = {tensor.shape for tensor in tensors}
    return len(shapes) == 1 or (len(tensors) == 2 and len({shape[:1] for shape in shapes}) == 1)


def _parts_say(batch: Any, depth: int) -> list[set[int]]:
    # A single number, such as a temperature, is of the batch and not of one sample.
    said = (_of_part(part.value, depth - 1) for part in batch_parts(batch) if not _is_number(part.value))
    return [numbers for numbers in said if numbers]


def _of_part(part: Any, depth: int) -> set[int]:
    own = _lengths(part)
    if own is not None or depth < 0:
        return own or set()
    is_list = isinstance(part, (list, tuple))
    if is_list and _are_samples(part):
        return {len(part)}
    said = _parts_say(part, depth)
    inside = set.intersection(*said) if said else set()
    if is_list and _may_be_samples(part):
        return inside | {len(part)}  # views of samples, or samples
    return inside or (said[0] if said else set())


def _are_samples(parts: Sequence[Any]) -> bool:
    """Whether a list can be nothing else than one of samples, as where a collate function gives back what it gets."""
    if not parts or any(isinstance(part, PackedSequence) for part in parts):
        return False
    if all(isinstance(part, (Tensor, np.ndarray)) for part in parts):
        return all(part.ndim == 3 and not _is_nested(part) and part.shape[0] in _IMAGE_CHANNELS for part in parts)
    if all(isinstance(part, (tuple, list)) for part in parts):
        # An image and its label; of words alone, or numbers alone, these may as well be the parts of a batch.
        return all(any(map(_is_number, part)) and not all(map(_is_number, part)) for part in parts)
    return all(_is_object(part) for part in parts)


def _is_object(part: Any) -> bool:
    """Whether something has parts with names, and is no batch of graphs."""
    if part is None or isinstance(part, (Tensor, np.ndarray, str, bytes, tuple, list)) or _is_number(part):
        return False
    counts = node_counts(part)
    return counts is None or len(counts) <= 1


def _may_be_samples(parts: Sequence[Any]) -> bool:
    """Whether a list may be one of samples: of one kind, as the parts of a batch need not be."""
    return len({_kind(part) for part in parts}) == 1


def _kind(part: Any) -> tuple[Any, ...]:
    if isinstance(part, (Tensor, np.ndarray)):
        return type(part), part.ndim, part.dtype
    if isinstance(part, (list, tuple)) and not isinstance(part, PackedSequence):
        return (type(part), *(_kind(inner) for inner in part[:1]))
    return (type(part),)


def _is_nested(part: Any) -> bool:
    return isinstance(part, Tensor) and part.is_nested


def _is_number(part: Any) -> bool:
    if isinstance(part, (Tensor, np.ndarray)):
        return part.ndim == 0
    return isinstance(part, (int, float, complex, np.generic))


def _possible(batch: Any, depth: int) -> set[int]:
    """All numbers of samples that any part of a batch could stand for."""
    own = _lengths(batch)
    if own is not None or not depth:
        return own or set()
    inside = {number for part in batch_parts(batch) for number in _possible(part.value, depth - 1)}
    is_list = isinstance(batch, (list, tuple)) and (_are_samples(batch) or _may_be_samples(batch))
    return inside | {len(batch)} if is_list else inside


def _is_second_axis(batch: Any, expected: int) -> bool:
    """Whether several tensors have their samples in the second axis, steps in the first one."""
    shapes = [tensor.shape for tensor in tensors_in(batch) if not tensor.is_nested and tensor.ndim]
    return len(shapes) > 1 and all(len(shape) > 1 and shape[1] == expected for shape in shapes)


def _lengths(part: Any) -> set[int] | None:
    """The number of samples that something without parts stands for, nothing if it is one value, else ``None``."""
    if isinstance(part, PackedSequence):
        return {int(part.batch_sizes[0])} if len(part.batch_sizes) else {0}
    if isinstance(part, (Tensor, np.ndarray)):
        return {part.shape[0] if isinstance(part, np.ndarray) else part.size(0)} if part.ndim else {1}
    if part is None or isinstance(part, (str, bytes)) or _is_number(part):
        return set()
    counts = node_counts(part)
    if counts is not None:
        return {len(counts)}
    if isinstance(part, Mapping) and isinstance(part.get("offsets"), Tensor):  # of an embedding bag
        return {len(part["offsets"])}
    return None


def _length(batch: Any) -> int | None:
    return len(batch) if isinstance(batch, (list, tuple)) else None


def _first_length(batch: Any) -> int | None:
    first = next(iter(tensors_in(batch)), None)
    return None if first is None or not first.dim() else first.size(0)
