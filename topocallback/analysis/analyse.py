"""From point clouds to a Snapshot: the one place that puts the measures together."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from topocallback.analysis.analysed import Analysed, digest_of_layer
from topocallback.analysis.drift import (
    CloudDrift,
    drift_of_clouds,
    drift_of_diagrams,
    p_values_of_drift,
    table_of_clouds,
)
from topocallback.analysis.layers import (
    LayerMeasurements,
    layer_facts,
    measure_layer,
    not_measured,
)
from topocallback.analysis.options import AnalysisOptions
from topocallback.analysis.question import Question
from topocallback.analysis.too_little import lacking_everywhere, of_all_layers, of_each_layer
from topocallback.clock import Clock
from topocallback.measures.cost import threads_that_fit
from topocallback.measures.facts import LayerFacts
from topocallback.measures.noise import (
    how_sure,
)
from topocallback.measures.pairs import distance_on_common_samples
from topocallback.measures.parallel import map_threads
from topocallback.measures.sign_flips import N_PARTS
from topocallback.memory import available_memory
from topocallback.records.kept_clouds import KeptClouds
from topocallback.records.parts import LayerParts
from topocallback.records.point_clouds import PointClouds
from topocallback.records.results import LayerDistances, Results, StatisticTable
from topocallback.records.snapshot import Snapshot

__all__ = ["analyse", "analyse_next"]

_PACKAGES = ("topocallback", "numpy", "torch", "lightning", "redzed-tda", "gudhi", "ripser")


def analyse(
    clouds: PointClouds,
    options: AnalysisOptions | None = None,
    *,
    step: int = 0,
    epoch: int = 0,
    previous: Snapshot | None = None,
    reference: Snapshot | None = None,
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
        previous: The run's previous snapshot, for drift. Without it drift is not measured: NaN.
        reference: The snapshot that ``drift_from_reference`` is measured from, such as the run's first one. Without
            it that is NaN. So are, for snapshots hold no clouds, both drifts by distances that need more than diagrams.
        n_threads: Threads to share layers and pairs among; it does not change the result. Fewer layers are analysed at
            once where more would not fit in half of the memory that is available.

    Returns:
        The snapshot. ``seconds`` holds the processor seconds of every stage, and of all of it under ``"total"``.

    Raises:
        ValueError: If ``clouds`` has no layer.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> snapshot = analyse(PointClouds({"a": rng.normal(size=(50, 8)), "b": rng.normal(size=(50, 2))}))
        >>> list(snapshot.distances), snapshot.distances["sliced_wasserstein", 1].matrix.shape
        ([('sliced_wasserstein', 0), ('sliced_wasserstein', 1)], (2, 2))
    """
    before, at_reference = (None if snapshot is None else Analysed(snapshot) for snapshot in (previous, reference))
    return analyse_next(clouds, options or AnalysisOptions(), step, epoch, before, at_reference, n_threads).snapshot


