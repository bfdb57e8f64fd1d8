"""The weights of a layer, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["LayerWeights"]


@dataclass(frozen=True, eq=False, repr=False)
class LayerWeights:
    """The weights of one layer, which lead from its inputs to its units.

    Args:
        weight: (units, inputs) or (units, inputs, kernel...); of a convolution in groups a unit's own inputs.
        bias: (units,) or ``None``.
        outgoing: (units,) for each unit the sum of the weights that lead from it into the next layer; ``None`` where it
            is not known which layer that is.

    Raises:
        ValueError: If ``weight`` has fewer than two axes, or there is not one bias, or one sum, for each unit.

    Example:
        >>> import numpy as np
        >>> LayerWeights(np.zeros((8, 3, 5, 5)), np.zeros(8))
        LayerWeights(8 units of 75 weights)
    """

    weight: NDArray[Any]
    bias: NDArray[Any] | None = None
    outgoing: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        if self.weight.ndim < 2:
            raise ValueError(f"Expected `weight` to be of shape (units, inputs, ...), got {self.weight.shape}.")
        units = self.weight.shape[:1]
        for name, values in self.arrays.items():
            if name != "weight" and values.shape != units:
                raise ValueError(f"Expected `{name}` to be of shape {units}, got {values.shape}.")

    def __repr__(self) -> str:
        return f"LayerWeights({len(self.weight)} units of {self.weight[:1].size} weights)"

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The arrays that there are, by their names."""
        named = {"weight": self.weight, "bias": self.bias, "outgoing": self.outgoing}
        return {name: values for name, values in named.items() if values is not None}
