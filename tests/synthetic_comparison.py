"""A comparison of made-up runs, whose layers come to rest one after the other."""

import numpy as np

from topocallback.records.comparison import Checkpoint, Comparison

H1 = "sliced_wasserstein_H1"


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
    return Comparison(
        checkpoints=tuple(checkpoints),
        layers=tuple(layers),
        checkpoint_of=np.array([c for c, _ in points]),
        layer_of=np.array([layer for _, layer in points]),
        homology_dims=(0, 1),
        distances={"sliced_wasserstein_H0": 2 * matrix, H1: matrix},
        noise={"sliced_wasserstein_H0": np.full(len(points), 2 * noise), H1: np.full(len(points), noise)},
        statistics={"bars_H1": np.arange(len(points), dtype=np.float64)},
        sample_ids=np.arange(5),
        problems={"data": "fewer"},
        left_out={"x.ckpt": "x.ckpt: <b>no</b> such file."},
        options={"scale": "quantile", "n_samples": 5},
    )
