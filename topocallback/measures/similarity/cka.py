"""Centred kernel alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Distance, check_option
from topocallback.measures.centring import centred, check_different_points
from topocallback.measures.facts import LayerFacts

__all__ = ["CKA", "UnbiasedCKA"]

_KERNELS = ("linear", "rbf")


@dataclass(frozen=True)
class CKA(Distance):
    r"""Centred kernel alignment, as the distance :math:`1 - \mathrm{CKA}`.

    .. math:: \mathrm{CKA}(K, L) = \langle \bar K, \bar L \rangle / (\|\bar K\| \|\bar L\|)

    of the centred kernel matrices of two layers. The linear kernel passes over rotations and one factor for all values;
    so does ``"rbf"``, whose width follows the median distance between samples. With more values than samples any two
    layers look alike: ``UnbiasedCKA`` does not.

    Args:
        kernel: ``"linear"``, or ``"rbf"`` for a Gaussian one.
        bandwidth: The width of the Gaussian as a share of the median distance between two samples.

    Raises:
        ValueError: If ``kernel`` is neither, or ``bandwidth`` not above 0. From ``prepare``, if all points are equal.

    References:
        Kornblith et al., "Similarity of neural network representations revisited" (ICML 2019), equations 3 to 5.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(CKA()(x, 3 * x[:, ::-1] + 1), 12) + 0.0
        0.0
    """

    key: ClassVar[str] = "cka"
    label: ClassVar[str] = "CKA distance (0 alike, 1 unlike)"
    question: ClassVar[str] = "Are the same samples alike in two layers?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    paired: ClassVar[bool] = True
    direction: ClassVar = "similarity"
    is_metric: ClassVar[bool] = False
    cost: ClassVar[str] = "n^2"
    paper: ClassVar[str] = "Kornblith et al. (ICML 2019)"

    kernel: str = "linear"
    bandwidth: float = 0.5

    _fewest: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_option(self, "kernel", lambda name: name in _KERNELS, f"one of {_KERNELS}")
        check_option(self, "bandwidth", lambda share: share > 0, "above 0")

    def prepare(self, facts: LayerFacts) -> NDArray[np.float64]:
        """(n, n) the layer's centred kernel matrix, of norm 1."""
        check_different_points(facts, self.key, self._fewest)
        matrix = self._centred(self._kernel(facts.distances))
        norm = float(np.linalg.norm(matrix))
        if not norm > 0:
            raise ValueError(f"Expected a kernel matrix that is not constant for {self.name}, got one that is.")
        return matrix / norm

    def between(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """1 less the cosine of the angle between the two matrices."""
        # BLAS would wake threads for it, which spin on beside a training.
        return float(np.clip(1 - np.einsum("ij,ij->", first, second), *self.range))

    def _kernel(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.kernel == "linear":  # up to what centring takes away
            return -0.5 * distances**2
        median = float(np.median(distances[np.triu_indices(len(distances), 1)]))
        if not median > 0:
            raise ValueError(f"Expected a median distance above 0 for {self.name}, got 0: most points are equal.")
        return np.exp(-0.5 * (distances / (self.bandwidth * median)) ** 2)

    def _centred(self, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        return centred(kernel)


@dataclass(frozen=True)
class UnbiasedCKA(CKA):
    """As ``CKA``, with the unbiased estimate of the alignment: independent layers are at distance 1 on average.

    It needs no more samples than values, and can lie slightly above 1.

    Args:
        kernel: See ``CKA``.
        bandwidth: See ``CKA``.

    Raises:
        ValueError: As ``CKA``, and from ``prepare`` for fewer than 4 points.

    References:
        Nguyen, Raghu and Kornblith, "Do wide and deep networks learn the same things?" (ICLR 2021), equation 3, of Song
        et al. (2012). In the form of Szekely and Rizzo, "Partial distance correlation" (2014), which centres first.

    Example:
        >>> random = np.random.default_rng(0)
        >>> x, y = random.normal(size=(30, 500)), random.normal(size=(30, 500))
        >>> round(CKA()(x, y)), round(UnbiasedCKA()(x, y))
        (0, 1)
    """

    key: ClassVar[str] = "unbiased_cka"
    label: ClassVar[str] = "Unbiased CKA distance (0 alike, 1 unlike)"
    question: ClassVar[str] = "Are the same samples alike in two layers, also among few of them?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    range: ClassVar[tuple[float, float]] = (0.0, 2.0)
    paper: ClassVar[str] = "Nguyen et al. (ICLR 2021)"

    _fewest: ClassVar[int] = 4

    def _centred(self, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        """Without the diagonal: every row of what is left adds up to 0."""
        n = len(kernel)
        kernel = kernel.copy()
        np.fill_diagonal(kernel, 0)
        sums = kernel.sum(axis=0)
        matrix = kernel - (sums + sums[:, None]) / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(matrix, 0)
        return np.asarray(matrix)
