"""Graph networks: a point is a graph, and what pads a dense batch is no node."""

import torch
from examples_as_run import load, run
from own_clouds import Learns, raw, train_and_compare
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

graph_network = load("graph_network")
LAYERS = ("embed", "blocks.0", "blocks.1", "blocks.2", "head")


def test_the_example_sees_graphs_and_says_so_in_one_line(tmp_path, caplog):
    ran = run("graph_network", tmp_path, caplog, epochs=1, graphs=600)
    assert [snapshot.layers for snapshot in ran.result.history] == [LAYERS] * 2
    assert ran.result.history[-1].n_points.tolist() == [200] * 5
    assert ran.result.history[-1].labels.tolist() == [i % 3 for i in range(200)]
    assert ran.warnings == []
    [told] = ran.told
    assert "labels = batch.y; mask = None; points = graphs; pooling = mean over 11 positions, masked" in told
    assert f"Layers, one point per graph: {', '.join(LAYERS)}." in ran.printed
    assert ran.printed[-1].startswith("Report: ")


def test_a_point_is_the_mean_of_a_graphs_own_nodes(tmp_path):
    def own(layer):
        def means(seen):
            parts = seen.outputs[layer][0].split(seen.batch.ptr.diff().tolist())
            return torch.stack([nodes.double().mean(0) for nodes in parts])

        means.rounds = True
        return means

    expected = {layer: own(layer) for layer in LAYERS[:-1]} | {"head": raw("head")}

    class Net(graph_network.GraphNet):  # that logs nothing
        def validation_step(self, batch, batch_idx):
            self(batch)

    loader = graph_network.graph_loader(36, 0)
    assert train_and_compare(tmp_path, Net, loader, expected, layers="auto").warnings == []


class DenseNet(Learns):
    """The same on padded nodes: (N, P, 4) features, (N, P, P) edges, and (N, P) which nodes there are."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 6)
        self.blocks = nn.ModuleList(DenseConvolution(6) for _ in range(2))
        self.head = nn.Linear(6, 3)

    def step(self, batch):
        x, edges, mask = batch.values() if isinstance(batch, dict) else batch[:3]
        x = self.embed(x)
        for block in self.blocks:
            x = block(x, edges)
        return self.head((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


class DenseConvolution(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x, edges):
        return x + torch.relu(self.linear(edges @ x))


def dense_graphs(garbage, n=24, places=7):
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(places) < (3 + torch.arange(n) % 5)[:, None]
    edges = (torch.rand(n, places, places, generator=generator) < 0.4) & mask[:, None] & mask[:, :, None]
    x = torch.randn(n, places, 4, generator=generator).masked_fill(~mask[..., None], 0)
    return x + garbage * ~mask[..., None] * torch.randn(x.shape, generator=generator), edges.float(), mask


def mean_inside(layer):
    def means(seen):
        mask = next(part for part in (seen.batch.values() if isinstance(seen.batch, dict) else seen.batch)
                    if part.dtype == torch.bool)  # fmt: skip
        nodes = zip(seen.outputs[layer][0], mask, strict=True)
        return torch.stack([own[inside].double().mean(0) for own, inside in nodes])

    means.rounds = True
    return means


def test_padded_nodes_never_count_whatever_they_hold(tmp_path):
    own = {layer: mean_inside(layer) for layer in ("embed", "blocks.0", "blocks.1")} | {"head": raw("head")}
    keys = ("x", "adj", "node_mask")
    for name, garbage in (("zeros", 0), ("garbage", 50)):
        parts = dense_graphs(garbage)
        as_tuple = DataLoader(TensorDataset(*parts, torch.arange(24) % 3), 8)
        watched = train_and_compare(tmp_path / name, DenseNet, as_tuple, own, layers="auto")
        assert watched.warnings == []
        assert watched.monitor.history[-1].recording["mask"] == "batch[2]"
        assert watched.monitor.history[-1].labels.tolist() == (torch.arange(24) % 3).tolist()
    items = [dict(zip(keys, item, strict=True)) for item in zip(*parts, strict=True)]
    watched = train_and_compare(tmp_path / "named", DenseNet, DataLoader(items, 8), own, layers="auto")
    assert watched.warnings == []
    assert watched.monitor.history[-1].recording["mask"] == "batch['node_mask']"
