"""Measures of weights and of edges: what a training records for them, against what one's own hooks saw."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from own_clouds import Learns, OwnHooks
from small_trainings import fit, loader, our_warnings, watch
from torch import nn
from torch.nn.utils import parametrizations
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader as GraphLoader
from torch_geometric.nn import GCNConv, global_mean_pool

from topocallback import TopologyMonitor, compare_models
from topocallback.activations import validation
from topocallback.activations.samples import bottom_k

OF_WEIGHTS = ("node_strength_fluctuation", "weight_participation_ratio", "weight_norm")
SHORT = {"mapper": False, "homology_dims": (0,)}

# -- Weights -----------------------------------------------------------------------------------------------------------


class Chain(Learns):
    """A chain of linear layers, one of them with a spectral norm, and a head outside of it."""

    def __init__(self) -> None:
        super().__init__()
        middle = parametrizations.spectral_norm(nn.Linear(6, 6))
        self.net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), middle, nn.BatchNorm1d(6))
        self.head = nn.Linear(6, 2, bias=False)

    def step(self, batch):
        return self.head(self.net(batch[0]))


LAYERS = ("net.0", "net.1", "net.2", "net.3", "head")


class KeepsModels(OwnHooks):
    """A copy of the model as it is while it validates."""

    def __init__(self) -> None:
        super().__init__()
        self.models: list[nn.Module] = []

    def on_validation_epoch_end(self, trainer, pl_module):
        kept = {"net": pl_module.net, "head": pl_module.head}
        self.models.append(copy.deepcopy(nn.ModuleDict(kept)))


def strengths(model):
    first, second, head = (model.get_submodule(name) for name in ("net.0", "net.2", "head"))
    into = [layer.weight.double().sum(dim=1) for layer in (first, second, head)]
    return into[0] + first.bias + second.weight.double().sum(dim=0), into[1] + second.bias, into[2]


def own_numbers(model):
    weights = [model.get_submodule(name).weight.double() for name in ("net.0", "net.2", "head")]
    return {
        "node_strength_fluctuation": [float(each.std(unbiased=False)) for each in strengths(model)],
        "weight_participation_ratio": [
            float(((w**2).sum(dim=1) ** 2 / (w**4).sum(dim=1)).mean()) for w in weights
        ],
        "weight_norm": [float(w.norm()) for w in weights],
    }  # fmt: skip


def assert_are(statistics, model):
    with torch.no_grad():
        expected = own_numbers(model.eval())
    for name, (first, second, head) in expected.items():
        table = statistics[name]
        np.testing.assert_allclose(table.values, [first, np.nan, second, np.nan, head], rtol=1e-5)
        np.testing.assert_array_equal(table.errors, [0, np.nan, 0, np.nan, 0])


@pytest.mark.parametrize("background", [True, False])
def test_the_numbers_of_weights_are_those_of_each_validations_model(tmp_path, background):
    kept = KeepsModels()

    def train(*ours):
        beside = (*ours, kept) if ours else ()
        return fit(tmp_path, *beside, model=Chain(), max_epochs=3, logger=False, num_sanity_val_steps=0)

    asked = {"measures": ["sliced_wasserstein", *OF_WEIGHTS], "layers": LAYERS, "pooling": "auto"}
    watched = watch(train, counted=False, background=background, **SHORT, **asked)
    assert watched.warnings == []
    assert len(watched.monitor.history) == len(kept.models) == 3
    for snapshot, model in zip(watched.monitor.history, kept.models, strict=True):
        assert_are(snapshot.statistics, model)
    norms = [snapshot.statistics["weight_norm"].values[0] for snapshot in watched.monitor.history]
    assert len(set(norms)) == 3


def test_whoever_does_not_ask_has_nothing_read(tmp_path, monkeypatch):
    def refuse(*args):
        raise AssertionError("Nobody has asked.")

    for name in ("weights_of_layers", "EdgeRecorder"):
        monkeypatch.setattr(validation, name, refuse)
    monitor = TopologyMonitor(LAYERS, measures=["sliced_wasserstein"], on_error="raise", **SHORT)
    fit(tmp_path, monitor, model=Chain(), max_epochs=1, logger=False)
    assert monitor.history[0].problems == {}


class Broken(nn.Module):
    def forward(self, weight):
        if not self.training and not torch.is_grad_enabled() and Broken.refuses:
            raise ArithmeticError("not today")
        return weight

    refuses = False


def test_weights_that_cannot_be_read_are_said_once_and_cost_their_layer(tmp_path):
    model = Chain()
    nn.utils.parametrize.register_parametrization(model.head, "weight", Broken())

    class Refuses(OwnHooks):
        def on_validation_epoch_end(self, trainer, pl_module):
            Broken.refuses = True

        def on_train_epoch_start(self, trainer, pl_module):
            Broken.refuses = False

        on_validation_epoch_start = on_train_epoch_start

    monitor = TopologyMonitor(LAYERS, measures=["weight_norm"], **SHORT)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(tmp_path, Refuses(), monitor, model=model, max_epochs=2, logger=False)
    (message,) = our_warnings(caught)
    assert "the weights of layer 'head' were left out, because ArithmeticError: not today." in message
    values = monitor.history[-1].statistics["weight_norm"].values
    assert np.isfinite(values).tolist() == [True, False, True, False, False]


def test_a_comparison_of_models_has_the_same_numbers(tmp_path):
    torch.manual_seed(0)
    models = [Chain() for _ in range(2)]
    data = torch.utils.data.DataLoader(loader().dataset, 16)
    asked = {"measures": ["sliced_wasserstein", *OF_WEIGHTS], "homology_dims": (0,), "n_samples": 64}
    found = compare_models({"a": models[0], "b": models[1]}, data, layers=LAYERS, **asked)
    for number, model in enumerate(models):
        rows = found.rows(checkpoint=number)
        of_model = {
            name: type(table)(table.about, table.values[rows], table.errors[rows])
            for name in OF_WEIGHTS
            for table in [found.statistics[name]]
        }
        assert_are(of_model, model)


# -- Edges -------------------------------------------------------------------------------------------------------------

N_GRAPHS = 24


class GraphNet(Learns):
    """Two graph convolutions, the mean of a graph's nodes, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = GCNConv(3, 6), GCNConv(6, 5), nn.Linear(5, 2)

    def step(self, batch):
        x = self.first(batch.x, batch.edge_index).relu()
        x = self.second(x, batch.edge_index)
        return self.head(global_mean_pool(x, batch.batch))


