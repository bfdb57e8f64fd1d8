"""How far each layer is from itself at another step: by diagrams, which a record holds, or by clouds that were kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topocallback.analysis.analysed import Analysed
from topocallback.analysis.layers import LayerMeasurements, layer_facts
from topocallback.analysis.options import AnalysisOptions
from topocallback.analysis.question import Question
from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts
from topocallback.measures.noise import PreparedLayer, p_values_of_pairs, prepare_layer, spread_at_n
from topocallback.measures.pairs import distance_on_common_samples

__all__ = ["CloudDrift", "drift_of_clouds", "drift_of_diagrams", "p_values_of_drift", "table_of_clouds"]


# -- By diagrams -----------------------------------------------------------------------------------------------------


def drift_of_diagrams(
    question: Question, earlier: Analysed | None
) -> tuple[NDArray[np.float64], list[int], list[PreparedLayer]]:
    """Each layer's distance from itself in another snapshot, by a distance that needs nothing but diagrams.

    There is none in a run's first snapshot: whoever waits for drift to fall would take a 0 there for its end.

    Args:
        question: The distance.
        earlier: The other snapshot, if there is one.

    Returns:
        (L,) the distances, NaN for a layer that was not there; the rows of the layers that were there; their parts.
    """
    distance = question.distance
    drift = np.full(len(question.prepared), np.nan)
    if earlier is None:
        return drift, [], []
    snapshot = earlier.snapshot
    were_there = {layer for layer, n_points in zip(snapshot.layers, snapshot.n_points, strict=True) if n_points}
    if distance.describe().homology_dim not in (None, *snapshot.homology_dims):
        return drift, [], []
    rows = [row for row in question.there if question.clouds.layers[row] in were_there]
    names = [question.clouds.layers[row] for row in rows]
    drift[rows] = [
        distance.between(now.whole, distance.prepare(earlier.facts(name)))
        for now, name in zip(question.at(rows), names, strict=True)
    ]
    return drift, rows, [earlier.parts(distance, name) for name in names]


def p_values_of_drift(question: Question, rows: Sequence[int], before: Sequence[PreparedLayer]) -> NDArray[np.float64]:
    """The p-values of ``drift_of_diagrams``.

    Args:
        question: The distance.
        rows: The rows of the layers that were there.
        before: Their parts.

    Returns:
        (L,) NaN where there is nothing to test.
    """
    p = np.full(len(question.prepared), np.nan)
    p[list(rows)] = p_values_of_pairs(question.distance, question.at(rows), before)
    return p


# -- By clouds -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CloudDrift:
    """A layer's distance from itself, by a distance that needs the clouds.

    Attributes:
        value: The distance; NaN where the clouds cannot be compared.
        error: The standard error of a paired one.
        p_value: The p-value of one that is not paired.
        problem: What went wrong, in a sentence.
    """

    value: float = np.nan
    error: float = np.nan
    p_value: float = np.nan
    problem: str = ""


def drift_of_clouds(
    layer: str,
    now: LayerMeasurements,
    digest: str,
    earlier: Analysed | None,
    options: AnalysisOptions,
    facts_now: Callable[[], LayerFacts],
) -> Mapping[int, CloudDrift]:
    """How far a layer is from itself by the distances that need more than diagrams.

    It is measured in the layer's turn, and not for each distance: the matrix of the kept cloud's distances would be
    made once for each, or live on for all layers.

    Args:
        layer: Its name.
        now: What was measured of it.
        digest: A hash of its cloud.
        earlier: The other step, with the clouds that were kept of it.
        options: What to measure.
        facts_now: Makes its facts once more, for where samples are missing.

    Returns:
        The position of a distance among the options' to the drift; nothing where no clouds were kept.
    """
    asked = [i for i in now.prepared if not options.distances[i].from_diagrams]
    if not asked or earlier is None or earlier.clouds is None or layer not in earlier.clouds.clouds:
        return {}
    # Half precision would tell a cloud from itself.
    is_same = earlier.clouds.digests.get(layer) == digest
    before = None if is_same else layer_facts(earlier.point_clouds(layer), layer, options)
    found = {i: _drift_or_problem(now.prepared[i], before, now.sample_ids, facts_now) for i in asked}
    if before is not None:
        before.let_go()
    return found


def table_of_clouds(
    question: Question, of_layers: Sequence[Mapping[int, CloudDrift]]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    """The drifts of all layers by one distance.

    Args:
        question: The distance.
        of_layers: What ``drift_of_clouds`` gave of each layer.

    Returns:
        ``""``, ``"_errors"`` and ``"_p"`` to (L,) values, errors and p-values; what went wrong to the layers.
    """
    found = [of_layer.get(question.position, CloudDrift()) for of_layer in of_layers]
    problems: dict[str, str] = {}
    for layer, drift in zip(question.clouds.layers, found, strict=True):
        if drift.problem:
            problems[drift.problem] = f"{problems[drift.problem]}, {layer}" if drift.problem in problems else layer
    values, errors, p = np.array([(each.value, each.error, each.p_value) for each in found]).reshape(-1, 3).T
    return {"": values, "_errors": errors, "_p": p}, problems


def _drift_or_problem(
    now: PreparedLayer, before: LayerFacts | None, sample_ids: NDArray[np.int64], facts_now: Callable[[], LayerFacts]
) -> CloudDrift:
    """A measure that refuses a layer, as one whose width has changed, costs that layer."""
    try:
        return _drift(now, before, sample_ids, facts_now)
    except Exception as error:
        return CloudDrift(problem=f"{type(error).__name__}: {error}")


def _drift(
    now: PreparedLayer, before: LayerFacts | None, sample_ids: NDArray[np.int64], facts_now: Callable[[], LayerFacts]
) -> CloudDrift:
    """A layer's drift by one distance; ``None`` for a layer that is as it was."""
    if before is None:
        return _between(now.distance, now, now)
    if now.distance.paired and not np.array_equal(sample_ids, before.sample_ids):
        found = distance_on_common_samples(now.distance, facts_now(), before)
        return CloudDrift() if found is None else CloudDrift(found)
    return _between(now.distance, now, prepare_layer(now.distance, before))


def _between(distance: Distance, now: PreparedLayer, before: PreparedLayer) -> CloudDrift:
    value = float(distance.between(now.whole, before.whole))
    if not distance.paired:
        return CloudDrift(value, p_value=float(p_values_of_pairs(distance, [now], [before])[0]))
    if not len(now.parts) or not len(before.parts):
        return CloudDrift(value)
    of_parts = [distance.between(*pair) for pair in zip(now.parts, before.parts, strict=True)]
    spread = spread_at_n(np.array(of_parts, dtype=np.float64), np.float64(value), distance.behaves_as)
    return CloudDrift(value, float(spread))
