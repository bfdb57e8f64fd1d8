"""Ctrl-C and SIGTERM while the monitor waits: the first one ends the wait; the process ends as without a monitor."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

_TESTS = Path(__file__).parents[1]

_TRAINING = """
import signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # which processes in the background of a shell ignore
sys.path.insert(0, sys.argv[1])
import lightning.pytorch as pl
import topocallback.monitor.callback
from small_trainings import Path, TopologyMonitor, fit

topocallback.monitor.callback.WAIT_AFTER_FAILURE = 600.0

class Hangs:
    __name__ = "endless"
    def __call__(self, first, second):
        threading.Event().wait(600)

class InterruptsItself(pl.Callback):
    def on_train_end(self, trainer, pl_module):
        raise KeyboardInterrupt

monitor = TopologyMonitor(measures=[Hangs()], figures=False, n_samples=32)
also = [InterruptsItself()] if sys.argv[3] == "interrupted" else []
try:
    fit(Path(sys.argv[2]), monitor, *also, max_epochs=int(sys.argv[4]), logger=False)
finally:
    print("training has ended", file=sys.stderr, flush=True)
"""


def run_until(text: str, folder: Path, how: str, epochs: int, number: int) -> tuple[int, str]:
    """Exit status and what was said of a process that gets a signal in a wait which would outlast this test."""
    command = [sys.executable, "-c", _TRAINING, str(_TESTS), str(folder), how, str(epochs)]
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        waits = threading.Event()

        def read():
            for line in process.stderr:
                said.append(line)
                if text in line:
                    waits.set()

        reading = threading.Thread(target=read)
        reading.start()
        try:
            assert waits.wait(120), said
            time.sleep(0.5)
            process.send_signal(number)
            status = process.wait(200)
        finally:
            process.kill()
        reading.join(60)
    return status, "".join(said)


@pytest.mark.scenario("Ctrl-C while the monitor waits")
@pytest.mark.parametrize(
    ("text", "how", "epochs", "lost"),
    [
        ("waiting up to 300 s", "", 1, "1 snapshot(s) are lost"),
        ("waiting for the analysis of an earlier step", "", 4, "step 11 is left out, for the wait"),
        # Lightning ignores a second one; the monitor, which waits, does not.
        ("waiting up to 600 s", "interrupted", 1, "1 snapshot(s) are lost"),
    ],
)
def test_ctrl_c_ends_a_wait_at_once_and_what_is_lost_is_said(tmp_path, text, how, epochs, lost):
    status, said = run_until(text, tmp_path, how, epochs, signal.SIGINT)
    assert status == 1  # as Lightning ends an interrupted process
    assert lost in said
    assert said.count("are lost") == 1
    assert "Detected KeyboardInterrupt" in said


@pytest.mark.scenario("SIGTERM while the monitor waits")
@pytest.mark.parametrize(
    ("text", "epochs", "expected"),
    [
        ("waiting up to 300 s", 1, -signal.SIGTERM),  # at the end of `fit` Lightning has taken its handler off
        ("waiting for the analysis of an earlier step", 4, 0),  # Lightning's own end, by `SIGTERMException`
    ],
)
def test_sigterm_ends_a_wait_at_once(tmp_path, text, epochs, expected):
    status, said = run_until(text, tmp_path, "", epochs, signal.SIGTERM)
    assert status == expected
    assert ("step 11 is left out" in said) == (epochs > 1)
