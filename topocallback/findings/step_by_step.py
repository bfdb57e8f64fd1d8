"""A run's findings as they were at each of its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from topocallback.findings.course import Course
from topocallback.findings.table import ALERTS, findings_of
from topocallback.records.finding import Finding
from topocallback.records.snapshot import Snapshot

__all__ = ["StepByStep"]


class StepByStep:
    """Goes through a run's snapshots, and says at each what was found until then.

    Args:
        tell: Given a sentence for what fails: for a kind of findings once, for a snapshot that cannot be taken in each
            time. Neither costs anything else.

    Attributes:
        course: The run until its last step.

    Example:
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> cloud = np.random.default_rng(0).normal(size=(40, 3))
        >>> run = StepByStep(print)
        >>> run(analyse(PointClouds({"stem": cloud}), step=1)), run.alerts([])["nan_layers"]
        ([], 0)
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self.course = Course()
        self._told: set[str] = set()
        self._failing: set[str] = set()  # at the last step

    def take(self, snapshot: Snapshot) -> None:
        """Go on with the next snapshot, without asking. After one that cannot be taken in the run begins anew."""
        try:
            self.course.add(snapshot)
        except Exception as error:  # a damaged file may hold anything
            self.course = Course()
            self._tell(f"Findings begin anew after step {snapshot.step}: {type(error).__name__}: {error}")

    def ask(self) -> list[Finding]:
        """What is found as of the last snapshot, alerts first."""
        self._failing = set()
        return [] if self.course.last is None else findings_of(self.course, failed=self._failed)

    def __call__(self, snapshot: Snapshot) -> list[Finding]:
        """Go on with the next snapshot, and ask."""
        self.take(snapshot)
        return self.ask()

    def alerts(self, findings: Iterable[Finding]) -> dict[str, int]:
        """How many layers have each alert, 0 where all is well; what could not be asked at the last step is not there.

        Args:
            findings: What was found at the last step.
        """
        if self.course.last is None:
            return {}
        counts = dict.fromkeys((kind for kind in ALERTS if kind not in self._failing), 0)
        for finding in findings:
            if finding.is_alert:
                counts[finding.kind] = counts.get(finding.kind, 0) + max(1, len(finding.layers))
        return counts

    def _failed(self, kind: str, error: Exception) -> None:
        self._failing.add(kind)
        if kind not in self._told:
            self._told.add(kind)
            step = self.course.steps[-1]
            self._tell(f"No findings of the kind {kind!r} from step {step} on: {type(error).__name__}: {error}")
