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
