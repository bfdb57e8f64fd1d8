"""TopologyMonitor in real, small trainings."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from topocallback import MapperOptions, Snapshot, TopologyMonitor, load_history
from topocallback.views.logging import scalars


class Block(nn.Module):
    """A residual block on vectors."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x):
        return x + torch.relu(self.linear(x))


class Net(pl.LightningModule):
    """Three blocks between two linear layers, with dropout, so that training draws random numbers."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Linear(4, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(3)))
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.dropout(self.blocks(self.stem(x))))

    def loss(self, batch):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def training_step(self, batch, batch_idx):
        return self.loss(batch)

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("val_loss", self.loss(batch), batch_size=len(batch[0]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


LAYERS = ("stem", "blocks.0", "blocks.1", "blocks.2", "head")


def data(n: int = 64, seed: int = 0) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    return TensorDataset(torch.randn(n, 4, generator=generator), torch.arange(n) % 3)


def loader(n: int = 64, batch_size: int = 16, shuffle: bool = False) -> DataLoader:
    return DataLoader(data(n), batch_size=batch_size, shuffle=shuffle)


def trainer_for(folder: Path, *callbacks: pl.Callback, **options) -> pl.Trainer:
    defaults = {
        "max_epochs": 2,
        "accelerator": "cpu",
        "logger": TensorBoardLogger(folder, name="run"),
        "default_root_dir": folder,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
    }
    return pl.Trainer(callbacks=list(callbacks), **(defaults | options))


def fit(
    folder: Path, *callbacks: pl.Callback, model: pl.LightningModule | None = None, val=None, **options
) -> pl.Trainer:
    pl.seed_everything(1, verbose=False)
    trainer = trainer_for(folder, *callbacks, **options)
    model = Net() if model is None else model
    trainer.fit(model, loader(shuffle=True), loader() if val is None else val)
    assert hooks_of(trainer.lightning_module) == 0
    return trainer


def hooks_of(module: nn.Module) -> int:
    return sum(len(layer._forward_hooks) + len(layer._forward_pre_hooks) for layer in module.modules())


def events(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    accumulator.Reload()
    return accumulator


def our_warnings(caught: list[warnings.WarningMessage]) -> list[str]:
    return [str(warning.message) for warning in caught if "TopologyMonitor" in str(warning.message)]


def assert_same_numbers(first: Snapshot, second: Snapshot) -> None:
    """Everything but the seconds and the step is equal, bit for bit."""
    assert first.layers == second.layers
    np.testing.assert_array_equal(first.sample_ids, second.sample_ids)
    np.testing.assert_array_equal(first.labels, second.labels)
    for layer in first.layers:
        for mine, theirs in zip(first.diagrams[layer], second.diagrams[layer], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    for name in ("distances", "noise", "drift", "drift_from_first", "statistics"):
        mine, theirs = getattr(first, name), getattr(second, name)
        assert mine.keys() == theirs.keys()
        for key in mine:
            np.testing.assert_array_equal(mine[key], theirs[key])


@pytest.mark.parametrize("background", [True, False])
def test_every_number_and_picture_stands_at_the_steps_of_val_loss(tmp_path, background):
    monitor = TopologyMonitor(background=background)
    trainer = fit(tmp_path, monitor, max_epochs=3)

    logged = events(trainer.log_dir)
    steps = [event.step for event in logged.Scalars("val_loss")]
    assert len(steps) == 3
    assert load_history(trainer.log_dir).steps == tuple(steps)
    for snapshot in monitor.history:
        for tag, value in scalars(snapshot).items():
            at_step = [event.value for event in logged.Scalars(tag) if event.step == snapshot.step]
            assert at_step == [pytest.approx(value, rel=1e-6)]
    ours = {tag for tag in logged.Tags()["scalars"] if tag.startswith("topology/")}
    assert ours == set(scalars(monitor.history[0]))
    for picture in ("topology/layer_distance", "topology/persistence_diagrams"):
        assert [event.step for event in logged.Images(picture)] == steps


def test_weights_and_random_generators_are_the_same_with_and_without(tmp_path):
    def outcome(*callbacks):
        trainer = fit(tmp_path, *callbacks)
        state = trainer.lightning_module.state_dict()
        return state, torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002

    weights, torch_state, numpy_state, python_state = outcome()
    for monitor in (TopologyMonitor(n_samples=20), TopologyMonitor(background=False, cloud="random")):
        watched, *generators = outcome(monitor)
        assert len(monitor.history) == 2
        assert all(torch.equal(weights[name], watched[name]) for name in weights)
        assert torch.equal(torch_state, generators[0])
        assert all(np.array_equal(mine, theirs) for mine, theirs in zip(numpy_state, generators[1], strict=True))
        assert python_state == generators[2]


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
    images = torch.randint(-3, 4, (1000, 1, 6, 6), generator=torch.Generator().manual_seed(0)).float()
    validation = TensorDataset(images, torch.arange(1000) % 10 % 3)
    snapshots = []
    for batch_size in (1, 7, 64, 1000):
        monitor = TopologyMonitor("*", n_samples=n_samples, cloud="random")
        trainer = trainer_for(tmp_path, monitor)
        trainer.validate(ExactConvNet(), DataLoader(validation, batch_size=batch_size), verbose=False)
        snapshots.append(monitor.history[0])
    assert len(snapshots[0].sample_ids) == min(n_samples, 1000)
    for other in snapshots[1:]:
        assert_same_numbers(snapshots[0], other)


def test_labels_and_ids_lead_back_to_the_data_set(tmp_path):
    monitor = TopologyMonitor(n_samples=10)
    fit(tmp_path, monitor)
    snapshot = monitor.history[0]
    assert len(snapshot.sample_ids) == 10
    np.testing.assert_array_equal(snapshot.labels, data().tensors[1][snapshot.sample_ids])


def test_drift_goes_from_snapshot_to_snapshot(tmp_path):
    monitor = TopologyMonitor(background=False)
    fit(tmp_path, monitor, max_epochs=3)
    first, second, third = monitor.history
    assert not first.total(first.drift).any()
    np.testing.assert_array_equal(second.total(second.drift), second.total(second.drift_from_first))
    assert (third.total(third.drift) > 0).all()
    assert (third.total(third.drift) != third.total(third.drift_from_first)).any()


def test_only_the_asked_validations_are_recorded(tmp_path):
    monitor = TopologyMonitor(every_n_validations=3)
    trainer = fit(tmp_path, monitor, max_epochs=5)
    steps = [event.step for event in events(trainer.log_dir).Scalars("val_loss")]
    assert monitor.history.steps == (steps[0], steps[3])


def test_validation_alone_is_recorded_and_logged(tmp_path):
    monitor = TopologyMonitor()
    trainer = trainer_for(tmp_path, monitor)
    trainer.validate(Net(), loader(), verbose=False)
    assert len(monitor.history) == 1
    assert "topology/noise/stem" in events(trainer.log_dir).Tags()["scalars"]


def test_the_second_of_two_loaders_is_recorded(tmp_path):
    monitor = TopologyMonitor(dataloader_idx=1)
    loaders = [loader(24), DataLoader(data(40, seed=5), batch_size=7)]
    fit(tmp_path, monitor, val=loaders)
    assert monitor.history[0].sample_ids.tolist() == list(range(40))


def test_a_missing_loader_is_one_warning(tmp_path):
    with pytest.warns(UserWarning, match="`dataloader_idx` to be below 1"):
        fit(tmp_path, TopologyMonitor(dataloader_idx=3))


def test_limited_validation_uses_the_samples_that_come(tmp_path):
    monitor = TopologyMonitor(n_samples=20)
    fit(tmp_path, monitor, limit_val_batches=2)
    assert len(monitor.history[0].sample_ids) == 20
    assert monitor.history[0].sample_ids.max() < 32


class Stream(IterableDataset):
    """A data set without a length."""

    def __iter__(self):
        return iter(data(50))


def test_an_iterable_data_set_gives_the_sample_of_a_sized_one(tmp_path):
    snapshots = []
    for validation in (DataLoader(Stream(), batch_size=8), loader(50, batch_size=8)):
        monitor = TopologyMonitor(n_samples=20)
        fit(tmp_path, monitor, val=validation, max_epochs=1)
        snapshots.append(monitor.history[0])
    assert_same_numbers(*snapshots)


def test_a_shuffling_loader_is_warned_about_once(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(tmp_path, TopologyMonitor(), val=loader(shuffle=True), max_epochs=3)
    assert ["shuffles" in message for message in our_warnings(caught)] == [True]


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
    for layer in ("broken", "partly", "unused", "pooled"):
        assert sum(repr(layer) in message for message in messages) == 1, messages
    assert len(messages) == 4
    matrix = snapshot.distances["sliced_wasserstein_H0"]
    position = snapshot.layers.index("broken")
    assert np.isnan(matrix[position]).all()
    assert np.isfinite(np.delete(np.delete(matrix, position, 0), position, 1)).all()
    assert snapshot.statistics["bars_H0"][snapshot.layers.index("constant")] == 0
    assert (
        snapshot.statistics["bars_H1"][[snapshot.layers.index("constant"), snapshot.layers.index("single")]] == 0
    ).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_very_small_validation_sets_do_not_end_the_run(tmp_path, n):
    monitor = TopologyMonitor()
    fit(tmp_path, monitor, val=loader(n))
    snapshot = monitor.history[-1]
    assert len(snapshot.sample_ids) == n
    assert snapshot.statistics["bars_H0"].tolist() == [n - 1] * len(LAYERS)
    assert np.isnan(snapshot.noise["sliced_wasserstein_H1"]).all()


def failing_measure(first, second):
    raise ArithmeticError("no such distance")


def test_a_failing_analysis_costs_one_warning(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(tmp_path, TopologyMonitor(measures=["sliced_wasserstein", failing_measure]), max_epochs=3)
    assert ["no such distance" in message for message in our_warnings(caught)] == [True]


@pytest.mark.parametrize("background", [True, False])
def test_a_failing_analysis_raises_if_asked_to(tmp_path, background):
    monitor = TopologyMonitor(measures=[failing_measure], on_error="raise", background=background)
    with pytest.raises(ArithmeticError, match="no such distance"):
        fit(tmp_path, monitor)


def test_a_failing_analysis_does_not_hide_why_the_run_failed(tmp_path):
    monitor = TopologyMonitor(measures=[failing_measure], on_error="raise")
    trainer = trainer_for(tmp_path, monitor, Stop(RuntimeError("out of luck"), epoch=0))
    with pytest.warns(UserWarning, match="no such distance"), pytest.raises(RuntimeError, match="out of luck"):
        trainer.fit(Net(), loader(), loader())


def test_ripser_in_the_background_is_warned_about(tmp_path):
    with pytest.warns(UserWarning, match="holds Python's global lock"):
        fit(tmp_path, TopologyMonitor(backend="ripser"), max_epochs=1)


def test_an_unwritable_archive_costs_one_warning_and_no_number(tmp_path):
    trainer = trainer_for(tmp_path, TopologyMonitor())
    Path(trainer.log_dir).mkdir(parents=True)
    (Path(trainer.log_dir) / "topology").write_text("in the way")
    with pytest.warns(UserWarning, match="while keeping step"):
        trainer.fit(Net(), loader(), loader())
    assert len(events(trainer.log_dir).Scalars("topology/noise/stem")) == 2


class Stop(pl.Callback):
    """Ends an epoch with an exception: in its validation, or before the next one's first step."""

    def __init__(self, error: BaseException, epoch: int = 1) -> None:
        self.error = error
        self.epoch = epoch

    def on_validation_batch_end(self, trainer, *args, **kwargs):
        if trainer.current_epoch == self.epoch > 0 and not trainer.sanity_checking:
            raise self.error

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch == 0:
            raise self.error


