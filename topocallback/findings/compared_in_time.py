"""When the layers of compared runs settled, and which still move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topocallback.findings.differences import tested_tables
from topocallback.findings.evidence import evidence
from topocallback.findings.levels import surely
from topocallback.findings.wording import capped, per_layer
from topocallback.records.comparison import Comparison
from topocallback.records.finding import Finding
from topocallback.records.results import LEVEL
from topocallback.records.settling import FEWEST_BETWEEN, SETTLED_ALL_THE_SAME, Settling
from topocallback.records.wording import shown
from topocallback.views.captions import last_steps, times_noise, why_not_settled

__all__ = ["settled", "settling_order", "still_moving"]

_QUESTION = "Which layers have settled?"
_QUESTION_OF_MOVING = "Which layers still move?"
_MOST_LAYERS = 12
_MOST_RUNS = 12
_RULE_OF_SETTLED = (
    "A layer has settled from the step on from which no distance from the run's last checkpoint exceeds its noise, in "
    f"any homology dimension, with at least {FEWEST_BETWEEN} checkpoints in between. A layer that walks on by 0.8 "
    f"noise per checkpoint is said to have settled in {100 * SETTLED_ALL_THE_SAME:g} % of cases."
)
_RULE_OF_MOVING = (
    "Said where the sign-flip test over disjoint parts of the samples tells a layer of the last checkpoint from the "
    "same of the one before, corrected for all runs, layers and homology dimensions together (Benjamini and Hochberg)."
)


def settled(comparison: Comparison) -> list[Finding]:
    """When the layers of each run settled.

    Args:
        comparison: The comparison.

    Returns:
        One finding for each run that has several checkpoints, of which the layers are those that settled; none where
        the noise is not known. Of many runs the last finding says how many there are.
    """
    tables = comparison.distances.of() if comparison.distances else []
    runs = _by_run(_latest([entry for table in tables for entry in comparison.settling(*table.about.key)]))
    found = [_settled(run, entries, comparison) for run, entries in list(runs.items())[:_MOST_RUNS]]
    if len(runs) > _MOST_RUNS:
        count = sum(any(entry.settled for entry in entries) for entries in runs.values())
        statement = f"{len(runs) - _MOST_RUNS} more runs; in {count} of all {len(runs)} a layer settled."
        found.append(Finding(_QUESTION, (), statement, evidence(_RULE_OF_SETTLED, {}), 0.0, "settled"))
    return found


def still_moving(comparison: Comparison) -> list[Finding]:
    """Which layers of each run still moved between its last two checkpoints.

    Args:
        comparison: The comparison.

    Returns:
        One finding for each run in which one is told apart from itself. Of many runs the last finding says how many
        there are.
    """
    entries = [entry for table in tested_tables(comparison) for entry in comparison.settling(*table.about.key)]
    moves = surely(np.array([entry.last_p for entry in entries]))
    moving = _by_run([entry for entry, does in zip(entries, moves, strict=True) if does])
    found = [_moving(run, of_run, comparison) for run, of_run in list(moving.items())[:_MOST_RUNS]]
    if len(moving) > _MOST_RUNS:
        statement = f"Layers of {len(moving) - _MOST_RUNS} more runs still move, of {len(moving)} in all."
        about = evidence(_RULE_OF_MOVING, {})
        found.append(Finding(_QUESTION_OF_MOVING, (), statement, about, LEVEL, "still_moving"))
    return found


def settling_order(entries: Sequence[Settling]) -> str:
    """When the layers of one run settled, in a line.

    Args:
        entries: Earliest first.

    Example:
        >>> line = np.arange(6) * 10, np.zeros(6), np.ones(6)
        >>> settling_order([Settling("run", "stem", *line, 1, 0.4, 0.3), Settling("run", "head", *line, 5, 2.5, 0.01)])
        'settled from step on: stem (10); not settled: head'
    """
    found: dict[str, list[str]] = {}
    for entry in entries:
        kind = "settled from step on" if entry.settled else why_not_settled(entry)
        name = shown(entry.layer)
        found.setdefault(kind, []).append(f"{name} ({entry.step})" if entry.settled else name)
    return "; ".join(f"{kind}: {capped(layers, _MOST_LAYERS)}" for kind, layers in found.items())


def _settled(run: str, entries: Sequence[Settling], comparison: Comparison) -> Finding:
    statement = f"Settling of {shown(run)}: {settling_order(entries)}. Last step: {last_steps(entries)}."
    numbers = {
        "settled from step": per_layer({entry.layer: entry.step if entry.settled else None for entry in entries}),
        "last step, times noise": per_layer({entry.layer: entry.last_times_noise for entry in entries}),
    }
    layers = _in_order(comparison, [entry.layer for entry in entries if entry.settled])
    level = SETTLED_ALL_THE_SAME if layers else 0.0
    return Finding(_QUESTION, layers, statement, evidence(_RULE_OF_SETTLED, numbers), level, "settled")


def _moving(run: str, entries: Sequence[Settling], comparison: Comparison) -> Finding:
    largest: dict[str, Settling] = {}
    for entry in sorted(entries, key=lambda entry: -entry.last_times_noise):
        largest.setdefault(entry.layer, entry)
    sizes = [f"{shown(layer)} ({times_noise(entry.last_times_noise)})" for layer, entry in largest.items()]
    steps = entries[0].steps
    verb = "moves" if len(largest) == 1 else "move"
    statement = f"In {shown(run)} {capped(sizes, _MOST_LAYERS)} still {verb}, from step {steps[-2]} to {steps[-1]}."
    numbers = {
        "last step, times noise": per_layer({layer: entry.last_times_noise for layer, entry in largest.items()}),
        "last step, p-value": per_layer({layer: entry.last_p for layer, entry in largest.items()}),
    }
    layers = _in_order(comparison, list(largest))
    return Finding(_QUESTION_OF_MOVING, layers, statement, evidence(_RULE_OF_MOVING, numbers), LEVEL, "still_moving")


def _latest(entries: Sequence[Settling]) -> list[Settling]:
    """Of each run and layer the homology dimension in which it settled last: it has not before it has in all."""
    found: dict[tuple[str, str], Settling] = {}
    for entry in entries:
        known = found.get((entry.run, entry.layer))
        if known is None or entry.position > known.position:
            found[entry.run, entry.layer] = entry
    return sorted(found.values(), key=lambda entry: entry.step)


def _by_run(entries: Sequence[Settling]) -> dict[str, list[Settling]]:
    found: dict[str, list[Settling]] = {}
    for entry in entries:
        found.setdefault(entry.run, []).append(entry)
    return found


def _in_order(comparison: Comparison, layers: Sequence[str]) -> tuple[str, ...]:
    wanted = set(layers)
    return tuple(layer for layer in comparison.layers if layer in wanted)
