"""What every measure costs with its noise: twelve layers of the demo's ResNet-18, 512 images each, one thread.

Distance matrices and diagrams are there already: most measures share them. Medians, in milliseconds: of all layers
alone (``prepare`` and values, with their parts) and of all 66 pairs, with their errors or tests.

    python benchmarks/measures.py
    python benchmarks/measures.py --measures cka rsa
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from snapshot import real_clouds

from topocallback.measures import MEASURES, Distance, LayerFacts, Measure, Statistic
from topocallback.measures.mapper.statistics import MapperStatistic
from topocallback.measures.noise import N_QUARTERS, error_of, how_sure, prepare_layer
from topocallback.measures.sign_flips import N_PARTS


def seconds(run: Callable[[], object], repeats: int) -> float:
    """The median of the processor time."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def cost_of(measure: Measure, layers: Sequence[LayerFacts], repeats: int) -> tuple[float, float]:
    """Of the layers, and of their pairs."""
    if isinstance(measure, Distance):
        return cost_of_distance(measure, layers, repeats)
    assert isinstance(measure, Statistic)
    return seconds(lambda: [error_of(measure, measure.value(layer), layer) for layer in layers], repeats), 0.0


def cost_of_distance(distance: Distance, layers: Sequence[LayerFacts], repeats: int) -> tuple[float, float]:
    def pairs() -> None:
        how_sure(distance, prepared, distance.matrix([layer.whole for layer in prepared]))

    prepared = [prepare_layer(distance, layer) for layer in layers]
    return seconds(lambda: [prepare_layer(distance, layer) for layer in layers], repeats), seconds(pairs, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measures", nargs="+", choices=list(MEASURES), default=list(MEASURES))
    options = parser.parse_args()

    recorded = real_clouds(options.samples)
    labels = np.arange(recorded.n_points) % 10  # their own do not matter for the time
    views = np.arange(recorded.n_points) // 2  # two of each sample, as LiDAR needs them
    layers = [LayerFacts(cloud, labels, views, scale="quantile") for cloud in recorded.clouds.values()]
    for layer in layers:
        for count in (N_PARTS, N_QUARTERS):
            layer.measure_parts(count)
        _ = layer.diagrams
    widths = [cloud.shape[1] for cloud in recorded.clouds.values()]
    print(f"{len(layers)} layers of {recorded.n_points} points, dimensions {widths}")
    print(f"{'measure':40} {'layers':>8} {'pairs':>8}")
    total = 0.0
    for key in options.measures:
        kind = MEASURES[key]
        if issubclass(kind, MapperStatistic):
            continue
        measures: Sequence[Measure] = kind().by_dimension((0, 1))
        costs = [cost_of(each, layers, options.repeats) for each in measures]
        of_layers, of_pairs = np.sum(costs, axis=0)
        total += of_layers + of_pairs
        print(f"{key:40} {1000 * of_layers:8.1f} {1000 * of_pairs:8.1f}", flush=True)
    print(f"all of them: {total:.2f} s")


if __name__ == "__main__":
    main()
