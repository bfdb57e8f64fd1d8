"""How far layers are from where they should be: from the reference, and on training data from validation data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topocallback.analysis.gap import gap_of_distance, gap_p_value
from topocallback.findings.course import Course
from topocallback.findings.evidence import curve, evidence
from topocallback.findings.levels import surely_in_any
from topocallback.findings.wording import about_layers, largest_over_noise, per_layer
from topocallback.records.finding import Finding
from topocallback.records.results import LEVEL, Description, LayerDistances, StatisticTable
from topocallback.records.snapshot import Snapshot

__all__ = ["from_reference", "train_gap"]

_TESTED = f"p-values of all layers and homology dimensions together, by Benjamini and Hochberg at {LEVEL}."
_OF_REFERENCE = f"Said where a test tells the layer apart from itself in the reference: {_TESTED}"
_OF_GAP = (
    "Said where a test tells the layer's training samples apart from its validation samples, as many of each: "
    f"{_TESTED}"
)


def from_reference(run: Course) -> list[Finding]:
    """How far each layer is from where it is in the reference, at the last step.

    Args:
        run: The run.

    Returns:
        One finding for all layers that are told apart from it, or none.
    """
    snapshot, tables = run.last, run.diagram_distances()
    if snapshot is None or not tables:
        return []
    times = largest_over_noise([(table.drift_from_reference, table.noise) for table in tables])
    away = [table.drift_from_reference for table in tables]
    apart = _apart(snapshot, away, [table.drift_from_reference_p for table in tables])
    if not apart:
        return []
    furthest = max(apart, key=lambda layer: times[snapshot.layers.index(layer)])
    not_told = [layer for layer in snapshot.layers if layer not in apart and _is_tested(snapshot, tables, layer)]
    statement = (
        f"At step {snapshot.step}, {_of_all(apart, snapshot)} {'is' if len(apart) == 1 else 'are'} told apart from "
        f"{snapshot.reference or 'the first snapshot'}, {about_layers([furthest])} furthest: "
        f"{times[snapshot.layers.index(furthest)]:.2g} times its noise."
    )
    statement += f" Not told apart: {about_layers(not_told)}." if not_told else ""
    numbers = {"distance, in multiples of noise": per_layer(dict(zip(snapshot.layers, times, strict=True)))}
    view = curve(tables[-1].about, "drift_from_reference", apart)
    question = "How far did training move each layer?"
    return [Finding(question, apart, statement, evidence(_OF_REFERENCE, numbers, view), LEVEL, "from_reference")]


def train_gap(run: Course) -> list[Finding]:
    """Layers in which training samples and validation samples differ, at the last step.

    Args:
        run: The run.

    Returns:
        One finding for all such layers, or none; none where no training samples were recorded.
    """
    snapshot, tables = run.last, run.diagram_distances()
    if snapshot is None:
        return []
    found = [_gap_tables(snapshot, table) for table in tables]
    gaps = [(distance, p, table) for table, (distance, p) in zip(tables, found, strict=True) if distance and p]
    if not gaps:
        return []
    times = largest_over_noise([(distance.values, table.noise) for distance, _, table in gaps])
    apart = _apart(snapshot, [distance.values for distance, _, _ in gaps], [p.values for _, p, _ in gaps])
    if not apart:
        return []
    furthest = max(apart, key=lambda layer: times[snapshot.layers.index(layer)])
    statement = (
        f"At step {snapshot.step}, training and validation samples differ in {_of_all(apart, snapshot)}, most in "
        f"{about_layers([furthest])}: {times[snapshot.layers.index(furthest)]:.2g} times the noise."
    )
    of_layers = {layer: times[snapshot.layers.index(layer)] for layer in apart}
    numbers = {"distance, in multiples of noise": per_layer(of_layers)}
    view = curve(gaps[-1][0].about, "value", apart)
    question = "Where do training and validation data differ?"
    return [Finding(question, apart, statement, evidence(_OF_GAP, numbers, view), LEVEL, "train_gap")]


def _apart(
    snapshot: Snapshot, distances: Sequence[NDArray[np.float64]], p_values: Sequence[NDArray[np.float64]]
) -> tuple[str, ...]:
    is_apart = surely_in_any(distances, p_values)
    return tuple(layer for layer, found in zip(snapshot.layers, is_apart, strict=True) if found)


def _is_tested(snapshot: Snapshot, tables: Sequence[LayerDistances], layer: str) -> bool:
    i = snapshot.layers.index(layer)
    return any(np.isfinite(table.drift_from_reference_p[i]) for table in tables)


def _gap_tables(snapshot: Snapshot, table: LayerDistances) -> tuple[StatisticTable | None, StatisticTable | None]:
    about: Description = table.about
    return snapshot.statistics.get(gap_of_distance(about).key), snapshot.statistics.get(gap_p_value(about).key)


def _of_all(layers: Sequence[str], snapshot: Snapshot) -> str:
    if len(layers) == 1:
        return about_layers(layers)
    n_all = len(snapshot.layers)
    return f"all {n_all} layers" if len(layers) == n_all else f"{len(layers)} of {n_all} layers"
