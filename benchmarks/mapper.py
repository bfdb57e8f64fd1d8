"""What Mapper graphs cost: ours beside KeplerMapper used directly, in the paper's setting, and ours by default.

Twelve layers of the demo's ResNet-18 with 1000 points each, and one cloud of 50,000 points of dimension 512.

    python benchmarks/mapper.py
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import kmapper
import numpy as np
from kneed import KneeLocator
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors
from snapshot import real_clouds

from topocallback.functional import mapper_graph as mapper_graph_of_any_size
from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.mapper.graph import mapper_graph
from topocallback.measures.mapper.neighbours import MatrixNeighbours
from topocallback.measures.mapper.options import MapperOptions
from topocallback.measures.parallel import map_threads

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import mnist_loaders

Cloud = NDArray[np.float32]
Shape = tuple[int, int, int]  # nodes, edges, points in nodes
PAPER = MapperOptions.purvine2023()


def ours(
    clouds: list[Cloud], labels: NDArray[np.int64], matrices: list[NDArray[np.float64]], options: MapperOptions
) -> list[Shape]:
    """From the distance matrices that the persistence diagrams needed anyway."""
    pairs = zip(clouds, matrices, strict=True)
    graphs = map_threads(
        lambda pair: mapper_graph(pair[0], labels, options, neighbours=MatrixNeighbours(pair[1])), pairs, n_threads=2
    )
    return [(graph.n_nodes, len(graph.edges), int((graph.memberships > 0).sum())) for graph in graphs]


def kepler_mapper(cloud: Cloud) -> Shape:
    points = cloud.astype(np.float64)
    nearest = np.sort(NearestNeighbors(n_neighbors=2).fit(points).kneighbors(points)[0][:, 1])[::-1]
    shares = np.linspace(0, 1, len(nearest))
    knee = KneeLocator(nearest, shares, curve="convex", direction="decreasing").knee
    radius = round(float(knee), 3) if knee is not None else float(np.median(nearest))
    graph = kmapper.KeplerMapper(verbose=0).map(
        np.linalg.norm(points, axis=1, keepdims=True),
        points,
        cover=kmapper.Cover(40, 0.3),
        clusterer=DBSCAN(eps=radius, min_samples=5),
    )
    covered = {point for members in graph["nodes"].values() for point in members}
    return len(graph["nodes"]), sum(map(len, graph["links"].values())), len(covered)


def large_cloud(n_points: int, dimension: int) -> tuple[Cloud, NDArray[np.int64]]:
    """Activations after a ReLU, made up: ten classes, each a plane of eight directions, and a little noise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=n_points)
    centres, directions = rng.normal(size=(10, dimension)), rng.normal(size=(10, 8, dimension))
    points = rng.normal(scale=0.1, size=(n_points, dimension))
    for number in range(10):
        mine = labels == number
        points[mine] += centres[number] + 0.3 * rng.normal(size=(mine.sum(), 8)) @ directions[number]
    return np.maximum(points, 0).astype(np.float32), labels


def ours_large(n_points: int, dimension: int) -> tuple[float, float, Shape]:
    """Seconds, peak of memory in GB, and the graph's shape: to be run in a process of its own."""
    cloud, labels = large_cloud(n_points, dimension)
    start = time.perf_counter()
    graph = mapper_graph_of_any_size(cloud, labels, PAPER)
    seconds = time.perf_counter() - start
    return seconds, peak(), (graph.n_nodes, len(graph.edges), int((graph.memberships > 0).sum()))


def kepler_mapper_large(n_points: int, dimension: int) -> tuple[float, float, Shape]:
    """The same by KeplerMapper."""
    cloud, _ = large_cloud(n_points, dimension)
    start = time.perf_counter()
    shape = kepler_mapper(cloud)
    return time.perf_counter() - start, peak(), shape


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def mnist_labels() -> NDArray[np.int64]:
    """The labels of the demo's validation images."""
    return np.concatenate([labels.numpy() for _, labels in mnist_loaders()[1]])


def in_turn(*runs: Callable[[], object], repeats: int) -> list[list[float]]:
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for place, run in enumerate(runs):
            start = time.perf_counter()
            run()
            seconds[place].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000, help="points per layer")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each pipeline")
    parser.add_argument("--large", type=int, nargs=2, default=(50_000, 512), help="points and dimension of one cloud")
    options = parser.parse_args()

    recorded = real_clouds(options.samples)
    clouds = list(recorded.clouds.values())
    labels = mnist_labels()[recorded.sample_ids]
    matrices = [distance_matrix(cloud) for cloud in clouds]
    assert ours(clouds, labels, matrices, PAPER) == [kepler_mapper(cloud) for cloud in clouds]
    own, peer, default = in_turn(
        lambda: ours(clouds, labels, matrices, PAPER),
        lambda: [kepler_mapper(cloud) for cloud in clouds],
        lambda: ours(clouds, labels, matrices, MapperOptions()),
        repeats=options.repeats,
    )
    print(f"{len(clouds)} layers, {options.samples} points each, the same graphs, medians of {options.repeats} runs:")
    print(f"  topocallback, 2 threads   {statistics.median(own):8.3f} s")
    print(f"  KeplerMapper              {statistics.median(peer):8.3f} s")
    print(f"  topocallback by default   {statistics.median(default):8.3f} s")
    print("One cloud of {:,} points of dimension {}:".format(*options.large))
    for name, run in (("topocallback", ours_large), ("KeplerMapper", kepler_mapper_large)):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            seconds, memory, (nodes, edges, covered) = pool.submit(run, *options.large).result()
        print(f"  {name:25} {seconds:8.1f} s, peak {memory:.1f} GB, {nodes} nodes, {edges} edges, {covered} covered")


if __name__ == "__main__":
    main()
