"""Which item of the data set a row is: the indices of a data loader's batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import IterableDataset

from topocallback.activations.orders import find_order

__all__ = ["BatchIndices", "flatten_loaders"]

_UNCOUNTED = ", and batches of unknown size have passed"


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

    A sample's index is that of its item in the data set: ``loader.dataset[index]``. Where that cannot be known,
    ``unidentified`` says why, and indices are places in the order in which samples come. Under a distributed sampler
    process r's j-th place is number j * world_size + r; so it is for an iterable data set, whose processes are taken
    to read different shares.

    Nothing here raises or disturbs the loader, whatever it is.

    Args:
        loader: A ``DataLoader``, or any iterable.
        max_batches: How many batches will be run; ``inf`` for all.
        rank: This process's number.
        world_size: How many processes there are.

    Attributes:
        length: n, where the indices on all processes together are exactly 0 to n - 1; else ``None``.
        shuffled: Whether the order differs from pass to pass and cannot be read: other samples in every pass.
        unidentified: ``None``, or a clause that says why indices are not those of the data set's items. A first batch
            whose size is not the sampler's may bring one.
        is_defect: Whether ``unidentified`` is worth a warning: there is a data set with indices, and they are lost.
        left_out: How many batches had no indices, because their size was not the sampler's.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> indices = BatchIndices(DataLoader(range(100), batch_size=2, sampler=[70, 30, 50]))
        >>> indices.expected, indices.take(2).tolist(), indices.take(1).tolist()
        (2, [70, 30], [50])
    """

    def __init__(self, loader: Any, max_batches: float = float("inf"), *, rank: int = 0, world_size: int = 1) -> None:
        order = find_order(loader, max_batches)
        self.length = order.length
        self.shuffled = order.shuffled
        self.unidentified = order.problem
        self.is_defect = order.is_defect
        self.left_out = 0
        self._order = order
        self._max_batches = max_batches
        self._rank, self._world_size = _process_of(loader, rank, world_size)
        self._batch = 0
        self._place = 0
        self._has_given = False

    @property
    def has_ended(self) -> bool:
        """Whether all batches that will be run have passed: whatever comes now are the same samples once more."""
        return self._batch >= self._max_batches

    @property
    def expected(self) -> int | None:
        """How many items the sampler puts into the next batch; ``None`` if that is not known."""
        starts, batch = self._order.starts, self._batch
        if starts is None or batch >= len(starts):
            return None
        end = starts[batch + 1] if batch + 1 < len(starts) else self._order.end
        return int(end - starts[batch])

    def take(self, size: int) -> NDArray[np.int64] | None:
        """The indices of the next batch's samples.

        Args:
            size: How many samples the batch has.

        Returns:
            (size,) indices, or ``None`` if the batch is not the one that the sampler made, so that its rows cannot be
            told from each other: it has more samples or fewer. If it is the first one, they all may be like this, and
            are numbered by their places instead.
        """
        expected, batch = self.expected, self._batch
        if self.unidentified is None and expected != size:
            if self._has_given:
                self._batch += 1
                self.left_out += 1
                return None
            self._number_by_place(
                f"the loader's first batch has {size} samples, where its sampler put in "
                f"{'none' if expected is None else expected}"
            )
        self._batch += 1
        self._has_given = True
        if self.unidentified is None:
            return self._items_of(batch, size)
        places = np.arange(self._place, self._place + size, dtype=np.int64)
        self._place += size
        return places * self._world_size + self._rank

    def skip(self) -> None:
        """Let the next batch pass without taking its indices.

        Where its size is not known, the places of later samples are not known either: they go on counting, and
        ``unidentified`` says so.
        """
        expected = self.expected
        self._batch += 1
        if expected is not None:
            self._place += expected
        elif self.unidentified is not None and not self.unidentified.endswith(_UNCOUNTED):
            self.unidentified += _UNCOUNTED

    def _number_by_place(self, reason: str) -> None:
        self.unidentified, self.is_defect, self.length = reason, True, None

    def _items_of(self, batch: int, size: int) -> NDArray[np.int64]:
        assert self._order.starts is not None
        assert self._order.items is not None
        start = int(self._order.starts[batch])
        items = self._order.items[start : start + size]
        if isinstance(items, range):
            items = np.arange(items.start, items.stop, items.step, dtype=np.int64)
        repeats_after = self._order.repeats_after
        return items.copy() if repeats_after is None else items % repeats_after


def _process_of(loader: Any, rank: int, world_size: int) -> tuple[int, int]:
    """This process's number and how many there are, as the loader's sampler says, or as an iterable data set takes."""
    try:
        if isinstance(getattr(loader, "dataset", None), IterableDataset):
            return rank, world_size
        sampler = getattr(loader, "sampler", None)
        if getattr(loader, "batch_size", None) is None:  # under a batch sampler of the user's own, its sampler counts
            sampler = getattr(getattr(loader, "batch_sampler", None), "sampler", sampler)
        rank, world_size = int(getattr(sampler, "rank", 0)), int(getattr(sampler, "num_replicas", 1))
    except Exception:  # a loader may be anything
        return 0, 1
    return (rank, world_size) if 0 <= rank < world_size else (0, 1)
