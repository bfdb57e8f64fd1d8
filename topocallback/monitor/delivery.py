"""Measured steps on their way to a Trainer's loggers."""

from __future__ import annotations

import re
import signal
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_info

from topocallback.memory import available_memory, look_again, size_in_words
from topocallback.monitor.alerts import Alerts, without_alerts
from topocallback.monitor.background import BackgroundWorker
from topocallback.monitor.disks import Disks
from topocallback.monitor.layer_problems import by_cause
from topocallback.monitor.reports import Reports
from topocallback.monitor.run import MeasuredStep
from topocallback.monitor.spent import Spent
from topocallback.records.snapshot import Snapshot
from topocallback.records.wording import layers_in_words
from topocallback.views.logging import local_directory, size_of, write_for_tab, write_pictures, write_scalars

__all__ = ["LONGEST_WAIT", "WAIT_AFTER_FAILURE", "Delivery"]

LONGEST_WAIT = 300.0
"""Seconds, for places in the queue in all of a run, and at its end."""

WAIT_AFTER_FAILURE = 20.0
"""Seconds: who interrupts a run wants it to end."""

_MOST_OF_MEMORY = 0.5
"""Share of what is available that one more step's clouds may take beside those that are being analysed. Each layer may
have 80 % of it: a second step would take 80 % of the rest, and leave the run 4 %."""


