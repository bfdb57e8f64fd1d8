"""Every way in which a Trainer runs its loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_trainings import LAYERS, Net, assert_same_numbers, data, fit, hooks_of, loader, steps_of, trainer_for, watch
from torch.utils.data import DataLoader, IterableDataset

from topocallback import TopologyMonitor, load_history


@pytest.mark.scenario("a plain training, analysed in the background or not")
@pytest.mark.parametrize("background", [True, False])
def test_a_plain_training_is_the_same_with_and_without(tmp_path, background):
    watched = watch(lambda *ours: fit(tmp_path, *ours), background=background, figures=True)
    assert watched.monitor.history[0].layers == LAYERS
    assert watched.monitor.history.steps == (3, 7)
    assert watched.warnings == []


@pytest.mark.scenario("what was chosen is logged once, in a line")
def test_what_was_chosen_is_logged_once_and_not_warned_about(tmp_path, caplog):
    with caplog.at_level("INFO", "lightning.pytorch.utilities.rank_zero"):
        watched = watch(lambda *ours: fit(tmp_path, *ours, max_epochs=3), pooling="auto", counted=False)
    told = [record.getMessage() for record in caplog.records if "labels = " in record.getMessage()]
    assert told == [
        "TopologyMonitor: labels = batch[1]; mask = None; points = samples; pooling = one vector (5 layers); "
        "samples = indices into the data set"
    ]
    assert watched.warnings == []


@pytest.mark.scenario("gradient accumulation with `val_check_interval=0.5`")
def test_accumulated_gradients_and_validations_within_an_epoch_keep_the_steps(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, accumulate_grad_batches=2, val_check_interval=0.5))
    assert len(watched.monitor.history) == 4
    assert watched.warnings == []


@pytest.mark.scenario("several validations between two optimizer steps")
def test_validations_that_share_a_step_leave_the_last_snapshot_and_one_warning(tmp_path):
    watched = watch(
        lambda *ours: fit(tmp_path, *ours, accumulate_grad_batches=4, val_check_interval=1, max_epochs=1),
        counted=False,
    )
    steps = steps_of(watched.trainer.log_dir)
    assert len(steps) == 4
    assert watched.monitor.history.steps == tuple(sorted(set(steps))) == (0,)
    assert ["replaces the earlier one" in message for message in watched.warnings] == [True]
    assert watched.monitor.history[0].distances.choose().drift.any()  # after the step, not before it


@pytest.mark.scenario("validation by batches: `check_val_every_n_epoch=None`")
def test_validation_that_knows_no_epochs_is_recorded(tmp_path):
    options = {"check_val_every_n_epoch": None, "val_check_interval": 3, "max_epochs": 3}
    watched = watch(lambda *ours: fit(tmp_path, *ours, **options))
    assert watched.monitor.history.steps == (2, 5, 8, 11)


class TwoOptimizers(Net):
    """Manual optimization: Lightning's step counts every optimizer, the logger's does not."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        for optimizer in self.optimizers():
            loss = self.loss(batch)
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(part.parameters(), lr=0.1) for part in (self.stem, self.head)]


@pytest.mark.scenario("manual optimization with two optimizers")
def test_two_optimizers_keep_the_steps_of_the_logger(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, model=TwoOptimizers()))
    assert watched.trainer.global_step == 16
    assert watched.monitor.history.steps == (3, 7)


@pytest.mark.scenario("several validation loaders")
def test_the_second_of_two_loaders_is_recorded(tmp_path):
    class LogsOnce(Net):
        def validation_step(self, batch, batch_idx, dataloader_idx=0):
            self.log("val_loss", self.loss(batch), add_dataloader_idx=False) if dataloader_idx else self.loss(batch)

    def train(*ours):
        return fit(tmp_path, *ours, model=LogsOnce(), val=[loader(24), DataLoader(data(40, seed=5), batch_size=7)])

    watched = watch(train, dataloader_idx=1)
    assert watched.monitor.history[0].sample_ids.tolist() == list(range(40))


@pytest.mark.scenario("`limit_val_batches`")
def test_limited_validation_uses_the_samples_that_come(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, limit_val_batches=2), n_samples=24)
    assert len(watched.monitor.history[0].sample_ids) == 24
    assert watched.monitor.history[0].sample_ids.max() < 32


