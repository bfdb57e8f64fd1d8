"""Three hundred validations in one process: nothing piles up."""

from __future__ import annotations

import gc
import os
import sys
import threading
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from small_trainings import fit, loader

import topocallback
import topocallback.memory
from topocallback import TopologyMonitor

_PACKAGE = str(Path(topocallback.__file__).parent)
_ONCE_A_SECOND = str(Path(topocallback.memory.__file__))  # what is looked up there, however many validations that is


class Tally(pl.Callback):
    """What there is after every twentieth validation: bytes, objects, tensors, threads; and the package's calls in it.

    The calls are those of the training thread; with ``background=False`` the analysis is among them. Each analysis ends
    before the next validation begins, so that none has more snapshots to deliver than another one.
    """

    def __init__(self, monitor) -> None:
        self.monitor = monitor
        self.validations = 0
        self.bytes, self.objects, self.tensors, self.threads, self.calls = [], [], [], [], []
        self._calls = 0

    def on_validation_start(self, trainer, pl_module):
        if self._is_due(trainer):
            self._calls = 0
            sys.setprofile(self._count)

    def on_validation_end(self, trainer, pl_module):
        sys.setprofile(None)
        if self._is_due(trainer):
            gc.collect()
            everything = gc.get_objects()
            self.bytes.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
            self.objects.append(len(everything))
            self.tensors.append(sum(type(thing) is torch.Tensor for thing in everything))
            self.threads.append(threading.active_count())
            self.calls.append(self._calls)
        self.validations += not trainer.sanity_checking
        assert self.monitor.wait()

    def _is_due(self, trainer) -> bool:
        return not trainer.sanity_checking and self.validations % 20 == 19

    def _count(self, frame, event, argument):
        file = frame.f_code.co_filename
        self._calls += event == "call" and file.startswith(_PACKAGE) and file != _ONCE_A_SECOND


def rise(counts: list[int]) -> float:
    """From the validations 100 to 200 to the validations 200 to 300: the first hundred fill caches."""
    return float(np.median(counts[10:]) - np.median(counts[5:10]))


@pytest.mark.long
@pytest.mark.scenario("300 validations in one process: flat memory, flat cost, no figure, thread or hook left")
@pytest.mark.parametrize(("background", "figures"), [(True, True), (False, False)])
def test_three_hundred_validations_leave_nothing_behind(tmp_path, background, figures):
    threads, open_figures = set(threading.enumerate()), pyplot.get_fignums()
    monitor = TopologyMonitor(["stem", "head"], n_samples=24, background=background, figures=figures)
    tally = Tally(monitor)
    one_epoch = {"train": loader(300, batch_size=1), "max_epochs": 1, "val_check_interval": 1}
    fit(tmp_path, tally, monitor, val=loader(24), logger=False, **one_epoch)
    assert len(monitor.history) == tally.validations == 300
    assert pyplot.get_fignums() == open_figures
    assert set(threading.enumerate()) <= threads
    assert rise(tally.bytes) < 10_000_000
    assert rise(tally.objects) < 1000
    assert rise(tally.tensors) < 10
    assert max(tally.threads) <= len(threads) + 1
    assert min(tally.calls) > 100
    # Cost, told by calls and not by a clock.
    assert min(tally.calls[10:]) < 1.05 * min(tally.calls[5:10])
