"""How often each kind of finding speaks where there is nothing to say, and how often it finds what was planted.

Small residual networks on MNIST (seven layers, 256 validation images). In *null* cases nothing is there to be found by
the kinds that are asked: these should speak in at most 5 % of cases. In *planted* cases something is, in a known layer
or in known samples. A case is drawn anew for every seed.

    python benchmarks/findings.py --page docs/findings_rates.md
    python benchmarks/findings.py --planted 4 --only "identity block"
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from findings_networks import LAYERS, Block, Network, clouds_of, images_of, mnist, train
from numpy.typing import NDArray
from scipy.stats import binom
from torch import Tensor
from torch.nn.functional import mse_loss, normalize

from topocallback import AnalysisOptions, Finding, PointClouds, Snapshot, analyse, findings_of
from topocallback.analysis.analyse import analyse_next
from topocallback.analysis.analysed import Analysed
from topocallback.analysis.gap import with_gap

Ids = NDArray[np.int64]

_PAGE = """# How often findings are right

How often each kind of [](findings.md) speaks where there is nothing to say, and how often it finds what was planted.
This page is written by

```bash
{command}
```

Small residual networks (a stem, four blocks, a projection, ten logits) on MNIST, {samples} validation images, diagrams
in H0 and H1. Every case is drawn anew for each seed: images, and where it is trained the network.

## Where there is nothing to say

{null}

The level is 5 %: of {n_null} cases, up to {most} are within what chance does to a rate of 5 % (one side, 5 %).

## Where something is planted

*Found* counts the runs in which the layer, or one of the samples, was named; *right*, what was planted among all that
was named. A layer behind a broken one may be named with good reason.

{planted}

