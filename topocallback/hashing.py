"""Which samples are used: a hashed priority for every (seed, sample index)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["sample_priorities"]

_ALL_BITS = np.iinfo(np.uint64).max


def sample_priorities(indices: ArrayLike, seed: int) -> NDArray[np.uint64]:
    """A 64-bit hash of each (seed, index): uniform, without collisions within a seed.

    Args:
        indices: (n,) sample indices, at least 0.
        seed: Any integer.

    Returns:
        (n,) uint64 priorities.

    References:
        The mixing function of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).

    Example:
        >>> sample_priorities([0, 1], seed=0).tolist() == sample_priorities([0, 1], seed=0).tolist()
        True
    """
    index = np.asarray(indices).astype(np.uint64)
    return _mix(_mix(np.array([int(seed) & int(_ALL_BITS)], dtype=np.uint64)) ^ index)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = values + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
