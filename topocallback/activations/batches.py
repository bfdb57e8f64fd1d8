"""What a validation's data loaders and batches say about their samples: indices and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import (
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from topocallback.activations.tensors import first_tensor

__all__ = ["BatchIndices", "batch_size", "find_labels", "flatten_loaders"]

_LABEL_KEYS = ("label", "labels", "y", "target")
_RANDOM_SAMPLERS = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


def flatten_loaders(loaders: Any) -> list[Any]:
    """The data loaders in the order in which a Trainer numbers them.

    Args:
        loaders: A data loader, ``None`` for none, or lists, tuples and mappings of them, nested as deep as they like.

    Returns:
        The data loaders.

    Example:
        >>> flatten_loaders({"clean": "a", "noisy": ["b", "c"]})
        ['a', 'b', 'c']
    """
    if isinstance(loaders, (list, tuple)):
        return [leaf for loader in loaders for leaf in flatten_loaders(loader)]
    if isinstance(loaders, Mapping):
        return flatten_loaders(list(loaders.values()))
    return [] if loaders is None else [loaders]


class BatchIndices:
    """The sample indices of a data loader's batches, one batch after the other.

    A sample's index is its place in the loader's order: for a loader that does not shuffle, its index in the data set.
    Under a distributed sampler, process r's j-th sample is number j * world_size + r; so it is for an iterable data
    set, whose processes are taken to read different shares.

    Args:
        loader: A ``DataLoader``, or any iterable.
        max_batches: How many batches will be run; ``inf`` for all.
        rank: This process's number.
        world_size: How many processes there are.

    Attributes:
        length: How many samples there will be on all processes together, or ``None`` if that cannot be known.
        shuffled: Whether the order, and with it the sample, differs from one pass to the next.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> indices = BatchIndices(DataLoader(range(10), batch_size=4))
        >>> indices.length, indices.take(4).tolist(), indices.take(4).tolist()
        (10, [0, 1, 2, 3], [4, 5, 6, 7])
    """

    def __init__(self, loader: Any, max_batches: float = float("inf"), *, rank: int = 0, world_size: int = 1) -> None:
        sampler = getattr(loader, "sampler", None)
        if getattr(loader, "batch_size", None) is None:  # under a batch sampler of the user's own, its sampler counts
            sampler = getattr(getattr(loader, "batch_sampler", None), "sampler", sampler)
        if not isinstance(getattr(loader, "dataset", None), IterableDataset):
            rank, world_size = int(getattr(sampler, "rank", 0)), int(getattr(sampler, "num_replicas", 1))
        self._rank, self._world_size = rank, world_size
        self._seen = 0
        self.shuffled = isinstance(sampler, _RANDOM_SAMPLERS) or bool(
            isinstance(sampler, DistributedSampler) and sampler.shuffle
        )
        self.length = self._length(loader, sampler, max_batches)

    def take(self, size: int) -> NDArray[np.int64]:
        """The indices of the next ``size`` samples."""
        places = np.arange(self._seen, self._seen + size, dtype=np.int64)
        self._seen += size
        return places * self._world_size + self._rank

    def _length(self, loader: Any, sampler: Any, max_batches: float) -> int | None:
        # A distributed sampler pads its own length; the data set's length tells padding from samples.
        counted = getattr(loader, "dataset", None) if self._world_size > 1 else sampler
        size = getattr(loader, "batch_size", None)  # None under a custom batch sampler
        if not isinstance(counted, Sized) or not isinstance(sampler, Sized) or not isinstance(size, int):
            return None
        batches = min(len(loader), max_batches)  # fewer than the samples need, if the loader drops the last one
        return int(min(len(counted), len(sampler) * self._world_size, batches * size * self._world_size))


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
