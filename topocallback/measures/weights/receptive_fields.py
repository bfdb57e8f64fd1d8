"""How large the units' weights are, and how many of them count."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from topocallback.measures.weights.statistic import WeightStatistic, of_units
from topocallback.records.weights import LayerWeights

__all__ = ["WeightNorm", "WeightParticipationRatio"]


class WeightParticipationRatio(WeightStatistic):
    r"""How many of its weights a unit uses, on average over units: :math:`(\sum_i w_i^2)^2 / \sum_i w_i^4`.

    From 1, where a unit listens to one input (a localised receptive field), to the number of weights that it has, where
    all are equally large. Some works give the reciprocal, the inverse participation ratio, which is large where this
    one is small. Biases do not count, and units all of whose weights are 0 are left out.

    References:
        Ingrosso and Goldt, "Data-driven emergence of convolutional structure in neural networks" (PNAS 2022).

    Example:
        >>> WeightParticipationRatio()([[1.0, 1.0, -1.0, 1.0], [0.0, 5.0, 0.0, 0.0]])
        2.5
    """

    question: ClassVar[str] = "Are receptive fields localised?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("scale",)
    unit: ClassVar[str] = "weights"
    range: ClassVar[tuple[float, float]] = (1.0, float("inf"))
    more: ClassVar[str] = "receptive fields less localised"
    paper: ClassVar[str] = "Ingrosso and Goldt (PNAS 2022)"

    def of_weights(self, weights: LayerWeights) -> float:
        """The mean over units; NaN where all weights are 0, or one is not finite."""
        fields = np.abs(of_units(weights))
        largest = fields.max(axis=1, initial=0.0)
        fields = fields[largest != 0] / largest[largest != 0, None]  # or fourth powers would be 0, or infinite
        if not len(fields) or not np.isfinite(fields).all():
            return float("nan")
        squares = fields**2
        return float(np.mean(squares.sum(axis=1) ** 2 / (squares**2).sum(axis=1)))


class WeightNorm(WeightStatistic):
    r"""The norm of a layer's weights, :math:`\sqrt{\sum_{ki} w_{ki}^2}`, without its biases.

    Example:
        >>> WeightNorm()([[3.0, 0.0], [0.0, 4.0]])
        5.0
    """

    label: ClassVar[str] = "Norm of the weights"
    question: ClassVar[str] = "How large are the weights?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation",)
    unit: ClassVar[str] = "weights' units"
    more: ClassVar[str] = "larger weights"

    def of_weights(self, weights: LayerWeights) -> float:
        """The norm; NaN where a weight is not finite."""
        norm = float(np.linalg.norm(of_units(weights)))
        return norm if np.isfinite(norm) else float("nan")
