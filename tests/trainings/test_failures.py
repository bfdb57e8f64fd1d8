"""What goes wrong costs one warning and at most that snapshot: never the run, never a hang."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger
from small_trainings import Net, events, fit, hooks_of, loader, our_warnings, steps_of, trainer_for, watch

import topocallback.monitor.delivery
from topocallback import Snapshot, TopologyMonitor, load_history

pytestmark = pytest.mark.long


def messages_of(folder: Path, monitor: TopologyMonitor, *callbacks: pl.Callback, **options) -> list[str]:
    """What the monitor warns about in a training."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(folder, monitor, *callbacks, **options)
    return our_warnings(caught)


# -- The run fails ---------------------------------------------------------------------------------------------------


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


class FailsInValidation(Net):
    """In its forward pass, in the second batch of the second validation."""

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.fails = self.trainer.current_epoch == 1 and batch_idx == 1
        super().validation_step(batch, batch_idx)

    def forward(self, x):
        output = super().forward(x)
        if not self.training and self.fails:
            self.hooks = hooks_of(self)
            raise RuntimeError("out of luck")
        return output


@pytest.mark.scenario("an exception in `validation_step`")
def test_an_exception_in_a_validation_step_leaves_no_hook_and_loses_no_snapshot(tmp_path):
    monitor, model = TopologyMonitor(), FailsInValidation()
    trainer = trainer_for(tmp_path, monitor)
    with pytest.raises(RuntimeError, match="out of luck"):
        trainer.fit(model, loader(), loader())
    assert model.hooks > 0
    assert hooks_of(model) == 0
    assert len(monitor.history) == 1
    assert len(events(trainer.log_dir).Scalars("topology/noise_H1/stem")) == 1


@pytest.mark.scenario("KeyboardInterrupt")
def test_an_interrupted_run_leaves_no_hook_and_loses_no_snapshot(tmp_path):
    monitor, model = TopologyMonitor(), Net()
    trainer = trainer_for(tmp_path, monitor, Stop(KeyboardInterrupt()))
    with pytest.raises(SystemExit):
        trainer.fit(model, loader(), loader())
    assert hooks_of(model) == 0
    assert len(monitor.history) == 1
    assert len(events(trainer.log_dir).Scalars("topology/noise_H1/stem")) == 1


@pytest.mark.scenario("a training after one that failed")
def test_after_a_failure_the_next_training_is_recorded(tmp_path):
    monitor = TopologyMonitor()
    with pytest.raises(RuntimeError):
        trainer_for(tmp_path, monitor).fit(FailsInValidation(), loader(), loader())
    trainer = fit(tmp_path, monitor)
    assert monitor.history.steps == steps_of(trainer.log_dir) == (3, 7)


# -- The analysis fails ----------------------------------------------------------------------------------------------


def failing_measure(first, second):
    raise ArithmeticError("no such distance")


class FailsOnce:
    """A distance that cannot be computed the first time."""

    __name__ = "unreliable"

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, first, second):
        self.calls += bool(len(first) and len(second))  # how far a layer is from nothing need not be defined
        if self.calls == 1:
            raise ArithmeticError("not yet")
        return 0.0


@pytest.mark.scenario("an exception inside the analysis")
@pytest.mark.parametrize("background", [True, False])
def test_a_failing_analysis_costs_one_warning(tmp_path, background):
    options = {"measures": ["sliced_wasserstein", failing_measure], "background": background}
    watched = watch(lambda *ours: fit(tmp_path, *ours, max_epochs=3), counted=False, **options)
    assert ["no such distance" in message for message in watched.warnings] == [True]
    for snapshot in watched.monitor.history:
        assert np.isnan(snapshot.distances["failing_measure", 1].matrix).all()
        assert np.isfinite(snapshot.distances["sliced_wasserstein", 1].matrix).all()
    assert len(watched.monitor.history) == 3


