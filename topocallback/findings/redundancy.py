"""Which neighbouring layers cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topocallback.findings.course import Course
from topocallback.findings.evidence import evidence, heatmap
from topocallback.findings.wording import about_layers, sentence
from topocallback.records.finding import Finding
from topocallback.records.nearest import NearestSamples
from topocallback.records.results import LEVEL, LayerDistances
from topocallback.records.snapshot import Snapshot

__all__ = ["redundant"]

_ENOUGH_SHARED = 0.9
_QUESTION = "Which layers are redundant?"
_RULE = (
    "Said of two layers that follow each other where their distance is at most their noise and the test does not tell "
    f"them apart, in every homology dimension, and at least {_ENOUGH_SHARED:.0%} of the samples' nearest neighbours "
    "are the same in both. It does not say that the second one can be taken out without loss."
)


def redundant(run: Course) -> list[Finding]:
    """Pairs of layers that follow each other and cannot be told apart, neither by shape nor by neighbours.

    That a test tells two layers not apart would be no evidence by itself: of few samples it never does. So the samples
    have to have the same neighbours as well.

    Args:
        run: The run.

    Returns:
        One finding for each pair.
    """
    snapshot, tables = run.last, run.diagram_distances()
    if snapshot is None or not tables:
        return []
    return [
        _of_pair(snapshot, tables, i, shared)
        for i in range(len(snapshot.layers) - 1)
        if _is_within_noise(tables, i) and (shared := _shared(snapshot, i)) >= _ENOUGH_SHARED
    ]


def _of_pair(snapshot: Snapshot, tables: Sequence[LayerDistances], i: int, shared: float) -> Finding:
    first, second = pair = snapshot.layers[i : i + 2]
    times = {table.about.title: float(table.times_noise[i, i + 1]) for table in tables}
    statement = (
        f"{sentence(about_layers([second]))} does next to nothing after {about_layers([first])}: the samples keep "
        f"{shared:.0%} of their nearest neighbours, and the two are not told apart."
    )
    numbers = {f"{title}, in multiples of noise": value for title, value in times.items()}
    numbers |= {"share of nearest neighbours that are the same": shared}
    view = heatmap(tables[-1].about, first, second)
    return Finding(_QUESTION, pair, statement, evidence(_RULE, numbers, view), LEVEL, "redundant")


def _is_within_noise(tables: Sequence[LayerDistances], i: int) -> bool:
    return all(table.times_noise[i, i + 1] <= 1 and table.p_values[i, i + 1] > LEVEL for table in tables)


def _shared(snapshot: Snapshot, i: int) -> float:
    """The share of nearest neighbours that two layers have in common; NaN where that is not known or says nothing."""
    both = [snapshot.nearest.get(layer) for layer in snapshot.layers[i : i + 2]]
    if any(nearest is None or not _has_a_shape(nearest) for nearest in both):
        return float("nan")
    first, second = (nearest for nearest in both if nearest is not None)
    return first.shared_with(second)


def _has_a_shape(nearest: NearestSamples) -> bool:
    """Whether samples differ at all: of equal ones, who is nearest is a matter of their order."""
    return bool(np.nanmedian(nearest.distances) > 0) if nearest.is_known.any() else False
