"""Measured steps on their way to a Trainer's loggers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_info

from topocallback.monitor.background import BackgroundWorker
from topocallback.monitor.layer_problems import by_cause
from topocallback.monitor.reports import Reports
from topocallback.monitor.run import MeasuredStep
from topocallback.records.snapshot import Snapshot
from topocallback.records.wording import layers_in_words
from topocallback.views.logging import write_for_tab, write_pictures, write_scalars

__all__ = ["LONGEST_WAIT", "WAIT_AFTER_FAILURE", "Delivery"]

LONGEST_WAIT = 300.0
"""Seconds, for a place in the queue and at the end of a run."""

WAIT_AFTER_FAILURE = 20.0
"""Seconds: who interrupts a run wants it to end."""


class Delivery:
    """Has steps measured in the background, and logs those that are done.

    Loggers are called in the caller's thread only: few of them are thread-safe. One that fails costs a report and what
    it should have written, nothing else.

    Args:
        reports: Where to say what went wrong.
    """

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._worker: BackgroundWorker[MeasuredStep] = BackgroundWorker()
        self._gave_up = False  # a wait that ended without a result is not repeated until there is one

    def __reduce__(self) -> tuple[Any, ...]:
        """Without its thread and the steps there, so that it can travel to other processes."""
        return Delivery, (self._reports,)

    def submit(self, measure: Callable[[], MeasuredStep], step: int) -> None:
        """Have a step measured in the background, after those that were submitted before.

        Args:
            measure: Measures it.
            step: The logger's step.

        Raises:
            TimeoutError: If there was no place in the queue in time.
        """
        wait = 0.0 if self._gave_up else LONGEST_WAIT
        if wait and self._worker.full:
            rank_zero_info("TopologyMonitor: waiting for the analysis of an earlier step ...")
        if not self._worker.submit(measure, wait):
            self._gave_up = True
            raise TimeoutError(
                f"the analyses of earlier steps took more than {LONGEST_WAIT:.0f} s, so step {step} is left out. "
                "Lower `n_samples` or raise `every_n_validations`."
            )

    def wait(self, timeout: float = LONGEST_WAIT) -> bool:
        """Wait until all steps are measured.

        Args:
            timeout: Longest wait, in seconds.

        Returns:
            Whether they are.
        """
        return self._worker.wait(timeout)

    def deliver(self, trainer: pl.Trainer) -> None:
        """Log what has been measured in the background since the last call."""
        for result in self._worker.finished():
            self._gave_up = False
            if isinstance(result, BaseException):
                self._reports.fail("analysing", result)
                continue
            self._report(trainer, result)
            self._log_scalars(trainer, result)
            self._log_pictures(trainer, result)

    def deliver_now(self, trainer: pl.Trainer, measured: MeasuredStep | None) -> None:
        """Log a step that was measured in the foreground.

        Args:
            trainer: Whose loggers get it.
            measured: The step, or ``None`` where there is none.
        """
        if measured is not None:
            self._report(trainer, measured)
            self._log_scalars(trainer, measured)
            self._log_pictures(trainer, measured)

    def finish(self, trainer: pl.Trainer, timeout: float) -> None:
        """Wait for the steps that are still being measured, and log them; what is not done in time is lost.

        Args:
            trainer: Whose loggers get them.
            timeout: Longest wait, in seconds; none where an earlier one ended in vain.
        """
        timeout = 0.0 if self._gave_up else timeout
        if timeout and self._worker.pending:
            rank_zero_info(
                f"TopologyMonitor: waiting up to {timeout:.0f} s for {self._worker.pending} snapshot(s) still being "
                "analysed ..."
            )
        with self._reports.guarded("waiting for the last snapshots"):
            done = self._worker.wait(timeout)
            self.deliver(trainer)
            if not done:
                self._gave_up = True
                raise TimeoutError(f"gave up; {self._worker.pending} snapshot(s) are lost.")

    def _report(self, trainer: pl.Trainer, measured: MeasuredStep) -> None:
        snapshot = measured.snapshot
        for found in by_cause(self._reports, _of_layers(snapshot)):
            self._reports.warn(f"{layers_in_words(found.layers)}: {found.problem}")
        labels = {table.about.title: table.about.label for table in snapshot.distances.values()}
        labels |= {table.about.title: table.about.label for table in snapshot.statistics.values()}
        for name, problem in snapshot.problems.items():
            if name in labels:  # once, whatever the homology dimension
                self._reports.complain(f"{labels[name]}: {problem}")
        if "drift" in snapshot.problems:
            self._reports.warn(snapshot.problems["drift"])
        # A fast dev run validates one batch, however many there are.
        if "noise" in snapshot.problems and not getattr(trainer, "fast_dev_run", False):
            self._reports.warn(f"{snapshot.problems['noise']} Raise `n_samples`, or validate on more samples.")
        for note in measured.notes:
            self._reports.tell(note, note)
        for error in measured.errors:
            self._reports.fail(f"keeping step {measured.snapshot.step}", error)

    def _log_scalars(self, trainer: pl.Trainer, measured: MeasuredStep) -> None:
        for logger in trainer.loggers:
            with self._reports.guarded(f"logging to {type(logger).__name__}"):
                write_scalars(logger, measured.snapshot)

    def _log_pictures(self, trainer: pl.Trainer, measured: MeasuredStep) -> None:
        for logger in trainer.loggers:
            with self._reports.guarded(f"logging pictures to {type(logger).__name__}"):
                write_pictures(logger, measured.pictures, measured.snapshot.step)
            with self._reports.guarded(f"writing for the tab to {type(logger).__name__}"):
                write_for_tab(logger, measured.payload, measured.sprite, measured.snapshot.step)


def _of_layers(snapshot: Snapshot) -> dict[str, str]:
    """What went wrong with layers that were measured; of those that were left out it has been said."""
    return {layer: snapshot.problems[layer] for layer in snapshot.layers if layer in snapshot.problems}
