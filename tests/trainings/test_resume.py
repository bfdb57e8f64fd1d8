"""A run that goes on from a checkpoint."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from small_trainings import Net, assert_same_numbers, fit, hooks_of, loader, steps_of, watch

from topocallback import TopologyMonitor, load_history


class Steady(Net):
    """Starts from the same weights and draws no random number: a run that goes on is the one that did not stop."""

    def __init__(self) -> None:
        pl.seed_everything(1, verbose=False)
        super().__init__()
        self.dropout.p = 0.0


def train(folder: Path, *callbacks, version: int | None = 0, **options):
    """Four epochs unless told otherwise, in one log directory, with a checkpoint after each."""
    saved = ModelCheckpoint(folder / "checkpoints", filename="{epoch}", save_top_k=-1, enable_version_counter=False)
    logger = TensorBoardLogger(folder, name="run", version=version)
    defaults = {"model": Steady(), "train": loader(), "logger": logger, "max_epochs": 4}
    return fit(folder, *callbacks, saved, **(defaults | options))


def monitor(**options) -> TopologyMonitor:
    return TopologyMonitor(figures=False, **options)


def after(folder: Path, epoch: int) -> str:
    return str(folder / "checkpoints" / f"epoch={epoch}.ckpt")


@pytest.mark.scenario("resuming from a checkpoint: the history goes on, and no step comes twice")
@pytest.mark.parametrize("background", [True, False])
def test_a_run_that_goes_on_has_the_history_of_one_that_did_not_stop(tmp_path, background):
    whole = monitor()
    train(tmp_path / "whole", whole)
    train(tmp_path / "parts", monitor(background=background), max_epochs=2)
    resumed = monitor(background=background)
    trainer = train(tmp_path / "parts", resumed, ckpt_path=after(tmp_path / "parts", 1))
    assert resumed.history.steps == load_history(trainer.log_dir).steps == whole.history.steps == (3, 7, 11, 15)
    assert steps_of(trainer.log_dir, "topology/noise_H1/stem") == (3, 7, 11, 15)
    assert steps_of(trainer.log_dir, "topology/drift_H1/stem") == (7, 11, 15)
    for mine, theirs in zip(resumed.history, whole.history, strict=True):
        assert_same_numbers(mine, theirs)


@pytest.mark.scenario("resuming a run that is held against a reference, by distances that need the clouds")
@pytest.mark.parametrize("reference", ["first", "untrained"])
def test_a_run_that_goes_on_is_held_against_the_same_reference(tmp_path, reference):
    options = {"reference": reference, "measures": ["sliced_wasserstein", "cka"], "on_error": "raise"}
    whole, resumed = monitor(**options), monitor(**options)
    train(tmp_path / "whole", whole)
    train(tmp_path / "parts", monitor(**options), max_epochs=2)
    train(tmp_path / "parts", resumed, ckpt_path=after(tmp_path / "parts", 1))
    for mine, theirs in zip(resumed.history, whole.history, strict=True):
        assert_same_numbers(mine, theirs)
        assert mine.reference == theirs.reference
        for name in ("drift", "drift_from_reference", "drift_errors", "drift_from_reference_errors"):
            np.testing.assert_array_equal(getattr(mine.distances["cka"], name), getattr(theirs.distances["cka"], name))


@pytest.mark.scenario("resuming with `num_sanity_val_steps=-1`: only the untrained network is measured in the check")
def test_a_whole_sanity_check_of_a_run_that_goes_on_is_not_measured(tmp_path):
    train(tmp_path, monitor(), max_epochs=2, num_sanity_val_steps=-1)
    resumed = monitor()
    trainer = train(tmp_path, resumed, ckpt_path=after(tmp_path, 1), num_sanity_val_steps=-1)
    assert [folder.name for folder in Path(trainer.log_dir).glob("topology*")] == ["topology"]
    assert resumed.history.steps == load_history(trainer.log_dir).steps == (0, 3, 7, 11, 15)
    assert steps_of(trainer.log_dir, "topology/noise_H1/stem") == (0, 3, 7, 11, 15)
    assert steps_of(trainer.log_dir, "topology/drift_H1/stem") == (3, 7, 11, 15)


@pytest.mark.scenario("resuming from before the last snapshots: they are measured again")
def test_a_run_that_goes_back_measures_again_what_comes_after(tmp_path):
    first = monitor()
    train(tmp_path, first)
    expected = list(first.history)
    resumed = monitor()
    train(tmp_path, resumed, ckpt_path=after(tmp_path, 0))
    assert resumed.history.steps == (3, 7, 11, 15)
    for mine, theirs in zip(resumed.history, expected, strict=True):
        assert_same_numbers(mine, theirs)


@pytest.mark.scenario("resuming with `every_n_validations`: the count goes on")
def test_a_run_that_goes_on_keeps_count_of_its_validations(tmp_path):
    train(tmp_path, monitor(every_n_validations=3), max_epochs=2)
    resumed = monitor(every_n_validations=3)
    train(tmp_path, resumed, ckpt_path=after(tmp_path, 1), max_epochs=5)
    assert resumed.history.steps == (3, 15)


@pytest.mark.scenario("resuming in a new log directory: the history starts there")
def test_a_run_that_goes_on_elsewhere_starts_a_history_there(tmp_path):
    train(tmp_path, monitor(), max_epochs=2)
    resumed = monitor()
    train(tmp_path, resumed, version=1, ckpt_path=after(tmp_path, 1))
    assert resumed.history.steps == (11, 15)
    assert load_history(tmp_path / "run" / "version_0").steps == (3, 7)


@pytest.mark.scenario("resuming with the monitor added, or taken away")
@pytest.mark.parametrize("added", [True, False])
def test_a_checkpoint_serves_with_and_without_the_monitor(tmp_path, added):
    before, afterwards = ([], [monitor()]) if added else ([monitor()], [])
    train(tmp_path, *before, max_epochs=2)
    trainer = train(tmp_path, *afterwards, ckpt_path=after(tmp_path, 1))
    assert trainer.global_step == 16
    assert load_history(trainer.log_dir).steps == ((11, 15) if added else (3, 7))


@pytest.mark.scenario("resuming a run whose archive is damaged")
def test_a_run_goes_on_past_a_damaged_snapshot(tmp_path):
    trainer = train(tmp_path, monitor(), max_epochs=2)
    (Path(trainer.log_dir) / "topology" / "step=3.npz").write_bytes(b"not a snapshot")
    resumed = monitor()
    with pytest.warns(UserWarning, match=r"Left out .*step=3\.npz"):
        train(tmp_path, resumed, ckpt_path=after(tmp_path, 1))
    with pytest.warns(UserWarning, match=r"Left out .*step=3\.npz"):
        assert resumed.history.steps == (7, 11, 15)


@pytest.mark.scenario("resuming changes nothing in the training")
def test_a_resumed_training_is_the_same_with_and_without(tmp_path):
    train(tmp_path, max_epochs=2)
    folder = iter((1, 2))

    def resume(*ours):
        return train(tmp_path, *ours, version=next(folder), ckpt_path=after(tmp_path, 1))

    watched = watch(resume)
    assert watched.warnings == []
    assert hooks_of(watched.trainer.lightning_module) == 0