@pytest.mark.scenario("a measure that fails once: only its numbers of that step are lost")
def test_a_failure_costs_one_measure_of_one_step_and_not_the_next(tmp_path):
    monitor = TopologyMonitor(measures=[FailsOnce()])
    messages = messages_of(tmp_path, monitor, max_epochs=3)
    assert ["not yet" in message for message in messages] == [True]
    assert monitor.history.steps == (3, 7, 11)


@pytest.mark.scenario("an exception inside the analysis with `on_error='raise'`")
@pytest.mark.parametrize("background", [True, False])
def test_a_failing_analysis_raises_if_asked_to(tmp_path, background):
    monitor = TopologyMonitor(measures=[failing_measure], on_error="raise", background=background)
    with pytest.raises(RuntimeError, match="ArithmeticError: no such distance"):
        fit(tmp_path, monitor)


def test_a_failing_analysis_does_not_hide_why_the_run_failed(tmp_path):
    monitor = TopologyMonitor(measures=[failing_measure], on_error="raise")
    trainer = trainer_for(tmp_path, monitor, Stop(RuntimeError("out of luck"), epoch=0))
    with pytest.warns(UserWarning, match="no such distance"), pytest.raises(RuntimeError, match="out of luck"):
        trainer.fit(Net(), loader(), loader())


# -- The analysis hangs ----------------------------------------------------------------------------------------------


class Hangs:
    """A distance that is not computed before it is let go."""

    __name__ = "endless"

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def __call__(self, first, second):
        self.let_go.wait(120)
        return 0.0


@contextmanager
def hanging_measure():
    """A distance that hangs as long as the block runs; no thread is left behind it."""
    measure = Hangs()
    try:
        yield measure
    finally:
        measure.let_go.set()
        for thread in threading.enumerate():
            if thread.name == "topocallback":
                thread.join(60)
                assert not thread.is_alive()


@pytest.fixture
def waits(monkeypatch):
    """Every wait that the monitor asks for, each cut to a tenth of a second."""
    asked = []

    class Impatient(topocallback.monitor.delivery.BackgroundWorker):
        def submit(self, job, timeout=300.0):
            asked.append(timeout)
            return super().submit(job, min(timeout, 0.1))

        def wait(self, timeout=300.0):
            asked.append(timeout)
            return super().wait(min(timeout, 0.1))

    monkeypatch.setattr(topocallback.monitor.delivery, "BackgroundWorker", Impatient)
    return asked


@pytest.mark.scenario("an analysis that hangs: every wait is bounded and said")
def test_a_hanging_analysis_costs_its_snapshots_and_no_run(tmp_path, waits, caplog):
    with hanging_measure() as measure:
        messages = messages_of(tmp_path, TopologyMonitor(measures=[measure], figures=False), max_epochs=6)
    # The first step without a place in the queue; how many there were, and what is lost, at the end.
    said = ("step 11 is left out", "4 steps are left out in all, from step 11 to step 23", "gave up; 2 snapshot")
    assert [what in message for what, message in zip(said, messages, strict=True)] == [True] * 3
    assert max(waits) <= 300
    # Who waited once in vain does not wait again: all waits but the first have no length.
    assert [seconds for seconds in waits if seconds > 0] == [300] * 3
    assert "waiting for the analysis of an earlier step" in caplog.text


@pytest.mark.scenario("an interrupted run with an analysis that hangs")
def test_an_interrupted_run_waits_less_long_for_a_hanging_analysis(tmp_path, waits):
    with hanging_measure() as measure:
        monitor = TopologyMonitor(measures=[measure], figures=False)
        trainer = trainer_for(tmp_path, monitor, Stop(KeyboardInterrupt()))
        with pytest.warns(UserWarning, match="gave up; 1 snapshot"), pytest.raises(SystemExit):
            trainer.fit(Net(), loader(), loader())
    assert waits == [300, 20]  # for a place in the queue, and after the interruption


# -- The disk fails --------------------------------------------------------------------------------------------------


