"""What is measured on one layer alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topocallback.analysis.options import AnalysisOptions
from topocallback.clock import Clock
from topocallback.measures.base import Statistic, TooFewPointsError
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.statistics import MapperStatistic
from topocallback.measures.noise import N_QUARTERS, PreparedLayer, error_of, prepare_layer
from topocallback.measures.sign_flips import N_PARTS
from topocallback.records.classes import name_classes
from topocallback.records.mapper_graph import MapperGraph
from topocallback.records.nearest import NearestSamples
from topocallback.records.point_clouds import PointClouds

__all__ = [
    "ALL_EQUAL",
    "LEFT_OUT",
    "LayerMeasurements",
    "layer_facts",
    "measure_layer",
    "not_measured",
    "noted",
    "problems_of_points",
    "statistic_values",
]

ALL_EQUAL = "points are equal: there is no shape to measure."
"""How the problem of a layer ends that gives one point for all samples."""

LEFT_OUT = "points hold NaN or infinity and were left out."
"""How the problem of a layer ends of which not all points are finite."""

Classes = tuple[NDArray[np.int64], tuple[str, ...]]


@dataclass(frozen=True)
class LayerMeasurements:
    """What one layer gave. Its matrix of distances is gone by then: 200 MB for 5,000 points.

    Attributes:
        n_points: How many finite points it has.
        sample_ids: Which sample each finite point comes from.
        scale: The length by which its cloud was divided.
        facts: What a record keeps of it: its diagrams, and those of parts of its samples.
        mapper: Its Mapper graph, if one was made.
        nearest: Which of its recorded points are nearest to each one.
        prepared: The position of a distance among the options' to what it compares.
        values: The position of a statistic to its value and its standard error.
        problems: What went wrong, in sentences.
    """

    n_points: int
    sample_ids: NDArray[np.int64]
    scale: float
    facts: LayerFacts
    mapper: MapperGraph | None
    nearest: NearestSamples
    prepared: Mapping[int, PreparedLayer]
    values: Mapping[int, tuple[float, float]]
    problems: list[str]


def layer_facts(
    clouds: PointClouds, layer: str, options: AnalysisOptions, previous: MapperGraph | None = None
) -> LayerFacts:
    """The facts of one of the recorded layers.

    Args:
        clouds: All layers.
        layer: Which one.
        options: How its diagrams and its Mapper graph are made.
        previous: The layer's Mapper graph in the previous snapshot.
    """
    owners = clouds.owners_of(layer)
    classes: Classes | None = None
    if clouds.labels is not None:
        codes, names = name_classes(clouds.labels, clouds.classes)  # the same classes in every layer
        classes = codes[owners], names
    return LayerFacts(
        clouds.clouds[layer],
        None if clouds.labels is None else clouds.labels[owners],
        np.asarray(clouds.sample_ids)[owners],
        classes=classes,
        homology_dims=options.homology_dims,
        scale=options.scale,
        backend=options.backend,
        mapper=options.mapper_options,
        previous_mapper=previous,
        weights=clouds.weights.get(layer),
        edges=None if layer in clouds.owners else clouds.edges,
    )


def measure_layer(facts: LayerFacts, options: AnalysisOptions, clock: Clock) -> LayerMeasurements:
    """Everything that is measured on one layer's cloud. A measure that fails costs itself and no other.

    Args:
        facts: The layer.
        options: What to measure.
        clock: Takes the time.
    """
    try:
        return _measured(facts, options, clock)
    finally:
        facts.let_go()


def not_measured(problem: str, options: AnalysisOptions) -> LayerMeasurements:
    """What a layer gives of which nothing can be measured: as one without points.

    Args:
        problem: Why, in a sentence.
        options: What should have been measured.
    """
    nothing = LayerFacts(np.empty((0, 0)), homology_dims=options.homology_dims, backend=options.backend)
    nothing.diagrams = [np.empty((0, 2)) for _ in options.homology_dims]
    return LayerMeasurements(
        0, nothing.sample_ids, 1.0, nothing.without_cloud(), None, _nearest(nothing), {}, {}, [problem]
    )


def _measured(facts: LayerFacts, options: AnalysisOptions, clock: Clock) -> LayerMeasurements:
    problems = problems_of_points(facts)
    mapper: MapperGraph | None = None
    with clock("diagrams"):
        _ = facts.distances
    if options.mapper:
        with clock("mapper"), noted("It has no Mapper graph.", problems):
            mapper = facts.mapper
    with clock("diagrams"):
        _ = facts.diagrams
    with clock("noise"):
        for count in (N_PARTS, N_QUARTERS):
            facts.measure_parts(count)
    with clock("distances"):
        prepared = _prepared_distances(facts, options, problems)
    with clock("statistics"):
        values = statistic_values(facts, options, mapper, problems)
    with clock("noise"):
        of_record = facts.without_cloud()
    return LayerMeasurements(
        facts.n_points, facts.sample_ids, facts.scale, of_record, mapper, _nearest(facts), prepared, values, problems
    )


def _nearest(facts: LayerFacts) -> NearestSamples:
    return NearestSamples.of_points(*facts.nearest, facts.rows, len(facts.recorded))


def problems_of_points(facts: LayerFacts) -> list[str]:
    """Why a layer's points show less than their number, in sentences.

    Args:
        facts: The layer.
    """
    return [*_points_left_out(facts), *_equal_points(facts)]


def _points_left_out(facts: LayerFacts) -> list[str]:
    count = len(facts.recorded)
    if not count:
        return ["No points: the mask kept no position of any sample."]
    left_out = count - facts.n_points
    return [f"{left_out} of {count} {LEFT_OUT}"] if left_out else []


def _equal_points(facts: LayerFacts) -> list[str]:
    """Of a layer that gives one point for all samples, such as one whose units are all dead."""
    if facts.n_points < 2 or any((point != facts.cloud[0]).any() for point in facts.cloud[1:]):
        return []
    return [f"All {facts.n_points} {ALL_EQUAL}"]


def _prepared_distances(facts: LayerFacts, options: AnalysisOptions, problems: list[str]) -> dict[int, PreparedLayer]:
    """What the options' distances compare of a layer, by their positions."""
    prepared = {}
    for i, distance in enumerate(options.distances if facts.n_points else ()):
        title = distance.describe().title
        with noted(f"It has no {title}.", problems):
            prepared[i] = prepare_layer(distance, facts)
            if prepared[i].problem:
                problems.append(f"The noise of {title} is not known. {prepared[i].problem}")
    return prepared


