"""What is broken, said while a run goes on: once of every layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from topocallback.analysis.layers import ALL_EQUAL, LEFT_OUT
from topocallback.findings.table import ALERTS
from topocallback.monitor.reports import Reports
from topocallback.monitor.run import MeasuredStep
from topocallback.records.finding import Finding
from topocallback.records.wording import layers_in_words, shown

__all__ = ["LAST_WITHOUT_ALERT", "Alerts", "last_without_alert", "without_alerts"]

LAST_WITHOUT_ALERT = "topology/last_step_without_alert"
"""The name under which other callbacks find the step of the last snapshot without any alert."""


_SAYS_THE_SAME = {"nan_layers": LEFT_OUT, "dead_units": ALL_EQUAL}


class Alerts:
    """Warns of alerts, of each kind once for every layer of a run.

    Args:
        reports: Where to warn.
    """

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self.begin()

    def begin(self) -> None:
        """Say that a run begins: nothing has been said of it."""
        self._told: set[tuple[str, str]] = set()

    def tell(self, findings: Iterable[Finding]) -> None:
        """Warn of what is broken, where that is news.

        Args:
            findings: What was found at a step.
        """
        for finding in findings:
            if finding.is_alert:
                self._tell(finding)

    def _tell(self, finding: Finding) -> None:
        new = [layer for layer in finding.layers if (finding.kind, layer) not in self._told]
        self._told |= {(finding.kind, layer) for layer in new}
        if len(new) == len(finding.layers):
            self._reports.warn(finding.statement)
        elif new:
            self._reports.warn(f"{finding.statement} New: {layers_in_words([shown(layer) for layer in new])}.")


def without_alerts(problems: Mapping[str, str], findings: Iterable[Finding]) -> dict[str, str]:
    """Layers and what went wrong with them, without those of which an alert says the same.

    Args:
        problems: Layer to what went wrong with it.
        findings: What was found at the step.
    """
    said = {(layer, _SAYS_THE_SAME.get(finding.kind, "?")) for finding in findings for layer in finding.layers}
    # Several sentences say more than that.
    return {
        layer: problem
        for layer, problem in problems.items()
        if ". " in problem or not any(problem.endswith(ending) for of, ending in said if of == layer)
    }


def last_without_alert(measured: MeasuredStep, before: float = math.nan) -> float:
    """The step of the last snapshot without any alert, which a callback can monitor.

    Args:
        measured: The last step.
        before: The same before it.

    Returns:
        The last step, if every kind of alert was asked for and there is none; else what was before.
    """
    is_known = all(kind in measured.alerts for kind in ALERTS)
    return float(measured.snapshot.step) if is_known and not any(measured.alerts.values()) else before