{cases}
"""

OPTIONS = AnalysisOptions(mapper=False)
SAMPLES = 256
_TRAINED_ON = 1500  # images; the others are there to be validated on
_OF_ALERTS = ("nan_layers", "rank_collapse", "cosine_collapse", "dead_units")
_OF_MOVEMENT = ("still_moving", "from_reference")
_OF_STANDSTILL = ("frozen", "unmoved", "settled")
_OF_SAMPLES = ("near_duplicates", "outliers")


@dataclasses.dataclass(frozen=True)
class Case:
    """Runs in which something is known.

    Attributes:
        name: What is done.
        kinds: The kinds of findings that should be silent, or, where something is planted, the one that should speak.
        make: From a seed to a run, and what is planted in it: layers or samples.
        is_planted: Whether something is.
    """

    name: str
    kinds: tuple[str, ...]
    make: Callable[[int], tuple[list[Snapshot], set[object]]]
    is_planted: bool = False


@dataclasses.dataclass
class Tally:
    """What came out for one kind in one case.

    Attributes:
        cases: How many runs there were.
        spoken: In how many the kind spoke; where something is planted, in how many it named what is.
        named: How many layers or samples were named in all.
        right: How many of these are among what was planted.
        planted: How many there are to be found.
    """

    cases: int = 0
    spoken: int = 0
    named: int = 0
    right: int = 0
    planted: int = 0

    def add(self, found: Sequence[Finding], planted: set[object]) -> None:
        """Count one run."""
        named = {name for finding in found for name in (finding.samples or finding.layers)}
        self.cases += 1
        self.spoken += bool(named & planted) if planted else bool(found)
        self.named, self.right = self.named + len(named), self.right + len(named & planted)
        self.planted += len(planted)


# -- Runs --------------------------------------------------------------------------------------------------------------


def run_of(clouds: Sequence[PointClouds]) -> list[Snapshot]:
    """The snapshots of a run, each against the one before and the first one."""
    analysed: list[Analysed] = []
    for step, each in enumerate(clouds, 1):  # of the untrained network at step 0, less is asked
        before = (analysed[-1], analysed[0]) if analysed else (None, None)
        analysed.append(analyse_next(each, OPTIONS, step, step, *before))
    return [each.snapshot for each in analysed]


def ids_of(seed: int, count: int = SAMPLES) -> Ids:
    """Images to validate on: others for every seed."""
    held_out = np.arange(_TRAINED_ON, len(mnist()[1]))
    return np.sort(np.random.default_rng(seed).choice(held_out, count, replace=False))


def validated(
    seed: int,
    epochs: int,
    network: Network | None = None,
    *,
    rate: float = 2e-3,
    at_epoch: dict[int, Callable[[Network], object]] | None = None,
    loss: Callable[[Network, Tensor, Tensor], Tensor] | None = None,
) -> tuple[Network, list[PointClouds]]:
    """A network that is trained, and what its layers gave before the first epoch and after each one."""
    network, ids = network or Network(seed), ids_of(seed)
    images, labels = images_of(np.arange(_TRAINED_ON))
    clouds = [clouds_of(network, ids)]

    def validate(epoch: int) -> None:
        clouds.append(clouds_of(network, ids))
        for wanted, do in (at_epoch or {}).items():
            if wanted == epoch:
                do(network)

    train(network, epochs, images=images, labels=labels, rate=rate, seed=seed, loss=loss, after_epoch=validate)
    return network, clouds


def trained(seed: int, epochs: int = 2) -> Network:
    """A network that is trained already; one of ten, whatever the seed."""
    if (seed % 10, epochs) not in _TRAINED:
        images, labels = images_of(np.arange(_TRAINED_ON))
        _TRAINED[seed % 10, epochs] = train(Network(seed % 10), epochs, images=images, labels=labels, seed=seed % 10)
    return _TRAINED[seed % 10, epochs]


_TRAINED: dict[tuple[int, int], Network] = {}


# -- Where there is nothing to say -------------------------------------------------------------------------------------


def learning_rate_0(seed: int) -> tuple[list[Snapshot], set[object]]:
    """The end of a training, at which nothing moves any more."""
    clouds = clouds_of(trained(seed), ids_of(seed))
    return run_of([clouds] * 4), set()


def frozen(seed: int) -> tuple[list[Snapshot], set[object]]:
    """An untrained network that is not trained."""
    clouds = clouds_of(Network(seed), ids_of(seed))
    return run_of([clouds] * 4), set()


def fresh_samples(seed: int) -> tuple[list[Snapshot], set[object]]:
    """One trained network, on other samples at each step."""
    both = np.random.default_rng(seed).permutation(np.arange(_TRAINED_ON, len(mnist()[1])))[: 3 * SAMPLES]
    return run_of([clouds_of(trained(seed), np.sort(ids)) for ids in np.split(both, 3)]), set()


def shuffled_labels(seed: int) -> tuple[list[Snapshot], set[object]]:
    """A trained network whose samples have each other's labels."""
    ids = ids_of(seed)
    labels = np.random.default_rng(seed).permutation(mnist()[1][ids])
    return run_of([clouds_of(trained(seed), ids, labels)]), set()


def no_gap(seed: int) -> tuple[list[Snapshot], set[object]]:
    """A network that knows neither of two halves of samples."""
    ids = np.random.default_rng(seed).permutation(ids_of(seed, 2 * SAMPLES))
    ours, theirs = (clouds_of(trained(seed), np.sort(half)) for half in np.split(ids, 2))
    return [with_gap(Analysed(analyse(ours, OPTIONS)), ours, theirs, OPTIONS)], set()


def sound_training(seed: int) -> tuple[list[Snapshot], set[object]]:
    """A sound network that learns, at a constant rate: no layer is redundant, broken, or has settled."""
    return run_of(validated(seed, 5)[1]), set()


# -- What is planted ---------------------------------------------------------------------------------------------------


def frozen_from(seed: int) -> tuple[list[Snapshot], set[object]]:
    """One layer, whichever, is frozen after the second epoch, and looked at after the third."""
    layer = LAYERS[seed % len(LAYERS)]

    def freeze(network: Network) -> None:
        network.get_submodule(layer).requires_grad_(False)

    return run_of(validated(seed, 3, at_epoch={2: freeze})[1]), {layer}


def identity_block(seed: int) -> tuple[list[Snapshot], set[object]]:
    """The third block of a trained network is turned into identity."""
    network = Network(seed)
    network.load_state_dict(trained(seed).state_dict())
    block = network.blocks[2]
    assert isinstance(block, Block)
    for parameter in block.norm.parameters():
        torch.nn.init.zeros_(parameter)
    return run_of([clouds_of(network, ids_of(seed))]), {"blocks.1", "blocks.2"}


