"""Where the classes of samples lie in a cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.hashing import sample_priorities
from topocallback.measures.base import Statistic, TooFewPointsError, check_option, is_count
from topocallback.measures.euclidean import distance_matrix, k_nearest
from topocallback.measures.facts import LayerFacts
from topocallback.measures.topology.diagrams import that_die
from topocallback.measures.topology.rips import rips_diagrams
from topocallback.records.classes import name_classes
from topocallback.records.nearest import N_NEAREST

__all__ = ["ClassPersistence", "NeighbourAccuracy", "Silhouette"]

_MOST_OF_CLASS = 300
_SEED_OF_CLASS = 0x636C617373


@dataclass(frozen=True)
class NeighbourAccuracy(Statistic):
    """The share of samples whose nearest neighbours would name their class, in [0, 1].

    Each sample is left out in turn and named by the most frequent class among its k nearest, of equally frequent ones
    by the first. With classes of equal size, chance is 1 over their number. The standard error is that of a share.

    Args:
        k: How many neighbours, at least 1.

    Raises:
        ValueError: If ``k`` is no integer of at least 1. From ``value`` a ``TooFewPointsError``, for k points or fewer.

    Example:
        >>> NeighbourAccuracy(k=1)([[0.0], [0.1], [5.0], [5.1]], ["a", "a", "b", "b"])
        1.0
    """

    key: ClassVar[str] = "knn_accuracy"
    label: ClassVar[str] = "Accuracy of nearest neighbours"
    question: ClassVar[str] = "Would a sample's neighbours name its class?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    more: ClassVar[str] = "classes further apart"
    on_parts: ClassVar[bool] = False
    needs_labels: ClassVar[bool] = True

    k: int = 10

    def __post_init__(self) -> None:
        check_option(self, "k", is_count, "an integer of at least 1")

    def value(self, facts: LayerFacts) -> float:
        """The share; NaN without labels."""
        if (codes := facts.codes) is None:
            return float("nan")
        if facts.n_points <= self.k:
            raise TooFewPointsError(f"Expected more than k={self.k} points for {self.key}, got {facts.n_points}.")
        points = facts.nearest[0] if self.k <= N_NEAREST else k_nearest(facts.distances, self.k)[0]
        n_classes = int(codes.max()) + 1
        cells = np.arange(len(codes))[:, None] * n_classes + codes[points[:, : self.k]]
        votes = np.bincount(cells.ravel(), minlength=len(codes) * n_classes).reshape(len(codes), n_classes)
        return float(np.mean(votes.argmax(axis=1) == codes))

    def own_error(self, facts: LayerFacts, value: float) -> float:
        """The standard error of a share of as many samples, and no less than that of one sample that is wrong.

        Points of one sample count as one. Over samples of 400, it was 0.7 to 1.2 times the spread. In a part of the
        samples k neighbours reach further than in all of them, so that parts said up to 4 times as much.
        """
        n = len(np.unique(facts.sample_ids))
        return max(float(np.sqrt(value * (1 - value) / n)), 1 / n)


@dataclass(frozen=True)
class Silhouette(Statistic):
    r"""How much nearer samples are to their own class than to the nearest other one, in [-1, 1].

    The mean of :math:`(b - a) / \max(a, b)` over the samples, where a is a sample's mean distance from the others of
    its class, and b the smallest of its mean distances from those of another class. A sample that is alone in its class
    counts as 0. It does not depend on the order of the samples, on rotations, or on one factor for all values.

    References:
        Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis" (1987).

    Example:
        >>> round(Silhouette()([[0.0], [1.0], [10.0], [11.0]], ["a", "a", "b", "b"]), 6)
        0.899749
    """

    label: ClassVar[str] = "Silhouette of classes"
    question: ClassVar[str] = "Are samples nearer to their own class than to any other?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    more: ClassVar[str] = "classes further apart"
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Rousseeuw (1987)"

    def value(self, facts: LayerFacts) -> float:
        """The mean; NaN without labels, and for fewer than two classes."""
        if facts.labels is None:
            return float("nan")
        codes, classes = name_classes(facts.labels)
        if len(classes) < 2:
            return float("nan")
        sizes, points = np.bincount(codes), np.arange(len(codes))
        order = np.argsort(codes, kind="stable")
        # Class by class: a product with their indicators would wake threads of BLAS, which spin on afterwards.
        sums = np.add.reduceat(facts.distances[:, order], np.cumsum(sizes) - sizes, axis=1)
        own = sums[points, codes] / np.maximum(sizes[codes] - 1, 1)
        means = sums / sizes
        means[points, codes] = np.inf
        nearest = means.min(axis=1)
        larger = np.maximum(own, nearest)
        is_counted = (sizes[codes] > 1) & (larger > 0)
        return float(np.divide(nearest - own, larger, out=np.zeros(len(codes)), where=is_counted).mean())


@dataclass(frozen=True)
class ClassPersistence(Statistic):
    r"""How long the bars of each class by itself are together: :math:`\frac{1}{2} \sum_i (d_i - b_i)^\alpha`.

    The mean over the classes of at least two points, and over the bars that die. Each unit's values over all samples
    are brought to [0, 1] first; one that is constant is 0. Of a class of more than 300 points those 300 count whose
    samples have the smallest hashes, the same in all layers and steps. So it does not depend on the order of the
    samples as long as these keep their ids, nor on a factor and a shift of each unit's values; on rotations it does.

    It grows with the number of points of a class, so that it is a number of another kind among a part of the samples:
    it has no standard error, and is for layers, steps and runs of the same samples.

    Args:
        alpha: The power of the lifetimes, above 0.
        homology_dim: The homology dimension.

    Raises:
        ValueError: If ``alpha`` is not above 0, or ``homology_dim`` no integer of at least 0.

    References:
        Magai and Ayzenberg, "Topology and geometry of data manifold in deep learning" (2022), :math:`E_k(\alpha)`.

    Example:
        >>> ClassPersistence()([[0.0, 0.0], [0.0, 1.0], [2.0, 0.0], [2.0, 3.0]], ["a", "a", "b", "b"])
        0.3333333333333333
    """

    label: ClassVar[str] = "Persistence within classes"
    question: ClassVar[str] = "How complex is the shape of each class?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("shift", "scale")
    unit: ClassVar[str] = "ranges of units"
    more: ClassVar[str] = "classes that are less compact"
    on_parts: ClassVar[bool] = False
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Magai and Ayzenberg (2022)"

    alpha: float = 1.0
    homology_dim: int = 0

    def __post_init__(self) -> None:
        check_option(self, "alpha", lambda power: power > 0, "above 0")
        check_option(self, "homology_dim", lambda dim: is_count(dim + 1), "an integer of at least 0")

    def value(self, facts: LayerFacts) -> float:
        """The mean; NaN without labels, and where no class has two points."""
        if facts.labels is None or not facts.n_points:
            return float("nan")
        cloud = np.asarray(facts.cloud, dtype=np.float64)
        lowest, widths = cloud.min(axis=0), np.ptp(cloud, axis=0)
        cloud = (cloud - lowest) / np.where(widths > 0, widths, 1.0)
        codes, classes = name_classes(facts.labels)
        order = np.argsort(sample_priorities(facts.sample_ids, _SEED_OF_CLASS), kind="stable")
        members = [order[codes[order] == code][:_MOST_OF_CLASS] for code in range(len(classes))]
        found = [self._of_class(distance_matrix(cloud[each])) for each in members if len(each) > 1]
        return float(np.mean(found)) if found else float("nan")

    def _of_class(self, distances: NDArray[np.float64]) -> float:
        bars = that_die(rips_diagrams(distances, (self.homology_dim,), checked=True)[0])
        return float(((bars[:, 1] - bars[:, 0]) ** self.alpha).sum() / 2)
