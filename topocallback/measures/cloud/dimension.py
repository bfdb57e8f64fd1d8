"""How many dimensions a cloud has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from topocallback.measures.base import Statistic, check_option, is_count
from topocallback.measures.cloud.slope import slope
from topocallback.measures.facts import LayerFacts
from topocallback.measures.topology.spanning_tree import spanning_tree_lengths

__all__ = ["PHDimension", "TwoNN"]

_FEWEST = 3
_FEWEST_OF_TREES = 8
_N_COUNTS = 5  # eight spread as much: by 0.13 in 3 dimensions, of 512 points


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
    question: ClassVar[str] = "How many dimensions has the cloud, seen from each point?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
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


@dataclass(frozen=True)
class PHDimension(Statistic):
    r"""The dimension that persistent homology sees: how the spanning trees of ever more points of a cloud grow.

    :math:`E(n) = \sum_i l_i^\alpha` over the lifetimes of the bars in H0 of n points drawn at random, which are the
    edges of their minimum spanning tree, grows as :math:`n^m` with :math:`m = 1 - \alpha / d`. With m the slope of
    :math:`\log E(n)` over :math:`\log n` by least squares, the dimension is :math:`\alpha / (1 - m)`. It does not
    depend on rotations, on one factor for all values, nor, but for the choice of the points, on the order of the
    samples. Of many dimensions few samples show too few.

    Args:
        alpha: The power of the lifetimes, above 0.
        counts: How many points are drawn, at least two different counts from 2 on; the paper has 200 to 950 in steps
            of 50. By default five from a quarter of the points to all of them: so they suit parts of the samples too,
            which give the standard error.
        draws: How many times each count is drawn, at least 1; its E is the mean.
        seed: Seed of the choice of the points, which a generator of its own draws.

    Raises:
        ValueError: If an option is out of its range. From ``value``, for fewer points than the largest of ``counts``.

    References:
        Birdal, Lou, Guibas and Simsekli, "Intrinsic dimension, persistent homology and generalization in neural
        networks" (NeurIPS 2021); Magai, "Deep neural networks architectures from the perspective of
        manifold learning" (2023), of layers.

    Example:
        >>> 1.8 < PHDimension()(np.random.default_rng(0).random((1000, 2))) < 2.2
        True
    """

    key: ClassVar[str] = "ph_dimension"
    label: ClassVar[str] = "Intrinsic dimension (persistent homology)"
    question: ClassVar[str] = "How many dimensions has the cloud, by how its trees grow?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    unit: ClassVar[str] = "dimensions"
    more: ClassVar[str] = "more dimensions"
    paper: ClassVar[str] = "Birdal et al. (NeurIPS 2021)"

    alpha: float = 1.0
    counts: tuple[int, ...] = ()
    draws: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        check_option(self, "alpha", lambda power: power > 0, "above 0")
        check_option(self, "counts", _are_counts, "empty, or at least two different integers of at least 2")
        object.__setattr__(self, "counts", tuple(map(int, self.counts)))  # a list in a record, whose name would differ
        check_option(self, "draws", is_count, "an integer of at least 1")
        check_option(self, "seed", lambda seed: is_count(seed + 1), "an integer of at least 0")

    def value(self, facts: LayerFacts) -> float:
        """The dimension.

        NaN for fewer than eight points, where all of a draw are equal, and where E grows as fast as the number of
        points or faster, which no dimension explains.
        """
        n = facts.n_points
        if self.counts and n < max(self.counts):
            raise ValueError(f"Expected at least {max(self.counts)} points for {self.key}, its largest count, got {n}.")
        if n < _FEWEST_OF_TREES:
            return float("nan")
        counts = np.array(self.counts or np.unique(np.linspace(n / 4, n, _N_COUNTS).round().astype(int)))
        generator = np.random.default_rng(self.seed)
        grown = np.array([np.mean([self._sum(facts, count, generator) for _ in range(self.draws)]) for count in counts])
        if not grown.all():
            return float("nan")
        steepness = slope(np.log(counts), np.log(grown))
        return self.alpha / (1 - steepness) if steepness < 1 else float("nan")

    def _sum(self, facts: LayerFacts, count: int, generator: np.random.Generator) -> float:
        """E of so many points drawn at random."""
        distances = facts.distances
        if count < len(distances):
            chosen = generator.choice(len(distances), count, replace=False)
            distances = distances.take(chosen, axis=0).take(chosen, axis=1)
        return float((spanning_tree_lengths(distances) ** self.alpha).sum())


def _are_counts(counts: Iterable[int]) -> bool:
    each = list(counts)
    return not each or (len(set(each)) > 1 and all(is_count(count) and count > 1 for count in each))