def statistic_values(
    facts: LayerFacts, options: AnalysisOptions, mapper: MapperGraph | None, problems: list[str]
) -> dict[int, tuple[float, float]]:
    """The options' statistics of a layer and their standard errors, by their positions.

    Args:
        facts: The layer.
        options: What to measure.
        mapper: Its Mapper graph; without one there are no statistics of it.
        problems: Takes a sentence for every statistic, and every error, that is not known.
    """
    values = {}
    for i, statistic in enumerate(options.statistics if facts.n_points else ()):
        lacks_graph = isinstance(statistic, MapperStatistic) and mapper is None
        if not lacks_graph and not _lacks(statistic, facts):
            # Of what nobody asked for, a small validation set must not give a warning per layer.
            passed_over = [TooFewPointsError] if statistic in options.standard_of_clouds else []
            with noted(f"It has no {statistic.describe().title}.", problems), suppress(*passed_over):
                values[i] = float(statistic.value(facts)), np.nan
            with noted(f"The error of {statistic.describe().title} is not known.", problems), suppress(*passed_over):
                if i in values:
                    values[i] = values[i][0], error_of(statistic, values[i][0], facts)
    return values


def _lacks(statistic: Statistic, facts: LayerFacts) -> bool:
    """Whether a layer lacks what a statistic needs besides its points."""
    return (
        (statistic.needs_labels and facts.labels is None)
        or (statistic.needs_weights and facts.weights is None)
        or (statistic.needs_edges and facts.edges is None)
    )


@contextmanager
def noted(consequence: str, problems: list[str]) -> Iterator[None]:
    """A measure that fails, be it the user's own, is noted with what it costs.

    Args:
        consequence: What it costs, in a sentence.
        problems: Takes that and the error.
    """
    try:
        yield
    except Exception as error:
        problems.append(f"{consequence} {type(error).__name__}: {error}")
