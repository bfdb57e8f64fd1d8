"""The order in which a data loader gives the items of its data set, as far as that can be known."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
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
    default_collate,
    default_convert,
)

from topocallback.activations.samplers import UnknownOrderError, describe_failure, read_batches, read_items

__all__ = ["Order", "find_order"]

# By what they do, not by what they are: a subclass with an order of its own is none of these.
_RANDOM = {RandomSampler.__iter__, SubsetRandomSampler.__iter__, WeightedRandomSampler.__iter__}


@dataclass(frozen=True)
class Order:
    """The items of one pass through a data loader.

    Args:
        items: The items' indices in the data set, in the order in which they come; ``None`` if they are not known.
        repeats_after: Where the indices begin again with 0: a distributed sampler's padding. ``None`` for nowhere.
        starts: Where in that order the batches begin; ``None`` if that is not known.
        end: Where the last batch ends.
        length: How many items come on all processes together, if these are exactly the first ones, or if they are
            counted rather than known.
        problem: A clause that says why the items are not known; ``None`` if they are.
        shuffled: Whether the items are not known, and others in every pass.
        is_defect: Whether there is a data set with indices, and they are lost.

    Example:
        >>> Order(items=range(10), starts=range(0, 10, 4), end=10).problem is None
        True
    """

    items: range | NDArray[np.int64] | None = None
    repeats_after: int | None = None
    starts: range | NDArray[np.int64] | None = None
    end: int = 0
    length: int | None = None
    problem: str | None = None
    shuffled: bool = False
    is_defect: bool = False


def find_order(loader: Any, max_batches: float = float("inf")) -> Order:
    """The order in which a data loader gives the items of its data set.

    For samplers that go through a data set from its beginning this is arithmetic. Others are read; see ``read_items``.
    Nothing here raises: what fails is the ``problem`` of the order.

    Args:
        loader: A ``DataLoader``, or anything else.
        max_batches: How many batches will be run; ``inf`` for all.

    Returns:
        The order.

    Example:
        >>> find_order(DataLoader(range(10), sampler=[7, 1, 4])).items.tolist()
        [7, 1, 4]
        >>> find_order(DataLoader(range(10), shuffle=True)).problem
        'the loader draws its order at random'
    """
    try:
        obstacle, has_items = _obstacle(loader)
        if not has_items:
            return Order(problem=obstacle)
        order = _sampled(loader, max_batches)
        if obstacle is not None:
            shuffled = order.shuffled or _is_unordered(loader)
            order = Order(problem=order.problem or obstacle, shuffled=shuffled)
        elif loader.collate_fn not in (default_collate, default_convert):
            order = replace(order, length=None)  # it may leave items out, and others are to take their places
    except Exception as error:  # a loader may be anything
        order = Order(problem=describe_failure(error))
    return replace(order, is_defect=order.problem is not None and _leads_back(loader))


# -- What the loader is -----------------------------------------------------------------------------------------------


def _obstacle(loader: Any) -> tuple[str | None, bool]:
    """Why the sampler does not tell a row's item, if so, and whether there are a sampler and items at all."""
    name = type(loader).__name__
    if isinstance(getattr(loader, "dataset", None), IterableDataset):
        return "an iterable data set has no indices", False
    if not isinstance(loader, DataLoader):
        has_sampler = getattr(loader, "batch_sampler", None) is not None
        return f"the loader is no DataLoader of torch, but a {name}", has_sampler
    if type(loader).__iter__ is not DataLoader.__iter__:
        return f"the loader, a {name}, gives its batches in a way of its own", True
    if _is_unordered(loader):
        return "the loader's workers give batches in the order in which they finish (`in_order=False`)", True
    if loader.batch_sampler is None:
        return "under `batch_size=None` an item of the data set is a whole batch, whose rows have no index", True
    return None, True


def _is_unordered(loader: Any) -> bool:
    return not getattr(loader, "in_order", True) and getattr(loader, "num_workers", 0) > 0