class Delivery:
    """Has steps measured in the background, and logs those that are done.

    Loggers are called in the caller's thread only: few of them are thread-safe. One that fails costs a report and what
    it should have written, nothing else. Every wait ends at once where somebody wants the process to end.

    Args:
        reports: Where to say what went wrong.
        disks: Knows whether there is room for what loggers write.
        spent: Counts what steps take.
        quantities: Which numbers loggers get; by default all. See ``logged_quantities``.
    """

    def __init__(
        self,
        reports: Reports,
        disks: Disks | None = None,
        spent: Spent | None = None,
        quantities: Container[str] | None = None,
    ) -> None:
        self._reports = reports
        self._quantities = quantities
        self._disks = Disks() if disks is None else disks
        self._spent = Spent() if spent is None else spent
        self._alerts = Alerts(reports)
        self._worker: BackgroundWorker[MeasuredStep] = BackgroundWorker(is_urgent=self._is_urgent)
        self._loggers: deque[Sequence[Any] | None] = deque()  # of the steps that are not delivered yet
        self._done: deque[MeasuredStep | BaseException] = deque()  # of these, the ones that are measured
        self._trainer: Callable[[], pl.Trainer | None] = lambda: None
        self.begin()

    def __reduce__(self) -> tuple[Any, ...]:
        """Without its thread and the steps there, so that it can travel to other processes."""
        return Delivery, (self._reports, self._disks, self._spent, self._quantities)

    def begin(self) -> None:
        """Say that a run begins: it has all of its waits before it."""
        self._alerts.begin()
        self._gave_up = False  # a wait that ended without a result is not repeated until there is one
        self._interrupted = False
        self._patience = LONGEST_WAIT
        self._left_out: list[int] = []

    def submit(self, measure: Callable[[], MeasuredStep], step: int, loggers: Sequence[Any] | None = None) -> None:
        """Have a step measured in the background, after those that were submitted before.

        Args:
            measure: Measures it.
            step: The logger's step.
            loggers: Whose step it is; by default those of whoever has it delivered.

        Raises:
            TimeoutError: If there was no place in the queue in time. It is raised for the first such step of a run; of
                the others ``finish`` says how many there were.
        """
        if self._waited(lambda left: self._worker.submit(measure, left), waits=self._worker.full, step=step):
            self._loggers.append(loggers)
            return
        self._leave_out(step, f"the analyses of earlier steps took more than {LONGEST_WAIT:.0f} s")

    def make_room(self, n_bytes: int, step: int) -> bool:
        """Wait until what is being measured is done, where there is no memory for the clouds of one more step.

        Args:
            n_bytes: How much the clouds of the step before took.
            step: The logger's step.

        Returns:
            Whether there is room. Where the system does not tell how much memory there is, there always is.

        Raises:
            TimeoutError: If there is none in time; see ``submit``.
        """
        available = available_memory() if self._worker.pending else None
        if available is None or n_bytes <= _MOST_OF_MEMORY * available:
            return True
        if self._waited(self._worker.wait, waits=True, step=step):
            look_again()
            return True
        self._leave_out(step, f"there is no memory for {size_in_words(n_bytes)} beside the step that is being analysed")
        return False

    def _waited(self, wait: Callable[[float], bool], *, waits: bool, step: int) -> bool:
        """Whether a wait ended in time, which a run has for all of them together."""
        left = 0.0 if self._gave_up else self._patience
        if left and waits:
            rank_zero_info("TopologyMonitor: waiting for the analysis of an earlier step ...")
        start = time.monotonic()
        try:
            done = wait(left)
        except KeyboardInterrupt:
            self._interrupted = True
            self._reports.warn(f"step {step} is left out, for the wait for its place was interrupted.")
            raise
        if waits:
            self._patience = max(0.0, self._patience - (time.monotonic() - start))
        return done

    def _leave_out(self, step: int, why: str) -> None:
        self._gave_up = True
        self._left_out.append(step)
        if len(self._left_out) == 1:
            raise TimeoutError(f"{why}, so step {step} is left out. Lower `n_samples` or raise `every_n_validations`.")

    def wait(self, timeout: float = LONGEST_WAIT) -> bool:
        """Wait until all steps are measured.

        Args:
            timeout: Longest wait, in seconds.

        Returns:
            Whether they are.
        """
        return self._worker.wait(timeout)

    @property
    def pending(self) -> int:
        """How many steps are being measured, or measured and not logged yet."""
        return len(self._loggers)

    def deliver(self, trainer: pl.Trainer) -> None:
        """Log what has been measured in the background since the last call, each step where it was recorded."""
        self._trainer = weakref.ref(trainer)
        self._done.extend(self._worker.finished())
        while self._done:  # one by one: what raises costs no other step
            result, loggers = self._done.popleft(), self._loggers.popleft()
            self._gave_up = False
            if isinstance(result, BaseException):
                self._reports.fail("analysing", result)
            else:
                self._log(trainer, trainer.loggers if loggers is None else loggers, result)

    def deliver_now(self, trainer: pl.Trainer, measured: MeasuredStep | None) -> None:
        """Log a step that was measured in the foreground.

        Args:
            trainer: Whose loggers get it.
            measured: The step, or ``None`` where there is none.
        """
        if measured is not None:
            self._log(trainer, trainer.loggers, measured)

    def deliver_pictures(self, trainer: pl.Trainer, drawn: MeasuredStep | None) -> None:
        """Log the pictures of a step whose numbers are logged already.

        Args:
            trainer: Whose loggers get them.
            drawn: The step, or ``None`` where there is none.
        """
        if drawn is None:
            return
        for error in drawn.errors:
            self._reports.fail(f"drawing step {drawn.snapshot.step}", error)
        with self._spent("loggers"):
            self._log_pictures([logger for logger in trainer.loggers if self._has_room(logger, drawn)], drawn)

    def finish(self, trainer: pl.Trainer, timeout: float) -> None:
        """Wait for the steps that are still being measured, and log them; what is not done in time is lost.

        Args:
            trainer: Whose loggers get them.
            timeout: Longest wait, in seconds; none where an earlier one ended in vain or was interrupted.

        Raises:
            KeyboardInterrupt: If the wait is interrupted: what is done has been logged by then, the rest is lost.
        """
        self._trainer = weakref.ref(trainer)
        timeout = 0.0 if self._gave_up or self._interrupted else timeout
        if timeout and self._worker.pending:
            rank_zero_info(
                f"TopologyMonitor: waiting up to {timeout:.0f} s for {self._worker.pending} snapshot(s) still being "
                "analysed ..."
            )
        try:
            with self._reports.guarded("waiting for the last snapshots"):
                with self._interrupts_end_the_wait():
                    done = self._worker.wait(timeout)
                self._end(trainer, done)
        except KeyboardInterrupt:
            self._interrupted = True
            try:
                self._end(trainer, done=not self._worker.pending)
            except Exception as error:  # which must not hide the interrupt
                self._reports.warn(f"{type(error).__name__} while waiting for the last snapshots: {error}")
            raise

    def _end(self, trainer: pl.Trainer, done: bool) -> None:
        self.deliver(trainer)
        if len(self._left_out) > 1:
            left_out, self._left_out = self._left_out, []
            self._reports.warn(
                f"{len(left_out)} steps are left out in all, from step {left_out[0]} to step {left_out[-1]}, because "
                "there was no place for them in the queue."
            )
        if not done:
            self._gave_up = True
            raise TimeoutError(f"gave up; {self._worker.pending} snapshot(s) are lost.")

    # -- Who wants the process to end -------------------------------------------------------------------------------

    def _is_urgent(self) -> bool:
        return self._interrupted or bool(getattr(self._trainer(), "received_sigterm", False))

    @contextmanager
    def _interrupts_end_the_wait(self) -> Iterator[None]:
        """Lightning ignores Ctrl-C from the first one on, while it shuts down: here a further one ends the wait."""
        of_main_thread = threading.current_thread() is threading.main_thread()
        if not of_main_thread or signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            yield
            return
        signal.signal(signal.SIGINT, lambda *_: setattr(self, "_interrupted", True))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    # -- One step ---------------------------------------------------------------------------------------------------

    def _log(self, trainer: pl.Trainer, loggers: Sequence[Any], measured: MeasuredStep) -> None:
        self._spent.add(measured.seconds)
        with self._spent("loggers"):
            self._report(trainer, measured)
            with_room = [logger for logger in loggers if self._has_room(logger, measured)]
            self._log_scalars(with_room, measured)
            self._log_pictures(with_room, measured)

    def _report(self, trainer: pl.Trainer, measured: MeasuredStep) -> None:
        snapshot = measured.snapshot
        self._alerts.tell(measured.findings)
        for found in by_cause(self._reports, without_alerts(_of_layers(snapshot), measured.findings)):
            self._reports.warn(f"{layers_in_words(found.layers)}: {found.problem}")
        labels = {table.about.title: table.about.label for table in snapshot.distances.values()}
        labels |= {table.about.title: table.about.label for table in snapshot.statistics.values()}
        for name, problem in snapshot.problems.items():
            if name in labels:  # once, whatever the homology dimension
                self._reports.complain(f"{labels[name]}: {problem}")
        for about in ("drift", "reference"):
            if about in snapshot.problems:
                self._reports.warn(snapshot.problems[about])
        # A fast dev run validates one batch, however many there are.
        if "noise" in snapshot.problems and not getattr(trainer, "fast_dev_run", False):
            self._reports.warn(f"{snapshot.problems['noise']} Raise `n_samples`, or validate on more samples.")
        for note in measured.notes:
            self._reports.tell(note, note)
        for error in measured.errors:
            cause = f"keeping a step: {type(error).__name__} {re.sub('[0-9]+', '#', str(error))}"
            if self._reports.news(cause, ["any"]) or self._reports.on_error == "raise":
                self._reports.fail(f"keeping step {snapshot.step}", error)

    def _has_room(self, logger: Any, measured: MeasuredStep) -> bool:
        """Whether there is room for a step on a logger's disk; also where that cannot be known."""
        refusal = None
        with self._reports.guarded(f"looking at the disk of {type(logger).__name__}"):
            directory = local_directory(logger)
            if directory is not None:
                shown = measured.pictures, measured.payload, measured.sprite
                size = size_of(measured.snapshot, *shown, self._quantities)
                refusal = self._disks.refusal(directory, size)
        if refusal is not None:
            self._reports.complain(f"{type(logger).__name__} gets nothing: {refusal}")
        return refusal is None

    def _log_scalars(self, loggers: Sequence[Any], measured: MeasuredStep) -> None:
        for logger in loggers:
            with self._reports.guarded(f"logging to {type(logger).__name__}"):
                write_scalars(logger, measured.snapshot, measured.alerts, self._quantities)

    def _log_pictures(self, loggers: Sequence[Any], measured: MeasuredStep) -> None:
        for logger in loggers:
            with self._reports.guarded(f"logging pictures to {type(logger).__name__}"):
                write_pictures(logger, measured.pictures, measured.snapshot.step)
            with self._reports.guarded(f"writing for the tab to {type(logger).__name__}"):
                write_for_tab(logger, measured.payload, measured.sprite, measured.snapshot.step)


def _of_layers(snapshot: Snapshot) -> dict[str, str]:
    """What went wrong with layers that were measured; of those that were left out it has been said."""
    return {layer: snapshot.problems[layer] for layer in snapshot.layers if layer in snapshot.problems}