def collapsed_head(seed: int) -> tuple[list[Snapshot], set[object]]:
    """The projection learns to be the same for an image and its mirror image, and nothing else keeps it apart."""

    def same_for_both(network: Network, images: Tensor, labels: Tensor) -> Tensor:
        ours, theirs = (normalize(_projected(network, each), dim=1) for each in (images, images.flip(3)))
        return mse_loss(ours, theirs)

    return run_of(validated(seed, 3, rate=1e-2, loss=same_for_both)[1]), {"projection", "head"}


def _projected(network: Network, images: Tensor) -> Tensor:
    features: Tensor = network.projection(network.blocks(torch.relu(network.stem(images))).mean(dim=(2, 3)))
    return features


def dead_units(seed: int) -> tuple[list[Snapshot], set[object]]:
    """A tenth of the projection's units never fire."""
    network = Network(seed)
    network.load_state_dict(trained(seed).state_dict())
    with torch.no_grad():
        network.projection.get_parameter("0.bias")[: round(0.1 * 48)] = -1e3
    return run_of([clouds_of(network, ids_of(seed))]), {"projection"}


def learnt_by_heart(seed: int) -> tuple[list[Snapshot], set[object]]:
    """Random labels of 300 images, learnt by heart."""
    rng = np.random.default_rng(seed)
    ids = rng.permutation(len(mnist()[1]))[:300]
    images, _ = images_of(ids)
    network = train(Network(seed), 40, images=images, labels=torch.from_numpy(rng.integers(0, 10, 300)), seed=seed)
    others = np.sort(rng.choice(np.setdiff1d(np.arange(len(mnist()[1])), ids), SAMPLES, replace=False))
    ours, theirs = clouds_of(network, others), clouds_of(network, np.sort(ids)[:SAMPLES])
    return [with_gap(Analysed(analyse(ours, OPTIONS)), ours, theirs, OPTIONS)], {"head"}


def not_a_number(seed: int) -> tuple[list[Snapshot], set[object]]:
    """One weight of the projection is NaN."""
    network = Network(seed)
    with torch.no_grad():
        network.projection.get_parameter("0.weight")[0, 0] = float("nan")
    return run_of([clouds_of(network, ids_of(seed))]), {"projection", "head"}


def learning(seed: int) -> tuple[list[Snapshot], set[object]]:
    """A network in its first epoch."""
    return run_of(validated(seed, 1)[1]), {"head", "projection"}


def wrong_labels(seed: int) -> tuple[list[Snapshot], set[object]]:
    """One in twenty of the validation images has the label of another class."""
    ids, rng = ids_of(seed), np.random.default_rng(seed)
    labels, wrong = mnist()[1][ids], rng.choice(SAMPLES, round(SAMPLES / 20), replace=False)
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, len(wrong))) % 10
    return run_of([clouds_of(trained(seed, 6), ids, labels)]), set(ids[wrong].tolist())


def images_twice(seed: int) -> tuple[list[Snapshot], set[object]]:
    """Three validation images are there twice."""
    ids = ids_of(seed)
    copies, originals = np.random.default_rng(seed).choice(SAMPLES, (2, 3), replace=False)
    instead = dict(zip(copies.tolist(), images_of(ids[originals])[0], strict=True))
    planted = ids[np.concatenate([copies, originals])].tolist()
    return run_of([clouds_of(trained(seed), ids, instead=instead)]), set(planted)


def not_scaled(seed: int) -> tuple[list[Snapshot], set[object]]:
    """One validation image is in [0, 255], and all others are in [0, 1]."""
    ids, position = ids_of(seed), seed % SAMPLES
    instead = {position: 255 * images_of(ids[[position]])[0][0]}
    return run_of([clouds_of(trained(seed), ids, instead=instead)]), {int(ids[position])}


