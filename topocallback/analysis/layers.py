"""What is measured on one layer alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.statistics import MapperStatistic
from topocallback.measures.noise import halves
from topocallback.measures.topology.diagrams import Diagram
from topocallback.records.classes import name_classes
from topocallback.records.mapper_graph import MapperGraph
from topocallback.records.point_clouds import PointClouds

__all__ = ["Clock", "LayerMeasurements", "layer_facts", "measure_layer"]

Classes = tuple[NDArray[np.int64], tuple[str, ...]]


class Clock:
    """Adds up seconds per stage, over all threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add what passes inside of ``with`` to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


@dataclass(frozen=True)
class LayerMeasurements:
    """What one layer gave. Its matrix of distances is gone by then: 200 MB for 5,000 points.

    Attributes:
        n_points: How many finite points it has.
        sample_ids: Which sample each finite point comes from.
        scale: The length by which its cloud was divided.
        diagrams: One per homology dimension.
        mapper: Its Mapper graph, if one was made.
        prepared: (distances,) what each of the options' distances compares; ``None`` where there is nothing.
        noise: (distances,) how far two halves of the samples are apart; NaN where it is not known.
        values: (statistics,) in the order of the options' statistics.
        problems: What went wrong, in sentences.
    """

    n_points: int
    sample_ids: NDArray[np.int64]
    scale: float
    diagrams: Sequence[Diagram]
    mapper: MapperGraph | None
    prepared: Sequence[Any]
    noise: NDArray[np.float64]
    values: NDArray[np.float64]
    problems: Sequence[str]


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
        codes, names = name_classes(clouds.labels)  # the same classes in every layer
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
    )


def measure_layer(facts: LayerFacts, options: AnalysisOptions, clock: Clock) -> LayerMeasurements:
    """Everything that is measured on one layer alone. A measure that fails costs itself and no other.

    Args:
        facts: The layer.
        options: What to measure.
        clock: Takes the time.
    """
    problems = _points_left_out(facts)
    mapper: MapperGraph | None = None
    with clock("diagrams"):
        _ = facts.distances
    if options.mapper:
        with clock("mapper"), _noted("It has no Mapper graph.", problems):
            mapper = facts.mapper
    with clock("diagrams"):
        diagrams = facts.diagrams
    with clock("distances"):
        prepared = _prepared(facts, options.distances, problems)
    with clock("noise"):
        noise = _noise(facts, options.distances, prepared, problems)
    with clock("statistics"):
        values = _values(facts, options, mapper, problems)
    return LayerMeasurements(
        facts.n_points, facts.sample_ids, facts.scale, diagrams, mapper, prepared, noise, values, problems
    )


def _points_left_out(facts: LayerFacts) -> list[str]:
    count = len(facts.recorded)
    if not count:
        return ["No points: the mask kept no position of any sample."]
    left_out = count - facts.n_points
    return [f"{left_out} of {count} points hold NaN or infinity and were left out."] if left_out else []


def _noise(
    facts: LayerFacts, distances: Sequence[Distance], prepared: Sequence[Any], problems: list[str]
) -> NDArray[np.float64]:
    """How far two halves of the samples are apart. They share no sample, so for paired distances this is not known."""
    noise = np.full(len(distances), np.nan)
    if (parts := halves(facts)) is None:
        return noise
    for i, distance in enumerate(distances):
        if not distance.paired and prepared[i] is not None:  # what fails on the whole is said once
            with _noted(f"The noise of {distance.describe().title} is not known.", problems):
                noise[i] = distance.between(*[distance.prepare(each) for each in parts])
    return noise


def _prepared(facts: LayerFacts, distances: Sequence[Distance], problems: list[str]) -> list[Any]:
    prepared: list[Any] = [None] * len(distances)
    for i, distance in enumerate(distances if facts.n_points else ()):
        with _noted(f"It has no {distance.describe().title}.", problems):
            prepared[i] = distance.prepare(facts)
    return prepared


def _values(
    facts: LayerFacts, options: AnalysisOptions, mapper: MapperGraph | None, problems: list[str]
) -> NDArray[np.float64]:
    values = np.full(len(options.statistics), np.nan)
    for i, statistic in enumerate(options.statistics if facts.n_points else ()):
        lacks_labels = statistic.needs_labels and facts.labels is None
        lacks_graph = isinstance(statistic, MapperStatistic) and mapper is None
        if not lacks_labels and not lacks_graph:
            with _noted(f"It has no {statistic.describe().title}.", problems):
                values[i] = statistic.value(facts)
    return values


@contextmanager
def _noted(consequence: str, problems: list[str]) -> Iterator[None]:
    """A measure that fails, be it the user's own, is noted with what it costs."""
    try:
        yield
    except Exception as error:
        problems.append(f"{consequence} {type(error).__name__}: {error}")
