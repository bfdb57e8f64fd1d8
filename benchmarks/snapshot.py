"""What one snapshot costs: ours beside the pipelines that people would write otherwise, on real activations.

Twelve layers of the demo's ResNet-18, 1000 validation images each, H0 and H1, and the matrix of sliced Wasserstein
distances per homology dimension. Every pipeline starts from the same point clouds. Ours is measured with noise and
tests, which the others do not have, and without. The floor is what none can do without: a matrix of distances and one
reduction of each layer.

    python benchmarks/snapshot.py
    python benchmarks/snapshot.py --busy    while a training keeps one core busy
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import persim
import redzed_tda
import torch
from gudhi.sklearn.rips_persistence import RipsPersistence
from numpy.typing import NDArray
from ripser import ripser
from training import trained

from topocallback import ActivationRecorder, PointClouds, analyse
from topocallback.clock import Clock
from topocallback.measures import LayerFacts, SlicedWasserstein
from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.noise import N_QUARTERS, PreparedLayer, how_sure, prepare_layer
from topocallback.measures.parallel import map_threads
from topocallback.measures.sign_flips import N_PARTS
from topocallback.measures.topology.diagrams import finite_bars

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import Classifier, mnist_loaders

Matrices = list[NDArray[np.float64]]
DIRECTIONS = 50
SECONDS_TO_START = 30  # of the other process, until it trains


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
    """Distances, and how sure they are: each layer's noise, and a test of every pair."""
    distances = SlicedWasserstein(n_directions=DIRECTIONS).by_dimension((0, 1))

    def prepare(cloud: NDArray[np.floating]) -> list[PreparedLayer]:
        facts = LayerFacts(cloud)
        for count in (N_PARTS, N_QUARTERS):
            facts.measure_parts(count)
        return [prepare_layer(distance, facts) for distance in distances]

    matrices = []
    prepared = zip(*map_threads(prepare, clouds, n_threads), strict=True)
    for distance, layers in zip(distances, prepared, strict=True):
        matrices.append(distance.matrix([layer.whole for layer in layers], n_threads))
        how_sure(distance, layers, matrices[-1], n_threads)
    return matrices


def ours_without_noise(clouds: Sequence[NDArray[np.floating]], n_threads: int) -> Matrices:
    distances = SlicedWasserstein(n_directions=DIRECTIONS).by_dimension((0, 1))

    def prepare(cloud: NDArray[np.floating]) -> list[object]:
        facts = LayerFacts(cloud)
        return [distance.prepare(facts) for distance in distances]

    prepared = zip(*map_threads(prepare, clouds, n_threads), strict=True)
    return [distance.matrix(layers, n_threads) for distance, layers in zip(distances, prepared, strict=True)]


def floor(clouds: Sequence[NDArray[np.floating]], n_threads: int) -> object:
    return map_threads(lambda cloud: redzed_tda.rips(distance_matrix(cloud), maxdim=1), clouds, n_threads)


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


@contextlib.contextmanager
def a_training_beside(busy: bool) -> Iterator[None]:
    """A training of the demo in another process, which keeps one core busy."""
    if not busy:
        yield
        return
    code = "import torch; torch.set_num_threads(1); from snapshot import real_clouds\nwhile True: real_clouds(1000)"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as training:
        time.sleep(SECONDS_TO_START)
        try:
            yield
        finally:
            training.kill()


def print_stages(clouds: Sequence[NDArray[np.floating]]) -> None:
    """Where the time of one thread goes, stage by stage, beside the floor."""
    clock = Clock()
    distances = SlicedWasserstein(n_directions=DIRECTIONS).by_dimension((0, 1))
    layers = [LayerFacts(cloud) for cloud in clouds]
    with clock("distance matrices (floor)"):
        for layer in layers:
            _ = layer.distances
    with clock("reductions (floor)"):
        for layer in layers:
            redzed_tda.rips(layer.distances, maxdim=1)
    with clock("reductions, checked and sorted"):
        for layer in layers:
            _ = layer.diagrams
    with clock("parts' distances and reductions"):
        for layer in layers:
            for count in (N_PARTS, N_QUARTERS):
                layer.measure_parts(count)
    with clock("projections and noise"):
        prepared = [[prepare_layer(distance, layer) for layer in layers] for distance in distances]
    with clock("pairs"):
        matrices = [
            distance.matrix([layer.whole for layer in of]) for distance, of in zip(distances, prepared, strict=True)
        ]
    with clock("tests"):
        for distance, of, matrix in zip(distances, prepared, matrices, strict=True):
            how_sure(distance, of, matrix)
    print("\nWhere it goes, in seconds of one thread:")
    for stage, spent in clock.seconds.items():
        print(f"  {stage:32} {spent:6.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--busy", action="store_true", help="measure while a training keeps one core busy")
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
        "ours without noise, 2 threads": lambda: ours_without_noise(clouds, 2),
        "ours without noise, 1 thread": lambda: ours_without_noise(clouds, 1),
        "floor, 2 threads": lambda: floor(clouds, 2),
        "floor, 1 thread": lambda: floor(clouds, 1),
        "GUDHI + vectorised, 2 threads": lambda: gudhi_and_vectorised(clouds, 2),
        "GUDHI + vectorised, 1 thread": lambda: gudhi_and_vectorised(clouds, 1),
    }
    # In turn, so that a change in the machine's speed meets all of them.
    times: dict[str, list[float]] = {name: [] for name in pipelines}
    with a_training_beside(options.busy):
        for _ in range(options.repeats):
            for name, pipeline in pipelines.items():
                times[name].append(seconds(pipeline))
        times["ripser.py + persim"] = [seconds(lambda: ripser_and_persim(clouds))]

    mine = statistics.median(times["ours, 2 threads"])
    print(f"\n{'pipeline':32} {'median s':>9} {'min':>7} {'max':>7} {'of ours, 2 threads':>19}")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:32} {median:9.3f} {min(taken):7.3f} {max(taken):7.3f} {median / mine:18.1f}x")
    print_stages(clouds)

    first = analyse(recorded, n_threads=2)
    whole = analyse(recorded, previous=first, reference=first, n_threads=2)
    stages = ", ".join(f"{stage} {spent:.3f}" for stage, spent in whole.seconds.items())
    print(f"\nA whole snapshot, with scale, noise, tests, drift, Mapper and statistics, in processor seconds: {stages}")


if __name__ == "__main__":
    main()
