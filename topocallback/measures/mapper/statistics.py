"""Numbers that describe one Mapper graph."""

from __future__ import annotations

from typing import ClassVar

from topocallback.measures.base import Statistic
from topocallback.measures.facts import LayerFacts
from topocallback.records.mapper_graph import MapperGraph

__all__ = ["MapperCoverage", "MapperMajority", "MapperPurity", "MapperStatistic"]


class MapperStatistic(Statistic):
    """A number of one layer's Mapper graph.

    The graph of a part of the samples is another one, of fewer intervals: what it says has no bearing on the whole.
    """

    on_parts: ClassVar[bool] = False

    def value(self, facts: LayerFacts) -> float:
        """The number of the layer's graph."""
        return self.of_graph(facts.mapper)

    def of_graph(self, graph: MapperGraph) -> float:
        """The number of a graph."""
        raise NotImplementedError(f"{type(self).__name__} has no `of_graph`.")


class MapperCoverage(MapperStatistic):
    """The share of points that are in a node of the Mapper graph, in [0, 1].

    Example:
        >>> import numpy as np
        >>> 0 <= MapperCoverage()(np.random.default_rng(0).normal(size=(50, 2))) <= 1
        True
    """

    label: ClassVar[str] = "Mapper coverage"
    question: ClassVar[str] = "Does the Mapper graph show all samples?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "scale")
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    more: ClassVar[str] = "more samples in a node"

    def of_graph(self, graph: MapperGraph) -> float:
        """Its coverage."""
        return graph.coverage


class MapperMajority(MapperStatistic):
    """How well the nodes of the Mapper graph separate classes: the share of a node's most frequent class, in [0, 1].

    As in the purity, a point counts the mean over the nodes that it is in; the value is the mean over the points that
    are in a node. So it says nothing of how many these are: read it beside the coverage. The purity is at most the
    product of the two, and equal to it where every node's classes are equally frequent, as they are where it has one.

    Example:
        >>> import numpy as np
        >>> points = np.random.default_rng(0).normal(size=(50, 2))
        >>> MapperMajority()(points, np.zeros(50))
        1.0
    """

    label: ClassVar[str] = "Mapper majority share"
    question: ClassVar[str] = "Are its nodes of one class each?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "scale")
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    more: ClassVar[str] = "nodes more of one class"
    needs_labels: ClassVar[bool] = True

    def of_graph(self, graph: MapperGraph) -> float:
        """Its majority share."""
        return graph.majority


class MapperPurity(MapperStatistic):
    """How well the nodes of the Mapper graph separate classes: the paper's point-wise purity, in [0, 1].

    Points in no node count 0, so it is at most the coverage, and where a layer's nodes are pure it *is* the coverage:
    ``MapperMajority`` tells the two apart.

    References:
        Purvine et al. (AAAI 2023).

    Example:
        >>> import numpy as np
        >>> points = np.random.default_rng(0).normal(size=(50, 2))
        >>> MapperPurity()(points, np.zeros(50)) == MapperCoverage()(points)
        True
    """

    label: ClassVar[str] = "Mapper purity"
    question: ClassVar[str] = "Is any other class in a node, as the paper counts?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "scale")
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    more: ClassVar[str] = "classes further apart"
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Purvine et al. (AAAI 2023)"

    def of_graph(self, graph: MapperGraph) -> float:
        """Its point-wise purity."""
        return graph.purity_point_wise
