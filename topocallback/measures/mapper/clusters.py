"""DBSCAN on points of which the distances are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.mapper.neighbours import Neighbours

__all__ = ["density_clusters"]


def density_clusters(neighbours: Neighbours, radius: float, min_samples: int) -> NDArray[np.int64]:
    """Clusters of points that are densely near each other: DBSCAN.

    A point with at least ``min_samples`` points near it, itself included, is a core point. A cluster grows from a core
    point to all points near it, and from the core points among these on. A point near several clusters is in the one
    found first. The clusters are those of scikit-learn's ``DBSCAN``, which holds a list of every point's neighbours:
    20 GB for 50,000 points all near one another, where the bits of ``Near`` take 312 MB.

    Args:
        neighbours: The distances of n points.
        radius: How far apart points are near each other, at least 0.
        min_samples: At least 1.

    Returns:
        (n,) the number of each point's cluster, in the order of their first core points; -1 for a point in none.

    References:
        Ester et al., "A density-based algorithm for discovering clusters" (KDD 1996).

    Example:
        >>> from topocallback.measures.mapper.neighbours import MatrixNeighbours
        >>> line = np.array([0.0, 1.0, 2.0, 9.0])
        >>> density_clusters(MatrixNeighbours(np.abs(line[:, None] - line)), radius=1, min_samples=2).tolist()
        [0, 0, 0, -1]
    """
    near = neighbours.near(radius)
    is_core = near.counts >= min_samples
    cluster = np.full(len(is_core), -1)
    number = 0
    for seed in np.flatnonzero(is_core):
        if cluster[seed] >= 0:
            continue
        cluster[seed] = number
        frontier = np.array([seed])
        while len(frontier):
            found = np.flatnonzero(near.reached(frontier) & (cluster < 0))
            cluster[found] = number
            frontier = found[is_core[found]]
        number += 1
    return cluster
