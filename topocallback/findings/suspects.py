"""Which samples lie among another class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topocallback.findings.classes import Classes
from topocallback.findings.course import Course
from topocallback.findings.same_label import NEAR_BEST, SameLabel, same_label
from topocallback.findings.separation import SEPARATED
from topocallback.findings.shown_samples import MOST_SHOWN, samples_view
from topocallback.findings.wording import about_layers
from topocallback.records.finding import Finding
from topocallback.records.nearest import N_NEAREST
from topocallback.records.results import LEVEL
from topocallback.records.snapshot import Snapshot

__all__ = ["Suspects", "among_another_class", "label_suspects"]

# Of 26 wrong labels among 512 images of MNIST these found 83 %, and 80 % of what they found were wrong labels, in the
# mean of 72 draws; at least 8 and at most 1 found 81 %, of which 79 % were; at least 7 and at most 1.5 88 %, of which
# 72 % were. What else is found are digits that the network takes for others.
_MEAN_OTHER, _MEAN_OWN = 7.0, 0.5

_QUESTION = "Which samples lie among another class?"
_RULE = (
    "Said where classes separate: more neighbours carry a sample's label than when labels are permuted (at "
    f"{LEVEL:g} for all layers together), and this share is at least {SEPARATED:.0%} of the way from chance to 1. "
    f"Named is a sample of whose {N_NEAREST} nearest neighbours at least {_MEAN_OTHER:g} carry one and the same other "
    f"label and at most {_MEAN_OWN:g} its own, in the mean over the layers where classes separate about as well as in "
    f"the best one ({NEAR_BEST:.0%} of the way from chance to its share), if its class has over {N_NEAREST} samples."
)


@dataclass(frozen=True, eq=False)
class Suspects:
    """Samples that lie among another class, the surest first.

    Attributes:
        neighbours: How many neighbours of all samples carry their label.
        samples: (k,) positions among the snapshot's samples.
        others: (k,) the numbers of the classes among which they lie.
        votes: (k,) how many of their neighbours carry those labels in the best layer.
        mean_votes: (k,) the same in the mean over the layers near the best one.
    """

    neighbours: SameLabel
    samples: NDArray[np.int64]
    others: NDArray[np.int64]
    votes: NDArray[np.int64]
    mean_votes: NDArray[np.float64]


def label_suspects(run: Course) -> list[Finding]:
    """Samples whose neighbours carry one and the same other label at the last step, where classes separate.

    Args:
        run: The run.

    Returns:
        One finding for all such samples, or none.
    """
    snapshot = run.last
    found = None if snapshot is None else _among_another_class(snapshot, run.of_last(same_label))
    if snapshot is None or found is None or not len(found.samples):
        return []
    classes, best = found.neighbours.classes, found.neighbours.layers[found.neighbours.best]
    notes = [
        f"{votes} of {N_NEAREST} neighbours are {classes.names[other]}"
        for votes, other in zip(found.votes[:MOST_SHOWN], found.others[:MOST_SHOWN], strict=True)
    ]
    count, surest = len(found.samples), found.samples[0]
    statement = (
        f"{count:,} of {classes.sizes.sum():,} samples {'lies' if count == 1 else 'lie'} among another class: "
        f"mislabelled, or hard. {'It is' if count == 1 else 'Most surely'} sample {snapshot.sample_ids[surest]}, "
        f"labelled {classes.names[classes.codes[surest]]}: {notes[0]}, in {about_layers((best,))}."
    )
    numbers = {
        "samples among another class": count,
        "neighbours with the other label, in their mean": float(found.mean_votes.mean()),
    }
    view = samples_view(snapshot, best, found.samples.tolist(), notes)
    evidence = {"rule": _RULE, "numbers": numbers, "view": view}
    return [Finding(_QUESTION, (), statement, evidence, LEVEL, "label_suspects")]


def among_another_class(snapshot: Snapshot) -> Suspects | None:
    """All samples that lie among another class.

    Args:
        snapshot: The snapshot.

    Returns:
        The samples, of which there may be none; ``None`` where classes do not separate.
    """
    return _among_another_class(snapshot, same_label(snapshot))


def _among_another_class(snapshot: Snapshot, found: SameLabel | None) -> Suspects | None:
    if found is None or not found.is_above_chance.any() or found.separated < SEPARATED:
        return None
    classes, near_best = found.classes, np.flatnonzero(found.is_near_best)
    votes = np.array([_votes(classes, snapshot.nearest[found.layers[layer]].positions) for layer in near_best])
    mean_votes, of_best = votes.mean(axis=0), votes[np.flatnonzero(near_best == found.best)[0]]
    samples = np.flatnonzero((classes.codes >= 0) & (classes.sizes[classes.codes] > N_NEAREST))
    own = mean_votes[samples, classes.codes[samples]]
    of_others = mean_votes[samples]
    of_others[np.arange(len(samples)), classes.codes[samples]] = -1
    others, most = of_others.argmax(axis=1), of_others.max(axis=1)
    among = np.flatnonzero((most >= _MEAN_OTHER) & (own <= _MEAN_OWN))
    among = among[np.argsort((own - most)[among], kind="stable")]
    samples, others = samples[among], others[among]
    return Suspects(found, samples, others, of_best[samples, others], most[among])


def _votes(classes: Classes, positions: NDArray[np.signedinteger]) -> NDArray[np.int64]:
    """(n, classes) how many neighbours of a sample carry each label."""
    of_neighbours = np.where(positions >= 0, classes.codes[positions], -1)
    rows, columns = np.nonzero(of_neighbours >= 0)
    votes = np.zeros((len(classes.codes), len(classes.names)), dtype=np.int64)
    np.add.at(votes, (rows, of_neighbours[rows, columns]), 1)
    return votes
