"""How well each distance passes the tests of Ding et al. (2021), on small networks trained on MNIST.

Specificity: is a layer nearer to itself in networks of other seeds than to their other layers? Sensitivity: how many
principal components must go before a layer is as far from itself as from that of another seed? Rank correlation: are
networks further from the best one where a probe of their layers is worse? All distances of the table are put to them.
Then whether what labels say of the diffusion over a cloud rises only where a network generalises (Liao et al. 2023).

    python benchmarks/grounding.py --page docs/grounding.md
    python benchmarks/grounding.py --keep grounding --networks 4 --weaker 6 --seeds 2
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from grounding_networks import LAYERS, Group, Images, mnist, of_qualities, over_epochs
from grounding_scores import Epoch, Score, Study, distances_of_table, information_over
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

Array = NDArray[np.float64]

_PAGE = """# Which distances pass the tests

How well each distance of [](measures.md) passes the tests of Ding, Denain and Steinhardt, "Grounding representation
similarity with statistical testing" (NeurIPS 2021), on small networks. This page is written by

```bash
python benchmarks/grounding.py --page docs/grounding.md
```

{networks} networks of four convolutions and two linear layers are trained on 4,000 images of MNIST for {steps} steps
of 64 images, each from its own seed, and are right on {strong} of 1,000 images that are held out. {weaker} more are
trained on 2,000 down to 30 images, and are right on {weak}. A cloud is what a layer gives for the same {samples}
held-out images, recorded as everywhere (of a convolution, the channel vector of largest norm); for diagrams it is
divided by the 0.9 quantile of its distances.

- **Nearest is itself:** how often, of all {layers} layers of a network of another seed, the nearest one of a layer is
  the same layer; {chance:.2f} is chance. **AUC:** the same by pairs (see [](compare.md)), with its standard error over
  layers; 0.5 is chance.
- **Removed:** principal components of the centred cloud are removed one after the other, the smallest first, until the
  layer is further from itself than, on average, from the same layer of other seeds. The median over the layers of
  {removed} networks and, in brackets, the smallest and the largest share: less is more sensitive.
- **Rank correlation:** Spearman's, over all networks, between how far a layer is from that of the network that is best
  on held-out images, and how far apart the accuracies of linear probes of the two are; the mean over layers, and of the
  last hidden layer alone, with 95 % intervals from networks drawn with replacement. 0 is chance.

{scores}

{notes}One small architecture, one data set and one choice of images: nothing here says which distance is better
elsewhere. Layers of a network are not independent of each other, and the shares that are removed have no intervals.
Ding et al. look at language models too, which are not repeated here.

## What labels say of the diffusion

Liao et al., "Assessing neural network representations during training using noise-resilient diffusion spectral entropy"
(2023), find that diffusion spectral mutual information with labels rises where a network generalises, and does not
where it is trained on shuffled labels. Here the same network is trained on {size} images with true and with shuffled
labels, from {seeds} seeds each. *Fitted* is how often it is right on these, by the labels that it is trained with. The
information is about the true labels of {samples} held-out images, in bits: mean ± standard deviation over seeds. The
width of the kernel is 10, as in that work, or the median distance of the cloud, since what 10 is depends on how large
activations are. In every cell the first number is with true, the second with shuffled labels.

{information}

