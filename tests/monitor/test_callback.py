"""TopologyMonitor in real, small trainings."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from small_trainings import LAYERS, Net, assert_same_numbers, data, events, fit, loader, our_warnings, trainer_for
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import MapperOptions, Positions, TopologyMonitor, load_history
from topocallback.findings.table import ALERTS
from topocallback.monitor.alerts import LAST_WITHOUT_ALERT
from topocallback.views.logging import scalar_tags, scalars


@pytest.mark.parametrize("background", [True, False])
def test_every_number_and_picture_stands_at_the_steps_of_val_loss(tmp_path, background):
    monitor = TopologyMonitor(background=background, figures=True, scalars="all")
    trainer = fit(tmp_path, monitor, max_epochs=3)

    logged = events(trainer.log_dir)
    steps = [event.step for event in logged.Scalars("val_loss")]
    assert len(steps) == 3
    assert load_history(trainer.log_dir).steps == tuple(steps)
    for snapshot in monitor.history:
        for tag, value in scalars(snapshot, alerts=dict.fromkeys(ALERTS, 0)).items():
            at_step = [event.value for event in logged.Scalars(tag) if event.step == snapshot.step]
            assert at_step == [pytest.approx(value, rel=1e-6)]
    ours = {tag for tag in logged.Tags()["scalars"] if tag.startswith("topology/")}
    last = scalars(monitor.history[-1], alerts=dict.fromkeys(ALERTS, 0))
    assert ours == set(last)  # the first one's drift has no p-value
    for picture in ("topology/layer_distance", "topology/persistence_diagrams", "topology/mapper"):
        assert [event.step for event in logged.Images(picture)] == steps


@pytest.mark.parametrize("background", [True, False])
def test_by_default_loggers_get_few_numbers_and_the_archive_has_all(tmp_path, background):
    monitor = TopologyMonitor(background=background, measures=["sliced_wasserstein", "bars"])
    trainer = fit(tmp_path, monitor, max_epochs=2)
    few = {f"{name}_H1" for name in ("drift", "drift_from_reference", "noise")}
    few |= {"participation_ratio", "mean_cosine", "dead_units", "knn_accuracy", "bars_H0", "bars_H1"}
    tags = {tag for tag in events(trainer.log_dir).Tags()["scalars"] if tag.startswith("topology/")}
    assert tags == {f"topology/{name}/{layer}" for name in few for layer in LAYERS} | {
        "topology/seconds",
        *(f"topology/alert/{kind}" for kind in ALERTS),
    }
    assert "total_persistence" in load_history(trainer.log_dir)[-1].statistics
    monitored = {tag for tag in trainer.callback_metrics if tag.startswith("topology/")}
    assert monitored == (set() if background else set(scalar_tags_of(monitor)))


def scalar_tags_of(monitor):
    snapshot = monitor.history[-1]
    tables = (snapshot.distances, snapshot.statistics)
    tags = scalar_tags(*([table.about for table in each.values()] for each in tables), snapshot.layers, ALERTS)
    return [*tags, LAST_WITHOUT_ALERT]


def test_mapper_graphs_lead_back_to_the_validation_set(tmp_path):
    monitor = TopologyMonitor(n_samples=30, mapper=MapperOptions(n_intervals=3, min_samples=2))
    trainer = fit(tmp_path, monitor)
    data_set = trainer.val_dataloaders.dataset
    for snapshot in load_history(trainer.log_dir):
        for graph in snapshot.mappers.values():
            assert graph.n_nodes > 0
            for node in range(graph.n_nodes):
                labels = [int(data_set[index][1]) for index in graph.samples(node)]
                counts = np.bincount(labels, minlength=len(graph.classes))
                np.testing.assert_array_equal(counts, graph.label_counts[node])


def test_mapper_graphs_can_be_left_out(tmp_path):
    monitor = TopologyMonitor(mapper=False)
    trainer = fit(tmp_path, monitor)
    assert not any(snapshot.mappers for snapshot in monitor.history)
    assert not any("mapper" in tag for tag in scalars(monitor.history[0]))
    assert "topology/mapper" not in events(trainer.log_dir).Tags()["images"]
    with pytest.raises(TypeError, match="Expected `mapper` to be True, False or MapperOptions, got str"):
        TopologyMonitor(mapper="yes")


@pytest.mark.parametrize("background", [True, False])
def test_a_whole_sanity_check_measures_the_untrained_network(tmp_path, background):
    monitor = TopologyMonitor(background=background, figures=True)
    trainer = fit(tmp_path, monitor, num_sanity_val_steps=-1)
    logged = events(trainer.log_dir)
    steps = [event.step for event in logged.Scalars("val_loss")]
    assert monitor.history.steps == (0, *steps)
    assert load_history(trainer.log_dir).steps == (0, *steps)
    untrained, first, _ = monitor.history
    assert np.isnan(untrained.distances.choose().drift).all()
    assert first.distances.choose().drift.any()
    layer = untrained.layers[0]
    assert [event.step for event in logged.Scalars(f"topology/participation_ratio/{layer}")] == [0, *steps]
    assert [event.step for event in logged.Scalars(f"topology/drift_H1/{layer}")] == steps
    assert [event.step for event in logged.Images("topology/mapper")] == [0, *steps]


def test_several_positions_of_a_sample_are_points_of_their_own(tmp_path):
    monitor = TopologyMonitor("blocks.*", pooling=Positions(5), n_samples=24)
    trainer = trainer_for(tmp_path, monitor)
    validation = DataLoader(TensorDataset(torch.randn(40, 1, 6, 6), torch.arange(40) % 3), batch_size=9)
    trainer.validate(ExactConvNet(), validation, verbose=False)
    snapshot = load_history(trainer.log_dir)[0]
    graph = snapshot.mappers["blocks.0"]
    assert snapshot.owners["blocks.0"].tolist() == np.repeat(np.arange(24), 5).tolist()
    assert len(snapshot.sample_ids) == 24
    assert graph.n_points == 120
    np.testing.assert_array_equal(graph.sample_ids, np.repeat(snapshot.sample_ids, 5))
    np.testing.assert_array_equal(graph.labels, graph.sample_ids % 3)


class ExactConvNet(Net):
    """Small integers in every product and sum: the same floats whatever the batch size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.blocks = nn.Sequential(nn.Conv2d(6, 5, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 36, 7))
        self.head = nn.Linear(7, 3)
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.data = torch.randint(-2, 3, parameter.shape, generator=generator).float()


