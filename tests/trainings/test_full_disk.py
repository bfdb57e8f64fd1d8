"""Disks that fill up, and folders that cannot be written: the run goes on as it does without a monitor."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from small_trainings import Net, events, loader, our_warnings, steps_of, trainer_for

from topocallback import TopologyMonitor, load_history

pytestmark = pytest.mark.long

_MEGABYTE = 1_000_000


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 12 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


class Fills(pl.Callback):
    """Leaves so many bytes on a disk from one epoch on, and gives them back in another."""

    def __init__(self, folder: Path, left: int, epoch: int = 1, until: int = 1000) -> None:
        self.file = folder / "filler"
        self.folder = folder
        self.left = left
        self.epoch = epoch
        self.until = until

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            self.file.write_bytes(b"x" * (shutil.disk_usage(self.folder).free - self.left))
        if trainer.current_epoch == self.until:
            self.file.unlink()


class LogsMuch(Net):
    """What a run logs of its own takes most of what is left."""

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.log_dict({f"{'a_long_name_' * 20}{index}": loss for index in range(4)})
        return loss


def train(logger, *callbacks, **options):
    """The weights after a training, the monitor's warnings, and the Trainer."""
    pl.seed_everything(1, verbose=False)
    trainer = trainer_for(Path(logger.save_dir), *callbacks, logger=logger, log_every_n_steps=1, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(LogsMuch(), loader(shuffle=True), loader())
    return dict(trainer.lightning_module.state_dict()), our_warnings(caught), trainer


@pytest.mark.scenario("a full disk, with TensorBoard's logger")
@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("left", [60_000, 900_000])
def test_a_run_on_a_full_disk_ends_as_without_a_monitor(small_disk, tmp_path, background, left):
    epochs = {"max_epochs": 8}
    expected, _, _ = train(TensorBoardLogger(small_disk / "alone"), Fills(small_disk, left), **epochs)
    (small_disk / "filler").unlink()
    monitor = TopologyMonitor(figures=True, background=background)
    logger = TensorBoardLogger(small_disk / "watched")
    weights, messages, trainer = train(logger, Fills(small_disk, left), monitor, **epochs)
    assert all(torch.equal(value, weights[name]) for name, value in expected.items())
    said_once = ("TensorBoardLogger gets nothing", "keeping step")
    assert [sum(what in message for message in messages) for what in said_once] == [1, 1]
    assert all("so little room left" in message for message in messages)
    assert steps_of(trainer.log_dir) == tuple(range(3, 32, 4))
    assert len(steps_of(trainer.log_dir, "topology/noise_H1/stem")) < 8
    assert tuple(snapshot.step for snapshot in monitor.history) == tuple(range(3, 32, 4))
    assert len(list(Path(trainer.log_dir).rglob("step=*.npz"))) < 8


@pytest.mark.scenario("a disk on which there is room again")
def test_the_monitor_writes_again_when_there_is_room(small_disk):
    monitor, logger = TopologyMonitor(figures=True, background=False), TensorBoardLogger(small_disk)
    _, messages, trainer = train(logger, Fills(small_disk, 900_000, epoch=1, until=3), monitor, max_epochs=5)
    assert len(messages) == 2
    logged = events(trainer.log_dir)
    assert [event.step for event in logged.Images("topology/layer_distance")] == [3, 15, 19]
    # What stayed in memory is archived with the first step for which there is room.
    assert load_history(trainer.log_dir).steps == monitor.history.steps == (3, 7, 11, 15, 19)
    assert [snapshot.step for snapshot in monitor.history[1:3]] == [7, 11]


@pytest.mark.scenario("archive and logger on different disks, one of them full")
def test_a_full_disk_stops_nothing_on_another_one(small_disk, tmp_path):
    monitor = TopologyMonitor(figures=True, background=False)
    loggers = [CSVLogger(tmp_path / "large"), TensorBoardLogger(small_disk)]
    pl.seed_everything(1, verbose=False)
    trainer = trainer_for(tmp_path, Fills(small_disk, 900_000), monitor, logger=loggers, max_epochs=3)
    with pytest.warns(UserWarning, match="TensorBoardLogger gets nothing: there is so little room left") as caught:
        trainer.fit(Net(), loader(), loader())
    assert len(our_warnings(list(caught))) == 1
    assert load_history(loggers[0].log_dir).steps == (3, 7, 11)
    assert steps_of(loggers[1].log_dir, "topology/noise_H1/stem") == (3,)
    assert "topology/noise_H1/stem" in (Path(loggers[0].log_dir) / "metrics.csv").read_text()


# -- Folders ---------------------------------------------------------------------------------------------------------


class Breaks(pl.Callback):
    """Does something to the archive before the second epoch."""

    def __init__(self, monitor: TopologyMonitor, how) -> None:
        self.monitor = monitor
        self.how = how

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 1:
            assert self.monitor.wait()
            self.how(Path(trainer.log_dir) / "topology")


def becomes_a_file(archive: Path) -> None:
    shutil.rmtree(archive)
    archive.write_text("in the way")


def becomes_read_only(archive: Path) -> None:
    subprocess.run(["mount", "--bind", archive, archive], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", archive], check=True, capture_output=True)


@pytest.mark.scenario("an archive that becomes a file or read-only during the run")
@pytest.mark.parametrize(("how", "first"), [(becomes_a_file, 7), (becomes_read_only, 3)])
def test_an_archive_that_cannot_be_written_costs_one_warning_and_no_snapshot(tmp_path, how, first):
    monitor, logger = TopologyMonitor(figures=False), TensorBoardLogger(tmp_path)
    try:
        _, messages, trainer = train(logger, monitor, Breaks(monitor, how), max_epochs=5)
    except subprocess.CalledProcessError:
        pytest.skip("a read-only folder needs the right to mount one")
    finally:
        if how is becomes_read_only:
            for archive in tmp_path.rglob("topology"):
                subprocess.run(["umount", "-l", archive], check=False, capture_output=True)
    assert len(messages) == 1
    assert "while keeping step 7" in messages[0]
    assert "stay in memory, where `history` has them" in messages[0]
    assert monitor.history.steps == tuple(range(first, 20, 4))
    assert steps_of(trainer.log_dir, "topology/noise_H1/stem") == (3, 7, 11, 15, 19)


@pytest.mark.scenario("an archive that is deleted during the run")
def test_an_archive_that_is_deleted_is_begun_again(tmp_path):
    monitor, logger = TopologyMonitor(figures=False), TensorBoardLogger(tmp_path)
    _, messages, trainer = train(logger, monitor, Breaks(monitor, shutil.rmtree), max_epochs=4)
    assert messages == []
    assert load_history(trainer.log_dir).steps == monitor.history.steps == (7, 11, 15)


@pytest.mark.scenario("an object store")
def test_where_nothing_can_be_known_of_the_disk_everything_is_written(tmp_path):
    class InAnObjectStore(CSVLogger):
        written = 0

        @property
        def log_dir(self):
            return "memory://logs"

        @property
        def save_dir(self):
            return "memory://logs"

        def save(self):
            pass

        def log_metrics(self, metrics, step=None):
            self.written += "topology/seconds" in metrics

    logger = InAnObjectStore(tmp_path)
    monitor = TopologyMonitor(background=False, archive=False)
    trainer_for(tmp_path, monitor, logger=logger).fit(Net(), loader(), loader())
    assert logger.written == 2
