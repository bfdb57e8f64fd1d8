"""Snapshots of which only the numbers are made up that findings look at."""

import numpy as np

from topocallback.measures import SlicedWasserstein
from topocallback.measures.facts import LayerFacts
from topocallback.measures.table import to_record
from topocallback.records.nearest import NearestSamples
from topocallback.records.results import Description, LayerDistances, Results, StatisticTable
from topocallback.records.snapshot import Snapshot

LAYERS = ("stem", "body", "head")


def of_layers(value, count):
    """(count,) a number for each layer, or the same for all."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (count,)).copy()


def snapshot(
    step,
    layers=LAYERS,
    *,
    n=100,
    statistics=None,
    nearest=None,
    labels=None,
    dims=(0, 1),
    parameters=None,
    bars=None,
    **numbers,
):
    """A snapshot of one step.

    Args:
        step: Its step.
        layers: Its layers.
        n: How many samples.
        statistics: Measure to numbers.
        nearest: Layer to (n, k) positions of nearest samples.
        labels: The samples' labels.
        parameters: Layer to a hash of its parameters.
        bars: The death of the one bar of each layer's diagrams.
        dims: Homology dimensions, each with the same numbers.
        numbers: Fields of its tables of distances: one number for each layer, or for each pair.
    """
    count = len(layers)
    square = {name: np.asarray(numbers.pop(name)) for name in ("matrix", "p_values") if name in numbers}
    square.setdefault("matrix", 9.0 * (1 - np.eye(count)))
    lines = {"noise": of_layers(1.0, count)} | {name: of_layers(value, count) for name, value in numbers.items()}
    about = [Description("sliced_wasserstein", dim, "Sliced Wasserstein distance") for dim in dims]
    return Snapshot(
        step=step,
        epoch=0,
        layers=tuple(layers),
        homology_dims=tuple(dims),
        n_points=np.full(count, n),
        sample_ids=np.arange(n) * 3,
        labels=None if labels is None else np.asarray(labels),
        diagrams={
            layer: [np.empty((0, 2)) if bars is None else np.array([[0.0, bars[i]]]) for _ in dims]
            for i, layer in enumerate(layers)
        },
        options={"measures": [to_record(SlicedWasserstein())]},
        distances=Results([LayerDistances(each, **square, **lines) for each in about]),
        statistics=Results(
            StatisticTable(Description(measure, kind="statistic"), of_layers(values, count))
            for measure, values in (statistics or {}).items()
        ),
        scales=np.ones(count),
        parameters=parameters or {},
        nearest={
            layer: NearestSamples(np.asarray(positions), np.ones((len(positions), 3)))
            for layer, positions in (nearest or {}).items()
        },
    )


def drifting(*drifts, **others):
    """A run whose layers move by so much from snapshot to snapshot; the first one knows of no drift."""
    first = snapshot(0, drift=np.nan, **others)
    return [first, *(snapshot(10 * i, drift=drift, **others) for i, drift in enumerate(drifts, 1))]


def walking(*places, **others):
    """A run whose layers are at these places at each step, (k, L), in multiples of their noise."""
    run = []
    for i, at in enumerate(np.asarray(places, dtype=np.float64)):
        moved = np.full(len(at), np.nan) if i == 0 else np.abs(at - places[i - 1]) * A_NOISE
        run.append(snapshot(10 * i, bars=100 + at, noise=A_NOISE, drift=moved, **others))
    return run


def _apart(first, second):
    of = SlicedWasserstein(homology_dim=0)
    return of.between(
        *(of.prepare(LayerFacts.of_diagrams([np.array([[0.0, death]])], (0,))) for death in (first, second))
    )


A_NOISE = _apart(100.0, 101.0)
"""How far a bar of length 100 is from one of length 101."""
