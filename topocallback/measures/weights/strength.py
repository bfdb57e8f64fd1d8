"""Units as the nodes of a network whose edges are the weights."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from topocallback.measures.weights.statistic import WeightStatistic, of_units
from topocallback.records.weights import LayerWeights

__all__ = ["NodeStrengthFluctuation"]


class NodeStrengthFluctuation(WeightStatistic):
    r"""How unequal a layer's units are as nodes of the network: the standard deviation of their node strengths.

    The strength of unit k is the sum of the weights that lead to it, its bias, and the weights that lead on from it,

    .. math:: s_k = \sum_i w_{ki} + b_k + \sum_j w'_{jk}

    with all places of a kernel; the standard deviation divides by the number of units. Which layer a unit's output goes
    to is known where both stand in one ``nn.Sequential``, with nothing between them that has weights but the gains of
    a norm. Elsewhere, and after the last layer, the sum over j is left out: the numbers of one layer can be compared
    over a training, those of two layers only where both have the same kinds of terms.

    References:
        La Malfa et al., "Characterizing learning dynamics of deep neural networks via complex networks" (2021), and
        "Deep neural networks via complex network theory: a perspective" (2024).

    Example:
        >>> NodeStrengthFluctuation()([[1.0, 2.0], [0.0, 1.0]], bias=[1.0, 1.0])
        1.0
    """

    label: ClassVar[str] = "Fluctuation of node strengths"
    question: ClassVar[str] = "How unequal are a layer's units?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("shift",)
    unit: ClassVar[str] = "weights' units"
    more: ClassVar[str] = "units more unequal"
    paper: ClassVar[str] = "La Malfa et al. (2021, 2024)"

    def of_weights(self, weights: LayerWeights) -> float:
        """The standard deviation; NaN without units, or where a weight is not finite."""
        strengths = of_units(weights).sum(axis=1)
        for others in (weights.bias, weights.outgoing):
            strengths = strengths if others is None else strengths + others
        if not len(strengths) or not np.isfinite(strengths).all():
            return float("nan")
        return float(strengths.std())
