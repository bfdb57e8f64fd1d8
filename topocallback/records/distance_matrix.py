"""What a matrix of distances has to be, said once for all that takes one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["as_distance_matrix"]

# Of the largest distance: what products in single precision leave of one that should be 0, the root of their rounding.
_ROUNDING = 1e-3


def as_distance_matrix(distances: ArrayLike, name: str = "distances", *, known: bool = True) -> NDArray[np.float64]:
    """A matrix of distances as an array, after what may be wrong with it has been refused.

    What rounding leaves, up to 0.001 of the largest distance, is taken out: the matrix that comes back is exactly
    symmetric, has a diagonal of 0 and holds nothing below 0.

    Args:
        distances: (n, n) symmetric, at least 0, zero diagonal.
        name: What the caller calls the matrix.
        known: Whether every distance has to be known. Otherwise NaN may stand where one is not, and infinity.

    Returns:
        (n, n) float64; the array itself where nothing is to be done.

    Raises:
        ValueError: If ``distances`` is not square, holds NaN or infinity, is negative anywhere, is not symmetric, or
            has a diagonal that is not 0.

    Example:
        >>> as_distance_matrix([[0, 2], [2, 0]])
        array([[0., 2.],
               [2., 0.]])
        >>> as_distance_matrix([[0, 2], [0, 0]])
        Traceback (most recent call last):
        ValueError: Expected `distances` to be symmetric, got 2.0 at (0, 1) and 0.0 at (1, 0). Of one triangle \
T, T + T.T is the whole matrix.
    """
    values = np.asarray(distances)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"Expected `{name}` to be a square matrix, got shape {values.shape}.")
    if values.dtype.kind not in "fiub":
        raise ValueError(f"Expected `{name}` to hold real numbers, got {values.dtype}.")
    matrix = np.ascontiguousarray(values, dtype=np.float64)
    if known and not np.isfinite(matrix).all():
        raise ValueError(f"Expected `{name}` to be finite, got NaN or infinity. Drop such points first.")
    finite = np.where(np.isfinite(matrix), matrix, 0.0)
    if np.array_equal(matrix, matrix.T, equal_nan=not known) and not finite.diagonal().any() and not (finite < 0).any():
        return matrix
    _refuse_all_but_rounding(finite, name)
    cleaned = np.maximum((matrix + matrix.T) / 2, 0)
    np.fill_diagonal(cleaned, np.where(np.isfinite(matrix.diagonal()), 0.0, matrix.diagonal()))
    return np.asarray(cleaned)


def _refuse_all_but_rounding(matrix: NDArray[np.float64], name: str) -> None:
    allowed = _ROUNDING * np.abs(matrix).max(initial=0.0)
    if (lowest := matrix.min(initial=0.0)) < -allowed:
        at = _place(matrix == lowest)
        raise ValueError(
            f"Expected `{name}` to be at least 0, got {lowest} at {at}. Make distances of similarities s in [-1, 1] by "
            "1 - s."
        )
    apart = np.abs(matrix - matrix.T)
    if apart.max(initial=0.0) > allowed:
        i, j = _place(apart == apart.max())
        raise ValueError(
            f"Expected `{name}` to be symmetric, got {matrix[i, j]} at {i, j} and {matrix[j, i]} at {j, i}. Of one "
            "triangle T, T + T.T is the whole matrix."
        )
    own = np.abs(matrix.diagonal())
    if own.max(initial=0.0) > allowed:
        i = int(own.argmax())
        raise ValueError(
            f"Expected `{name}` to have a diagonal of 0, got {matrix[i, i]} at {i, i}: a point is at distance 0 from "
            "itself. Make distances of similarities s in [-1, 1] by 1 - s."
        )


def _place(where: NDArray[np.bool_]) -> tuple[int, int]:
    i, j = np.argwhere(where)[0].tolist()
    return i, j
