"""How much a block changes the vectors that pass through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts

__all__ = ["BlockInfluence"]


@dataclass(frozen=True)
class BlockInfluence(Distance):
    """1 less the mean cosine between a sample's vectors in two layers.

    Of a block's input and its output it says how much the block does: near 0 where it could be left out. It compares
    vectors as they are, so only between layers of one width: NaN for others. A vector of zeros is at a right angle to
    all.

    References:
        Men et al., "ShortGPT: layers in large language models are more redundant than you expect" (2024), equation 1.

    Example:
        >>> BlockInfluence()([[1.0, 0.0], [0.0, 2.0]], [[2.0, 0.0], [1.0, 0.0]])
        0.5
    """

    key: ClassVar[str] = "block_influence"
    label: ClassVar[str] = "Block influence (0 same directions, 1 right angles)"
    range: ClassVar[tuple[float, float]] = (0.0, 2.0)
    paired: ClassVar[bool] = True
    direction: ClassVar = "similarity"
    is_metric: ClassVar[bool] = False
    cost: ClassVar[str] = "n d"
    paper: ClassVar[str] = "Men et al. (2024)"

    def prepare(self, facts: LayerFacts) -> NDArray[np.float64]:
        """(n, d) the vectors, each of length 1 or 0."""
        points = np.asarray(facts.cloud, dtype=np.float64)
        norms = np.linalg.norm(points, axis=1, keepdims=True)
        return np.asarray(np.divide(points, norms, out=np.zeros_like(points), where=norms > 0))

    def between(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """1 less the mean cosine."""
        if first.shape[1] != second.shape[1] or not len(first):
            return float("nan")
        return float(np.clip(1 - np.einsum("ij,ij->", first, second) / len(first), *self.range))
