"""A fixed sample of the items that a training data loader draws from, in batches, without touching that loader."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from topocallback.activations.indices import flatten_loaders
from topocallback.activations.samplers import UnknownOrderError, read_set
from topocallback.hashing import sample_priorities

__all__ = ["UnknownItemsError", "sampled_loader"]

_BATCH_SIZE = 32  # of a batch sampler that names none


class UnknownItemsError(Exception):
    """There are no items to take; the text is a clause that says why."""


def sampled_loader(loaders: Any, n_samples: int, seed: int, max_batches: float = float("inf")) -> DataLoader[Any]:
    """A data loader of its own over a fixed sample of what a training draws from.

    The sample are the items of smallest ``sample_priorities`` among those that the training's sampler can give, the
    rule by which validation samples are chosen. They come in the order of their indices, through the same collate
    function, in batches of the same size.

    The training's loader, its sampler and its workers are not asked for anything. A data set that the training reads in
    workers is read in a worker here as well: so whatever it opens, counts or draws stays in that process. (A file that
    it opens when it is first read would otherwise be open in this one, and shared by all workers that are forked from
    it.) A data set that the training reads in this process is read in this process.

    Args:
        loaders: A data loader, or lists, tuples and mappings of them: the first one is taken that has a data set whose
            items can be taken one by one.
        n_samples: How many items to take; all of them if there are fewer.
        seed: Seed of the choice, and of what workers draw.
        max_batches: How many batches each process trains on in an epoch: of a fixed order, items behind these never
            come.

    Returns:
        The loader.

    Raises:
        UnknownItemsError: If there are no such items, or it is not known which ones the training draws from.

    Example:
        >>> training = DataLoader(range(100), batch_size=4, sampler=SubsetRandomSampler(range(50)))
        >>> [len(batch) for batch in sampled_loader(training, 10, seed=0)]
        [4, 4, 2]
        >>> bool(max(batch.max() for batch in sampled_loader(training, 10, seed=0)) < 50)
        True
    """
    loader = _first_with_items(flatten_loaders(loaders))
    items = _items_of(loader, max_batches)
    if not len(items):
        raise UnknownItemsError("the training data are empty")
    kept = np.sort(items[np.argsort(sample_priorities(items, seed), kind="stable")[:n_samples]])
    size = loader.batch_size or getattr(loader.batch_sampler, "batch_size", None) or _BATCH_SIZE
    batches = [kept[start : start + size].tolist() for start in range(0, len(kept), size)]
    works = loader.num_workers > 0
    return DataLoader(
        loader.dataset,
        batch_sampler=batches,
        collate_fn=loader.collate_fn,
        num_workers=int(works),
        worker_init_fn=loader.worker_init_fn if works else None,
        multiprocessing_context=loader.multiprocessing_context if works else None,
        timeout=loader.timeout if works else 0,
        generator=torch.Generator().manual_seed(seed & (2**63 - 1)),  # or it would draw from the global one
    )


def _first_with_items(loaders: Iterable[Any]) -> DataLoader[Any]:
    why = "there is no training data loader"
    for loader in loaders:
        if not isinstance(loader, DataLoader):
            why = f"the training's loader is no DataLoader of torch, but a {type(loader).__name__}"
        elif isinstance(loader.dataset, IterableDataset) or not hasattr(loader.dataset, "__getitem__"):
            why = "an iterable data set has no items that could be taken once more"
        elif loader.batch_sampler is None:
            why = "under `batch_size=None` an item of the data set is a whole batch"
        else:
            return loader
    raise UnknownItemsError(why)


def _items_of(loader: DataLoader[Any], max_batches: float) -> NDArray[np.int64]:
    """(n,) the indices of all items that the loader's sampler can give, in this epoch or another one, ascending."""
    batches: Any = loader.batch_sampler
    in_batches = type(batches).__iter__ is not BatchSampler.__iter__
    sampler: Any = batches if in_batches else batches.sampler
    if isinstance(sampler, DistributedSampler):  # Lightning's, around a sampler of the user's, of which each has a part
        sampler = getattr(sampler.dataset, "_sampler", sampler)
    iterates = getattr(type(sampler), "__iter__", None)
    try:
        if iterates is RandomSampler.__iter__:
            return np.arange(len(sampler.data_source), dtype=np.int64)
        if iterates is SequentialSampler.__iter__:
            return _first_ones(len(sampler.data_source), max_batches * batches.batch_size)
        if iterates is DistributedSampler.__iter__:
            most = float("inf") if sampler.shuffle else max_batches * batches.batch_size * sampler.num_replicas
            return _first_ones(len(sampler.dataset), most)
        if iterates is SubsetRandomSampler.__iter__:
            return np.unique(np.asarray(list(sampler.indices), dtype=np.int64))
        if iterates is WeightedRandomSampler.__iter__:
            return np.flatnonzero(np.asarray(sampler.weights) > 0).astype(np.int64)
        return read_set(sampler, loader.dataset, in_batches=in_batches)
    except UnknownOrderError as unknown:
        raise UnknownItemsError(str(unknown)) from unknown
    except Exception as error:  # a data set may be anything
        raise UnknownItemsError(f"the training data cannot be read ({type(error).__name__}: {error})") from error


def _first_ones(n: int, most: float) -> NDArray[np.int64]:
    return np.arange(int(min(n, most)), dtype=np.int64)
