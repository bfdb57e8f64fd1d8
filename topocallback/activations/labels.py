"""The labels of a batch: where they are, and what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topocallback.activations.batches import Part, batch_parts

__all__ = ["MISSING", "Labels", "TextLabels", "find_labels", "known_labels"]

_LABEL_KEYS = ("label", "labels", "y", "target", "targets")

MISSING = -100
"""The class of a sample without a label, which PyTorch's losses ignore by default."""


class Labels(NamedTuple):
    """A batch's labels: where they were found, and one value per sample, a tensor or text."""

    place: str
    values: Tensor | list[str | None]


def find_labels(batch: Any, labels: str | int | None, size: int | None, taken: str | None = None) -> Labels | None:
    """The labels of a batch.

    Labels are one number per sample; one row per sample with a single 1 in it, whose place is the class; or text, of
    which ``None``, NaN and the like are samples without a label, as the number -100 is.

    Args:
        batch: What the data loader gave.
        labels: An index or a key into the batch; ``"auto"``: what is under ``label``, ``labels``, ``y``, ``target`` or
            ``targets``, or else the first part behind a tuple's or list's first one that is one label per sample;
            ``None``: no labels.
        size: Number of samples in the batch.
        taken: A place that holds something else, such as the lengths of sequences.

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
        return None if size is None else _automatic(batch, size, taken)
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


def _automatic(batch: Any, size: int, taken: str | None) -> Labels | None:
    parts = batch_parts(batch)
    if isinstance(batch, (tuple, list)):
        candidates = parts[1:]
    else:
        candidates = [part for key in _LABEL_KEYS for part in parts if part.key == key]
    return next((found for part in candidates if part.place != taken and (found := _labels(part, size))), None)


def _labels(part: Part, size: int) -> Labels | None:
    values = _one_per_sample(part.value, size)
    return None if values is None else Labels(part.place, values)


def _one_per_sample(value: Any, size: int) -> Tensor | list[str | None] | None:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.from_numpy(value)
    if isinstance(value, Tensor):
        return _of_tensor(value, size)
    if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, str) or len(value) != size:
        return None
    if all(isinstance(label, (int, float, np.number)) for label in value) and size:
        return torch.tensor([float(x) if isinstance(x, float) else int(x) for x in value])
    if any(isinstance(label, str) for label in value) and all(isinstance(x, str) or _is_missing(x) for x in value):
        return [None if _is_missing(label) else str(label) for label in value]
    return None


def _of_tensor(value: Tensor, size: int) -> Tensor | None:
    if value.is_complex() or value.is_nested or value.layout != torch.strided:
        return None
    value = value.detach()
    if value.numel() == size and value.ndim <= 2:
        return value.reshape(size)
    if value.ndim == 2 and len(value) == size and size and value.shape[1] > 1:
        is_one_hot = bool(((value == 0) | (value == 1)).all()) and bool((value.sum(dim=1) == 1).all())
        return value.argmax(dim=1) if is_one_hot else None
    return None


def _is_missing(label: Any) -> bool:
    """Whether a label is ``None``, NaN, or pandas' NA or NaT: all that is not equal to itself."""
    if label is None:
        return True
    try:
        return (isinstance(label, float) and label != label) or type(label).__name__ in ("NAType", "NaTType")
    except Exception:
        return False


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
        """(n,) the text again, ``None`` where there was none."""
        return np.array([self.names.get(number) for number in numbers.tolist()], dtype=object)


def _number(text: str) -> int:
    # 62 bits of a hash, counted from 0: none of them is `MISSING`, and no two texts of a data set share one.
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 2


def known_labels(values: NDArray[Any]) -> NDArray[Any]:
    """Labels with NaN in place of ``MISSING``.

    Example:
        >>> known_labels(np.array([2, -100])).tolist(), known_labels(np.array([2, 1])).tolist()
        ([2.0, nan], [2, 1])
    """
    if values.dtype.kind != "i" or not (values == MISSING).any():
        return values
    return np.where(values == MISSING, np.nan, values)
