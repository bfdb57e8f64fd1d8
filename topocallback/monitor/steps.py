"""Watching a model during validation steps, and at no other time."""

from __future__ import annotations

from typing import Any

from topocallback.activations.validation import ValidationRecorder
from topocallback.monitor.reports import Reports

__all__ = ["WatchedStep"]

_STEP = "validation_step"


class WatchedStep:
    """Has a recorder watch one validation step, and no longer, however the step ends.

    After an exception a Trainer calls no hook but ``on_exception``, and not even that one where an earlier callback
    fails in it. So nothing that is undone in a hook may be left on the model: what puts the recorder's hooks on, and
    the compiler's stance, stands around the step itself. All that can stay behind is this object, on the strategy, if
    something fails between the start of the batch and its step. It gives way to the next step, whoever's that is.

    Args:
        recorder: What watches. The step must not have begun.
        strategy: The Trainer's strategy, whose ``validation_step`` calls the model's.
        reports: Where to say that the step could not be watched.

    Example:
        >>> class Strategy:
        ...     def validation_step(self, batch):
        ...         return f"{batch} and {recorder.watches}"
        >>> class Recorder:
        ...     watches = False
        ...     def attach(self):
        ...         self.watches = True
        ...     def detach(self):
        ...         self.watches = False
        >>> strategy, recorder = Strategy(), Recorder()
        >>> _ = WatchedStep(recorder, strategy, Reports("warn"))
        >>> strategy.validation_step("batch"), strategy.validation_step("batch"), recorder.watches
        ('batch and True', 'batch and False', False)
    """

    def __init__(self, recorder: ValidationRecorder, strategy: Any, reports: Reports) -> None:
        self._recorder = recorder
        self._strategy = strategy
        self._reports = reports
        self._step = getattr(strategy, _STEP)
        self._is_somebody_elses = _STEP in vars(strategy)
        self._own = self._run
        setattr(strategy, _STEP, self._own)

    def end(self) -> None:
        """Watch no longer, and leave nothing on the strategy. Doing so twice changes nothing."""
        self._give_way()
        self._recorder.detach()

    def _give_way(self) -> None:
        if vars(self._strategy).get(_STEP) is not self._own:
            return
        if self._is_somebody_elses:
            setattr(self._strategy, _STEP, self._step)
        else:
            delattr(self._strategy, _STEP)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        self._give_way()
        try:
            with self._reports.guarded("watching a validation step", self._recorder.detach):
                self._recorder.attach()
            return self._step(*args, **kwargs)
        finally:
            self._recorder.detach()
