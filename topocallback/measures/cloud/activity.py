"""How many units of a layer are active, and how strongly. A unit is one of the values of a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from topocallback.measures.base import Statistic, check_option
from topocallback.measures.facts import LayerFacts
from topocallback.records.classes import name_classes
from topocallback.records.neuron_activity import QUIET, neuron_activity

__all__ = ["DeadUnits", "MeanNorm", "NeuronActivitySparsity", "Sparsity"]


@dataclass(frozen=True)
class Sparsity(Statistic):
    """The share of activations that are 0, or as good as that, in [0, 1].

    Of negative activations the magnitude counts. It does not depend on the order of the samples, or on one factor for
    all values; on rotations it does.

    Args:
        at_most: The share of the layer's largest magnitude up to which an activation counts as 0, at least 0 and
            below 1. With 0, only zeros do, as after a ReLU.

    Raises:
        ValueError: If ``at_most`` is not at least 0 and below 1.

    Example:
        >>> Sparsity()([[0.0, -4.0], [0.5, 0.0]]), Sparsity(at_most=0.2)([[0.0, -4.0], [0.5, 0.0]])
        (0.5, 0.75)
    """

    label: ClassVar[str] = "Sparsity of activations"
    question: ClassVar[str] = "How many activations are 0?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("scale",)
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    more: ClassVar[str] = "fewer active units at a time"

    at_most: float = 0.0

    def __post_init__(self) -> None:
        check_option(self, "at_most", lambda share: 0 <= share < 1, "at least 0 and below 1")

    def value(self, facts: LayerFacts) -> float:
        """The share; 1 where all activations are 0, NaN without any."""
        magnitudes = np.abs(facts.cloud)
        if not magnitudes.size:
            return float("nan")
        return float(np.mean(magnitudes <= self.at_most * magnitudes.max()))


class DeadUnits(Statistic):
    """The share of units that say nothing of any sample, in [0, 1]: those that are constant, be it at 0 or elsewhere.

    Fewer samples leave more units constant, so that the share among a part of them is a number of another kind: it has
    no standard error, and is for layers and steps of the same samples. It does not depend on the order of the samples,
    or on a factor for each unit; on rotations it does.

    Example:
        >>> DeadUnits()([[0.0, -1.0, 3.0], [0.0, -1.0, 0.0]]) == 2 / 3
        True
    """

    question: ClassVar[str] = "How many units say nothing?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("shift", "scale")
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    more: ClassVar[str] = "fewer units that tell samples apart"
    on_parts: ClassVar[bool] = False

    def value(self, facts: LayerFacts) -> float:
        """The share; NaN for fewer than two points."""
        if facts.n_points < 2 or not facts.cloud.shape[1]:
            return float("nan")
        return float(np.mean(facts.cloud.min(axis=0) == facts.cloud.max(axis=0)))


class MeanNorm(Statistic):
    """The mean length of a sample's vector, its Euclidean norm.

    In the units of the activations, whatever the scale of the diagrams, and with negative activations as with others.
    It does not depend on the order of the samples or on rotations, and grows with one factor for all values.

    Example:
        >>> MeanNorm()([[3.0, -4.0], [0.0, 1.0]])
        3.0
    """

    question: ClassVar[str] = "How large are the activations?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation",)
    unit: ClassVar[str] = "activations' units"
    more: ClassVar[str] = "larger activations"

    def value(self, facts: LayerFacts) -> float:
        """The mean; NaN without points."""
        if not facts.n_points:
            return float("nan")
        return float(np.linalg.norm(np.asarray(facts.cloud, dtype=np.float64), axis=1).mean())


@dataclass(frozen=True)
class NeuronActivitySparsity(Statistic):
    """The share of units that a class leaves quiet, in the mean over the classes, in [0, 1].

    A unit is quiet for a class if the sum of its activations over the samples of the class is under a share of the sum
    of the layer's most active unit; see ``neuron_activity``, of which ``plot_neuron_activity`` draws the picture.
    Of negative activations the magnitude counts. It does not depend on the order of the samples, or on one factor
    for all values; on rotations it does.

    Args:
        under: The share, above 0 and at most 1.

    Raises:
        ValueError: If ``under`` is not above 0 and at most 1.

    References:
        Khot, Neubauer and Roy, "A detailed study of interpretability of deep neural network based top taggers"
        (arXiv 2210.04371), relative neural activity and its sparsity.

    Example:
        >>> NeuronActivitySparsity()([[9.0, 1.0], [9.0, 1.0], [3.0, 3.0]], ["cat", "cat", "dog"])
        0.25
    """

    label: ClassVar[str] = "Units quiet for a class"
    question: ClassVar[str] = "How many units are quiet for a class?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("scale",)
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    more: ClassVar[str] = "fewer units active for a class"
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Khot et al. (arXiv 2210.04371)"

    under: float = QUIET

    def __post_init__(self) -> None:
        check_option(self, "under", lambda share: 0 < share <= 1, "above 0 and at most 1")

    def value(self, facts: LayerFacts) -> float:
        """The share; 1 where all activations are 0, NaN without any or without labels."""
        if facts.labels is None or not facts.cloud.size:
            return float("nan")
        codes, classes = name_classes(facts.labels)
        return float(np.mean(neuron_activity(facts.cloud, codes, len(classes)) < self.under))
