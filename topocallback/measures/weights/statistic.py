"""What statistics of weights have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topocallback.measures.base import Statistic
from topocallback.measures.facts import LayerFacts
from topocallback.records.weights import LayerWeights

__all__ = ["WeightStatistic", "of_units"]


class WeightStatistic(Statistic):
    """One number of a layer's own weights: it depends on no sample, so that its standard error is 0.

    A layer that has no weights of its own, such as an activation function or a block of several layers, has no number.
    """

    needs_weights: ClassVar[bool] = True
    on_parts: ClassVar[bool] = False

    def value(self, facts: LayerFacts) -> float:
        """The number; NaN for a layer without weights of its own."""
        return float("nan") if facts.weights is None else self.of_weights(facts.weights)

    def own_error(self, facts: LayerFacts, value: float) -> float:
        """0: the choice of samples does not touch the weights."""
        return 0.0

    def of_weights(self, weights: LayerWeights) -> float:
        """The number of some weights.

        Args:
            weights: The weights.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `of_weights`.")

    def __call__(self, weight: ArrayLike, bias: ArrayLike | None = None, outgoing: ArrayLike | None = None) -> float:
        """The number of plain arrays.

        Args:
            weight: (units, inputs) or (units, inputs, kernel...).
            bias: (units,), for statistics that count it.
            outgoing: (units,) for each unit the sum of the weights into the next layer, for statistics that count it.

        Raises:
            ValueError: If the shapes do not fit; see ``LayerWeights``.
        """
        others = (None if values is None else np.asarray(values) for values in (bias, outgoing))
        return self.of_weights(LayerWeights(np.asarray(weight), *others))


def of_units(weights: LayerWeights) -> NDArray[Any]:
    """The weights that each unit has.

    Args:
        weights: The weights.

    Returns:
        (units, weights of one) in double precision.

    Example:
        >>> of_units(LayerWeights(np.zeros((8, 3, 5, 5)))).shape
        (8, 75)
    """
    return np.asarray(weights.weight, dtype=np.float64).reshape(len(weights.weight), weights.weight[:1].size)
