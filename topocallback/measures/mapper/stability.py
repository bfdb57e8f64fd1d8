"""How much of a Mapper graph is still there when other samples are drawn."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import check_option
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.statistics import MapperStatistic
from topocallback.records.mapper_graph import MapperGraph

__all__ = ["MapperStability"]


@dataclass(frozen=True)
class MapperStability(MapperStatistic):
    r"""How alike the Mapper graphs of random parts of the points are, in [-1, 1].

    Of two parts, every pair of points that both hold shares a node in both graphs, in one or in none. Cohen's

    .. math:: \kappa = \frac{p_o - p_e}{1 - p_e}

    sets the share :math:`p_o` of pairs on which the graphs agree against the share :math:`p_e` on which they would by
    chance: 1 says that the points do not depend on one another's being there, 0 that the graph is an accident of the
    sample. The value is the mean over all pairs of parts. A layer's graphs are made anew for every part, which is why
    this is not among the standard statistics.

    Args:
        n_draws: How many parts are drawn, at least 2; every two of them are compared.
        share: The share of the points that a part holds, above 0 and below 1.
        seed: Seed of the draws. Clouds of equally many points are drawn from alike.

    Raises:
        ValueError: If an option is out of its range.

    References:
        Cohen, "A coefficient of agreement for nominal scales" (Educational and Psychological Measurement, 1960).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> apart = np.concatenate([rng.normal(size=(60, 2)), 50 + rng.normal(size=(60, 2))])
        >>> MapperStability()(apart) > 0.5
        True
    """

    label: ClassVar[str] = "Mapper stability"
    question: ClassVar[str] = "Would other samples give the same graph?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "scale")
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    more: ClassVar[str] = "graphs of parts of the samples more alike"
    paper: ClassVar[str] = "Cohen (1960)"

    n_draws: int = 5
    share: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        check_option(self, "n_draws", lambda n: _is_integer(n) and n >= 2, "an integer of at least 2")
        check_option(self, "share", lambda share: 0 < share < 1, "above 0 and below 1")
        check_option(self, "seed", lambda seed: _is_integer(seed) and seed >= 0, "an integer of at least 0")

    def value(self, facts: LayerFacts) -> float:
        """The mean of kappa over the pairs of parts; NaN where no two points share a node in any of the graphs."""
        rng = np.random.default_rng(self.seed)
        n_drawn = round(self.share * facts.n_points)
        draws = [np.sort(rng.choice(facts.n_points, n_drawn, replace=False)) for _ in range(self.n_draws)]
        graphs = [facts.subset(points).undrawn_mapper for points in draws]
        together = [_share_a_node(graph) for graph in graphs]
        found = []
        for i, j in itertools.combinations(range(self.n_draws), 2):
            _, of_first, of_second = np.intersect1d(draws[i], draws[j], assume_unique=True, return_indices=True)
            pairs = np.tri(len(of_first), k=-1, dtype=bool)
            first = together[i][np.ix_(of_first, of_first)][pairs]
            found.append(_kappa(first, together[j][np.ix_(of_second, of_second)][pairs]))
        defined = [kappa for kappa in found if not np.isnan(kappa)]
        return float(np.mean(defined)) if defined else float("nan")


def _share_a_node(graph: MapperGraph) -> NDArray[np.bool_]:
    """(n, n) which points share a node."""
    together = np.zeros((graph.n_points, graph.n_points), dtype=bool)
    for members in graph.members:
        together[np.ix_(members, members)] = True
    return together


def _kappa(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Cohen's kappa of two answers to the same questions; 1 where both always say yes, NaN where they never do."""
    if not first.any() and not second.any():
        return float("nan")
    yes, also = first.mean(), second.mean()
    by_chance = yes * also + (1 - yes) * (1 - also)
    return float((np.mean(first == second) - by_chance) / (1 - by_chance)) if by_chance < 1 else 1.0


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer))
