"""From point clouds to a Snapshot: the one place that puts the measures together."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.analysis.layers import Clock, LayerMeasurements, layer_facts, measure_layer
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts
from topocallback.measures.pairs import distance_on_common_samples
from topocallback.measures.parallel import map_threads
from topocallback.records.point_clouds import PointClouds
from topocallback.records.results import LayerDistances, Results, StatisticTable
from topocallback.records.snapshot import Snapshot

__all__ = ["analyse"]

_PACKAGES = ("topocallback", "numpy", "torch", "lightning", "redzed-tda", "gudhi", "ripser")


def analyse(
    clouds: PointClouds,
    options: AnalysisOptions | None = None,
    *,
    step: int = 0,
    epoch: int = 0,
    previous: Snapshot | None = None,
    first: Snapshot | None = None,
    n_threads: int = 1,
) -> Snapshot:
    """Everything that is measured on the clouds of one step.

    A point with NaN or infinite coordinates is left out of its layer, which is named in ``Snapshot.problems``; a layer
    without any finite point keeps its place, and its numbers are NaN. So is what a measure cannot give: it is named
    there as well, and costs nothing else.

    Args:
        clouds: One cloud per layer.
        options: What to measure; by default ``AnalysisOptions()``.
        step: The logger's step.
        epoch: The trainer's epoch.
        previous: The run's previous snapshot, for drift. Without it drift is 0.
        first: The run's first snapshot. Without it drift from the first is 0.
        n_threads: Threads to share layers and pairs among; it does not change the result.

    Returns:
        The snapshot. ``seconds`` holds thread-seconds per stage, and wall seconds under ``"total"``.

    Raises:
        ValueError: If ``clouds`` has no layer.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> snapshot = analyse(PointClouds({"a": rng.normal(size=(50, 8)), "b": rng.normal(size=(50, 2))}))
        >>> list(snapshot.distances), snapshot.distances["sliced_wasserstein", 1].matrix.shape
        ([('sliced_wasserstein', 0), ('sliced_wasserstein', 1)], (2, 2))
    """
    if not clouds.layers:
        raise ValueError(f"Expected clouds of at least one layer, got none. Problems: {dict(clouds.problems)}.")
    options = options or AnalysisOptions()
    clock = Clock()

    def measure(layer: str) -> LayerMeasurements:
        graph = None if previous is None else previous.mappers.get(layer)
        return measure_layer(layer_facts(clouds, layer, options, graph), options, clock)

    with clock("total"):
        measured = map_threads(measure, clouds.layers, n_threads)
        problems: dict[str, str] = {}
        tables = [
            _distance_table(_Question(clouds, measured, options, i, n_threads), previous, first, clock, problems)
            for i in range(len(options.distances))
        ]
        statistics = _statistic_tables(clouds, measured, options, problems)
        problems = _problems(clouds, measured, problems)
    return Snapshot(
        step=step,
        epoch=epoch,
        layers=clouds.layers,
        homology_dims=tuple(options.homology_dims),
        n_points=np.array([layer.n_points for layer in measured]),
        sample_ids=np.asarray(clouds.sample_ids),
        labels=clouds.labels,
        owners=clouds.owners,
        diagrams={name: layer.diagrams for name, layer in zip(clouds.layers, measured, strict=True)},
        distances=Results(tables),
        statistics=Results(statistics),
        scales=np.array([layer.scale for layer in measured]),
        mappers={
            name: layer.mapper for name, layer in zip(clouds.layers, measured, strict=True) if layer.mapper is not None
        },
        problems=problems,
        seconds=dict(clock.seconds),
        options=options.describe(),
        versions=_versions(),
    )


@dataclass(frozen=True)
class _Question:
    """One distance among the layers of one step."""

    clouds: PointClouds
    measured: Sequence[LayerMeasurements]
    options: AnalysisOptions
    position: int
    n_threads: int

    @property
    def distance(self) -> Distance:
        return self.options.distances[self.position]

    @property
    def prepared(self) -> list[Any]:
        return [layer.prepared[self.position] for layer in self.measured]

    @property
    def noise(self) -> NDArray[np.float64]:
        return np.array([layer.noise[self.position] for layer in self.measured])


def _distance_table(
    question: _Question, previous: Snapshot | None, first: Snapshot | None, clock: Clock, problems: dict[str, str]
) -> LayerDistances:
    about = question.distance.describe(question.options.length)
    count = len(question.measured)
    matrix, drifts = np.full((count, count), np.nan), [np.full(count, np.nan)] * 2
    try:
        with clock("distances"):
            matrix = _matrix(question, problems)
        with clock("drift"):
            drifts = [_drift(question, earlier) for earlier in (previous, first)]
    except Exception as error:  # a measure that fails, be it the user's own, costs itself and no other
        problems[about.title] = f"It could not be measured. {type(error).__name__}: {error}"
    return LayerDistances(about, matrix, question.noise, *drifts)


def _matrix(question: _Question, problems: dict[str, str]) -> NDArray[np.float64]:
    """The distance between every two layers; NaN for those that have nothing to compare."""
    there = [row for row, prepared in enumerate(question.prepared) if prepared is not None]
    matrix = np.full((len(question.prepared), len(question.prepared)), np.nan)
    samples = [question.measured[row].sample_ids for row in there]
    if question.distance.paired and any(not np.array_equal(samples[0], others) for others in samples[1:]):
        found = _matrix_of_common_samples(question, there, problems)
    else:
        found = question.distance.matrix([question.prepared[row] for row in there], question.n_threads)
    matrix[np.ix_(there, there)] = found
    return matrix


def _matrix_of_common_samples(
    question: _Question, there: Sequence[int], problems: dict[str, str]
) -> NDArray[np.float64]:
    """A paired distance where layers lack some samples: each pair on the samples that both have."""
    facts = [layer_facts(question.clouds, question.clouds.layers[row], question.options) for row in there]
    matrix = np.zeros((len(there), len(there)))
    for i, mine in enumerate(facts):
        for j, theirs in enumerate(facts[:i]):
            found = distance_on_common_samples(question.distance, mine, theirs)
            matrix[i, j] = matrix[j, i] = np.nan if found is None else found
            if found is None:
                layers = " and ".join(question.clouds.layers[there[k]] for k in (i, j))
                title = question.distance.describe().title
                problems[title] = f"It needs one point of each sample; {layers} have several, or no sample in common."
    return matrix


def _drift(question: _Question, earlier: Snapshot | None) -> NDArray[np.float64]:
    """Each layer's distance from itself in an earlier snapshot; NaN for a layer that was not there.

    A record holds diagrams and no activations: whatever needs more than diagrams has no drift.
    """
    distance = question.distance
    prepared = question.prepared
    drift = np.full(len(prepared), np.nan)
    there = [row for row, now in enumerate(prepared) if now is not None]
    if not distance.from_diagrams:
        return drift
    if earlier is None:
        drift[there] = 0.0
        return drift
    position = {layer: at for at, layer in enumerate(earlier.layers) if earlier.n_points[at]}
    for row in there:
        layer = question.clouds.layers[row]
        if layer in position and distance.describe().homology_dim in (None, *earlier.homology_dims):
            before = LayerFacts.of_diagrams(earlier.diagrams[layer], earlier.homology_dims)
            drift[row] = distance.between(prepared[row], distance.prepare(before))
    return drift


def _statistic_tables(
    clouds: PointClouds, measured: Sequence[LayerMeasurements], options: AnalysisOptions, problems: dict[str, str]
) -> list[StatisticTable]:
    tables = []
    chosen = {measure.name for measure in options.chosen}
    for i, statistic in enumerate(options.statistics):
        about = statistic.describe(options.length)
        if statistic.needs_labels and clouds.labels is None:
            if statistic.name in chosen:
                problems[about.title] = "It needs labels, and the samples have none."
            continue
        tables.append(StatisticTable(about, np.array([layer.values[i] for layer in measured])))
    return tables


def _problems(
    clouds: PointClouds, measured: Sequence[LayerMeasurements], of_measures: Mapping[str, str]
) -> dict[str, str]:
    """What went wrong with layers, and with measures; what fails among layers is not said again of each one's noise."""
    found = dict(clouds.problems)
    for name, layer in zip(clouds.layers, measured, strict=True):
        own = [text for text in layer.problems if not any(f"noise of {title} " in text for title in of_measures)]
        found |= {name: " ".join(own)} if own else {}
    return found | dict(of_measures)


@functools.cache
def _versions() -> Mapping[str, str]:
    return {package: version for package in _PACKAGES if (version := _version(package))}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
