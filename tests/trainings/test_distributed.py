"""Several processes: two on one machine that exchange tensors by gloo."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from small_trainings import (
    LAYERS,
    ExactNet,
    LeavesGroupAtExit,
    Net,
    assert_same_numbers,
    fit,
    in_two_processes,
    loader,
    our_warnings,
    steps_of,
    trainer_for,
    watch,
)
from torch.distributed.fsdp import fully_shard

from topocallback import TopologyMonitor, load_history

_DDP = {"strategy": "ddp", "devices": 2}


def log_directory(folder: Path) -> Path:
    """Of the latest run in it."""
    return max((folder / "run").glob("version_*"))


# -- DistributedDataParallel -----------------------------------------------------------------------------------------


def train_by_ddp(folder: Path) -> None:
    options = _DDP | {"val": loader(51, batch_size=4), "max_epochs": 3}
    watched = watch(lambda *ours: fit(folder, *ours, model=ExactNet(), **options), counted=False)
    assert watched.warnings == []
    watch(lambda *ours: fit(folder / "learns", *ours, model=Net(), **options), counted=False, background=False)


@pytest.mark.scenario("DistributedDataParallel, two processes")
def test_two_processes_train_the_same_with_and_without_and_give_the_snapshots_of_one(tmp_path):
    in_two_processes(train_by_ddp, tmp_path / "two")
    alone = TopologyMonitor(pooling="flatten", figures=False)
    fit(tmp_path / "one", alone, model=ExactNet(), val=loader(51, batch_size=4), max_epochs=3)
    together = load_history(log_directory(tmp_path / "two"))
    assert together.steps == steps_of(log_directory(tmp_path / "two"))
    assert len(together) == len(alone.history) == 3
    for mine, theirs in zip(together, alone.history, strict=True):
        assert mine.layers == LAYERS
        assert_same_numbers(mine, theirs)


@pytest.mark.scenario("`ddp_spawn`: the callback is pickled")
def test_spawned_processes_give_the_snapshot_of_one(tmp_path):
    alone = TopologyMonitor(n_samples=24)
    trainer_for(tmp_path / "one", alone).validate(ExactNet(), loader(51, batch_size=4), verbose=False)
    ours = TopologyMonitor(n_samples=24), LeavesGroupAtExit()
    trainer = trainer_for(tmp_path / "two", *ours, strategy="ddp_spawn", devices=2)
    trainer.validate(ExactNet(), loader(51, batch_size=4), verbose=False)
    assert_same_numbers(alone.history[0], load_history(log_directory(tmp_path / "two"))[0])


# -- Fully sharded ---------------------------------------------------------------------------------------------------


class ShardedNet(ExactNet):
    """Every block's weights, and all the others, in two shards."""

    def configure_model(self) -> None:
        for part in (*self.blocks, self):
            fully_shard(part, mesh=self.device_mesh["data_parallel"])


def train_in_shards(folder: Path) -> None:
    def train(*ours):
        strategy = ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1)
        return fit(folder, *ours, model=ShardedNet(), val=loader(51, batch_size=4), strategy=strategy, devices=2)

    assert watch(train, counted=False).warnings == []


@pytest.mark.skipif(
    torch.__version__.startswith("2.6."), reason="PyTorch 2.6 shards weights on GPUs only: a CPU's stream has no events"
)
@pytest.mark.scenario("FSDP2 (`ModelParallelStrategy`), two processes")
def test_sharded_weights_give_the_snapshots_of_whole_ones(tmp_path):
    in_two_processes(train_in_shards, tmp_path / "two")
    alone = TopologyMonitor(pooling="flatten", figures=False)
    fit(tmp_path / "one", alone, model=ExactNet(), val=loader(51, batch_size=4))
    together = load_history(log_directory(tmp_path / "two"))
    assert together.steps == steps_of(log_directory(tmp_path / "two"))
    for mine, theirs in zip(together, alone.history, strict=True):
        assert_same_numbers(mine, theirs)


# -- Who waits for whom ----------------------------------------------------------------------------------------------