def analyse_next(
    clouds: PointClouds,
    options: AnalysisOptions,
    step: int,
    epoch: int,
    previous: Analysed | None,
    reference: Analysed | None,
    n_threads: int = 1,
) -> Analysed:
    """``analyse`` for one step after the other, with the same options: what is known already is not computed again.

    A layer whose points are those of the previous two steps, because it is frozen, keeps what was measured then.

    Args:
        clouds: As for ``analyse``, like all others.
        options: What to measure.
        step: The logger's step.
        epoch: The trainer's epoch.
        previous: What this gave one step earlier.
        reference: What it gave for the step that ``drift_from_reference`` is measured from.
        n_threads: Threads.

    Raises:
        ValueError: If ``clouds`` has no layer.
    """
    if not clouds.layers:
        raise ValueError(f"Expected clouds of at least one layer, got none. Problems: {dict(clouds.problems)}.")
    clock = Clock()
    shapes = [(len(cloud), cloud.shape[1]) for cloud in clouds.values()]
    n_at_once = threads_that_fit(n_threads, shapes, options, available_memory()) if n_threads > 1 else 1

    digests: dict[str, str] = {}
    unchanged: dict[str, LayerMeasurements] = {}
    compared = {"drift": previous, "drift_from_reference": reference}

    def measure(layer: str) -> tuple[LayerMeasurements, dict[str, Mapping[int, CloudDrift]]]:
        digests[layer] = digest_of_layer(clouds, layer)
        found = measure_now(layer)
        facts = functools.partial(layer_facts, clouds, layer, options)
        with clock("drift"):
            drifts = {
                name: drift_of_clouds(layer, found, digests[layer], earlier, options, facts)
                for name, earlier in compared.items()
            }
        return found, drifts

    def measure_now(layer: str) -> LayerMeasurements:
        is_unchanged = previous is not None and previous.digests.get(layer) == digests[layer]
        if previous is not None and is_unchanged and layer in previous.unchanged:
            unchanged[layer] = previous.unchanged[layer]
            return unchanged[layer]
        graph = None if previous is None else previous.snapshot.mappers.get(layer)
        try:
            found = measure_layer(layer_facts(clouds, layer, options, graph), options, clock)
        except MemoryError:  # as of 10,000 points: 800 MB for each copy of their distances
            return not_measured("There was no memory left to measure it. Fewer points need less.", options)
        if is_unchanged and not found.problems:  # what has failed is tried again
            unchanged[layer] = found
        return found

    with clock("total"):
        of_layers = map_threads(measure, clouds.layers, n_at_once)
        measured = [found for found, _ in of_layers]
        of_clouds = {name: [drifts[name] for _, drifts in of_layers] for name in compared}
        problems: dict[str, str] = {}
        tables = [
            _distance_table(
                Question(clouds, measured, [layer.prepared.get(i) for layer in measured], options, i, n_threads),
                compared, of_clouds, clock, problems,
            )
            for i in range(len(options.distances))
        ]  # fmt: skip
        with clock("statistics"):
            statistics = _statistic_tables(clouds, measured, options, problems)
        problems = _problems(clouds, measured, tables, problems)
    snapshot = Snapshot(
        step=step,
        epoch=epoch,
        layers=clouds.layers,
        homology_dims=tuple(options.homology_dims),
        n_points=np.array([layer.n_points for layer in measured]),
        sample_ids=np.asarray(clouds.sample_ids),
        labels=clouds.labels,
        classes=clouds.classes,
        owners=clouds.owners,
        diagrams={name: layer.facts.diagrams for name, layer in zip(clouds.layers, measured, strict=True)},
        simplices={
            name: layer.facts.simplices
            for name, layer in zip(clouds.layers, measured, strict=True)
            if layer.facts.simplices
        },
        distances=Results(tables),
        statistics=Results(statistics),
        scales=np.array([layer.scale for layer in measured]),
        parts={
            name: _parts_of(layer.facts)
            for name, layer in zip(clouds.layers, measured, strict=True)
            if layer.facts.parts(N_PARTS)
        },
        mappers={
            name: layer.mapper for name, layer in zip(clouds.layers, measured, strict=True) if layer.mapper is not None
        },
        nearest={
            name: layer.nearest
            for name, layer in zip(clouds.layers, measured, strict=True)
            if name not in clouds.owners and layer.n_points > 1
        },
        problems=problems,
        seconds=dict(clock.seconds),
        options=options.describe(),
        versions=_versions(),
        recording=clouds.recording,
        parameters=clouds.parameters,
    )
    needs_clouds = any(not distance.from_diagrams for distance in options.distances)
    kept = KeptClouds.of(clouds, step, digests) if needs_clouds else None
    analysed = Analysed(snapshot, digests, unchanged, kept)
    for layer, found in zip(clouds.layers, measured, strict=True):
        analysed.keep_parts((each for each in found.prepared.values() if each.distance.from_diagrams), layer)
    return analysed


