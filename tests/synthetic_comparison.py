"""A comparison of made-up runs, whose layers come to rest one after the other."""

import dataclasses

import numpy as np

from topocallback.records.comparison import Checkpoint, Comparison
from topocallback.records.results import Description, DistanceTable, Results, StatisticTable

H1 = ("sliced_wasserstein", 1)


def described(dim):
    return Description("sliced_wasserstein", dim, "Sliced Wasserstein distance", "0.9 quantiles")


def with_distances(comparison, matrix, noise=0.5):
    """The same comparison with one table of distances, in H1."""
    noise = np.broadcast_to(noise, len(matrix)).astype(np.float64)
    return dataclasses.replace(comparison, distances=Results([DistanceTable(described(1), matrix, noise)]))


def example(runs=3, epochs=4, layers=("stem", "a<b>", "head"), spread=0.2, noise=0.5, seed=0):
    """Every layer has its own place on a line, and comes to rest after as many epochs as its number."""
    rng = np.random.default_rng(seed)
    checkpoints = [
        Checkpoint(f"run {run}/{epoch}", f"run {run}", 10 * epoch, epoch)
        for run in range(runs)
        for epoch in range(epochs)
    ]
    points = [(c, layer) for c in range(len(checkpoints)) for layer in range(len(layers))]
    offsets = rng.normal(scale=spread, size=(runs, len(layers)))
    places = np.array(
        [10 * layer + offsets[c // epochs, layer] + 2.0 * max(0, layer - checkpoints[c].epoch) for c, layer in points]
    )
    matrix = abs(places[:, None] - places)
    p_values = np.where(matrix > 2 * noise, 1 / 2048, 0.3)
    bars = Description("bars", 1, "Number of bars", "bars", kind="statistic")
    return Comparison(
        checkpoints=tuple(checkpoints),
        layers=tuple(layers),
        checkpoint_of=np.array([c for c, _ in points]),
        layer_of=np.array([layer for _, layer in points]),
        homology_dims=(0, 1),
        n_points=np.full(len(points), 5),
        distances=Results(
            [
                DistanceTable(described(0), 2 * matrix, np.full(len(points), 2 * noise), p_values=p_values),
                DistanceTable(described(1), matrix, np.full(len(points), noise), p_values=p_values),
            ]
        ),
        statistics=Results([StatisticTable(bars, np.arange(len(points), dtype=np.float64))]),
        sample_ids=np.arange(5),
        problems={"data": "fewer"},
        left_out={"x.ckpt": "x.ckpt: <b>no</b> such file."},
        options={"scale": "quantile", "n_samples": 5},
    )


def with_cells(comparison, cells=None, same=(0.5, 0.5), other=(10.0, 1 / 2048)):
    """The same comparison with one table in H1: times noise and p-value of every pair of points.

    Args:
        comparison: The comparison.
        cells: (checkpoint, checkpoint, layer) to times noise and p-value, for the layer in both.
        same: What the same layer of any other two checkpoints has.
        other: What different layers have.
    """
    is_same = comparison.layer_of[:, None] == comparison.layer_of
    values = np.where(is_same[..., None], same, other)
    for (first, second, layer), cell in (cells or {}).items():
        number = comparison.layers.index(layer)
        rows = [
            np.flatnonzero((comparison.checkpoint_of == end) & (comparison.layer_of == number))[0]
            for end in (first, second)
        ]
        values[rows, rows[::-1]] = cell
    matrix, p_values = values[..., 0].copy(), values[..., 1]
    np.fill_diagonal(matrix, 0)
    table = DistanceTable(described(1), matrix, np.ones(len(matrix)), p_values=p_values)
    return dataclasses.replace(comparison, distances=Results([table]), n_points=np.full(len(matrix), 512))


def paired(distances, errors, layers=("stem", "block", "head")):
    """Two versions of a network with one paired distance: of each layer from itself, and its standard error."""
    found = example(runs=2, epochs=1, layers=layers)
    count = len(layers)
    matrix, error = np.full((2 * count,) * 2, 0.9), np.full((2 * count,) * 2, 0.01)
    np.fill_diagonal(matrix, 0)
    for number, (distance, of_error) in enumerate(zip(distances, errors, strict=True)):
        cells = [number, number + count], [number + count, number]
        matrix[cells], error[cells] = distance, of_error
    about = Description("cka", None, "CKA distance", paired=True)
    return dataclasses.replace(found, distances=Results([DistanceTable(about, matrix, errors=error)]))