@pytest.mark.parametrize("error", [RuntimeError("out of luck"), KeyboardInterrupt()])
def test_an_exception_in_validation_leaves_no_hook_and_loses_no_snapshot(tmp_path, error):
    monitor, model = TopologyMonitor(), Net()
    trainer = trainer_for(tmp_path, monitor, Stop(error))
    with pytest.raises((RuntimeError, SystemExit)):
        trainer.fit(model, loader(), loader())
    assert hooks_of(model) == 0
    assert len(monitor.history) == 1
    assert len(events(trainer.log_dir).Scalars("topology/noise/stem")) == 1


def test_without_loggers_the_history_is_there(tmp_path):
    monitor = TopologyMonitor()
    fit(tmp_path, monitor, logger=False)
    assert len(monitor.history) == len(load_history(tmp_path)) == 2


def test_a_second_run_in_the_same_place_does_not_mix_with_the_first(tmp_path):
    for epochs in (3, 1):
        monitor = TopologyMonitor()
        fit(tmp_path, monitor, logger=False, max_epochs=epochs)
        assert len(monitor.history) == epochs


def test_several_loggers_each_get_their_numbers(tmp_path):
    csv = CSVLogger(tmp_path, name="csv")
    trainer = fit(tmp_path, TopologyMonitor(), logger=[csv, TensorBoardLogger(tmp_path, name="tb")])
    text = (Path(csv.log_dir) / "metrics.csv").read_text()
    assert "topology/noise/stem" in text.splitlines()[0]
    assert len(events(trainer.loggers[1].log_dir).Scalars("topology/noise/stem")) == 2


