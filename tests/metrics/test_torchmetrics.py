"""Metrics hold up wherever torchmetrics and Lightning put a metric."""

import copy
import pickle
import warnings

import pytest
import torch
from metric_tools import (
    ACTIVATIONS,
    EXPECTED,
    EXPECTED_MATRIX,
    SOURCE,
    TARGET,
    count_difference,
    matrix_metric,
    small,
    value_of,
)
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import MetricCollection, MetricTracker
from torchmetrics.wrappers import BootStrapper

from topocallback import LayerDistanceMatrix, PersistenceDistance
from topocallback.activations.reservoir import EMPTY
from topocallback.functional import persistence_distance


@pytest.mark.parametrize("make", [small, matrix_metric])
def test_the_constants_of_the_class_cannot_be_set(make):
    metric = make()
    assert (metric.is_differentiable, metric.higher_is_better, metric.full_state_update) == (False, False, False)
    assert (metric.plot_lower_bound, metric.plot_upper_bound) == (0.0, None)
    for name in ("is_differentiable", "higher_is_better", "full_state_update", "plot_lower_bound"):
        with pytest.raises(RuntimeError, match=f"Can't change const `{name}`"):
            setattr(metric, name, True)


@pytest.mark.parametrize("make", [small, matrix_metric])
def test_metrics_can_be_scripted_hashed_and_have_no_state_dict(make):
    metric = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert isinstance(torch.jit.script(metric), torch.jit.ScriptModule)
    assert hash(metric) != hash(make())
    assert metric.state_dict() == {}
    assert list(metric.parameters()) == []


@pytest.mark.parametrize(
    "copied",
    [lambda m: m.clone(), copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))],
    ids=["clone", "copy", "pickle"],
)
@pytest.mark.parametrize("updated", [False, True])
def test_copies_go_on_where_they_were_made(copied, updated):
    metric = small(measure=count_difference)
    if updated:
        metric.update(SOURCE[:40], TARGET[:40])
    twin = copied(metric)
    assert type(twin) is PersistenceDistance
    twin.update(SOURCE[40 * updated :], TARGET[40 * updated :])
    assert torch.equal(twin.compute(), value_of(small(measure=count_difference), (SOURCE, TARGET)))
    assert metric.update_count == int(updated)
    assert (metric.source_priorities == EMPTY).sum() == (0 if updated else 32)


def test_metrics_of_a_collection_share_their_states():
    collection = MetricCollection(
        {
            "h0": small(homology_dims=[0]),
            "h1": small(homology_dims=[1]),
            "bottleneck": small(measure="bottleneck"),
            "other seed": small(seed=1),
        }
    )
    seen = collection(SOURCE[:40], TARGET[:30])
    collection.update(SOURCE[40:], TARGET[30:])
    assert sorted(map(sorted, collection.compute_groups.values())) == [["bottleneck", "h0", "h1"], ["other seed"]]
    found = collection.compute()
    assert torch.equal(seen["h1"], value_of(small(homology_dims=[1]), (SOURCE[:40], TARGET[:30])))
    assert torch.equal(found["bottleneck"], value_of(small(measure="bottleneck"), (SOURCE, TARGET)))
    assert torch.equal(found["other seed"], value_of(small(seed=1), (SOURCE, TARGET)))
    assert (found["h0"] + found["h1"]).item() == pytest.approx(EXPECTED.item(), rel=1e-6)
    collection.reset()
    collection.update(TARGET, SOURCE)
    torch.testing.assert_close(collection["h0"].compute() + collection["h1"].compute(), EXPECTED, rtol=1e-6, atol=0)


def test_a_collection_without_groups_gives_the_same():
    metrics = {"h0": small(homology_dims=[0]), "h1": small(homology_dims=[1])}
    grouped, single = MetricCollection(copy.deepcopy(metrics)), MetricCollection(metrics, compute_groups=False)
    for batch in ((SOURCE[:40], TARGET[:30]), (SOURCE[40:], TARGET[30:])):
        grouped.update(*batch)
        single.update(*batch)
    assert grouped.compute() == single.compute()


def test_a_tracker_finds_the_smallest_distance():
    tracker = MetricTracker(small())
    for step in range(3):
        tracker.increment()
        tracker.update(SOURCE, (3 - step) * SOURCE[:, :5])
    best, step = tracker.best_metric(return_step=True)
    assert tracker.compute_all().shape == (3,)
    assert (best, step) == (tracker.compute_all().min().item(), 2)
    matrices = MetricTracker(matrix_metric())
    for _ in range(2):
        matrices.increment()
        matrices.update(ACTIVATIONS)
    assert torch.equal(matrices.compute_all(), torch.stack([EXPECTED_MATRIX] * 2))


def test_metrics_work_in_wrappers():
    boots = BootStrapper(small(), num_bootstraps=2, mean=True, std=False)
    boots.update(SOURCE, SOURCE + 1)
    assert boots.compute()["mean"] > 0


def test_metrics_are_logged_by_lightning(tmp_path):
    # Imported here, because it takes seconds that the processes below do not have to wait for.
    import lightning.pytorch as pl

    class Model(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 4)
            self.distance, self.matrix = small(), LayerDistanceMatrix(["in", "out"])
            self.every_step = MetricCollection({"h0": small(homology_dims=[0]), "h1": small(homology_dims=[1])})

        def training_step(self, batch, batch_idx):
            return self.layer(batch[0]).square().mean()

        def validation_step(self, batch, batch_idx):
            (x,) = batch
            y = self.layer(x)
            self.distance.update(x, y)
            self.matrix.update({"in": x, "out": y})
            self.log("distance", self.distance)
            self.every_step(x, y)
            self.log_dict(self.every_step, on_step=True, on_epoch=True)

        def on_validation_epoch_end(self):
            self.last = self.matrix.compute()
            self.matrix.reset()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.0)

    model, loader = Model(), DataLoader(TensorDataset(SOURCE), batch_size=16)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=2, accelerator="cpu", default_root_dir=tmp_path, **quiet)
    trainer.fit(model, loader, loader)
    logged = trainer.callback_metrics
    with torch.no_grad():
        output = model.layer(SOURCE)
    assert logged["distance"].item() == pytest.approx(value_of(small(), (SOURCE, output)).item(), rel=1e-5)
    assert (logged["h0_epoch"] + logged["h1_epoch"]).item() == pytest.approx(logged["distance"].item(), rel=1e-6)
    assert model.last[0, 1].item() == pytest.approx(persistence_distance(SOURCE, output).item(), rel=1e-5)
    checkpoint = torch.load(trainer.checkpoint_callback.best_model_path, weights_only=True)
    assert sorted(checkpoint["state_dict"]) == ["layer.bias", "layer.weight"]
