"""The labels of a run's samples as classes, where they are classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topocallback.records.classes import are_targets, is_missing, name_classes
from topocallback.records.snapshot import Snapshot
from topocallback.records.wording import shown

__all__ = ["Classes", "classes_of", "labels_in_words"]


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of n samples, at least two.

    Attributes:
        codes: (n,) the number of each sample's class; -1 where its label is missing.
        names: The classes' names.
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(classes,) how many samples each has."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))

    @property
    def chance(self) -> float:
        """How probably another sample that is drawn at random carries a sample's label, in [0, 1)."""
        n_labelled = self.sizes.sum()
        return float((self.sizes * (self.sizes - 1)).sum() / (n_labelled * (n_labelled - 1)))


def classes_of(snapshot: Snapshot) -> Classes | None:
    """The classes of a snapshot's samples.

    Args:
        snapshot: The snapshot.

    Returns:
        The classes; ``None`` without labels, where all labels are one, and of real numbers that are targets of a
        regression (not all whole, and more than 10 different), among which neighbours carry similar ones, not the same.
    """
    labels = snapshot.labels
    if labels is None or (labels.dtype.kind == "f" and not snapshot.classes and are_targets(labels)):
        return None
    missing = is_missing(labels)
    codes, names = name_classes(labels[~missing], snapshot.classes)
    if len(names) < 2:
        return None
    of_all = np.full(len(labels), -1, dtype=np.int64)
    of_all[~missing] = codes
    return Classes(of_all, tuple(map(shown, names)))


def labels_in_words(snapshot: Snapshot) -> list[str]:
    """The n samples' labels as they are shown; nothing where they have none.

    Example:
        >>> from topocallback import PointClouds, analyse
        >>> labels_in_words(analyse(PointClouds({"stem": np.eye(3)}, labels=[0.25, None, 7.0])))
        ['0.25', 'missing', '7']
    """
    if snapshot.labels is None:
        return [""] * len(snapshot.sample_ids)
    if snapshot.labels.dtype.kind == "f" and not snapshot.classes:  # a target by itself, not by its bin
        return ["missing" if np.isnan(label) else f"{label:.6g}" for label in snapshot.labels.tolist()]
    codes, names = name_classes(snapshot.labels, snapshot.classes)
    return [shown(names[code]) for code in codes]