class WaitsForTheOtherProcess:
    """A distance that is known only when process 1 has left its training."""

    __name__ = "patience"

    def __init__(self, left: Path) -> None:
        self.left = left

    def __call__(self, first, second):
        give_up = time.monotonic() + 60
        while not self.left.exists():
            if time.monotonic() > give_up:
                raise TimeoutError("process 1 waits for the analysis")
            time.sleep(0.01)
        return 1.0


class SaysThatItLeaves(pl.Callback):
    def __init__(self, left: Path) -> None:
        self.left = left

    def teardown(self, trainer, pl_module, stage):
        if trainer.global_rank == 1:
            self.left.touch()


def train_with_patience(folder: Path) -> None:
    left = folder / "left"
    monitor = TopologyMonitor(measures=[WaitsForTheOtherProcess(left)], on_error="raise", figures=False)
    # Before the monitor in the list: what it does at the end of its own process must not matter.
    fit(folder, SaysThatItLeaves(left), monitor, **_DDP)


@pytest.mark.scenario("the first process analyses, the others never wait for it")
def test_other_processes_finish_their_training_before_the_first_analysis_is_done(tmp_path):
    in_two_processes(train_with_patience, tmp_path)
    assert len(load_history(log_directory(tmp_path))) == 2


# -- One decision for all --------------------------------------------------------------------------------------------


class BreaksTheRecorder(pl.Callback):
    """Something unforeseen in the monitor of one process, in the first epoch."""

    def __init__(self, monitor: TopologyMonitor) -> None:
        self.monitor = monitor

    def on_validation_epoch_start(self, trainer, pl_module):
        if trainer.global_rank == 1 and trainer.current_epoch == 0 and not trainer.sanity_checking:
            self.monitor._watch._recorder.start_batch = lambda *args, **kwargs: 1 / 0


def train_with_one_failure(folder: Path) -> None:
    monitor = TopologyMonitor(figures=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(folder, monitor, BreaksTheRecorder(monitor), **_DDP)
    expected = ["ZeroDivisionError"] if torch.distributed.get_rank() == 1 else []
    assert [message.split(": ")[1].split()[0] for message in our_warnings(caught)] == expected


@pytest.mark.scenario("a failure in one process of several")
def test_what_fails_in_one_process_costs_that_snapshot_in_all_and_nobody_waits(tmp_path):
    in_two_processes(train_with_one_failure, tmp_path)
    directory = log_directory(tmp_path)
    assert load_history(directory).steps == steps_of(directory)[1:]


class FailsInOneProcessOnly:
    """A cloud that process 1 cannot make of one layer."""

    def __call__(self, values):
        if torch.distributed.get_rank() == 1 and values.shape[1] == 3:
            raise ArithmeticError("not in this process")
        return values


def train_with_one_failing_layer(folder: Path) -> None:
    fit(folder, TopologyMonitor(pooling=FailsInOneProcessOnly(), figures=False), **_DDP)


@pytest.mark.scenario("a layer that fails in one process of several")
def test_a_layer_that_fails_in_one_process_is_left_out_in_all(tmp_path):
    in_two_processes(train_with_one_failing_layer, tmp_path)
    snapshots = load_history(log_directory(tmp_path))
    assert [snapshot.layers for snapshot in snapshots] == [LAYERS[:-1]] * 2
    assert "process 1: failed" in snapshots[0].problems["head"]


# -- Data that are spread unevenly -----------------------------------------------------------------------------------


def validate_few(folder: Path) -> None:
    for n in (1, 3):
        trainer_for(folder / str(n), TopologyMonitor(figures=False), **_DDP).validate(
            ExactNet(), loader(n, batch_size=2), verbose=False
        )


@pytest.mark.scenario("fewer validation samples than processes need")
def test_padded_samples_are_counted_once(tmp_path):
    in_two_processes(validate_few, tmp_path)
    for n in (1, 3):
        assert load_history(log_directory(tmp_path / str(n)))[0].sample_ids.tolist() == list(range(n))