@pytest.mark.parametrize("n_samples", [150, 2000])
def test_batch_size_does_not_change_a_snapshot(tmp_path, n_samples):
    images = torch.randint(-3, 4, (400, 1, 6, 6), generator=torch.Generator().manual_seed(0)).float()
    validation = TensorDataset(images, torch.arange(400) % 10 % 3)
    snapshots = []
    for batch_size in (1, 7, 64, 400):
        monitor = TopologyMonitor("**", n_samples=n_samples, pooling="random")
        trainer = trainer_for(tmp_path, monitor)
        trainer.validate(ExactConvNet(), DataLoader(validation, batch_size=batch_size), verbose=False)
        snapshots.append(monitor.history[0])
    assert len(snapshots[0].sample_ids) == min(n_samples, 400)
    for other in snapshots[1:]:
        assert_same_numbers(snapshots[0], other)


def test_labels_and_ids_lead_back_to_the_data_set(tmp_path):
    monitor = TopologyMonitor(n_samples=30)
    fit(tmp_path, monitor)
    snapshot = monitor.history[0]
    assert len(snapshot.sample_ids) == 30
    np.testing.assert_array_equal(snapshot.labels, data().tensors[1][snapshot.sample_ids])


def test_drift_goes_from_snapshot_to_snapshot(tmp_path):
    monitor = TopologyMonitor(background=False)
    fit(tmp_path, monitor, max_epochs=3)
    first, second, third = monitor.history
    assert np.isnan(first.distances.choose().drift).all()
    np.testing.assert_array_equal(second.distances.choose().drift, second.distances.choose().drift_from_reference)
    assert (third.distances.choose().drift > 0).all()
    assert (third.distances.choose().drift != third.distances.choose().drift_from_reference).any()


def test_only_the_asked_validations_are_recorded(tmp_path):
    monitor = TopologyMonitor(every_n_validations=3)
    trainer = fit(tmp_path, monitor, max_epochs=5)
    steps = [event.step for event in events(trainer.log_dir).Scalars("val_loss")]
    assert monitor.history.steps == (steps[0], steps[3])


def test_a_missing_loader_is_one_warning(tmp_path):
    with pytest.warns(UserWarning, match="`dataloader_idx` to be below 1"):
        fit(tmp_path, TopologyMonitor(dataloader_idx=3))


