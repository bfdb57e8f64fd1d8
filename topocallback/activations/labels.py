"""The labels of a batch: where they are, and what they are."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topocallback.activations.batches import Part, batch_parts
from topocallback.activations.padding import is_table, sequences_in
from topocallback.activations.tensors import signed

__all__ = ["MISSING", "Labels", "TextLabels", "find_labels", "known_labels", "take_labels"]

_LABEL_KEYS = ("label", "labels", "y", "target", "targets")
_MISSING_TYPES = ("NAType", "NaTType")
_MOST = 2**63 - 1
"""The largest number of an int64; what is larger becomes text."""

MISSING = -100
"""The class of a sample without a label, which PyTorch's losses ignore by default."""


class Labels(NamedTuple):
    """A batch's labels: where they were found, and one value per sample, a tensor or text."""

    place: str
    values: Tensor | list[str | None]


def find_labels(
    batch: Any, labels: str | int | None, size: int | None, taken: str | None = None, earlier: str | None = None
) -> Labels | None:
    """The labels of a batch.

    Labels are one number per sample; one row per sample with a single 1 in it, whose place is the class; or text, of
    which ``None``, NaN and the like are samples without a label, as the number -100 is. Lists hold either.

    Args:
        batch: What the data loader gave.
        labels: An index or a key into the batch; ``"auto"``: what is under ``label``, ``labels``, ``y``, ``target`` or
            ``targets``, or else the first part behind a tuple's or list's first one that is one label per sample;
            ``None``: no labels.
        size: Number of samples in the batch.
        taken: A place that holds something else, such as the lengths of sequences.
        earlier: Where an earlier batch had its labels.

    Returns:
        The labels, or ``None`` where there are none.

    Raises:
        ValueError: If ``labels`` names a place where the batch has nothing, or something other than one label per
            sample, or the number of samples is not known.

    Example:
        >>> find_labels((torch.zeros(3, 2), torch.tensor([1, 0, 2])), "auto", 3)
        Labels(place='batch[1]', values=tensor([1, 0, 2]))
        >>> find_labels({"x": torch.zeros(2, 5), "y": ["cat", None]}, "y", 2).values
        ['cat', None]
    """
    if labels is None:
        return None
    if labels == "auto":
        return None if size is None else _automatic(batch, size, taken, earlier)
    parts = {part.key: part for part in batch_parts(batch)}
    key = labels + len(parts) if isinstance(labels, int) and labels < 0 else labels
    if key not in parts:
        has = f"the keys {list(parts)}" if parts and not isinstance(batch, (tuple, list)) else _kind(batch)
        raise ValueError(f"Expected `labels={labels!r}` to be in the batch, which has {has}.")
    if size is None:
        raise ValueError(f"`labels={labels!r}` cannot be used: nothing tells how many samples a batch has.")
    values = _one_per_sample(parts[key].value, size)
    if values is None:
        raise ValueError(
            f"Expected `labels={labels!r}` to hold one label for each of {size} samples, got {_kind(parts[key].value)}."
        )
    return Labels(parts[key].place, values)


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"shape {tuple(value.shape)}"
    is_list = isinstance(value, (tuple, list))
    return f"type {type(value).__name__}" + (f" of length {len(value)}" if is_list else "")


def _automatic(batch: Any, size: int, taken: str | None, earlier: str | None) -> Labels | None:
    parts = batch_parts(batch)
    if not isinstance(batch, (tuple, list)):
        candidates = [part for key in _LABEL_KEYS for part in parts if part.key == key]
        return next((found for part in candidates if part.place != taken and (found := _labels(part, size))), None)
    behind = [part for part in parts[1:] if part.place != taken]
    fitting = [(part, labels) for part in behind if (labels := _labels(part, size)) is not None]
    sequences = sequences_in(parts[:1], size)
    if sequences is not None and not is_table(sequences):
        fitting.sort(key=partial(_likeness_to_a_mask, sequences, earlier))
    return fitting[0][1] if fitting else None


def _likeness_to_a_mask(sequences: Tensor, earlier: str | None, found: tuple[Part, Labels]) -> int:
    """0 for classes, and more for what may be lengths or a mask of unpadded sequences, which only other parts tell."""
    part, labels = found
    if part.place == earlier:
        return 0
    if isinstance(part.value, Tensor) and part.value.ndim == 2 and part.value.shape == sequences.shape[:2]:
        return 2
    values = labels.values
    if not isinstance(values, Tensor) or values.is_floating_point() or not len(values):
        return 0
    lengths = {sequences.shape[1], sequences.shape[-1]} if sequences.ndim != 4 else set()  # images have no lengths
    return int(any(bool((values == length).all()) for length in lengths))


def _labels(part: Part, size: int) -> Labels | None:
    values = _one_per_sample(part.value, size)
    return None if values is None else Labels(part.place, values)


