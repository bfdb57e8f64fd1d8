"""How many dimensions a cloud has where its points are dense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from topocallback.measures.base import Statistic, check_option
from topocallback.measures.facts import LayerFacts

__all__ = ["TwoNN"]

_FEWEST = 3


@dataclass(frozen=True)
class TwoNN(Statistic):
    r"""The intrinsic dimension, by the distances of each point to its two nearest neighbours.

    Where points are evenly dense, the ratio :math:`\mu` of the second distance to the first has the distribution
    :math:`F(\mu) = 1 - \mu^{-d}`. The dimension d is the slope of :math:`-\log(1 - F)` over :math:`\log \mu`, through
    the origin, without the largest ratios. Equal points count as one. Of many dimensions few samples show too few.

    Args:
        discard: The share of points, those with the largest ratios, that are left out.

    Raises:
        ValueError: If ``discard`` is not at least 0 and below 1.

    References:
        Facco, d'Errico, Rodriguez and Laio, "Estimating the intrinsic dimension of datasets by a minimal neighborhood
        information" (2017).

    Example:
        >>> 1.8 < TwoNN()(np.random.default_rng(0).random((1000, 2))) < 2.2
        True
    """

    key: ClassVar[str] = "two_nn"
    label: ClassVar[str] = "Intrinsic dimension (TwoNN)"
    unit: ClassVar[str] = "dimensions"
    more: ClassVar[str] = "more dimensions"
    paper: ClassVar[str] = "Facco et al. (2017)"

    discard: float = 0.1

    def __post_init__(self) -> None:
        check_option(self, "discard", lambda share: 0 <= share < 1, "at least 0 and below 1")

    def value(self, facts: LayerFacts) -> float:
        """The dimension; NaN for fewer than three different points."""
        first_of_equal = ~np.tril(facts.distances == 0, -1).any(axis=1)
        distances = facts.distances[np.ix_(first_of_equal, first_of_equal)]
        n = len(distances)
        if n < _FEWEST:
            return float("nan")
        nearest, second = np.partition(distances, (1, 2), axis=1)[:, 1:3].T
        logarithms = np.sort(np.log(second / nearest))[: max(1, int(n * (1 - self.discard)))]
        expected = -np.log1p(-np.arange(1, len(logarithms) + 1) / (n + 1))
        squares = float(np.einsum("i,i->", logarithms, logarithms))
        return float(np.einsum("i,i->", logarithms, expected) / squares) if squares > 0 else float("nan")
