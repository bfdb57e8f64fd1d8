"""Snapshots of which only the numbers are made up that findings look at."""

import numpy as np

from topocallback.records.nearest import NearestSamples
from topocallback.records.results import Description, LayerDistances, Results, StatisticTable
from topocallback.records.snapshot import Snapshot

LAYERS = ("stem", "body", "head")


def of_layers(value, count):
    """(count,) a number for each layer, or the same for all."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (count,)).copy()


def snapshot(
    step, layers=LAYERS, *, n=100, statistics=None, nearest=None, labels=None, dims=(0, 1), parameters=None, **numbers
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
        diagrams={layer: [np.empty((0, 2)) for _ in dims] for layer in layers},
        distances=Results([LayerDistances(each, **square, **lines) for each in about]),
        statistics=Results(
            StatisticTable(Description(measure, kind="statistic"), of_layers(values, count))
            for measure, values in (statistics or {}).items()
        ),
        scales=np.ones(count),
        parameters=parameters or {},
        nearest={
            layer: NearestSamples(np.asarray(positions), np.ones(np.shape(positions)))
            for layer, positions in (nearest or {}).items()
        },
    )


def drifting(*drifts, **others):
    """A run whose layers move by so much from snapshot to snapshot; the first one knows of no drift."""
    first = snapshot(0, drift=np.nan, **others)
    return [first, *(snapshot(10 * i, drift=drift, **others) for i, drift in enumerate(drifts, 1))]
