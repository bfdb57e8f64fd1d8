"""Ctrl-C and SIGTERM while the monitor waits: the first one ends the wait; the process ends as without a monitor."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]

_TRAINING = """
import signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # which processes in the background of a shell ignore
sys.path.insert(0, sys.argv[1])
import lightning.pytorch as pl
from small_trainings import Path, TopologyMonitor, fit

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


def run_until(text: str, folder: Path, how: str, epochs: int, signals: list[int]) -> tuple[int, str, float]:
    """Exit status, what was said, and the seconds from the first signal until its training has ended."""
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
            start = time.monotonic()
            for number in signals:
                process.send_signal(number)
                time.sleep(0.5)
            status = process.wait(60)
        finally:
            process.kill()
        took = time.monotonic() - start
        reading.join(60)
    return status, "".join(said), took


@pytest.mark.scenario("Ctrl-C while the monitor waits")
@pytest.mark.parametrize(
    ("text", "how", "epochs", "signals", "lost"),
    [
        ("waiting up to 300 s", "", 1, [signal.SIGINT], "1 snapshot(s) are lost"),
        ("waiting for the analysis of an earlier step", "", 4, [signal.SIGINT], "step 11 is left out, for the wait"),
        # Lightning ignores a second one; the monitor, which waits, does not.
        ("waiting up to 20 s", "interrupted", 1, [signal.SIGINT], "1 snapshot(s) are lost"),
    ],
)
def test_ctrl_c_ends_a_wait_at_once_and_what_is_lost_is_said(tmp_path, text, how, epochs, signals, lost):
    status, said, took = run_until(text, tmp_path, how, epochs, signals)
    assert status == 1  # as Lightning ends an interrupted process
    assert took < 15
    assert lost in said
    assert "Detected KeyboardInterrupt" in said


@pytest.mark.scenario("SIGTERM while the monitor waits")
@pytest.mark.parametrize(
    ("text", "epochs"), [("waiting up to 300 s", 1), ("waiting for the analysis of an earlier step", 4)]
)
def test_sigterm_ends_a_wait_at_once(tmp_path, text, epochs):
    status, said, took = run_until(text, tmp_path, "", epochs, [signal.SIGTERM])
    assert status in (-signal.SIGTERM, 128 + signal.SIGTERM, 1, 143)
    assert took < 15, said
