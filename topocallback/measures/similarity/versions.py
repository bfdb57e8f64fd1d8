"""How much two versions of one layer differ, value by value: those of a network and of its quantised copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts

__all__ = ["SQNR", "Cosine"]


@dataclass(frozen=True)
class SQNR(Distance):
    r"""The signal-to-quantisation-noise ratio, turned over: noise over signal.

    .. math:: \frac{2 \| X - Y \|^2}{\| X \|^2 + \| Y \|^2}

    Papers state the signal over the noise in decibels, :math:`10 \log_{10}(\| X \|^2 / \| X - Y \|^2)`, which is
    infinite for equal layers. Of a value r here they are :math:`-10 \log_{10} r`: 0.01 is 20 dB, 0.001 is 30 dB. The
    signal is the mean of both layers', so that it does not matter which one is the original; where the noise is small
    that is the same number.

    It compares values as they are, so only between layers of one width: NaN for others. 2 is what unrelated values
    have. Two layers of zeros are equal.

    References:
        Lin, Talathi and Annapureddy, "Fixed point quantization of deep convolutional networks" (ICML 2016), section 3.

    Example:
        >>> x = np.ones((50, 4))
        >>> noisy = x + 0.1 * np.resize([1.0, -1.0], x.shape)
        >>> float(np.round(-10 * np.log10(SQNR()(x, noisy)), 2))  # decibels
        20.02
    """

    key: ClassVar[str] = "sqnr"
    label: ClassVar[str] = "Noise over signal (0 equal; SQNR in dB is -10 log10 of it)"
    question: ClassVar[str] = "How much noise does another version of a layer have, as after quantisation?"
    unchanged_by: ClassVar[tuple[str, ...]] = ()
    range: ClassVar[tuple[float, float]] = (0.0, 4.0)
    paired: ClassVar[bool] = True
    direction: ClassVar = "similarity"
    is_metric: ClassVar[bool] = False
    cost: ClassVar[str] = "n d"
    paper: ClassVar[str] = "Lin et al. (ICML 2016)"

    def prepare(self, facts: LayerFacts) -> NDArray[np.float64]:
        """(n, d) the vectors."""
        return np.asarray(facts.cloud, dtype=np.float64)

    def between(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """Noise over signal."""
        if not _are_comparable(first, second):
            return float("nan")
        largest = max(float(np.abs(first).max()), float(np.abs(second).max()))
        if not largest > 0:
            return 0.0
        first, second = first / largest, second / largest  # squares of large values would be infinite
        signal = float(np.square(first).sum() + np.square(second).sum())
        return float(np.clip(2 * np.square(first - second).sum() / signal, *self.range))


@dataclass(frozen=True)
class Cosine(Distance):
    """1 less the mean cosine between a sample's vectors in two layers.

    It passes over the vectors' lengths. It compares vectors as they are, so only between layers of one width: NaN for
    others. A vector of zeros is at a right angle to all.

    Example:
        >>> Cosine()([[1.0, 0.0], [0.0, 2.0]], [[2.0, 0.0], [1.0, 0.0]])
        0.5
    """

    key: ClassVar[str] = "cosine"
    label: ClassVar[str] = "Cosine distance (0 same directions, 1 right angles)"
    question: ClassVar[str] = "Do the vectors of two versions of a layer point the same way?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("scale",)
    range: ClassVar[tuple[float, float]] = (0.0, 2.0)
    paired: ClassVar[bool] = True
    direction: ClassVar = "similarity"
    is_metric: ClassVar[bool] = False
    cost: ClassVar[str] = "n d"

    def prepare(self, facts: LayerFacts) -> NDArray[np.float64]:
        """(n, d) the vectors, each of length 1 or 0."""
        points = np.asarray(facts.cloud, dtype=np.float64)
        norms = np.linalg.norm(points, axis=1, keepdims=True)
        return np.asarray(np.divide(points, norms, out=np.zeros_like(points), where=norms > 0))

    def between(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """1 less the mean cosine."""
        if not _are_comparable(first, second):
            return float("nan")
        return float(np.clip(1 - np.einsum("ij,ij->", first, second) / len(first), *self.range))


def _are_comparable(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    return first.shape[1] == second.shape[1] and first.size > 0
