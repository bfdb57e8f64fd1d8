"""Which samples are used: a pure function of (seed, sample index), by bottom-k sampling.

Every sample index has a hashed priority; the sample is the k indices of smallest priority. The choice does not depend
on layer, step, batch size, order or number of processes, and it merges: the bottom k of the union of several parts is
the bottom k of the parts' own bottom k.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from topocallback.hashing import sample_priorities

__all__ = ["KnownSample", "Sample", "StreamedSample", "bottom_k", "start_sample"]

_CHUNK = 1 << 20
_EMPTY = np.iinfo(np.uint64).max


def bottom_k(length: int, k: int, seed: int) -> NDArray[np.int64]:
    """The k sample indices of smallest priority among 0 .. length - 1.

    Args:
        length: Number of samples.
        k: How many to choose; more than ``length`` chooses all.
        seed: Any integer.

    Returns:
        (min(k, length),) int64, ascending.

    Example:
        >>> bottom_k(1000, 5, seed=0).tolist() == sorted(bottom_k(1000, 5, seed=0).tolist())
        True
    """
    chosen = np.empty(0, dtype=np.int64)
    for start in range(0, length, _CHUNK):  # in pieces: memory stays bounded for any length
        candidates = np.concatenate([chosen, np.arange(start, min(start + _CHUNK, length))])
        chosen = candidates[np.argsort(sample_priorities(candidates, seed), kind="stable")[:k]]
    return np.sort(chosen)


class Sample(Protocol):
    """A bounded sample with one slot per sample; see ``KnownSample`` and ``StreamedSample``."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """(slots,) the sample index that each slot holds or waits for, -1 for none."""

    def admit(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which positions of a batch with these sample indices are kept, and the slot of each."""


class KnownSample:
    """The sample from a data set of known length: decided before the first batch.

    Args:
        length: Number of samples in the data set. Indices beyond it (a distributed sampler's padding) are not kept.
        k: How many to keep.
        seed: Any integer.

    Example:
        >>> rows, slots = KnownSample(length=4, k=4, seed=0).admit(np.array([2, 3, 4]))
        >>> rows.tolist(), slots.tolist()
        ([0, 1], [2, 3])
    """

    def __init__(self, length: int, k: int, seed: int) -> None:
        self.ids = bottom_k(length, k, seed)

    def admit(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which positions of a batch with these sample indices are kept, and the slot of each."""
        slots = np.searchsorted(self.ids, ids)
        rows = np.flatnonzero(np.append(self.ids, -1)[slots] == ids)
        return rows, slots[rows]


class StreamedSample:
    """The sample from a data set of unknown length: a later sample may take the slot of an earlier one.

    Args:
        k: How many to keep.
        seed: Any integer.

    Example:
        >>> sample = StreamedSample(k=2, seed=0)
        >>> _ = sample.admit(np.arange(100)), sample.admit(np.arange(100, 200))
        >>> sorted(sample.ids.tolist()) == bottom_k(200, 2, seed=0).tolist()
        True
    """

    def __init__(self, k: int, seed: int) -> None:
        self.ids = np.full(k, -1, dtype=np.int64)
        self._priorities = np.full(k, _EMPTY, dtype=np.uint64)
        self._seed = seed

    def admit(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which positions of a batch with these sample indices are kept, and the slot of each."""
        priorities = sample_priorities(ids, self._seed)
        rows = np.flatnonzero((priorities < self._priorities.max()) & ~np.isin(ids, self.ids))
        rows = rows[np.unique(ids[rows], return_index=True)[1]]
        # The k smallest of what is held and what is new; whoever drops out leaves a slot to a newcomer.
        k = len(self.ids)
        order = np.argsort(np.concatenate([self._priorities, priorities[rows]]), kind="stable")[:k]
        newcomers = np.sort(order[order >= k]) - k
        free = np.setdiff1d(np.arange(k), order[order < k])
        rows = rows[newcomers]
        self.ids[free], self._priorities[free] = ids[rows], priorities[rows]
        return rows, free


def start_sample(k: int, length: int | None, seed: int) -> Sample:
    """The sample of a data set whose length may be known.

    Args:
        k: How many to keep.
        length: Number of samples in the data set, or ``None``.
        seed: Any integer.

    Returns:
        A ``KnownSample``, or a ``StreamedSample`` where the length is not known.

    Example:
        >>> type(start_sample(5, None, seed=0)).__name__, len(start_sample(5, 3, seed=0).ids)
        ('StreamedSample', 3)
    """
    return StreamedSample(k, seed) if length is None else KnownSample(length, k, seed)
