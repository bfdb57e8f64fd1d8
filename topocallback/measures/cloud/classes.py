"""Where the classes of samples lie in a cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from topocallback.measures.base import Statistic, check_option, is_count
from topocallback.measures.facts import LayerFacts
from topocallback.records.classes import name_classes

__all__ = ["NeighbourAccuracy"]


@dataclass(frozen=True)
class NeighbourAccuracy(Statistic):
    """The share of samples whose nearest neighbours would name their class, in [0, 1].

    Each sample is left out in turn and named by the most frequent class among its k nearest, of equally frequent ones
    by the first. With classes of equal size, chance is 1 over their number.

    Args:
        k: How many neighbours, at least 1.

    Raises:
        ValueError: If ``k`` is no integer of at least 1. From ``value``, for k points or fewer.

    Example:
        >>> NeighbourAccuracy(k=1)([[0.0], [0.1], [5.0], [5.1]], ["a", "a", "b", "b"])
        1.0
    """

    key: ClassVar[str] = "knn_accuracy"
    label: ClassVar[str] = "Accuracy of nearest neighbours"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    more: ClassVar[str] = "classes further apart"
    needs_labels: ClassVar[bool] = True

    k: int = 10

    def __post_init__(self) -> None:
        check_option(self, "k", is_count, "an integer of at least 1")

    def value(self, facts: LayerFacts) -> float:
        """The share; NaN without labels."""
        if facts.labels is None:
            return float("nan")
        if facts.n_points <= self.k:
            raise ValueError(f"Expected more than k={self.k} points for {self.key}, got {facts.n_points}.")
        codes, classes = name_classes(facts.labels)
        others = facts.distances.copy()
        np.fill_diagonal(others, np.inf)
        nearest = codes[np.argsort(others, axis=1, kind="stable")[:, : self.k]]
        cells = np.arange(len(codes))[:, None] * len(classes) + nearest
        votes = np.bincount(cells.ravel(), minlength=len(codes) * len(classes)).reshape(len(codes), len(classes))
        return float(np.mean(votes.argmax(axis=1) == codes))