@pytest.mark.scenario("`limit_val_batches=0`: no validation at all")
def test_without_validation_there_is_nothing_to_record_and_that_is_said(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, limit_val_batches=0), counted=False)
    assert len(watched.monitor.history) == 0
    assert ["`limit_val_batches=0` leaves validation out" in message for message in watched.warnings] == [True]
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.scenario("`fast_dev_run`")
def test_a_fast_dev_run_writes_nothing(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, fast_dev_run=True), counted=False, figures=True)
    assert [snapshot.layers for snapshot in watched.monitor.history] == [LAYERS]
    assert watched.warnings == []
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.scenario("`Trainer(barebones=True)`")
def test_a_barebones_training_is_recorded(tmp_path):
    options = {"barebones": True, "logger": None, "enable_progress_bar": None, "enable_model_summary": None}
    watched = watch(lambda *ours: fit(tmp_path, *ours, enable_checkpointing=None, **options))
    assert len(watched.monitor.history) == 2
    assert watched.warnings == []


@pytest.mark.scenario("`trainer.validate` alone")
def test_validation_alone_is_recorded_and_logged(tmp_path):
    def validate(*ours):
        trainer = trainer_for(tmp_path, *ours)
        trainer.validate(Net(), loader(), verbose=False)
        return trainer

    watched = watch(validate)
    assert len(watched.monitor.history) == 1


@pytest.mark.scenario("`trainer.validate` before and after `trainer.fit`")
def test_validations_around_a_training_lose_no_snapshot(tmp_path):
    def train(*ours):
        trainer, model = trainer_for(tmp_path, *ours), Net()
        trainer.validate(model, loader(), verbose=False)
        trainer.fit(model, loader(shuffle=True), loader())
        trainer.validate(model, loader(), verbose=False)
        return trainer

    watched = watch(train, counted=False)
    assert watched.monitor.history.steps == (3, 7, 8)
    assert load_history(f"{watched.trainer.log_dir}/topology").steps == (0,)
    last, afterwards = watched.monitor.history[1:]
    assert_same_numbers(last, afterwards, drift=False)
    assert not afterwards.distances.choose().drift.any()


class Stream(IterableDataset):
    """A data set without a length."""

    def __iter__(self):
        return iter(data(50))


@pytest.mark.scenario("iterable data sets of unknown length")
def test_an_iterable_data_set_gives_the_sample_of_a_sized_one(tmp_path):
    snapshots = []
    for validation in (DataLoader(Stream(), batch_size=8), loader(50, batch_size=8)):
        watched = watch(lambda *ours, val=validation: fit(tmp_path, *ours, val=val, max_epochs=1), counted=False)
        assert watched.warnings == []
        monitor = TopologyMonitor(n_samples=24, figures=False)
        fit(tmp_path, monitor, val=validation, max_epochs=1)
        snapshots.append(monitor.history[0])
    assert_same_numbers(*snapshots)


@pytest.mark.scenario("a shuffled validation loader")
def test_a_shuffling_loader_is_warned_about_once(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, val=loader(shuffle=True), max_epochs=3))
    assert ["draws its order at random" in message for message in watched.warnings] == [True]


@pytest.mark.scenario("data loaders that are made anew in every epoch")
def test_new_loaders_in_every_epoch_keep_the_samples(tmp_path):
    class MakesLoaders(Net):
        def train_dataloader(self):
            return loader(shuffle=True)

        def val_dataloader(self):
            return loader(48)

    def train(*ours):
        trainer = trainer_for(tmp_path, *ours, reload_dataloaders_every_n_epochs=1)
        trainer.fit(MakesLoaders())
        return trainer

    watched = watch(train, n_samples=24)
    first, second = watched.monitor.history
    np.testing.assert_array_equal(first.sample_ids, second.sample_ids)


@pytest.mark.scenario("`trainer.test` and `trainer.predict`: not recorded")
def test_testing_and_predicting_are_left_alone(tmp_path):
    class Predicts(Net):
        def test_step(self, batch, batch_idx):
            self.seen = hooks_of(self)

        def predict_step(self, batch, batch_idx):
            self.seen += hooks_of(self)

    monitor, model = TopologyMonitor(), Predicts()
    trainer = trainer_for(tmp_path, monitor)
    trainer.test(model, loader(), verbose=False)
    trainer.predict(model, loader(), return_predictions=False)
    assert model.seen == 0
    assert len(monitor.history) == 0
