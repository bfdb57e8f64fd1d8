"""What a comparison cannot say, and why."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topocallback.findings.differences import compared_pairs, tested_tables
from topocallback.findings.evidence import evidence
from topocallback.findings.wording import about_layers, sentence
from topocallback.records.comparison import Comparison
from topocallback.records.finding import Finding
from topocallback.records.wording import shown

__all__ = ["not_said"]

_RULE = "Said where something that findings stand on was not measured."


def not_said(comparison: Comparison) -> list[Finding]:
    """What is not said of a comparison for want of something: a second checkpoint, p-values, noise, common layers.

    Args:
        comparison: The comparison.

    Returns:
        One finding for each thing that is wanting.
    """
    question = "What cannot be said, and why?"
    return [Finding(question, (), reason, evidence(_RULE, {}), 0.0, "not_said") for reason in _reasons(comparison)]


def _reasons(comparison: Comparison) -> Iterator[str]:
    if len(comparison.checkpoints) < 2:
        yield "There is one checkpoint: what differs between checkpoints, and when layers settle, needs two."
    if not comparison.distances:
        yield "No distance was measured: nothing is said of what differs."
        return
    yield from _without_tests(comparison)
    yield from _without_points(comparison)
    yield from _without_partner(comparison)


def _without_tests(comparison: Comparison) -> Iterator[str]:
    several = len(comparison.checkpoints) > len(comparison.runs)
    tables = tested_tables(comparison)
    if not tables:
        all_paired = all(table.about.paired for table in comparison.distances.values())
        why = (
            "All distances need the same samples on both sides, and have standard errors in place of p-values: measure "
            "one between diagrams too, such as sliced_wasserstein"
            if all_paired
            else "No distance has a p-value: from 24 samples on, distances between diagrams have one"
        )
        yield f"{why}. Which layers differ beyond noise, or still move, is not said."
    first = comparison.distances.of()
    if several and not any(np.isfinite(table.noise).any() for table in first):
        yield (
            f"The noise of {first[0].about.label or first[0].about.measure} is not known: when layers settled, and "
            "which still move, is not said."
        )


def _without_points(comparison: Comparison) -> Iterator[str]:
    empty = np.flatnonzero(comparison.n_points == 0)
    if len(empty):
        layers = tuple(comparison.layers[number] for number in np.unique(comparison.layer_of[empty]))
        checkpoints = {comparison.checkpoints[number].name for number in comparison.checkpoint_of[empty]}
        verb = "has" if len(layers) == 1 else "have"
        one = repr(shown(next(iter(checkpoints))))
        where = f"in {one}" if len(checkpoints) == 1 else f"in {len(checkpoints)} checkpoints"
        yield sentence(f"{about_layers(layers)} {verb} no finite point {where}: nothing is said of that.")


def _without_partner(comparison: Comparison) -> Iterator[str]:
    ends = sorted({number for pair in compared_pairs(comparison) for number in pair})
    if not ends:
        return
    has = np.zeros((len(comparison.checkpoints), len(comparison.layers)), dtype=bool)
    has[comparison.checkpoint_of, comparison.layer_of] = True
    partial = has[ends].any(axis=0) & ~has[ends].all(axis=0)
    if not has[ends].all(axis=0).any() and not (has[ends].sum(axis=0) > 1).any():
        names = ", ".join(repr(shown(comparison.checkpoints[number].name)) for number in ends[:3])
        yield f"The compared checkpoints, such as {names}, have no layer in common: which layers differ is not said."
    elif partial.any():
        layers = tuple(comparison.layers[number] for number in np.flatnonzero(partial))
        yield (
            f"Not in all compared checkpoints: {about_layers(layers)}. They are held only against those that have them."
        )
