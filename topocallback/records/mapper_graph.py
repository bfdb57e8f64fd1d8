"""Mapper graphs: what a graph holds, and what it says about classes.

A graph's nodes are clusters of points, its edges join clusters that share points. What computes one is in
``measures.mapper``; here is the record, which analysis, archive and views share.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topocallback.records.classes import name_classes
from topocallback.records.kepler_mapper import kepler_mapper_page
from topocallback.records.mapper_arrays import taken_apart

if TYPE_CHECKING:
    import networkx

__all__ = ["Confusion", "MapperGraph"]


class Confusion(NamedTuple):
    """Two classes that a graph does not separate.

    Attributes:
        first: A class.
        second: Another class.
        nodes: How many nodes hold points of both.
        points: How many points those nodes hold of the rarer of the two, added up over nodes.
    """

    first: str
    second: str
    nodes: int
    points: int


@dataclass(frozen=True, eq=False)
class MapperGraph:
    """A Mapper graph of n points: N nodes, E edges, and C classes where the points have labels.

    A graph without nodes is a valid one: no interval held a cluster.

    Attributes:
        members: N arrays of point numbers, each ascending. A point can be in several nodes, or in none.
        filter_means: (N,) mean filter value of a node's members, in the filter's units.
        intervals: (N,) the interval of the cover that a node lies over, 0 for the lowest.
        edges: (E, 2) pairs of nodes that share points, smaller number first, ascending.
        shared: (E,) how many points the two nodes share.
        radius: The clusterer's radius, in the units of the cloud; NaN for a clusterer of the user's own.
        positions: (N, 2) where to draw the nodes, in [-1, 1].
        sample_ids: (n,) index of each point's sample in the data set.
        labels: (n,) number of each point's class, or ``None``; without ``classes`` any labels, see ``name_classes``.
        classes: The C classes' names.

    Example:
        >>> graph = MapperGraph(
        ...     members=(np.array([0, 1, 2]), np.array([2, 3])),
        ...     filter_means=np.array([0.5, 1.5]),
        ...     intervals=np.array([0, 1]),
        ...     edges=np.array([[0, 1]]),
        ...     shared=np.array([1]),
        ...     sample_ids=np.array([10, 11, 12, 13, 14]),
        ...     labels=np.array([0, 0, 1, 1, 0]),
        ...     classes=("cat", "dog"),
        ... )
        >>> graph.coverage, graph.purity_node_wise, graph.purity_point_wise
        (0.8, 0.75, 0.55)
        >>> graph.samples(1).tolist(), graph.confusions()
        ([12, 13], [Confusion(first='cat', second='dog', nodes=1, points=1)])
    """

    members: tuple[NDArray[np.int64], ...]
    filter_means: NDArray[np.float64]
    intervals: NDArray[np.int64]
    edges: NDArray[np.int64]
    shared: NDArray[np.int64]
    sample_ids: NDArray[np.int64]
    radius: float = float("nan")
    positions: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.labels is not None and not self.classes:  # labels as people have them
            for name, value in zip(("labels", "classes"), name_classes(self.labels), strict=True):
                object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return (
            f"MapperGraph({self.n_nodes} nodes, {len(self.edges)} edges, {self.n_points} points, "
            f"coverage {self.coverage:.3f}, majority {self.majority:.3f})"
        )

    # -- Its shape --------------------------------------------------------------------------------------------------

    @property
    def n_nodes(self) -> int:
        """How many nodes it has."""
        return len(self.members)

    @property
    def n_points(self) -> int:
        """How many points it was made from, in nodes or not."""
        return len(self.sample_ids)

    @functools.cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(N,) how many points each node holds."""
        return np.array([len(points) for points in self.members], dtype=np.int64)

    @functools.cached_property
    def jaccard(self) -> NDArray[np.float64]:
        """(E,) shared points over all points of the two nodes, in (0, 1]."""
        first, second = self.edges.T
        return np.asarray(self.shared / (self.sizes[first] + self.sizes[second] - self.shared))

    @functools.cached_property
    def memberships(self) -> NDArray[np.int64]:
        """(n,) in how many nodes each point is."""
        return np.bincount(self._points, minlength=self.n_points)

    @property
    def coverage(self) -> float:
        """The share of points that are in a node, in [0, 1]; NaN without points."""
        return float(np.mean(self.memberships > 0)) if self.n_points else float("nan")

    @functools.cached_property
    def components(self) -> NDArray[np.int64]:
        """(N,) the number of the connected component that each node is in."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        ones = np.ones(len(self.edges), dtype=np.int8)
        edges = self.edges.astype(np.int32)  # of wider numbers SciPy 1.11 makes one component, and only prints why
        joined = coo_array((ones, tuple(edges.T)), shape=(self.n_nodes, self.n_nodes))
        return np.asarray(connected_components(joined, directed=False)[1], dtype=np.int64)

    @property
    def n_components(self) -> int:
        """How many connected components it has."""
        return len(np.unique(self.components))

    @property
    def n_cycles(self) -> int:
        """How many independent cycles it has: its first Betti number, edges - nodes + components."""
        return len(self.edges) - self.n_nodes + self.n_components

    # -- What it says about classes ---------------------------------------------------------------------------------

    @functools.cached_property
    def label_counts(self) -> NDArray[np.int64]:
        """(N, C) how many points of each class a node holds; (N, 0) without labels."""
        if self.labels is None:
            return np.zeros((self.n_nodes, 0), dtype=np.int64)
        cells = self._nodes * len(self.classes) + self.labels[self._points]
        counts = np.bincount(cells, minlength=self.n_nodes * len(self.classes))
        return counts.reshape(self.n_nodes, len(self.classes))

    @functools.cached_property
    def node_purity(self) -> NDArray[np.float64]:
        """(N,) 1 / number of different classes in a node (Purvine et al. 2023); NaN without labels."""
        if self.labels is None:
            return np.full(self.n_nodes, np.nan)
        return np.asarray(1 / np.count_nonzero(self.label_counts, axis=1))

    @functools.cached_property
    def point_purity(self) -> NDArray[np.float64]:
        """(n,) mean ``node_purity`` of the nodes that a point is in, 0 for a point in none (Purvine et al. 2023)."""
        if self.labels is None:
            return np.full(self.n_points, np.nan)
        return self._per_point(self.node_purity)

    @property
    def purity_node_wise(self) -> float:
        """The paper's node-wise purity: mean of ``node_purity``, in (0, 1]; NaN without labels or nodes."""
        return float(self.node_purity.mean()) if self.n_nodes else float("nan")

    @property
    def purity_point_wise(self) -> float:
        """The paper's point-wise purity: mean of ``point_purity``, in [0, 1]; NaN without labels or points.

        Points in no node count 0, so it is at most ``coverage`` times ``majority``.
        """
        return float(self.point_purity.mean()) if self.n_points else float("nan")

    @property
    def purity_class_wise(self) -> dict[str, float]:
        """The paper's class-wise purity: per class the mean ``point_purity`` of its points, in [0, 1].

        NaN for a class without points; empty without labels.
        """
        if self.labels is None:
            return {}
        totals = np.bincount(self.labels, weights=self.point_purity, minlength=len(self.classes))
        counts = np.bincount(self.labels, minlength=len(self.classes))
        means = np.divide(totals, counts, out=np.full(len(totals), np.nan), where=counts > 0)
        return dict(zip(self.classes, means.tolist(), strict=True))

    @functools.cached_property
    def node_majority(self) -> NDArray[np.float64]:
        """(N,) share of a node's most frequent class, in (0, 1]; NaN without labels. Not in the paper.

        One stray point halves ``node_purity``, and moves this by 1 / size.
        """
        if self.labels is None:
            return np.full(self.n_nodes, np.nan)
        return np.asarray(self.label_counts.max(axis=1, initial=0) / self.sizes)

    @functools.cached_property
    def node_label_entropy(self) -> NDArray[np.float64]:
        """(N,) Shannon entropy of a node's class shares, in bits, 0 for one class; NaN without labels."""
        if self.labels is None:
            return np.full(self.n_nodes, np.nan)
        shares = self.label_counts / self.sizes[:, None]
        logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
        return np.asarray(np.abs((shares * logarithms).sum(axis=1)))

    @property
    def majority(self) -> float:
        """Per point in a node the mean ``node_majority`` of its nodes; mean over these points, in (0, 1].

        NaN without labels or nodes. It knows nothing of points in no node: read it beside ``coverage``.
        """
        return self._mean_over_covered(self.node_majority)

    @property
    def label_entropy(self) -> float:
        """As ``majority``, of ``node_label_entropy``, in bits."""
        return self._mean_over_covered(self.node_label_entropy)

    def confusions(self, most: int = 10) -> list[Confusion]:
        """The pairs of classes that share most nodes; of equally many, those with more points in common first.

        Args:
            most: How many pairs at most.

        Returns:
            The pairs, none of which shares 0 nodes. Empty without labels.
        """
        nodes = np.zeros((len(self.classes), len(self.classes)), dtype=np.int64)
        points = np.zeros_like(nodes)
        for counts in self.label_counts:
            there = np.flatnonzero(counts)
            nodes[np.ix_(there, there)] += 1
            points[np.ix_(there, there)] += np.minimum.outer(counts[there], counts[there])
        first, second = np.nonzero(np.triu(nodes, k=1))
        order = np.lexsort((-points[first, second], -nodes[first, second]))[:most]
        return [
            Confusion(self.classes[i], self.classes[j], int(nodes[i, j]), int(points[i, j]))
            for i, j in zip(first[order], second[order], strict=True)
        ]

    # -- Leading back, and out --------------------------------------------------------------------------------------

    def samples(self, node: int) -> NDArray[np.int64]:
        """Where a node's points come from: indices that the data set accepts, if ``Snapshot.recording`` says so.

        Args:
            node: A node's number, 0 to N - 1.

        Returns:
            The samples' indices, ascending, each once.

        Raises:
            IndexError: If there is no such node.
        """
        if not 0 <= node < self.n_nodes:
            raise IndexError(f"Expected `node` to be from 0 to {self.n_nodes - 1}, got {node}.")
        return np.unique(self.sample_ids[self.members[node]])

    def to_networkx(self) -> networkx.Graph[int]:
        """The graph as networkx knows it, with all that is known of nodes and edges as attributes.

        Returns:
            Nodes 0 to N - 1 with ``size``, ``filter_mean``, ``interval``, ``position``, ``sample_ids`` and, with
            labels, ``label_counts`` (class to count); edges with ``shared`` and ``jaccard``.
        """
        import networkx

        graph: networkx.Graph[int] = networkx.Graph(radius=self.radius)
        for node in range(self.n_nodes):
            graph.add_node(
                node,
                size=int(self.sizes[node]),
                filter_mean=float(self.filter_means[node]),
                interval=int(self.intervals[node]),
                position=tuple(self.positions[node].tolist()),
                sample_ids=self.samples(node).tolist(),
            )
            if self.labels is not None:
                graph.nodes[node]["label_counts"] = self._counts_by_name(node)
        for (first, second), shared, jaccard in zip(self.edges, self.shared, self.jaccard, strict=True):
            graph.add_edge(int(first), int(second), shared=int(shared), jaccard=float(jaccard))
        return graph

    def to_html(self, title: str = "Mapper graph") -> str:
        """KeplerMapper's own interactive page of the graph.

        Args:
            title: The page's title.

        Returns:
            An HTML page, which opens without a network. Nodes are coloured by their members' class numbers, or by the
            mean filter value. The title and the classes' names are shown as they are, whatever they hold.

        Raises:
            ValueError: If the graph has no nodes, of which KeplerMapper makes no page.
        """
        tooltips = [f"sample {sample}" for sample in self.sample_ids]
        if self.labels is not None:
            tooltips = [f"{text}: {self.classes[code]}" for text, code in zip(tooltips, self.labels, strict=True)]
        return kepler_mapper_page(
            self.members,
            self.intervals,
            self.edges,
            colours=self._per_point(self.filter_means) if self.labels is None else self.labels,
            colours_are="filter" if self.labels is None else "class",
            tooltips=tooltips,
            title=title,
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The graph as arrays, without what belongs to the points: sample ids and labels.

        Returns:
            Name to array, none of objects; see ``from_arrays``.
        """
        return {
            "members": self._points,
            "sizes": self.sizes,
            "filter_means": self.filter_means,
            "intervals": self.intervals,
            "edges": self.edges,
            "shared": self.shared,
            "positions": self.positions,
            "radius": np.array(self.radius),
        }

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        sample_ids: NDArray[np.int64],
        labels: NDArray[np.int64] | None = None,
        classes: tuple[str, ...] = (),
    ) -> MapperGraph:
        """The graph that ``to_arrays`` took apart.

        Args:
            arrays: What ``to_arrays`` gave.
            sample_ids: (n,) index of each point's sample in the data set.
            labels: (n,) number of each point's class, or ``None``.
            classes: The classes' names.

        Returns:
            The graph.

        Raises:
            ValueError: If an array is missing, or they do not fit together.
        """
        members, rest = taken_apart(arrays, len(sample_ids))
        return cls(members, sample_ids=sample_ids, labels=labels, classes=classes, **rest)

    @functools.cached_property
    def _points(self) -> NDArray[np.int64]:
        """The members of all nodes, one node after the other."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self.members])

    @functools.cached_property
    def _nodes(self) -> NDArray[np.int64]:
        """The node that each entry of ``_points`` is in."""
        return np.repeat(np.arange(self.n_nodes), self.sizes)

    def _per_point(self, per_node: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) mean of the nodes that a point is in, 0 for a point in none."""
        total = np.bincount(self._points, weights=per_node[self._nodes], minlength=self.n_points)
        return np.asarray(total / np.maximum(self.memberships, 1))

    def _mean_over_covered(self, per_node: NDArray[np.float64]) -> float:
        return float(self._per_point(per_node)[self.memberships > 0].mean()) if self.n_nodes else float("nan")

    def _counts_by_name(self, node: int) -> dict[str, int]:
        counts = zip(self.classes, self.label_counts[node].tolist(), strict=True)
        return {name: count for name, count in counts if count}