{changes}
"""


def page(options: argparse.Namespace, group: Group, scores: Sequence[Score], epochs: Sequence[Epoch]) -> str:
    """The page, whose every number was measured."""
    names = list(epochs[0].information)
    changes = [f"- {name}: {_change(epochs[0].information[name], epochs[-1].information[name])}" for name in names]
    tests = ("Nearest is itself", "AUC", "Components removed", "Variance removed")
    headings = ("Distance", *tests, "Rank correlation", "of the hidden layer")
    return _PAGE.format(
        **vars(options),
        strong=_range(group.accuracy[: options.networks]),
        weak=_range(group.accuracy[options.networks :]),
        layers=len(LAYERS),
        chance=1 / len(LAYERS),
        removed=options.removed_from,
        scores=_table(headings, map(_row, scores)),
        notes=_notes(scores, options.networks),
        information=_table(("Epoch", "Fitted", "Held out", *names), [_row_of(epoch) for epoch in epochs]),
        changes="\n".join(changes),
    )


def _notes(scores: Sequence[Score], networks: int) -> str:
    lines = [f"- {score.name}: {sentence}" for score in scores for sentence in dict.fromkeys(score.refusals)]
    notes = "Some were refused:\n\n" + "\n".join(lines) + "\n\n" if lines else ""
    slow = ", ".join(f"{score.name} ({score.networks})" for score in scores if 0 < score.networks < networks)
    if slow:
        notes += f"Seeds are compared of fewer networks where a distance takes long: {slow}.\n\n"
    scored = {score.name for score in scores}
    absent = [name for each in distances_of_table() if (name := each.describe().title) not in scored]
    return notes + (f"Not put to the tests: {', '.join(absent)}.\n\n" if absent else "")


def _row(score: Score) -> tuple[str, ...]:
    itself = "refused" if score.itself is None else f"{score.itself:.2f}"
    found = score.specificity
    auc = "refused" if found is None else f"{found.auc:.2f} ± {found.error:.2f}"
    correlations = ("refused" if one is None else _interval(*one) for one in (score.correlation, score.of_hidden))
    return score.name, itself, auc, _spread(score.components), _spread(score.variance), *correlations


def _interval(middle: float, low: float, high: float) -> str:
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def _spread(shares: Sequence[float]) -> str:
    if not shares:
        return "refused"
    middle, low, high = (
        "never" if share == 1 else f"{share:.3g}" for share in (np.median(shares), min(shares), max(shares))
    )
    return f"{middle} [{low}, {high}]"


def _range(accuracy: Array) -> str:
    return f"{accuracy.min():.0%} to {accuracy.max():.0%}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row_of(epoch: Epoch) -> tuple[str, ...]:
    right = (" / ".join(f"{mean:.0%}" for mean in each.mean(axis=1)) for each in (epoch.fitted, epoch.accuracy))
    information = (" / ".join(map(_with_deviation, of_kinds)) for of_kinds in epoch.information.values())
    return f"{epoch.epoch}", *right, *information


def _with_deviation(values: Array) -> str:
    return f"{round(values.mean(), 2) + 0:.2f} ± {values.std(ddof=1):.2f}"  # no -0.00


def _change(first: Array, last: Array) -> str:
    changes = [
        f"{_with_deviation(of_kind)} with {labels} labels (up in {(of_kind > 0).sum()} of {len(of_kind)} seeds)"
        for labels, of_kind in zip(("true", "shuffled"), last - first, strict=True)
    ]
    p_value = mannwhitneyu(*last, method="exact").pvalue
    return f"from the first to the last epoch {' and '.join(changes)}; at the end the two differ at p = {p_value:.2g}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=8, help="trained on all images, at least 3")
    parser.add_argument("--weaker", type=int, default=10, help="trained on fewer")
    parser.add_argument("--steps", type=int, default=300, help="of training")
    parser.add_argument("--samples", type=int, default=250, help="held-out images in a cloud")
    parser.add_argument("--removed-from", type=int, default=2, help="networks whose components are removed, at most 3")
    parser.add_argument(
        "--limit", type=float, default=20.0, help="seconds of a core; a slower distance sees fewer networks"
    )
    parser.add_argument("--measures", nargs="*", help="keys of the table; by default all distances")
    parser.add_argument("--seeds", type=int, default=4, help="trained on true, and as many on shuffled labels")
    parser.add_argument("--epochs", type=int, nargs="+", default=[0, 1, 2, 5, 10, 20, 40, 60])
    parser.add_argument("--size", type=int, default=500, help="images that these are trained on")
    parser.add_argument("--keep", type=Path, help="a folder that keeps what was recorded for the next time")
    parser.add_argument("--page", type=Path, help="a file that the tables are written to, in Markdown")
    options = parser.parse_args()
    torch.set_num_threads(1)

    start, images = time.perf_counter(), mnist()
    group = kept(
        options.keep,
        f"networks-{options.networks}-{options.weaker}-{options.steps}-{options.samples}",
        lambda: of_qualities(images, options.networks, options.weaker, options.steps, options.samples),
    )
    of_labels = [epochs_of(options, images, shuffled=shuffled) for shuffled in (False, True)]
    print(f"Networks: {time.perf_counter() - start:.0f} s", flush=True)
    study = Study(group, options.networks, options.removed_from, options.limit)
    scores = []
    for distance in distances_of_table():
        if not options.measures or distance.key in options.measures:
            scores.append(study.score(distance))
            print(f"{' | '.join(_row(scores[-1]))} ({scores[-1].seconds:.0f} s)", *scores[-1].refusals, flush=True)
    written = page(options, group, scores, information_over(options.epochs, *of_labels))
    print(f"\n{written}\n{time.perf_counter() - start:.0f} s in all")
    if options.page:
        options.page.write_text(written, encoding="utf-8")


def epochs_of(options: argparse.Namespace, images: Images, *, shuffled: bool) -> dict[int, Group]:
    """Kept as one file per epoch; all are made anew where one is missing."""
    name = f"{'shuffled' if shuffled else 'true'}-{options.seeds}-{options.size}-{options.samples}"
    files = {epoch: options.keep and options.keep / f"{name}-{epoch}.npz" for epoch in options.epochs}
    if all(file and file.exists() for file in files.values()):
        return {epoch: Group.load(file) for epoch, file in files.items()}
    found = over_epochs(images, options.seeds, options.epochs, options.size, options.samples, shuffled=shuffled)
    for epoch, file in files.items():
        if file:
            found[epoch].save(file)
    return found


def kept(folder: Path | None, name: str, make: Callable[[], Group]) -> Group:
    """What the folder holds under a name that says what it depends on, or what is made and then kept there."""
    file = folder and folder / f"{name}.npz"
    if file and file.exists():
        return Group.load(file)
    group = make()
    if file:
        group.save(file)
    return group


if __name__ == "__main__":
    main()
