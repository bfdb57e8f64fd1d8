"""``topocallback findings``: what was found in recorded runs, as text or JSON."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from topocallback.cli.lines import warnings_as_lines
from topocallback.findings.lacking import lacking
from topocallback.findings.step_by_step import StepByStep
from topocallback.records.finding import Finding
from topocallback.records.history import History
from topocallback.records.left_out import LeftOutWarning
from topocallback.records.runs import find_runs
from topocallback.records.wording import shown

__all__ = ["run"]

_ALERT_STANDS = 3


@dataclass(frozen=True)
class _Told:
    """What there is to say of one run."""

    name: str
    steps: Sequence[int]
    findings: Sequence[Finding]
    lacking: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        findings = [finding.to_json() for finding in self.findings]
        return {"run": self.name, "steps": list(self.steps), "findings": findings, "lacking": list(self.lacking)}


def run(path: str, *, as_json: bool = False, verbose: bool = False) -> int:
    """Print what was found in one or several runs.

    Args:
        path: A run's log directory, the ``topology`` folder in it, or a folder of several runs.
        as_json: Whether to print JSON: a list of runs, each with its ``run``, ``steps``, ``findings`` and ``lacking``,
            what it has too little for.
        verbose: Whether to say of each finding when it is said, and which numbers are behind it.

    Returns:
        3 if an alert stands in a run, else 1 if something was left out, else 0.

    Raises:
        FileNotFoundError: If there is no snapshot below ``path``.
        ValueError: If none of them can be read.
    """
    with warnings_as_lines() as said:
        told = [_told(name, History(folder)) for name, folder in find_runs(path).items()]
    if not any(each.steps for each in told):
        raise ValueError(f"Expected at least one readable snapshot below {path}, got none.")
    if as_json:
        print(json.dumps([each.to_json() for each in told], allow_nan=False, indent=2))
    else:
        print("\n\n".join("\n".join(map(shown, _lines(each, verbose))) for each in told))
    if any(finding.is_alert for each in told for finding in each.findings):
        return _ALERT_STANDS
    return int(any(issubclass(category, LeftOutWarning) for category in said))


def _told(name: str, history: History) -> _Told:
    run = StepByStep(lambda sentence: warnings.warn(f"{name}: {sentence}", LeftOutWarning, stacklevel=3))
    for _, snapshot in history.readable():
        run.take(snapshot)
    return _Told(name, history.steps, run.ask(), lacking(run.course))


def _lines(told: _Told, verbose: bool) -> Iterator[str]:
    steps = told.steps
    if not steps:
        yield f"{told.name}: no snapshot can be read."
        return
    yield f"{told.name}: {len(steps)} snapshot{'' if len(steps) == 1 else 's'}, the last at step {steps[-1]}."
    for is_alert, same in groupby(told.findings, key=lambda finding: finding.is_alert):
        yield from _grouped(list(same), "ALERT: " if is_alert else "", verbose)
    if not told.findings:
        yield "Nothing was found."
    yield from told.lacking


def _grouped(findings: Sequence[Finding], before: str, verbose: bool) -> Iterator[str]:
    for question in dict.fromkeys(finding.question for finding in findings):
        yield question
        for finding in findings:
            if finding.question == question:
                yield f"  {before}{finding.statement} ({_in_words(finding.level)})"
                yield from (f"    {line}" for line in _evidence(finding) if verbose)


def _in_words(level: float) -> str:
    if not level:
        return "counted"
    return f"said in at most {100 * level:.2g} % of cases where there is nothing to say"


def _evidence(finding: Finding) -> Iterator[str]:
    if finding.layers:
        yield f"Layers: {', '.join(finding.layers)}."
    if rule := finding.evidence.get("rule"):
        yield str(rule)
    for name, numbers in finding.numbers.items():
        yield f"{name}: {_in_text(numbers)}"


def _in_text(numbers: Any) -> str:
    """One number, a text, or one number for each layer."""
    if isinstance(numbers, Iterable) and not isinstance(numbers, str):
        of_layers = [entry for entry in numbers if isinstance(entry, Mapping)]
        return ", ".join(f"{entry.get('layer')} {_number(entry.get('value'))}" for entry in of_layers)
    return _number(numbers)


def _number(value: Any) -> str:
    if value is None:
        return "not known"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
