"""A map of all points, by multidimensional scaling of their distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh

from topocallback.records.distance_matrix import as_distance_matrix

__all__ = ["classical_mds", "map_of"]


def classical_mds(distances: ArrayLike, n_axes: int = 2) -> NDArray[np.float64]:
    """Classical multidimensional scaling: a map on which distances are as near the given ones as a projection allows.

    Args:
        distances: (n, n) finite, symmetric, zero diagonal; see ``as_distance_matrix``.
        n_axes: How many axes the map has, at least 1.

    Returns:
        (n, n_axes) places, centred, widest axis first, in the units of the distances; each axis's sign is fixed by its
        entry of largest magnitude, which is positive. Axes beyond what the distances span are 0.

    Raises:
        ValueError: If ``distances`` is no matrix of distances, or not finite.

    References:
        Torgerson, "Multidimensional scaling: I. Theory and method" (1952).

    Example:
        >>> places = classical_mds([[0, 3, 4], [3, 0, 5], [4, 5, 0]])
        >>> float(np.hypot(*(places[1] - places[2])).round(9))
        5.0
    """
    return _places(as_distance_matrix(distances), n_axes)


def _places(matrix: NDArray[np.float64], n_axes: int = 2) -> NDArray[np.float64]:
    n = len(matrix)
    if n == 0:
        return np.empty((0, n_axes))
    squared = matrix**2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    count = min(n_axes, n)
    values, vectors = eigh(-centred / 2, subset_by_index=[n - count, n - 1])
    places = vectors[:, ::-1] * np.sqrt(np.clip(values[::-1], 0, None))
    for axis in places.T:
        axis *= np.sign(axis[np.abs(axis).argmax()]) or 1.0
    return np.pad(places, ((0, 0), (0, n_axes - count)))


def map_of(distances: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A map of the points that can have a place on one.

    Args:
        distances: (n, n) symmetric, zero diagonal; NaN where a distance is not known.
        there: (n,) which points there is anything known of.

    Returns:
        (n, 2) places; NaN for a point that is not there, and for as many more as it takes for all distances among the
        others to be known, those with most unknown ones first.

    Example:
        >>> nan = np.nan
        >>> places = map_of(np.array([[0, 1, nan], [1, 0, nan], [nan, nan, 0.0]]), np.full(3, True))
        >>> np.isnan(places).any(axis=1)
        array([False, False,  True])
    """
    rows, unknown = np.flatnonzero(there), ~np.isfinite(distances)
    while (counts := unknown[np.ix_(rows, rows)].sum(axis=1)).any():
        rows = np.delete(rows, counts.argmax())
    places = np.full((len(distances), 2), np.nan)
    places[rows] = _places(distances[np.ix_(rows, rows)])
    return places
