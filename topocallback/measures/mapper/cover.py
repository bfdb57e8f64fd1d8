"""Covering the range of a filter by overlapping intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["cover"]


def cover(values: NDArray[np.float64], n_intervals: int, overlap: float) -> list[NDArray[np.int64]]:
    """The points over each of some overlapping intervals of equal length.

    KeplerMapper's ``Cover``, to the last bit: interval k is centred at (k + 1/2) / n of the range and 1 / (n (1 - p))
    of it long. Its own is not used because importing it loads scikit-learn, 2 s during a training.

    Args:
        values: (n,) filter values.
        n_intervals: How many intervals.
        overlap: p, the share of an interval that its neighbour covers too.

    Returns:
        Per interval, from the lowest, the numbers of its points, ascending. One interval if all values are equal.

    Example:
        >>> [points.tolist() for points in cover(np.array([0.0, 1.0, 2.0]), n_intervals=2, overlap=0.4)]
        [[0, 1], [1, 2]]
    """
    if not len(values):
        return []
    low, high = values.min(), values.max()
    length = high - low
    if length == 0:
        return [np.arange(len(values))]
    inset = (length - (n_intervals - 1) / n_intervals * length) / 2
    half = length / (2 * n_intervals * (1 - overlap))
    centres = np.linspace(low + inset, high - inset, num=n_intervals)
    return [np.flatnonzero((values >= centre - half) & (values <= centre + half)) for centre in centres]
