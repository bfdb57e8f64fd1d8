"""Whether two layers have the same samples near each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Distance, check_option, is_count
from topocallback.measures.facts import LayerFacts

__all__ = ["NeighbourOverlap", "nearest_first"]


def nearest_first(distances: NDArray[np.float64]) -> NDArray[np.intp]:
    """The other samples of each one, from the nearest to the furthest.

    Of equally near samples the one that was recorded first counts as nearer.

    Args:
        distances: (n, n) distances between n samples.

    Returns:
        (n, n - 1) which samples.

    Example:
        >>> nearest_first(np.array([[0.0, 2, 1], [2, 0, 2], [1, 2, 0]]))
        array([[2, 1],
               [0, 2],
               [0, 1]])
    """
    others = distances.copy()
    np.fill_diagonal(others, np.inf)
    return np.asarray(np.argsort(others, axis=1, kind="stable")[:, :-1])


@dataclass(frozen=True)
class NeighbourOverlap(Distance):
    """How far the nearest neighbours of samples are others in another layer.

    1 less the mean over the samples of the share of neighbours that two layers have in common, of those that either has
    (the Jaccard index of the two sets of k). Of equally near samples the one that was recorded first counts as nearer.

    Args:
        k: How many neighbours, at least 1.

    Raises:
        ValueError: If ``k`` is no integer of at least 1. From ``prepare``, for k points or fewer.

    References:
        After Hryniowski and Wong, "Inter-layer information similarity assessment of deep neural networks via
        topological similarity and persistence analysis of data neighbour dynamics" (2020), whose own scores are others.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> NeighbourOverlap()(x, 2 * x)
        0.0
    """

    key: ClassVar[str] = "knn_overlap"
    label: ClassVar[str] = "Other neighbours (0 none, 1 all)"
    question: ClassVar[str] = "Do samples keep their neighbours?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    paired: ClassVar[bool] = True
    direction: ClassVar = "similarity"
    cost: ClassVar[str] = "n^2"

    k: int = 10

    def __post_init__(self) -> None:
        check_option(self, "k", is_count, "an integer of at least 1")

    def prepare(self, facts: LayerFacts) -> NDArray[np.bool_]:
        """(n, n) which samples are among the k nearest of which."""
        if facts.n_points <= self.k:
            raise ValueError(f"Expected more than k={self.k} points for {self.key}, got {facts.n_points}.")
        is_near = np.zeros(facts.distances.shape, dtype=bool)
        np.put_along_axis(is_near, nearest_first(facts.distances)[:, : self.k], True, axis=1)
        return is_near

    def between(self, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
        """1 less the mean overlap."""
        common = np.count_nonzero(first & second, axis=1)
        return float(1 - np.mean(common / (2 * self.k - common)))
