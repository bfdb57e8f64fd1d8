"""Euclidean distances between all points of a cloud."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["distance_matrix"]

# A squared distance smaller than this share of the squared norms has lost too many digits in the product form
# |x|^2 + |y|^2 - 2 x.y and is computed again from the difference: relative error at most about 1e-9 either way.
_CANCELLATION = 1e-6
_TILE = 64


def distance_matrix(cloud: ArrayLike) -> NDArray[np.float64]:
    """Euclidean distances between all points of a cloud.

    By matrix products; pairs so close that these would lose digits are computed from their difference, so that equal
    points are at distance exactly 0.

    Args:
        cloud: (n, d) finite points, of any real dtype. A vector of shape (n,) is read as n points on a line.

    Returns:
        (n, n) float64, symmetric, zero diagonal, in the units of the cloud.

    Raises:
        ValueError: If ``cloud`` has more than two axes, or holds NaN or infinite values.

    Example:
        >>> distance_matrix([[0, 0], [3, 4]])
        array([[0., 5.],
               [5., 0.]])
    """
    points = np.asarray(cloud, dtype=np.float64)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2:
        raise ValueError(f"Expected `cloud` to be of shape (n, d), got {points.shape}. Flatten each point first.")
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(axis=1).sum())
        raise ValueError(f"Expected `cloud` to be finite, got NaN or infinity in {bad} of {len(points)} points.")
    return _euclidean(points)


def _euclidean(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row by row in strips that stay in the cache, the lower triangle first and the upper one as its mirror image."""
    centred = points - points.mean(axis=0) if len(points) else points
    transposed = np.ascontiguousarray(centred.T)
    norms = np.einsum("ij,ij->i", centred, centred)
    distances = np.empty((len(points), len(points)))
    for start in range(0, len(points), _TILE):
        i, j = slice(start, start + _TILE), slice(0, min(start + _TILE, len(points)))
        squared = _products(centred[i], transposed[:, j])
        squared *= -2
        squared += norms[i, None]
        squared += norms[None, j]
        on_diagonal = squared[:, start:]
        np.fill_diagonal(on_diagonal, np.inf)
        # Half of the bound for the strip's largest norms: cheaper to test, and true wherever a pair is too close.
        if squared.min() <= _CANCELLATION * (norms[i].max() + norms[j].max()):
            _recompute_close_pairs(squared, points[i], points[j], norms[i], norms[j])
        np.fill_diagonal(on_diagonal, 0)
        on_diagonal[:] = np.minimum(on_diagonal, on_diagonal.T)
        distances[i, j] = np.sqrt(squared, out=squared)
        distances[j, i] = squared.T
    return distances


def _products(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """``rows @ columns`` in pieces of at most 64 x 64 x 64 multiplications.

    OpenBLAS does those in the calling thread. One large product would wake its threads, which go on spinning for a
    while and take processor time from a training that runs beside this.
    """
    product = np.zeros((len(rows), columns.shape[1]))
    depth = min(_TILE, max(1, len(columns)))
    width = _TILE * _TILE // depth
    for left in range(0, columns.shape[1], width):
        for top in range(0, len(columns), depth):
            piece = columns[top : top + depth, left : left + width]
            product[:, left : left + width] += rows[:, top : top + depth] @ piece
    return product


def _recompute_close_pairs(
    squared: NDArray[np.float64],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    row_norms: NDArray[np.float64],
    column_norms: NDArray[np.float64],
) -> None:
    i, j = np.nonzero(squared <= _CANCELLATION * (row_norms[:, None] + column_norms[None, :]))
    for start in range(0, len(i), _TILE):
        pairs = slice(start, start + _TILE)
        difference = rows[i[pairs]] - columns[j[pairs]]
        squared[i[pairs], j[pairs]] = np.einsum("ij,ij->i", difference, difference)