def _leads_back(loader: Any) -> bool:
    """Whether the rows are items of a data set that has indices."""
    try:
        data_set = getattr(loader, "dataset", None)
        indexed = hasattr(data_set, "__getitem__") and not isinstance(data_set, IterableDataset)
    except Exception:
        return False
    try:
        return indexed and loader.batch_sampler is not None
    except Exception:
        return indexed


# -- What its sampler gives -------------------------------------------------------------------------------------------


def _sampled(loader: Any, max_batches: float) -> Order:
    sampler = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    try:
        if getattr(type(sampler), "__iter__", None) is BatchSampler.__iter__:
            return _in_equal_batches(sampler, loader.dataset, max_batches)
        if loader.batch_sampler is None:
            return _in_equal_batches(BatchSampler(sampler, 1, drop_last=False), loader.dataset, max_batches)
        items, ends = read_batches(sampler, loader.dataset, max_batches)
    except UnknownOrderError as unknown:
        return Order(problem=str(unknown), shuffled=unknown.shuffled)
    starts = np.concatenate([ends[:0], [0], ends[:-1]])[: len(ends)]
    return Order(items, starts=starts, end=len(items), length=_length_of(items, sampler))


def _in_equal_batches(batches: BatchSampler, data_set: Any, max_batches: float) -> Order:
    """Of a sampler whose items are put into batches one after the other."""
    sampler, size = batches.sampler, batches.batch_size
    is_random = getattr(type(sampler), "__iter__", None) in _RANDOM
    strided = _strided(sampler)
    try:
        if is_random:
            raise UnknownOrderError("the loader draws its order at random", shuffled=True)
        items = read_items(sampler, data_set, max_batches * size) if strided is None else strided[0]
    except UnknownOrderError as unknown:
        n = len(sampler) if isinstance(sampler, Sized) else 0
        starts, end = _cut(n, batches)
        length = int(min(end, max_batches * size)) if is_random else None
        return Order(starts=starts, end=end, length=length, problem=str(unknown), shuffled=unknown.shuffled)
    starts, end = _cut(len(items), batches)
    if strided is None:
        return Order(items, starts=starts, end=end, length=_length_of(np.asarray(items[:end]), sampler))
    share, n = strided
    most = min(max_batches, len(starts)) if batches.drop_last else max_batches
    length = int(min(n, share.stop, most * size * share.step))
    return Order(share, repeats_after=n, starts=starts, end=end, length=length)


def _cut(n: int, batches: BatchSampler) -> tuple[range, int]:
    """Where the batches of n items begin, and where the last one ends."""
    size = batches.batch_size
    end = n // size * size if batches.drop_last else n
    return range(0, end, size), end


def _strided(sampler: Any) -> tuple[range, int] | None:
    """The share of a process that takes every so manyth item, and how many items there are before they repeat."""
    iterates = getattr(type(sampler), "__iter__", None)
    if iterates is SequentialSampler.__iter__:
        return range(len(sampler.data_source)), len(sampler.data_source)
    # By name, for it exists twice: in `lightning` and in `pytorch_lightning`. It does not pad.
    unpadded = getattr(iterates, "__qualname__", "") == "UnrepeatedDistributedSampler.__iter__"
    if (iterates is DistributedSampler.__iter__ or unpadded) and not sampler.shuffle:
        return range(sampler.rank, sampler.total_size, sampler.num_replicas), len(sampler.dataset)
    return None


def _length_of(items: NDArray[np.int64], sampler: Any) -> int | None:
    """How many items there are, if these are the first ones of the data set in any order, each once."""
    inner = getattr(sampler, "sampler", sampler)
    if getattr(inner, "num_replicas", 1) != 1:
        return None  # what the other processes have is not known
    n = len(items)
    complete = n == 0 or (items.max() == n - 1 and np.bincount(items, minlength=n).min() == 1)
    return n if complete else None
