"""Three hundred validations in one process: nothing piles up."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from small_trainings import fit, loader

import topocallback
from topocallback import TopologyMonitor

_PACKAGE = str(Path(topocallback.__file__).parent)


class Tally(pl.Callback):
    """What there is after every validation: bytes, objects, tensors, threads; and the package's calls in between.

    The calls are those of the training thread. With ``background=False`` the analysis is among them.
    """

    def __init__(self) -> None:
        self.memory = []
        self.objects = []
        self.tensors = []
        self.threads = []
        self.calls = []
        self._calls = 0

    def on_train_start(self, trainer, pl_module):
        tracemalloc.start()

    def on_validation_start(self, trainer, pl_module):
        self._calls = 0
        sys.setprofile(self._count)

    def on_validation_end(self, trainer, pl_module):
        sys.setprofile(None)
        if trainer.sanity_checking:
            return
        self.calls.append(self._calls)
        if len(self.calls) % 20 == 0:
            gc.collect()
            everything = gc.get_objects()
            self.memory.append(tracemalloc.get_traced_memory()[0])
            self.objects.append(len(everything))
            self.tensors.append(sum(type(thing) is torch.Tensor for thing in everything))
            self.threads.append(threading.active_count())

    def on_train_end(self, trainer, pl_module):
        tracemalloc.stop()

    def _count(self, frame, event, argument):
        self._calls += event == "call" and frame.f_code.co_filename.startswith(_PACKAGE)


@pytest.mark.scenario("300 validations in one process")
@pytest.mark.parametrize("background", [True, False])
def test_three_hundred_validations_leave_nothing_behind(tmp_path, background):
    threads = set(threading.enumerate())
    monitor, tally = TopologyMonitor(["stem", "head"], n_samples=16, background=background), Tally()
    fit(
        tmp_path,
        tally,
        monitor,
        train=loader(300, batch_size=1),
        val=loader(32),
        max_epochs=1,
        val_check_interval=1,
        logger=False,
    )
    assert len(tally.calls) == len(monitor.history) == 300
    assert pyplot.get_fignums() == []
    assert set(threading.enumerate()) <= threads
    # The first hundred fill caches.
    early, late = (slice(5, 10), slice(10, 15))
    assert np.median(tally.memory[late]) < np.median(tally.memory[early]) + 200_000
    assert np.median(tally.objects[late]) < np.median(tally.objects[early]) + 500
    assert np.median(tally.tensors[late]) <= np.median(tally.tensors[early]) + 5
    assert np.median(tally.threads[late]) <= np.median(tally.threads[early])
    # Cost, told by the package's calls and not by a clock.
    assert np.median(tally.calls[200:]) <= 1.05 * np.median(tally.calls[100:200])
