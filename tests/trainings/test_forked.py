"""Processes that are forked during an analysis, as those of a data loader are: none hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from small_trainings import Net, data, trainer_for
from torch.utils.data import DataLoader

from topocallback import TopologyMonitor
from topocallback.monitor.background import BackgroundWorker

pytestmark = pytest.mark.long

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

_TESTS = Path(__file__).parents[1]

# A process that has not imported anything of the analysis before: its children import what the thread imports.
_FORKS = """
import os, sys, time, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
from small_trainings import Net, Path, data, trainer_for
from torch.utils.data import DataLoader
from topocallback import TopologyMonitor

class Imports:
    def __init__(self, data):
        self.data = data
    def __len__(self):
        return len(self.data)
    def __getitem__(self, index):
        import networkx, scipy.sparse.csgraph, matplotlib.figure, PIL.PngImagePlugin
        return self.data[index]

monitor = TopologyMonitor(n_samples=64)
trainer = trainer_for(Path(sys.argv[2]), monitor, max_epochs=25)
make = lambda: DataLoader(Imports(data(64)), batch_size=32, num_workers=1, multiprocessing_context="fork")
trainer.fit(Net(), make(), make())
assert len(monitor.history) == 25
print("trained")
"""


@pytest.mark.scenario("data loaders that fork processes during an analysis")
def test_fifty_forks_during_analyses_do_not_hang_a_training(tmp_path):
    script = [sys.executable, "-c", _FORKS, str(_TESTS), str(tmp_path)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=500, check=False)
    assert done.stdout.split()[-1:] == ["trained"], done.stderr[-3000:]


@pytest.mark.scenario("a function of the user's own that imports while processes are forked")
def test_a_child_can_import_what_the_thread_imports(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    for number in range(20):
        (tmp_path / f"slowly_imported_{number}.py").write_text("import time\ntime.sleep(0.05)\n")

    def job():
        for number in range(20):
            __import__(f"slowly_imported_{number}")

    worker = BackgroundWorker()
    worker.submit(job)
    children = []
    for _ in range(10):
        time.sleep(0.03)
        child = os.fork()
        if child == 0:
            for number in range(20):
                __import__(f"slowly_imported_{number}")
            os._exit(0)
        children.append(child)
    assert worker.wait(60)
    assert [ends(child) for child in children] == [0] * 10


def ends(child: int, seconds: float = 60.0) -> int | None:
    """The exit status of a process; ``None`` if it hangs, and then it is killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def test_a_worker_in_a_forked_process_has_no_jobs_and_works():
    gate = threading.Event()
    worker = BackgroundWorker()
    worker.submit(lambda: 1)
    assert worker.wait(60)
    for _ in range(2):
        worker.submit(lambda: gate.wait(60), 0)
    assert worker.full
    child = os.fork()
    if child == 0:
        alone = worker.pending == 0 and worker.finished() == [] and worker.wait(0)
        works = worker.submit(lambda: 2, 0) and worker.wait(30) and worker.finished() == [2]
        os._exit(0 if alone and works else 1)
    gate.set()
    assert ends(child) == 0
    assert worker.wait(60)
    assert worker.finished() == [1, True, True]


class HoldsTheMonitor:
    """A data set that every process gets, with the monitor in it."""

    def __init__(self, monitor: TopologyMonitor) -> None:
        self.monitor = monitor
        self.data = data(64)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        assert self.monitor.wait(30)
        return self.data[index]


@pytest.mark.scenario("the monitor in a data loader's processes")
def test_a_monitor_in_a_data_loaders_process_does_no_harm(tmp_path):
    monitor = TopologyMonitor(figures=False, on_error="raise")
    loader = DataLoader(HoldsTheMonitor(monitor), batch_size=16, num_workers=1, multiprocessing_context="fork")
    trainer_for(tmp_path, monitor).fit(Net(), loader, loader)
    assert monitor.history.steps == (3, 7)