CASES = (
    Case("learning rate 0", (*_OF_ALERTS, *_OF_MOVEMENT, "redundant"), learning_rate_0),
    Case("untrained and frozen", (*_OF_ALERTS, *_OF_MOVEMENT, "redundant"), frozen),
    Case("fresh samples", (*_OF_ALERTS, *_OF_MOVEMENT, "unmoved", "settled", "redundant"), fresh_samples),
    Case("shuffled labels", ("separation", "label_suspects"), shuffled_labels),
    Case("no gap", ("train_gap",), no_gap),
    Case("sound training", (*_OF_ALERTS, *_OF_STANDSTILL, "redundant", *_OF_SAMPLES), sound_training),
    Case("a layer frozen from a step on", ("frozen",), frozen_from, is_planted=True),
    Case("identity block", ("redundant",), identity_block, is_planted=True),
    Case("collapsed projection", ("cosine_collapse",), collapsed_head, is_planted=True),
    Case("a tenth of units dead", ("dead_units",), dead_units, is_planted=True),
    Case("random labels learnt by heart", ("train_gap",), learnt_by_heart, is_planted=True),
    Case("a weight that is NaN", ("nan_layers",), not_a_number, is_planted=True),
    Case("the first epoch", ("still_moving",), learning, is_planted=True),
    Case("the first epoch", ("from_reference",), learning, is_planted=True),
    Case("wrong labels", ("label_suspects",), wrong_labels, is_planted=True),
    Case("images twice", ("near_duplicates",), images_twice, is_planted=True),
    Case("an image that is not scaled", ("outliers",), not_scaled, is_planted=True),
)  # fmt: skip


def tallied(case: Case, seeds: Sequence[int]) -> dict[str, Tally]:
    """What comes out of a case, by kind."""
    found = {kind: Tally() for kind in case.kinds}
    for seed in seeds:
        run, planted = case.make(seed)
        said = findings_of(run)
        for kind, tally in found.items():
            tally.add([finding for finding in said if finding.kind == kind], planted)
    return found


def null_row(case: Case, kind: str, tally: Tally) -> str:
    """A row of the table of null cases."""
    return f"| {case.name} | `{kind}` | {tally.spoken} of {tally.cases} |"


def planted_row(case: Case, kind: str, tally: Tally) -> str:
    """A row of the table of planted cases."""
    right = f"{tally.right} of {tally.named}"
    return f"| {case.name} | `{kind}` | {tally.spoken} of {tally.cases} | {right} | {tally.right} of {tally.planted} |"


def table(cases: Sequence[Case], n_seeds: int, header: str, row: Callable[[Case, str, Tally], str]) -> list[str]:
    """A table of some cases, which is printed as it grows."""
    lines = [header, "|".join(["", *[" --- "] * (header.count("|") - 1), ""])]
    for case in cases:
        start = time.perf_counter()
        found = [row(case, kind, tally) for kind, tally in tallied(case, range(n_seeds)).items()]
        print("\n".join(found), f"{time.perf_counter() - start:.0f} s", sep="\n", flush=True)
        lines += found
    return lines


def main() -> None:
    """Print the tables, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--null", type=int, default=100, help="runs of each case in which there is nothing to say")
    parser.add_argument("--planted", type=int, default=20, help="runs of each case in which something is planted")
    parser.add_argument("--only", default="", help="a case, by its name or a part of it")
    parser.add_argument("--page", type=Path, help="write the page here")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = [case for case in CASES if options.only in case.name]
    null = table([case for case in cases if not case.is_planted], options.null, "| Case | Kind | Spoke |", null_row)
    header = "| Case | Kind | Found | Right, of what was named | Named, of what was planted |"
    planted = table([case for case in cases if case.is_planted], options.planted, header, planted_row)
    if options.page:
        command = "python benchmarks/findings.py --page docs/findings_rates.md"
        most = int(binom.ppf(0.95, options.null, 0.05))
        told = "\n".join(dict.fromkeys(f"- *{case.name}*: {in_a_sentence(case)}" for case in cases))
        parts = {"null": "\n".join(null), "planted": "\n".join(planted), "cases": told, "samples": SAMPLES}
        page = _PAGE.format(command=command, n_null=options.null, most=most, **parts)
        options.page.write_text(page, encoding="utf-8")


def in_a_sentence(case: Case) -> str:
    """What is done in a case."""
    text = (case.make.__doc__ or "").strip()
    return text[:1].lower() + text[1:]


if __name__ == "__main__":
    main()
