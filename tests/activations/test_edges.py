"""The edges among the sampled nodes of graphs."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from topocallback.activations.edges import EdgeRecorder, edge_ends

X = torch.zeros(5, 2)
RING = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]])
ALL = np.arange(5)


class OfDGL:
    """A graph as DGL offers it."""

    def __init__(self, ends, n_nodes):
        self.ends, self.n_nodes = ends, n_nodes

    def batch_num_nodes(self):
        return torch.tensor([self.n_nodes])

    def edges(self):
        return tuple(self.ends)


class OfPyG:
    """Batched graphs as PyTorch Geometric offers them."""

    def __init__(self, x, edge_index, ptr):
        self.x, self.edge_index, self.ptr, self.num_graphs = x, edge_index, ptr, len(ptr) - 1


FORMS = {
    "a mapping": {"x": X, "edge_index": RING},
    "a mapping with a vector of graphs": {"x": X, "edge_index": RING, "batch": torch.tensor([0, 0, 1, 1, 1])},
    "PyTorch Geometric": OfPyG(X, RING, torch.tensor([0, 2, 5])),
    "a single graph": SimpleNamespace(x=X, edge_index=RING, num_nodes=5),
    "DGL": OfDGL(RING.int(), 5),
    "beside labels": (OfPyG(X, RING, torch.tensor([0, 2, 5])), torch.zeros(2)),
    "under a key": {"graph": OfDGL(RING, 5), "y": torch.zeros(1)},
}


@pytest.mark.parametrize("form", FORMS)
def test_edges_are_found_in_whatever_form_graphs_come(form):
    edges = EdgeRecorder()
    edges.add(FORMS[form], kept=ALL, ids=ALL + 100)
    assert edges.problem is None
    assert edges.among(ALL + 100).tolist() == RING.T.tolist()


@pytest.mark.parametrize(
    "batch",
    [
        None, "text", 3, X, (X, X), {"x": X}, SimpleNamespace(x=X),
        {"x": X, "edge_index": RING.float()}, {"x": X, "edge_index": RING.T}, {"x": X, "edge_index": RING[0]},
        {"x": X, "edge_index": RING.to_sparse()}, {"x": X, "edge_index": None},
        SimpleNamespace(node_types=["user", "film"], edge_index=RING),
    ],
)  # fmt: skip
def test_what_is_no_graph_has_no_edges(batch):
    assert edge_ends(batch) is None
    edges = EdgeRecorder()
    edges.add(batch, kept=ALL, ids=ALL)
    assert (edges.among(ALL), edges.problem) == (None, None)


@given(st.data())
def test_an_edge_is_kept_if_both_its_nodes_are(data):
    counts = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    edges, start, expected, known = EdgeRecorder(), 0, [], set()
    for n in counts:
        ends = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=9))
        kept = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1)))), dtype=np.intp)
        graph = {"x": torch.zeros(n, 2), "edge_index": torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).T}
        edges.add(graph, kept, np.arange(start, start + n))
        expected += [(start + i, start + j) for i, j in ends if {i, j} <= set(kept.tolist())]
        known |= {start + int(i) for i in kept}
        start += n
    left = data.draw(st.sets(st.sampled_from(sorted(known)))) if known else set()
    ids = np.array(data.draw(st.permutations([*left, -1])), dtype=np.int64)
    found = [(int(ids[i]), int(ids[j])) for i, j in edges.among(ids)]
    assert found == [pair for pair in expected if set(pair) <= left]
    assert edges.problem is None


class Unreadable:
    def batch_num_nodes(self):
        return torch.tensor([5])

    def edges(self):
        raise RuntimeError("several kinds of edges")


@pytest.mark.parametrize(
    ("batch", "kept", "rows", "said"),
    [
        ({"x": X, "edge_index": RING}, ALL[:2], 2, "Expected a row of each of the batch's 5 nodes, got 2 rows"),
        ({"x": X, "edge_index": RING + 1}, ALL, 5, "Expected edges between nodes 0 to 4, got 1 to 5"),
        ({"x": X, "edge_index": RING - 1}, ALL, 5, "Expected edges between nodes 0 to 4, got -1 to 3"),
        ({"edge_index": RING}, ALL, 5, "KeyError: 'x'"),
        (Unreadable(), ALL, 5, "RuntimeError: several kinds of edges"),
    ],
)
def test_edges_that_cannot_be_read_cost_themselves_and_are_spoken_of(batch, kept, rows, said):
    edges = EdgeRecorder()
    edges.add({"x": X, "edge_index": RING}, kept=ALL, ids=ALL)
    edges.add(batch, kept=kept, ids=np.arange(5, 5 + rows))
    assert said in edges.problem
    assert edges.problem.startswith("the edges of a batch were left out, because ")
    assert len(edges.among(np.arange(10))) == 5