def test_a_fast_dev_run_writes_nothing(tmp_path):
    monitor = TopologyMonitor()
    fit(tmp_path, monitor, fast_dev_run=True)
    assert len(monitor.history) == 1
    assert not list(tmp_path.rglob("*.npz"))


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
        "measures": ["sliced_wasserstein"],
        "scale": "none",
        "backend": "redzed",
        "n_directions": 50,
        "mapper": MapperOptions().describe(),
    }
    assert TopologyMonitor.purvine2023().n_samples == 1000


def test_lightning_cli_configures_it_from_yaml(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        f"""
        trainer:
          max_epochs: 1
          accelerator: cpu
          logger: false
          enable_progress_bar: false
          enable_model_summary: false
          enable_checkpointing: false
          default_root_dir: {tmp_path}
          callbacks:
            - class_path: topocallback.TopologyMonitor
              init_args:
                layers: [Block, head]
                n_samples: 32
                homology_dims: [0, 1]
                measures: [sliced_wasserstein]
                scale: none
                labels: 1
                background: false
        """
    )

    class Data(pl.LightningDataModule):
        def train_dataloader(self):
            return loader()

        def val_dataloader(self):
            return loader()

    cli = LightningCLI(Net, Data, args=["fit", "--config", str(config)], save_config_callback=None)
    (monitor,) = (callback for callback in cli.trainer.callbacks if isinstance(callback, TopologyMonitor))
    assert monitor.history[0].layers == LAYERS[1:]
    assert len(monitor.history[0].sample_ids) == 32


def test_history_is_empty_before_the_first_validation():
    assert len(TopologyMonitor().history) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cloud": "max"}, r"`cloud` to be one of .*'max_norm'.* got 'max'"),
        ({"n_samples": 1}, "`n_samples` to be an integer of at least 2, got 1"),
        ({"n_samples": 2.5}, "`n_samples` to be an integer"),
        ({"every_n_validations": 0}, "`every_n_validations` .* at least 1, got 0"),
        ({"dataloader_idx": -1}, "`dataloader_idx` .* at least 0, got -1"),
        ({"homology_dims": (1, 0)}, "`homology_dims` to be ascending"),
        ({"measures": "sliced_wasserstein"}, "`measures` to be a sequence"),
        ({"measures": ["euclid"]}, r"one of \('sliced_wasserstein', .*got 'euclid'"),
        ({"scale": "max"}, "`scale` to be one of"),
        ({"backend": "giotto"}, "`backend` to be one of"),
        ({"on_error": "ignore"}, "`on_error` to be 'warn' or 'raise', got 'ignore'"),
    ],
)
def test_an_invalid_option_is_named_with_what_is_allowed(options, message):
    with pytest.raises(ValueError, match=message):
        TopologyMonitor(**options)