def graphs() -> list[Data]:
    """Rings of 3 to 6 nodes, every third with one edge that leads in one direction only."""
    generator, found = torch.Generator().manual_seed(0), []
    for i in range(N_GRAPHS):
        n = 3 + i % 4
        ring = torch.stack([torch.arange(n), (torch.arange(n) + 1) % n])
        back = ring.flip(0)[:, i % 3 == 0 :]
        found.append(Data(x=torch.randn(n, 3, generator=generator), edge_index=torch.cat([ring, back], dim=1)))
    return found


N_NODES = sum(graph.num_nodes for graph in graphs())


def own_energy(vectors, n_samples):
    """Of the nodes of all graphs, one after the other, the sampled ones' energy: edge by edge."""
    sampled, start, differences, norms = set(bottom_k(N_NODES, n_samples, seed=0).tolist()), 0, 0.0, 0.0
    for graph in graphs():
        n = graph.num_nodes
        for i, j in {tuple(sorted(edge)) for edge in (graph.edge_index.T + start).tolist()}:
            if {i, j} <= sampled:
                x, y = vectors[i].double(), vectors[j].double()
                differences += float(((x - y) ** 2).sum())
                norms += float((x**2).sum() + (y**2).sum())
        start += n
    return differences / norms


def nodes_of(hooks, layer):
    return torch.cat([seen.outputs[layer][0] for seen in hooks.batches])


@pytest.mark.parametrize("n_samples", [70, 512])
def test_the_energy_is_that_of_the_edges_among_the_sampled_nodes(tmp_path, n_samples):
    hooks = OwnHooks("first", "second")
    graph_loader = GraphLoader(graphs(), batch_size=7)

    def train(*ours):
        beside = (*ours, hooks) if ours else ()
        return fit(
            tmp_path, *beside, model=GraphNet(), train=graph_loader, val=graph_loader, max_epochs=2, logger=False
        )

    asked = {"measures": ["sliced_wasserstein", "dirichlet_energy"], "layers": ["first", "second"], "pooling": "rows"}
    watched = watch(train, counted=False, n_samples=n_samples, **SHORT, **asked)
    assert watched.warnings == []
    snapshot = watched.monitor.history[-1]
    assert snapshot.n_points.tolist() == [min(n_samples, N_NODES)] * 2
    table = snapshot.statistics["dirichlet_energy"]
    expected = [own_energy(nodes_of(hooks, layer), n_samples) for layer in ("first", "second")]
    np.testing.assert_allclose(table.values, expected, rtol=1e-5)
    assert (table.errors > 0).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layers": ["first"]}, "It needs the edges of graphs, and none were recorded"),
        ({"layers": ["head"], "pooling": "rows"}, "It needs the edges of graphs, and none were recorded"),
        ({"layers": ["first"], "pooling": "rows", "n_samples": 2}, "none has both ends among the sampled nodes"),
    ],
)
def test_points_that_are_no_nodes_have_no_energy_and_it_is_said_in_a_sentence(tmp_path, options, said):
    graph_loader = GraphLoader(graphs(), batch_size=7)
    monitor = TopologyMonitor(measures=["dirichlet_energy"], **SHORT, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(tmp_path, monitor, model=GraphNet(), train=graph_loader, val=graph_loader, max_epochs=1, logger=False)
    snapshot = monitor.history[-1]
    assert np.isnan(snapshot.statistics["dirichlet_energy"].values).all()
    assert said in snapshot.problems["Dirichlet energy"]
    of_edges = [message for message in our_warnings(caught) if "edges of a batch" in message]
    rows_are_graphs = options["layers"] == ["head"]
    assert [("Expected a row of each of the batch's" in message) for message in of_edges] == [True] * rows_are_graphs


def test_a_comparison_of_models_has_the_energy_of_each(tmp_path):
    torch.manual_seed(1)
    models = {name: GraphNet().eval() for name in "ab"}
    asked = {"measures": ["sliced_wasserstein", "dirichlet_energy"], "homology_dims": (0,), "pooling": "rows"}
    data = GraphLoader(graphs(), batch_size=7)
    found = compare_models(models, data, layers=["first", "second"], n_samples=70, folder=tmp_path, **asked)
    values = found.statistics["dirichlet_energy"].values
    for number, model in enumerate(models.values()):
        with torch.no_grad():
            first = torch.cat([model.first(batch.x, batch.edge_index) for batch in data])
        assert values[found.rows(checkpoint=number)][0] == pytest.approx(own_energy(first, 70), rel=1e-5)
    again = compare_models(models, data, layers=["first", "second"], n_samples=70, folder=tmp_path, **asked)
    np.testing.assert_array_equal(again.statistics["dirichlet_energy"].values, values)