def test_an_unknown_layer_is_told_before_training_and_the_run_goes_on(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer = fit(tmp_path, TopologyMonitor(["blocks.9", "head"]))
    messages = our_warnings(caught)
    assert "blocks.0" in messages[0]
    assert "topocallback.layer_names(model)" in messages[0]
    assert trainer.current_epoch == 2


def test_an_unknown_layer_raises_before_training_if_asked_to(tmp_path):
    trainer = trainer_for(tmp_path, TopologyMonitor("blocks.9", on_error="raise"))
    with pytest.raises(ValueError, match="Closest names"):
        trainer.fit(Net(), loader(), loader())
    assert trainer.global_step == 0


class OddNet(Net):
    """A layer of every awkward kind."""

    def __init__(self) -> None:
        super().__init__()
        self.constant = nn.Linear(4, 2)
        nn.init.zeros_(self.constant.weight)
        self.broken = nn.Linear(4, 2)
        nn.init.constant_(self.broken.weight, float("nan"))
        self.partly = PartlyInfinite()
        self.integers = Integers()
        self.lstm = nn.LSTM(4, 3, batch_first=True)
        self.single = nn.Linear(4, 1)
        self.unused = nn.Linear(4, 4)
        self.pooled = Pooled()
        for module in (self.constant, self.broken):
            module.requires_grad_(False)

    def forward(self, x):
        for layer in (self.constant, self.broken, self.partly, self.integers, self.single, self.pooled):
            layer(x)
        self.lstm(x[:, None].expand(-1, 5, -1))
        return super().forward(x)


class PartlyInfinite(nn.Module):
    def forward(self, x):
        return torch.where(x[:, :1] > 0, x, torch.inf)


class Integers(nn.Module):
    def forward(self, x):
        return {"extra": None, "hidden": (10 * x).long()}


class Pooled(nn.Module):
    def forward(self, x):
        return x.mean(dim=0)


def test_awkward_layers_give_defined_numbers_or_one_warning_that_names_them(tmp_path):
    layers = ["constant", "broken", "partly", "integers", "lstm", "single", "unused", "pooled", "head"]
    monitor = TopologyMonitor(layers)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(tmp_path, monitor, model=OddNet())
    snapshot = monitor.history[-1]
    assert snapshot.layers == ("head", "constant", "broken", "partly", "integers", "lstm", "single")
    messages = our_warnings(caught)
    for layer in ("broken", "partly", "constant", "unused", "pooled"):
        assert sum(repr(layer) in message for message in messages) == 1, messages
    assert len(messages) == 4
    matrix = snapshot.distances["sliced_wasserstein", 0].matrix
    position = snapshot.layers.index("broken")
    assert np.isnan(matrix[position]).all()
    assert np.isfinite(np.delete(np.delete(matrix, position, 0), position, 1)).all()
    assert snapshot.statistics["bars", 0].values[snapshot.layers.index("constant")] == 0
    assert (
        snapshot.statistics["bars", 1].values[[snapshot.layers.index("constant"), snapshot.layers.index("single")]] == 0
    ).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_very_small_validation_sets_do_not_end_the_run(tmp_path, n):
    monitor = TopologyMonitor()
    with pytest.warns(UserWarning, match="too few, noise needs 8 and tests need 24. Raise `n_samples`, or") as caught:
        fit(tmp_path, monitor, val=loader(n))
    assert len(our_warnings(caught)) == 1
    snapshot = monitor.history[-1]
    assert len(snapshot.sample_ids) == n
    assert snapshot.statistics["bars", 0].values.tolist() == [n - 1] * len(LAYERS)
    assert np.isnan(snapshot.distances["sliced_wasserstein", 1].noise).all()


def test_ripser_in_the_background_is_warned_about(tmp_path):
    with pytest.warns(UserWarning, match="holds Python's global lock"):
        fit(tmp_path, TopologyMonitor(backend="ripser"), max_epochs=1)


def test_without_an_archive_the_history_is_in_memory(tmp_path):
    monitor = TopologyMonitor(archive=False)
    fit(tmp_path, monitor)
    assert [snapshot.epoch for snapshot in monitor.history] == [0, 1]
    assert not list(tmp_path.rglob("*.npz"))


def test_the_paper_setting_records_raw_convolutions(tmp_path):
    monitor = TopologyMonitor.purvine2023(n_samples=30)
    model = ExactConvNet()
    validation = DataLoader(TensorDataset(torch.randn(40, 1, 6, 6), torch.arange(40) % 3), batch_size=9)
    trainer_for(tmp_path, monitor).validate(model, validation, verbose=False)
    snapshot = monitor.history[0]
    assert snapshot.layers == ("stem", "blocks.0")
    assert snapshot.homology_dims == (1,)
    assert snapshot.options == {
        "homology_dims": [1],
        "measures": [{"name": "sliced_wasserstein", "key": "sliced_wasserstein", "options": {}}],
        "scale": "none",
        "backend": "redzed",
        "mapper": MapperOptions.purvine2023().describe(),
    }
    assert TopologyMonitor.purvine2023().recording.n_samples == 1000
    assert TopologyMonitor.purvine2023(mapper=True).options.mapper_options == MapperOptions()


def test_history_is_empty_before_the_first_validation():
    assert len(TopologyMonitor().history) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_samples": 1}, "`n_samples` to be an integer of at least 2, got 1"),
        ({"every_n_validations": 0}, "`every_n_validations` .* at least 1, got 0"),
        ({"scale": "max"}, "`scale` to be one of"),
        ({"scalars": "some"}, "`scalars` to be 'few' or 'all', got 'some'"),
        ({"on_error": "ignore"}, "`on_error` to be 'warn' or 'raise', got 'ignore'"),
    ],
)
def test_an_invalid_option_is_named_with_what_is_allowed(options, message):
    with pytest.raises(ValueError, match=message):
        TopologyMonitor(**options)
