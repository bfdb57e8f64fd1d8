"""Representational similarity analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Distance
from topocallback.measures.centring import check_different_points
from topocallback.measures.facts import LayerFacts
from topocallback.measures.similarity.ranks import correlation, standard_ranks

__all__ = ["RSA"]


@dataclass(frozen=True)
class RSA(Distance):
    """Representational similarity analysis, as 1 less the correlation.

    How unlike two samples are is 1 less the Pearson correlation of their vectors; two layers are as alike as Spearman's
    correlation of these numbers over all pairs of samples. Two vectors of which one has equal values throughout, as a
    dead one has, count as uncorrelated.

    Raises:
        ValueError: From ``prepare``, for fewer than 3 points or 2 values, or if all pairs are equally unlike.

    References:
        Kriegeskorte, Mur and Bandettini, "Representational similarity analysis" (2008).

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(RSA()(x, 3 * x + 1), 12) + 0.0
        0.0
    """

    key: ClassVar[str] = "rsa"
    label: ClassVar[str] = "RSA distance (0 alike, 1 unrelated)"
    question: ClassVar[str] = "Are the same pairs of samples the unlike ones in two layers?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("scale",)
    range: ClassVar[tuple[float, float]] = (0.0, 2.0)
    paired: ClassVar[bool] = True
    direction: ClassVar = "similarity"
    is_metric: ClassVar[bool] = False
    cost: ClassVar[str] = "n^2 log n"
    paper: ClassVar[str] = "Kriegeskorte et al. (2008)"

    def prepare(self, facts: LayerFacts) -> NDArray[np.float64]:
        """(n (n - 1) / 2,) the ranks of how unlike two samples are, with mean 0 and norm 1."""
        check_different_points(facts, self.key, 3)
        if facts.cloud.shape[1] < 2:
            raise ValueError(f"Expected points of at least 2 values for {self.key}, got {facts.cloud.shape[1]}.")
        points = np.asarray(facts.cloud, dtype=np.float64)
        points = points - points.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(points, axis=1, keepdims=True)
        points = np.divide(points, norms, out=np.zeros_like(points), where=norms > 0)
        alike = points @ points.T
        return standard_ranks(1 - alike[np.tril_indices(len(alike), -1)], self.key)

    def between(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """1 less the correlation of the ranks."""
        return 1 - correlation(first, second)