def _one_per_sample(value: Any, size: int) -> Tensor | list[str | None] | None:
    if isinstance(value, np.ndarray) and value.dtype == np.uint64 and (value > _MOST).any():
        value = list(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        # Of a type that torch has, in the machine's order of bytes, and a copy: torch warns of what cannot be written.
        value = torch.from_numpy(value.astype({"b": np.bool_, "f": np.float64}.get(value.dtype.kind, np.int64)))
    if isinstance(value, Tensor):
        return _of_tensor(value, size)
    is_list = isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes))
    if not is_list or len(value) != size or not size:
        return None
    labels = [None if _is_missing(label) else _plain(label) for label in value]
    known = [label for label in labels if label is not None]
    if all(isinstance(label, str) for label in known) and known:
        return labels
    if all(isinstance(label, int) for label in known):
        if any(not -_MOST <= label <= _MOST for label in known):
            return [None if label in (None, MISSING) else str(label) for label in labels]
        return torch.tensor([MISSING if label is None else int(label) for label in labels])
    if all(isinstance(label, (int, float)) for label in known):
        return torch.tensor([math.nan if label is None else float(label) for label in labels], dtype=torch.float64)
    return None


def _plain(label: Any) -> Any:
    """A label as Python's own string or number, if it is one."""
    if isinstance(label, (np.generic, np.ndarray)) and label.ndim == 0:
        label = label.item()
    if isinstance(label, Tensor) and label.ndim == 0 and not label.is_complex():
        label = label.item()
    return label.decode(errors="replace") if isinstance(label, bytes) else label


def _of_tensor(value: Tensor, size: int) -> Tensor | list[str | None] | None:
    if value.is_complex() or value.is_nested or value.layout != torch.strided:
        return None
    given, value = value, signed(value.detach())
    if given.dtype == torch.uint64 and bool((value < 0).any()):  # too large for it
        return _one_per_sample(given.flatten().tolist(), size) if given.numel() == size else None
    if value.numel() == size and value.ndim <= 2:
        return value.reshape(size)
    if value.ndim == 2 and len(value) == size and size and value.shape[1] > 1:
        is_one_hot = bool(((value == 0) | (value == 1)).all()) and bool((value.sum(dim=1) == 1).all())
        return value.int().argmax(dim=1) if is_one_hot else None
    return None


def _is_missing(label: Any) -> bool:
    """Whether a label is ``None``, NaN, or pandas' NA or NaT."""
    if label is None:
        return True
    return (isinstance(label, (float, np.floating)) and bool(label != label)) or type(label).__name__ in _MISSING_TYPES


def take_labels(labels: Tensor, rows: NDArray[np.intp]) -> Tensor:
    """Some samples' labels, as they are kept.

    Args:
        labels: (n,) labels of any real type.
        rows: Which samples.

    Returns:
        int64 or float64, or float32 on devices without that. Of uint64, what is too large for int64 is below 0.

    Example:
        >>> take_labels(torch.tensor([0.5, 1.0, 2.0]), np.array([2])).dtype
        torch.float64
    """
    real = torch.float32 if labels.device.type == "mps" else torch.float64
    taken = signed(labels.detach()).index_select(0, torch.from_numpy(rows).to(labels.device))
    return taken.to(real if labels.is_floating_point() else torch.int64)


class TextLabels:
    """Text as numbers that are the same in every process, and back.

    Example:
        >>> labels = TextLabels()
        >>> labels.decode(labels.encode(["cat", None, "dog"])).tolist()
        ['cat', None, 'dog']
    """

    def __init__(self) -> None:
        self.names: dict[int, str] = {}

    def encode(self, values: Sequence[str | None]) -> Tensor:
        """(n,) int64, ``MISSING`` for ``None``."""
        numbers = [MISSING if value is None else _number(value) for value in values]
        known = {number: value for number, value in zip(numbers, values, strict=True) if value is not None}
        self.names.update(known)
        return torch.tensor(numbers, dtype=torch.int64)

    def decode(self, numbers: Tensor) -> NDArray[Any]:
        """(n,) the text again, ``None`` where there was none; a number of a batch that held no text is its own."""
        of_numbers = {MISSING: None, **self.names}
        return np.array([of_numbers.get(number, str(number)) for number in numbers.tolist()], dtype=object)


def _number(text: str) -> int:
    # 62 bits of a hash, counted from 0: none of them is `MISSING`, and no two texts of a data set share one.
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big") >> 2


def known_labels(values: NDArray[Any]) -> NDArray[Any]:
    """Labels with NaN in place of ``MISSING``.

    Example:
        >>> known_labels(np.array([2, -100])).tolist(), known_labels(np.array([2, 1])).tolist()
        ([2.0, nan], [2, 1])
    """
    if values.dtype.kind != "i" or not (values == MISSING).any():
        return values
    return np.where(values == MISSING, np.nan, values)
