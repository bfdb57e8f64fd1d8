"""The radius within which points are near each other, from the distances to the nearest neighbour."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["elbow"]

# The paper rounds the radius to three decimals. Where activations are so small that this would move it by more than
# this share, or make it 0, it is left as it is.
_ROUNDING = 0.01


def elbow(distances: ArrayLike) -> float:
    """The radius at the elbow of the sorted distances to the nearest neighbour.

    Sorted in descending order, the distances fall steeply and then level off. The elbow is where their curve, in the
    unit square, is furthest from the diagonal before it comes nearer by one step (Kneedle with sensitivity 1, as in
    the package kneed, which is not used because importing it loads pyplot into a training).

    Args:
        distances: (n,) distances of at least 0.

    Returns:
        The distance at the elbow, rounded to three decimals as in the paper unless this changes it by more than 1 %.
        The median where there is no elbow, 0 without distances.

    References:
        Satopaa et al., "Finding a 'kneedle' in a haystack: detecting knee points in system behavior" (ICDCS
        workshops 2011); Purvine et al. (AAAI 2023).

    Example:
        >>> elbow([9.0, 5.0, 2.0, 1.5, 1.2, 1.0, 0.8])
        2.0
    """
    falling = np.sort(np.asarray(distances, dtype=np.float64))[::-1]
    if not len(falling):
        return 0.0
    at = _elbow_index(falling)
    if at is None:
        return float(np.median(falling))
    found = float(falling[at])
    rounded = round(found, 3)
    return rounded if abs(rounded - found) <= _ROUNDING * found else found


def _elbow_index(falling: NDArray[np.float64]) -> int | None:
    span = falling[0] - falling[-1]
    if span == 0:
        return None
    across = (falling - falling[-1]) / span
    step = 1 / (len(falling) - 1)
    # How far the curve of shares against distances is from the diagonal.
    gap = (1 - np.linspace(0, 1, len(falling))) - across
    rises = np.concatenate([[True], gap[1:] >= gap[:-1]])
    falls = np.concatenate([gap[:-1] >= gap[1:], [True]])
    is_peak = rises & falls
    is_valley = np.concatenate([[True], gap[1:] <= gap[:-1]]) & np.concatenate([gap[:-1] <= gap[1:], [True]])
    # The last peak or valley up to each place; a peak waits for its drop until a valley comes.
    latest = np.maximum.accumulate(np.where(is_peak | is_valley, np.arange(len(gap)), 0))
    waiting = is_peak[latest] & ~is_valley[latest]
    dropped = waiting[:-1] & (gap[1:] < gap[latest[:-1]] - step)
    return int(latest[np.argmax(dropped)]) if dropped.any() else None
