"""Other callbacks beside the monitor: those that swap weights, tune, save, or are a monitor themselves."""

from __future__ import annotations

import copy
import pickle

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import (
    BatchSizeFinder,
    EarlyStopping,
    EMAWeightAveraging,
    LearningRateFinder,
    ModelCheckpoint,
    StochasticWeightAveraging,
)
from small_trainings import LAYERS, Net, assert_same_numbers, data, events, fit, hooks_of, loader, trainer_for, watch

from topocallback import TopologyMonitor
from topocallback.views.logging import scalars

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(True, marks=pytest.mark.scenario("`WeightAveraging` before the monitor in the list")),
        pytest.param(False, marks=pytest.mark.scenario("`WeightAveraging` after the monitor in the list")),
    ],
)
def test_averaged_weights_are_the_ones_that_are_recorded(tmp_path, before):
    def train(*ours):
        averaging = EMAWeightAveraging(decay=0.5)
        return fit(tmp_path, *((averaging, *ours) if before else (*ours, averaging)))

    watched = watch(train)
    assert watched.warnings == []
    averaged = TopologyMonitor(pooling="flatten", figures=False)
    # At the end of the training the model is given the averaged weights.
    trainer_for(tmp_path / "after", averaged).validate(watched.trainer.lightning_module, loader(), verbose=False)
    assert_same_numbers(watched.monitor.history[-1], averaged.history[0], drift=False)


@pytest.mark.scenario("`StochasticWeightAveraging`")
def test_stochastic_weight_averaging_copies_the_module_without_our_hooks(tmp_path):
    models = []

    def train(*ours):
        averaging = StochasticWeightAveraging(swa_lrs=0.05, swa_epoch_start=1)
        trainer = fit(tmp_path, averaging, *ours, max_epochs=4)
        models.append(averaging._average_model)
        return trainer

    watched = watch(train)
    assert watched.warnings == []
    assert hooks_of(models[-1]) == 0


class Tuned(Net):
    """With a learning rate and a batch size that can be looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.lr, self.batch_size = 0.1, 4

    def train_dataloader(self):
        return torch.utils.data.DataLoader(data(), batch_size=self.batch_size)

    def val_dataloader(self):
        return loader(32)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)


@pytest.mark.parametrize(
    "tuner",
    [
        pytest.param(
            lambda: LearningRateFinder(num_training_steps=30, min_lr=1e-3, max_lr=1.0),
            marks=pytest.mark.scenario("the learning rate finder"),
        ),
        pytest.param(
            lambda: BatchSizeFinder(max_trials=3),
            marks=pytest.mark.scenario("the batch size finder"),
        ),
    ],
)
def test_trials_of_a_tuner_are_not_recorded(tmp_path, tuner):
    settings = []

    def train(*ours):
        trainer, model = trainer_for(tmp_path, tuner(), *ours, enable_checkpointing=True), Tuned()
        trainer.fit(model)
        settings.append((model.lr, model.batch_size))
        return trainer

    watched = watch(train, counted=False)
    assert settings[0] == settings[1] != (0.1, 4)
    assert watched.warnings == []
    assert [snapshot.epoch for snapshot in watched.monitor.history] == [0, 1]


@pytest.mark.scenario("two monitors of one Trainer: the later one is off")
def test_the_second_of_two_monitors_says_that_it_is_off(tmp_path):
    second = TopologyMonitor("head")
    watched = watch(lambda *ours: fit(tmp_path, *ours, *([second] if ours else [])))
    assert ["an earlier TopologyMonitor" in message for message in watched.warnings] == [True]
    assert len(second.history) == 0
    assert watched.monitor.history[0].layers == LAYERS


@pytest.mark.scenario("`ModelCheckpoint`: the checkpoint is read with `weights_only=True`")
def test_a_checkpoint_holds_nothing_of_the_monitor_but_numbers(tmp_path):
    checkpoints = []

    def train(*ours):
        checkpoint = ModelCheckpoint(monitor="val_loss", save_last=True)
        checkpoints.append(checkpoint)
        return fit(tmp_path, *ours, checkpoint)

    watched = watch(train)
    saved = torch.load(checkpoints[-1].last_model_path, weights_only=True)
    assert saved["callbacks"][watched.monitor.state_key] == {"validations": 2}
    assert checkpoints[0].best_model_score == checkpoints[1].best_model_score


@pytest.mark.scenario("`ModelCheckpoint` and `EarlyStopping` on a scalar of the monitor, with `background=False`")
def test_foreground_scalars_serve_checkpoints_and_early_stopping(tmp_path):
    tag = "topology/total_persistence_H1/blocks.2"
    monitor = TopologyMonitor(background=False)
    checkpoint = ModelCheckpoint(tmp_path / "checkpoints", monitor=tag, mode="max")
    stopping = EarlyStopping(tag, mode="max", min_delta=1e9, patience=1)
    trainer = fit(tmp_path, monitor, checkpoint, stopping, max_epochs=5)
    values = [scalars(snapshot)[tag] for snapshot in monitor.history]
    assert len(values) == 2  # the second was no improvement
    assert trainer.current_epoch == 2
    assert float(checkpoint.best_model_score) == pytest.approx(max(values), rel=1e-6)
    assert float(trainer.callback_metrics[tag]) == pytest.approx(values[-1], rel=1e-6)


@pytest.mark.scenario("pickled and copied during a run")
def test_the_callback_can_be_pickled_and_copied_during_a_run(tmp_path):
    class Copying(pl.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            self.copies = [pickle.loads(pickle.dumps(monitor)), copy.deepcopy(monitor)]

    monitor, copying = TopologyMonitor(), Copying()
    fit(tmp_path, monitor, copying)
    for copied in copying.copies:
        assert copied.wait()
        assert copied.recording.layers == "auto"


@pytest.mark.scenario("one monitor for several trainings")
def test_a_monitor_can_be_used_again(tmp_path):
    monitor = TopologyMonitor(figures=False)
    for epochs in (1, 3):
        trainer = fit(tmp_path, monitor, max_epochs=epochs)
        assert len(monitor.history) == epochs
        assert len(events(trainer.log_dir).Scalars("topology/noise_H1/stem")) == epochs
