"""What one snapshot costs: ours beside the pipelines that people would write otherwise, on real activations.

Twelve layers of the demo's ResNet-18, 1000 validation images each, H0 and H1, and the matrix of sliced Wasserstein
distances per homology dimension. Every pipeline starts from the same point clouds.

    python benchmarks/snapshot.py
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import persim
import torch
from gudhi.sklearn.rips_persistence import RipsPersistence
from numpy.typing import NDArray
from ripser import ripser
from training import trained

from topocallback import ActivationRecorder, PointClouds, analyse
from topocallback.measures import LayerFacts, SlicedWasserstein
from topocallback.measures.parallel import map_threads
from topocallback.measures.topology.diagrams import finite_bars

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import Classifier, mnist_loaders

Matrices = list[NDArray[np.float64]]
DIRECTIONS = 50


def real_clouds(n_samples: int) -> PointClouds:
    """The stem, its norm, the eight blocks, the last convolution and the logits, after one epoch of training."""
    pl.seed_everything(0)
    train, validation = mnist_loaders()
    model = trained(Classifier(), 1, train)
    layers = ["stem", "norm", "blocks.?", "blocks.7.conv2", "fc"]
    with ActivationRecorder(model.net.eval(), layers, n_samples=n_samples) as recorder, torch.no_grad():
        for images, _ in validation:
            model.net(images)
    return recorder.point_clouds()


def ours(clouds: Sequence[NDArray[np.floating]], n_threads: int) -> Matrices:
    distances = SlicedWasserstein(n_directions=DIRECTIONS).by_dimension((0, 1))

    def prepare(cloud: NDArray[np.floating]) -> list[object]:
        facts = LayerFacts(cloud)
        return [distance.prepare(facts) for distance in distances]

    prepared = zip(*map_threads(prepare, clouds, n_threads), strict=True)
    return [distance.matrix(layers, n_threads) for distance, layers in zip(distances, prepared, strict=True)]


def ripser_and_persim(clouds: Sequence[NDArray[np.floating]]) -> Matrices:
    diagrams = [[finite_bars(bars) for bars in ripser(cloud, maxdim=1)["dgms"]] for cloud in clouds]
    return [all_pairs([d[dim] for d in diagrams], persim_distance) for dim in (0, 1)]


def gudhi_and_vectorised(clouds: Sequence[NDArray[np.floating]], n_threads: int) -> Matrices:
    rips = RipsPersistence(homology_dimensions=[0, 1], homology_coeff_field=2, n_jobs=n_threads)
    diagrams = [[finite_bars(bars) for bars in pair] for pair in rips.fit_transform([c.astype(float) for c in clouds])]
    return [all_pairs([d[dim] for d in diagrams], vectorised_distance) for dim in (0, 1)]


def persim_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(persim.sliced_wasserstein(first, second, M=DIRECTIONS))


def vectorised_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """All directions of one pair at once: what a NumPy user writes after persim has become too slow."""
    angles = np.pi * (0.5 + np.arange(DIRECTIONS) / DIRECTIONS)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    on_diagonal = [np.repeat(d.mean(axis=1, keepdims=True), 2, axis=1) for d in (first, second)]
    ours = np.sort(np.concatenate([first, on_diagonal[1]]) @ directions, axis=0)
    theirs = np.sort(np.concatenate([second, on_diagonal[0]]) @ directions, axis=0)
    return float(np.abs(ours - theirs).sum() / DIRECTIONS)


def all_pairs(
    diagrams: Sequence[NDArray[np.float64]], distance: Callable[[NDArray[np.float64], NDArray[np.float64]], float]
) -> NDArray[np.float64]:
    matrix = np.zeros((len(diagrams), len(diagrams)))
    for i, j in itertools.combinations(range(len(diagrams)), 2):
        matrix[i, j] = matrix[j, i] = distance(diagrams[i], diagrams[j])
    return matrix


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()

    recorded = real_clouds(options.samples)
    clouds = list(recorded.clouds.values())
    print(f"{len(clouds)} layers of {recorded.n_points} points, dimensions {[c.shape[1] for c in clouds]}")
    for result in (ripser_and_persim(clouds[:3]), gudhi_and_vectorised(clouds[:3], 1)):
        for expected, found in zip(result, ours(clouds[:3], 1), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4)

    pipelines: dict[str, Callable[[], object]] = {
        "ours, 2 threads": lambda: ours(clouds, 2),
        "ours, 1 thread": lambda: ours(clouds, 1),
        "GUDHI + vectorised, 2 threads": lambda: gudhi_and_vectorised(clouds, 2),
        "GUDHI + vectorised, 1 thread": lambda: gudhi_and_vectorised(clouds, 1),
    }
    # In turn, so that a change in the machine's speed meets all of them.
    times: dict[str, list[float]] = {name: [] for name in pipelines}
    for _ in range(options.repeats):
        for name, pipeline in pipelines.items():
            times[name].append(seconds(pipeline))
    times["ripser.py + persim"] = [seconds(lambda: ripser_and_persim(clouds))]

    mine = statistics.median(times["ours, 2 threads"])
    print(f"\n{'pipeline':32} {'median s':>9} {'min':>7} {'max':>7} {'of ours, 2 threads':>19}")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:32} {median:9.3f} {min(taken):7.3f} {max(taken):7.3f} {median / mine:18.1f}x")

    first = analyse(recorded, n_threads=2)
    whole = analyse(recorded, previous=first, first=first, n_threads=2)
    stages = ", ".join(f"{stage} {spent:.3f}" for stage, spent in whole.seconds.items())
    print(f"\nA whole snapshot, with scale, noise, tests, drift and statistics, in thread-seconds: {stages} (wall)")


if __name__ == "__main__":
    main()
