"""Batched graphs: which nodes are whose."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data, HeteroData

from topocallback.activations.graphs import node_counts, nodes_by_graph


def graph(n_nodes):
    return Data(x=torch.randn(n_nodes, 2), edge_index=torch.zeros(2, 0, dtype=torch.int64))


def edges(n):
    return torch.zeros(2, n, dtype=torch.int64)


class OfAnotherLibrary:
    """Batched graphs as DGL offers them."""

    def __init__(self, *counts):
        self.counts = torch.tensor(counts)

    def batch_num_nodes(self):
        return self.counts


X = torch.zeros(5, 2)
OF_NODES = torch.tensor([0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("batch", "counts"),
    [
        (Batch.from_data_list([graph(2), graph(3), graph(1)]), [2, 3, 1]),
        (graph(4), [4]),
        (Data(x=X, batch=OF_NODES, edge_index=edges(3)), [2, 3]),
        (Data(x=X, batch=OF_NODES), [2, 3]),
        (OfAnotherLibrary(3, 1), [3, 1]),
        ({"x": X, "batch": OF_NODES}, [2, 3]),
        ({"x": X, "edge_index": edges(3), "batch": OF_NODES}, [2, 3]),
        ({"nodes": X, "edge_index": edges(3), "batch": OF_NODES}, [2, 3]),
        ({"x": X, "edge_index": edges(3), "batch": torch.zeros(5, dtype=torch.int64)}, [5]),
        ({"x": X, "batch": torch.tensor([0, 0, 2, 2, 2])}, [2, 0, 3]),
    ],
)
def test_nodes_are_counted_graph_by_graph(batch, counts):
    assert node_counts(batch).tolist() == counts


@pytest.mark.parametrize(
    "batch",
    [
        None,
        "text",
        X,
        (X, OF_NODES),
        SimpleNamespace(x=X),
        {"x": X},
        {"x": X, "batch": torch.zeros(5, dtype=torch.int64)},  # a number of a batch, of samples
        {"x": X, "batch": torch.tensor([1, 0, 1, 0, 1])},
        {"x": X, "batch": torch.tensor([1, 1, 2, 2, 2])},
        {"x": X, "batch": OF_NODES.float()},
        {"x": X, "batch": OF_NODES[:4]},
        {"x": X, "batch": OF_NODES[:0]},
        {"x": X[:, 0], "batch": OF_NODES},
        {"x": X, "batch": 3},
        HeteroData(),
    ],
)
def test_what_is_no_batch_of_graphs_has_no_nodes(batch):
    assert node_counts(batch) is None


def test_graphs_with_several_kinds_of_nodes_are_so_many_graphs():
    data = HeteroData()
    data["user"].x, data["film"].x = torch.zeros(3, 2), torch.zeros(5, 1)
    batch = Batch.from_data_list([data, data, data])
    assert len(node_counts(batch)) == 3
    assert batch.node_types == ["user", "film"]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_every_node_is_its_own_graphs(counts):
    nodes = torch.arange(sum(counts) * 2.0, requires_grad=True).reshape(-1, 2)
    values, inside = nodes_by_graph(nodes, torch.tensor(counts))
    assert inside.sum(dim=1).tolist() == counts
    assert not values.requires_grad
    for row, which, own in zip(values, inside, nodes.split(counts), strict=True):
        assert row[which].tolist() == own.tolist()
        assert bool((row[~which] == 0).all())
