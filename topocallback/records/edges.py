"""The edges of a graph whose nodes are points: pairs of their positions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["check_edges", "edges_among"]


def check_edges(edges: ArrayLike, n_points: int) -> NDArray[np.int64]:
    """Edges as an array of positions.

    Args:
        edges: (m, 2) positions of points.
        n_points: How many points there are.

    Returns:
        (m, 2) int64.

    Raises:
        ValueError: If they are no integers, of another shape, or outside of 0 to ``n_points - 1``.

    Example:
        >>> check_edges([[0, 1], [1, 2]], 3).shape
        (2, 2)
    """
    found: NDArray[Any] = np.asarray(edges)
    if found.ndim != 2 or found.shape[1] != 2:
        raise ValueError(f"Expected `edges` to be of shape (m, 2), got {found.shape}.")
    if len(found) and (found.dtype.kind not in "iu" or not 0 <= found.min() <= found.max() < n_points):
        asked = f"positions of points, 0 to {n_points - 1}"
        raise ValueError(f"Expected `edges` to be {asked}, got {found.dtype} from {found.min()} to {found.max()}.")
    return found.astype(np.int64)


def edges_among(edges: NDArray[np.int64], points: NDArray[np.intp], n_points: int) -> NDArray[np.int64]:
    """The edges both of whose ends are among some of the points.

    Args:
        edges: (m, 2) positions of points.
        points: (k,) positions of those that are left, each at most once.
        n_points: How many points there were.

    Returns:
        (at most m, 2) positions among the points that are left.

    Example:
        >>> edges_among(np.array([[0, 1], [1, 2], [2, 0]]), np.array([2, 1]), 3).tolist()
        [[1, 0]]
    """
    place = np.full(n_points, -1)
    place[points] = np.arange(len(points))
    moved = place[edges]
    return np.asarray(moved[(moved >= 0).all(axis=1)])