@contextmanager
def largest_file(size: int):
    """No file can grow beyond a size: the operating system refuses the write, as it does on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.scenario("a full disk")
@pytest.mark.parametrize("background", [True, False])
def test_a_full_disk_costs_the_archive_and_no_number(tmp_path, background):
    logger = CSVLogger(tmp_path)
    with largest_file(8000):
        monitor = TopologyMonitor(background=background, layers=["stem"], n_samples=64)
        messages = messages_of(tmp_path, monitor, logger=logger, val=loader(512))
    assert [message.split(": ")[1] for message in messages] == [
        "OSError while keeping step 3",
        "CSVLogger gets nothing",
    ]
    assert tuple(snapshot.step for snapshot in monitor.history) == (3, 7)
    assert not list(tmp_path.rglob("*.npz"))
    assert not list(tmp_path.rglob("*.partial"))
    written = (Path(logger.log_dir) / "metrics.csv").read_text()
    assert sum("," in line for line in written.splitlines()) >= 3


@pytest.mark.scenario("a directory that cannot be written")
def test_an_archive_that_cannot_be_made_costs_one_warning_and_no_number(tmp_path):
    (tmp_path / "file").write_text("in the way")
    monitor = TopologyMonitor()
    trainer = trainer_for(tmp_path / "file", monitor, logger=False)
    with pytest.warns(UserWarning, match="while making an archive") as caught:
        trainer.fit(Net(), loader(), loader())
    assert len(our_warnings(caught)) == 1
    assert [snapshot.step for snapshot in monitor.history] == [3, 7]


@pytest.mark.scenario("a file where the archive should be")
def test_a_file_where_the_archive_should_be_is_passed_by(tmp_path):
    trainer = trainer_for(tmp_path, TopologyMonitor())
    Path(trainer.log_dir).mkdir(parents=True)
    (Path(trainer.log_dir) / "topology").write_text("in the way")
    trainer.fit(Net(), loader(), loader())
    assert len(events(trainer.log_dir).Scalars("topology/noise_H1/stem")) == 2
    assert load_history(trainer.log_dir).folder.name == "topology-v1"


@pytest.mark.scenario("truncated and foreign files in the archive")
def test_damaged_files_are_reported_and_skipped_and_never_unpickled(tmp_path):
    trainer = fit(tmp_path, TopologyMonitor(figures=False), max_epochs=3)
    folder = Path(trainer.log_dir) / "topology"
    whole = (folder / "step=7.npz").read_bytes()
    (folder / "step=7.npz").write_bytes(whole[: len(whole) // 2])
    acts_when_read = f"cposix\nsystem\n(S'touch {tmp_path / 'unpickled'}'\ntR."
    (folder / "step=5.npz").write_bytes(acts_when_read.encode())
    with pytest.warns(UserWarning, match="Left out .*no readable snapshot") as caught:
        history = load_history(trainer.log_dir)
    assert sorted(Path(str(warning.message).split()[2].rstrip(",")).name for warning in caught) == [
        "step=5.npz",
        "step=7.npz",
    ]
    assert history.steps == (3, 11)
    assert not (tmp_path / "unpickled").exists()


# -- The process is killed -------------------------------------------------------------------------------------------

_TRAINING = """
import sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
from small_trainings import Path, TopologyMonitor, fit
fit(Path(sys.argv[2]), TopologyMonitor(figures=False, n_samples=32), max_epochs=-1, logger=False)
"""


@pytest.mark.scenario("`kill -9` at any moment")
@pytest.mark.parametrize(("snapshots", "seconds"), [(1, 0.003), (3, 0.021), (9, 0.05)])
def test_a_killed_run_leaves_only_whole_snapshots(tmp_path, snapshots, seconds):
    tests = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", _TRAINING, str(tests), str(tmp_path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        draining = threading.Thread(target=process.stderr.read)
        draining.start()
        give_up = time.monotonic() + 120
        while len(list(tmp_path.rglob("step=*.npz"))) < snapshots:
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.002)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        draining.join(60)
    written = sorted(tmp_path.rglob("step=*.npz"))
    assert len(written) >= snapshots
    assert len(load_history(tmp_path)) == len(written)
    assert all(len(Snapshot.load(path).sample_ids) == 32 for path in written)
