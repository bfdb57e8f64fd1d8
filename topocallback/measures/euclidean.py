"""Euclidean distances between all points of a cloud."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["distance_matrix", "finite_rows", "k_nearest", "strips_of"]

# A squared distance smaller than this share of the squared norms has lost too many digits in the product form
# |x|^2 + |y|^2 - 2 x.y and is computed again from the difference: relative error at most about 1e-9 either way.
_CANCELLATION = 1e-6
_TILE = 64
_PIECE = 64 * _TILE  # coordinates that are there in double precision at once, and up to twice as many
_STRIP = 1 << 18  # values that are looked at together


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
    points = np.asarray(cloud)
    if points.dtype.kind not in "fiub" or points.dtype.itemsize > 8:
        points = points.astype(np.float64)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2:
        raise ValueError(f"Expected `cloud` to be of shape (n, d), got {points.shape}. Flatten each point first.")
    bad = int((~finite_rows(points)).sum())
    if bad:
        raise ValueError(f"Expected `cloud` to be finite, got NaN or infinity in {bad} of {len(points)} points.")
    return _euclidean(points)


def finite_rows(points: NDArray[Any]) -> NDArray[np.bool_]:
    """Which points of a cloud have finite coordinates only.

    Args:
        points: (n, d) real numbers.

    Returns:
        (n,) truth values.

    Example:
        >>> finite_rows(np.array([[0.0, 1.0], [np.nan, 1.0]])).tolist()
        [True, False]
    """
    found = np.empty(len(points), dtype=bool)
    for strip in strips_of(points):
        found[strip] = np.isfinite(points[strip]).all(axis=1)
    return found


def k_nearest(distances: NDArray[np.float64], k: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which k other points are nearest to each one, from the nearest on.

    Of equally near points the first one counts as nearer.

    Args:
        distances: (n, n) distances between n points.
        k: At least 0, and below n.

    Returns:
        (n, k) which points, and (n, k) how far away they are.

    Example:
        >>> points, away = k_nearest(distance_matrix([0.0, 1.0, 2.0, 5.0]), 2)
        >>> points.tolist(), away.tolist()
        ([[1, 2], [0, 2], [1, 0], [2, 1]], [[1.0, 2.0], [1.0, 1.0], [1.0, 2.0], [3.0, 4.0]])
    """
    points, away = np.empty((len(distances), k), dtype=np.intp), np.empty((len(distances), k))
    for strip in strips_of(distances) if k else ():  # a copy of all distances takes 200 MB for 5,000 points
        points[strip], away[strip] = _k_nearest(distances[strip], strip.start, k)
    return points, away


def _k_nearest(distances: NDArray[np.float64], first: int, k: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The same for the points from one on, of which these are the rows."""
    others, rows = distances.copy(), np.arange(len(distances))
    others[rows, first + rows] = np.inf
    # To sort all of 512 points takes 5 times as long.
    chosen = np.sort(np.argpartition(others, k - 1, axis=1)[:, :k], axis=1)
    away = np.take_along_axis(others, chosen, axis=1)
    for row in np.flatnonzero((others <= away.max(axis=1, keepdims=True)).sum(axis=1) > k):  # equally near: by chance
        chosen[row] = np.sort(np.argsort(others[row], kind="stable")[:k])
        away[row] = others[row, chosen[row]]
    order = np.argsort(away, axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1), np.take_along_axis(away, order, axis=1)


def strips_of(points: NDArray[Any]) -> Iterator[slice]:
    """Slices of rows that hold few values together: what is computed of one wide cloud needs no copy of all of it.

    Args:
        points: (n, d) points.

    Returns:
        Slices that cover all rows in their order, of about 2^18 values. None is of one row, unless there is but one:
        NumPy adds such a row up in another order, and its last digits would depend on where the strips are.

    Example:
        >>> list(strips_of(np.empty((5, 1 << 17))))
        [slice(0, 2, None), slice(2, 5, None)]
    """
    rows = max(2, _STRIP // max(1, points.shape[1]))
    starts = range(0, max(len(points) - 1, min(len(points), 1)), rows)
    return (slice(start, len(points) if start == starts[-1] else start + rows) for start in starts)


def _euclidean(points: NDArray[Any]) -> NDArray[np.float64]:
    """The lower triangle first, row by row in strips that stay in the cache, and the upper one as its mirror image.

    Products are added up over pieces of the coordinates, so that no more than two copies of one piece are there in
    double precision: 67 MB for 512 points, where three copies of 100,000 coordinates took 1.2 GB.
    """
    mean = np.empty(points.shape[1])
    distances = np.zeros((len(points), len(points)))
    for piece in _pieces(points.shape[1] if len(points) else 0):
        centred = np.array(points[:, piece], dtype=np.float64)
        mean[piece] = centred.mean(axis=0)
        centred -= mean[piece]
        transposed = np.ascontiguousarray(centred.T)
        for start in range(0, len(points), _TILE):
            i, j = slice(start, start + _TILE), slice(0, min(start + _TILE, len(points)))
            distances[i, j] = _add_products(distances[i, j].copy(), centred[i], transposed[:, j])
    norms = _squared_norms(points, mean)
    for start in range(0, len(points), _TILE):
        i, j = slice(start, start + _TILE), slice(0, min(start + _TILE, len(points)))
        squared = distances[i, j].copy()
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


def _pieces(width: int) -> list[slice]:
    """Slices of coordinates, each of ``_PIECE`` or up to twice as many: a narrow one would be summed otherwise."""
    starts = range(0, max(1, width // _PIECE) * _PIECE if width else 0, _PIECE)
    return [slice(start, width if start == starts[-1] else start + _PIECE) for start in starts]


def _squared_norms(points: NDArray[Any], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.empty(len(points))
    # Of columns that lie in one piece, strips would be added up in another order.
    for strip in strips_of(points) if points.flags.c_contiguous else [slice(None)]:
        centred = points[strip] - mean
        norms[strip] = np.einsum("ij,ij->i", centred, centred)
    return norms


def _add_products(
    sums: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``rows @ columns`` added to ``sums``, in pieces of at most 64 x 64 x 64 multiplications.

    OpenBLAS does those in the calling thread. One large product would wake its threads, which go on spinning for a
    while and take processor time from a training that runs beside this.
    """
    depth = min(_TILE, max(1, len(columns)))
    width = _TILE * _TILE // depth
    for left in range(0, columns.shape[1], width):
        for top in range(0, len(columns), depth):
            piece = columns[top : top + depth, left : left + width]
            sums[:, left : left + width] += rows[:, top : top + depth] @ piece
    return sums


def _recompute_close_pairs(
    squared: NDArray[np.float64],
    rows: NDArray[Any],
    columns: NDArray[Any],
    row_norms: NDArray[np.float64],
    column_norms: NDArray[np.float64],
) -> None:
    i, j = np.nonzero(squared <= _CANCELLATION * (row_norms[:, None] + column_norms[None, :]))
    count = max(1, min(_TILE, _STRIP // max(1, rows.shape[1])))
    for start in range(0, len(i), count):
        pairs = slice(start, start + count)
        difference = np.asarray(rows[i[pairs]], dtype=np.float64) - columns[j[pairs]]
        squared[i[pairs], j[pairs]] = np.einsum("ij,ij->i", difference, difference)
