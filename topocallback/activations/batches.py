"""What a batch says about its samples: how many there are, and their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from topocallback.activations.tensors import first_tensor

__all__ = ["batch_size", "find_labels"]

_LABEL_KEYS = ("label", "labels", "y", "target")


def batch_size(batch: Any) -> int | None:
    """The number of samples in a batch: the length of the first tensor in it.

    Args:
        batch: What the data loader gave.

    Returns:
        The size, or ``None`` if there is no tensor that tells.

    Example:
        >>> import torch
        >>> batch_size({"x": torch.zeros(3, 2), "y": torch.zeros(3)}), batch_size("text")
        (3, None)
    """
    try:
        tensor = first_tensor(batch)
    except TypeError:
        return None
    return tensor.size(0) if tensor.dim() else 1


def find_labels(batch: Any, labels: str | int | None, size: int | None) -> Tensor | None:
    """The labels of a batch.

    Args:
        batch: What the data loader gave.
        labels: An index or a key into the batch; ``"auto"``: the second element of a tuple or list, or the value under
            ``label``, ``labels``, ``y`` or ``target``, if it is one number per sample; ``None``: no labels.
        size: Number of samples in the batch.

    Returns:
        (size,) labels, or ``None``.

    Raises:
        ValueError: If ``labels`` names a place where the batch has nothing, or something other than one number per
            sample.

    Example:
        >>> import torch
        >>> find_labels((torch.zeros(3, 2), torch.tensor([1, 0, 2])), "auto", 3)
        tensor([1, 0, 2])
    """
    if labels is None or size is None:
        return None
    if labels == "auto":
        return _one_per_sample(_automatic(batch), size)
    try:
        value = batch[labels]
    except (KeyError, IndexError, TypeError) as error:
        has = f"the keys {list(batch)}" if isinstance(batch, Mapping) else f"type {type(batch).__name__}"
        raise ValueError(f"Expected `labels={labels!r}` to be in the batch, which has {has}.") from error
    found = _one_per_sample(value, size)
    if found is None:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"Expected `labels={labels!r}` to hold one number for each of {size} samples, got {got}.")
    return found


def _automatic(batch: Any) -> Any:
    if isinstance(batch, (tuple, list)) and len(batch) > 1:
        return batch[1]
    if isinstance(batch, Mapping):
        return next((batch[key] for key in _LABEL_KEYS if key in batch), None)
    return None


def _one_per_sample(value: Any, size: int) -> Tensor | None:
    if not isinstance(value, Tensor) or value.is_complex() or value.numel() != size or len(value.shape) > 2:
        return None
    return value.detach().reshape(size)