def _distance_table(
    question: Question,
    compared: Mapping[str, Analysed | None],
    of_clouds: Mapping[str, Sequence[Mapping[int, CloudDrift]]],
    clock: Clock,
    problems: dict[str, str],
) -> LayerDistances:
    about = question.distance.describe(question.options.length)
    found = {"matrix": np.full((len(question.prepared),) * 2, np.nan)}
    # A measure that fails, be it the user's own, costs itself and no other; where it fails on parts of the samples
    # only, which may be too few for it, it costs its test.
    with _noted(about.title, "It could not be measured.", problems):
        with clock("distances"):
            matrix = _matrix(question, problems)
            found["matrix"] = question.of_layers(matrix)
        with clock("distances"), _noted(about.title, "It was measured, but not tested.", problems):
            found |= {name: question.of_layers(values) for name, values in _how_sure(question, matrix).items()}
        if question.distance.from_diagrams:
            for name, earlier in compared.items():
                with clock("drift"):
                    found[name], rows, before = drift_of_diagrams(question, earlier)
                with clock("drift"), _noted(about.title, "Its drift was measured, but not tested.", problems):
                    found[f"{name}_p"] = p_values_of_drift(question, rows, before)
    if not question.distance.from_diagrams:  # layers of different width may each be compared with themselves
        for name, of_layers in of_clouds.items():
            drift, failed = table_of_clouds(question, of_layers)
            found |= {f"{name}{ending}": values for ending, values in drift.items()}
            for why, layers in failed.items():
                _note(about.title, f"The drift of {layers} could not be measured. {why}", problems)
    return LayerDistances(about, **found)


@contextmanager
def _noted(title: str, consequence: str, problems: dict[str, str]) -> Iterator[None]:
    """What fails inside of ``with`` is noted with what it costs, behind what is noted of the measure already."""
    try:
        yield
    except Exception as error:
        _note(title, f"{consequence} {type(error).__name__}: {error}", problems)


def _note(title: str, text: str, problems: dict[str, str]) -> None:
    said = problems.get(title, "")
    problems[title] = said if text in said else f"{said} {text}".lstrip()


def _matrix(question: Question, problems: dict[str, str]) -> NDArray[np.float64]:
    """The distance between every two layers that are there."""
    if question.needs_common_samples:
        return _matrix_of_common_samples(question, problems)
    return question.distance.matrix([layer.whole for layer in question.layers], question.n_threads)


def _how_sure(question: Question, matrix: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    if question.needs_common_samples:
        return {}
    return how_sure(question.distance, question.layers, matrix, question.n_threads)


def _matrix_of_common_samples(question: Question, problems: dict[str, str]) -> NDArray[np.float64]:
    """A paired distance where layers lack some samples: each pair on the samples that both have."""
    there = question.there
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


def _parts_of(facts: LayerFacts) -> LayerParts:
    """What a record keeps of the parts of a layer's samples."""
    parts = facts.parts(N_PARTS)
    n_points = np.array([part.n_points for part in parts], dtype=np.int64)
    return LayerParts(n_points, [list(of_dim) for of_dim in zip(*[part.diagrams for part in parts], strict=True)])


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
        if lacking := lacking_everywhere(statistic, clouds):
            problems[about.title] = lacking
        of_layers = np.array([layer.values.get(i, (np.nan, np.nan)) for layer in measured], dtype=np.float64)
        tables.append(StatisticTable(about, *of_layers.reshape(-1, 2).T))
    return tables


def _problems(
    clouds: PointClouds,
    measured: Sequence[LayerMeasurements],
    tables: Sequence[LayerDistances],
    of_measures: Mapping[str, str],
) -> dict[str, str]:
    """What went wrong with layers, and with measures; what fails among layers is not said again of each one's noise."""
    found = dict(clouds.problems)
    for name, layer in zip(clouds.layers, measured, strict=True):
        own = [text for text in layer.problems if not any(f"noise of {title} " in text for title in of_measures)]
        found |= {name: " ".join(own)} if own else {}
    if of_all := of_all_layers(measured, clouds.n_points):
        found["noise"] = of_all
    else:
        found |= of_each_layer(clouds.layers, measured, tables, of_measures)
    return found | dict(of_measures)


@functools.cache
def _versions() -> Mapping[str, str]:
    return {package: version for package in _PACKAGES if (version := _version(package))}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
