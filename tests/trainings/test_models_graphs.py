"""Networks on graphs: a row is a graph, or a node."""

from __future__ import annotations

import pytest
import torch
from own_clouds import Learns, Own, raw, train_and_compare
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader as GraphLoader
from torch_geometric.nn import GCNConv, global_mean_pool

N = 36


class GraphNet(Learns):
    """Two graph convolutions, the mean of a graph's nodes, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first = GCNConv(3, 6)
        self.second = GCNConv(6, 5)
        self.head = nn.Linear(5, 2)

    def step(self, batch):
        x = self.first(batch.x, batch.edge_index).relu()
        x = self.second(x, batch.edge_index)
        return self.head(global_mean_pool(x, batch.batch))


def graphs() -> list[Data]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for i in range(N):
        n = 3 + i % 4
        ring = torch.stack([torch.arange(n), (torch.arange(n) + 1) % n])
        x = torch.randn(n, 3, generator=generator)
        found.append(Data(x=x, edge_index=torch.cat([ring, ring.flip(0)], dim=1), y=torch.tensor([i % 3])))
    return found


def mean_of_nodes(layer: str) -> Own:
    def own(seen):
        counts = torch.bincount(seen.batch.batch).tolist()
        return torch.stack([nodes.double().mean(0) for nodes in seen.outputs[layer][0].split(counts)])

    own.rounds = True
    return own


@pytest.mark.scenario("batched graphs: a row is a graph")
def test_a_batch_of_graphs_gives_one_row_for_each_graph(tmp_path):
    own = {"first": mean_of_nodes("first"), "second": mean_of_nodes("second"), "head": raw("head")}
    watched = train_and_compare(tmp_path, GraphNet, GraphLoader(graphs(), batch_size=8), own)
    assert watched.warnings == []
    assert watched.monitor.history[-1].labels.tolist() == [i % 3 for i in range(N)]


@pytest.mark.scenario("batched graphs, `pooling='rows'`: a row is a node")
def test_rows_of_batched_graphs_are_their_nodes(tmp_path):
    own = {"first": raw("first"), "second": raw("second")}
    watched = train_and_compare(tmp_path, GraphNet, GraphLoader(graphs(), batch_size=8), own, pooling="rows")
    assert watched.warnings == []
    assert watched.monitor.history[-1].recording["points"] == "rows"


@pytest.mark.scenario("one graph per batch")
def test_one_graph_per_batch_gives_one_row_each(tmp_path):
    own = {"first": mean_of_nodes("first"), "head": raw("head")}
    assert train_and_compare(tmp_path, GraphNet, GraphLoader(graphs(), batch_size=1), own).warnings == []
