"""Where to draw the nodes of a Mapper graph, so that successive graphs of the same samples look alike."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from numpy.typing import NDArray

from topocallback.records.mapper_graph import MapperGraph

__all__ = ["lay_out"]

# Nodes that start at one place would stay together: no force tells them apart.
_APART = 0.05
# Components push one another away without end, which leaves each of them a speck in the picture. Invisible edges hold
# them together. Networkx's gravity does too, but takes ten times as long and a version of its own.
_TIE = 0.3
_FIRST_ITERATIONS = 50
_NEXT_ITERATIONS = 15


def lay_out(graph: MapperGraph, previous: MapperGraph | None = None) -> MapperGraph:
    """Give every node a position by a force-directed layout (Fruchterman and Reingold 1991, by networkx).

    A node starts where the points that it holds were drawn in the previous graph, and a node of new points at its
    filter value, so that a slider over the steps shows the graph changing and not the drawing.

    Args:
        graph: The graph.
        previous: A graph of the same samples.

    Returns:
        The graph with positions in [-1, 1].

    Example:
        >>> from topocallback.measures.mapper.graph import mapper_graph
        >>> graph = mapper_graph(np.random.default_rng(0).random((200, 1)))
        >>> bool(np.abs(graph.positions).max() <= 1), graph.positions.shape == (graph.n_nodes, 2)
        (True, True)
    """
    if graph.n_nodes < 2:
        return dataclasses.replace(graph, positions=np.zeros((graph.n_nodes, 2)))
    import networkx

    start, known = _start(graph, previous)
    drawn = networkx.Graph()
    drawn.add_nodes_from(range(graph.n_nodes))
    drawn.add_edges_from(graph.edges.tolist())
    drawn.add_edges_from(_ties(graph), weight=_TIE)
    positions = networkx.spring_layout(
        drawn,
        pos=dict(enumerate(start)),
        iterations=_NEXT_ITERATIONS if known else _FIRST_ITERATIONS,
        seed=0,  # without one networkx draws from NumPy's global generator
    )
    return dataclasses.replace(graph, positions=np.array([positions[node] for node in range(graph.n_nodes)]))


def _ties(graph: MapperGraph) -> list[tuple[int, int]]:
    """Pairs of nodes that tie each component's largest node to the next component's, in the order of filter values."""
    largest_first = np.lexsort((-graph.sizes, graph.components))
    _, first = np.unique(graph.components[largest_first], return_index=True)
    largest = largest_first[first]
    along = largest[np.argsort(graph.filter_means[largest], kind="stable")].tolist()
    return list(itertools.pairwise(along))


def _start(graph: MapperGraph, previous: MapperGraph | None) -> tuple[NDArray[np.float64], bool]:
    """Starting positions, and whether any of them comes from the previous graph."""
    low, high = graph.filter_means.min(), graph.filter_means.max()
    along = 2 * (graph.filter_means - low) / ((high - low) or 1) - 1
    start = np.column_stack([along, np.zeros(graph.n_nodes)])
    inherited = np.zeros(graph.n_nodes, dtype=bool)
    if previous is not None and previous.n_nodes:
        samples, places = _places(previous)
        nodes, of_nodes = _nodes_of_samples(graph)
        at = np.minimum(np.searchsorted(samples, of_nodes), len(samples) - 1)
        known = samples[at] == of_nodes
        before, inherited = _means(nodes[known], places[at[known]], graph.n_nodes)
        start[inherited] = before[inherited]
    apart = np.random.default_rng(0).normal(scale=_APART, size=start.shape)
    return start + apart, bool(inherited.any())


def _places(graph: MapperGraph) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The samples in nodes, ascending, and the mean position of the nodes that each is in."""
    nodes, of_nodes = _nodes_of_samples(graph)
    samples, at = np.unique(of_nodes, return_inverse=True)
    return samples, _means(at, graph.positions[nodes], len(samples))[0]


def _nodes_of_samples(graph: MapperGraph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A node and the sample of a point in it, for all points of all nodes."""
    return np.repeat(np.arange(graph.n_nodes), graph.sizes), graph.sample_ids[np.concatenate(graph.members)]


def _means(
    owners: NDArray[np.int64], positions: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(count, 2) each owner's mean position, and which owners have one."""
    sums = np.column_stack([np.bincount(owners, positions[:, axis], count) for axis in (0, 1)])
    numbers = np.bincount(owners, minlength=count)
    return sums / np.maximum(numbers, 1)[:, None], numbers > 0
