"""How many directions a cloud fills: numbers of its singular values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Statistic, check_option, is_count
from topocallback.measures.centring import inner_products
from topocallback.measures.cloud.slope import slope
from topocallback.measures.euclidean import strips_of
from topocallback.measures.facts import LayerFacts

__all__ = ["AlphaReQ", "EffectiveRank", "MeanCosine", "ParticipationRatio", "RankMe"]

_OF_RANKME = 1e-5
_ROUNDING = 1e-12
"""Of the largest eigenvalue: in single precision, those of directions that are not filled come out at 1e-16 of it."""


class RankMe(Statistic):
    r"""How many directions the vectors fill, as it is computed of embeddings: :math:`\exp(-\sum_i p_i \log p_i)`.

    With :math:`p_i = \sigma_i / \sum_j \sigma_j + 10^{-5}` of the singular values of the vectors, not centred. Far
    under the width, the layer has collapsed. It cannot exceed the number of samples by much.

    References:
        Garrido, Balestriero, Najman and LeCun, "RankMe" (ICML 2023), equations 1 and 2.

    Example:
        >>> round(RankMe()(np.eye(8)), 3)
        8.001
    """

    key: ClassVar[str] = "rankme"
    label: ClassVar[str] = "RankMe"
    question: ClassVar[str] = "Has the representation collapsed to few directions?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "scale")
    unit: ClassVar[str] = "directions"
    more: ClassVar[str] = "more directions filled"
    paper: ClassVar[str] = "Garrido et al. (ICML 2023)"

    def value(self, facts: LayerFacts) -> float:
        """The exponential of the entropy; NaN where all vectors are 0."""
        singular = np.linalg.svd(np.asarray(facts.cloud, dtype=np.float64), compute_uv=False)
        return _exponential_of_entropy(singular, _OF_RANKME)


@dataclass(frozen=True)
class EffectiveRank(Statistic):
    r"""How many directions a cloud fills: :math:`\exp(-\sum_i p_i \log p_i)` of its singular values' shares.

    Args:
        centred: Whether the mean is taken away first: what is left is the spread of the samples.

    References:
        Roy and Vetterli, "The effective rank" (EUSIPCO 2007), equations 2 to 4.

    Example:
        >>> round(EffectiveRank(centred=False)(np.eye(8)), 6)
        8.0
    """

    key: ClassVar[str] = "effective_rank"
    question: ClassVar[str] = "How many directions does the spread of the samples fill?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    unit: ClassVar[str] = "directions"
    more: ClassVar[str] = "more directions filled"
    paper: ClassVar[str] = "Roy and Vetterli (2007)"

    centred: bool = True

    def value(self, facts: LayerFacts) -> float:
        """The exponential of the entropy; NaN where all singular values are 0."""
        if self.centred:
            return _exponential_of_entropy(_centred_singular_values(facts))
        return _exponential_of_entropy(np.linalg.svd(np.asarray(facts.cloud, dtype=np.float64), compute_uv=False))


class ParticipationRatio(Statistic):
    r"""How many directions hold the variance: :math:`(\sum_i \lambda_i)^2 / \sum_i \lambda_i^2`.

    Of the covariance's eigenvalues: 1 where all points lie on a line, d where all of d directions vary alike.

    References:
        Gao et al., "A theory of multineuronal dimensionality, dynamics and measurement" (2017).

    Example:
        >>> round(ParticipationRatio()([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]), 6)
        2.0
    """

    key: ClassVar[str] = "participation_ratio"
    question: ClassVar[str] = "How many directions hold the variance?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    unit: ClassVar[str] = "directions"
    range: ClassVar[tuple[float, float]] = (1.0, float("inf"))
    more: ClassVar[str] = "variance in more directions"
    paper: ClassVar[str] = "Gao et al. (2017)"

    def value(self, facts: LayerFacts) -> float:
        """The ratio, by the trace and the norm of the points' inner products; NaN where all points are equal."""
        if facts.n_points < 2:
            return float("nan")
        products = inner_products(facts.distances)
        squares = float(np.einsum("ij,ij->", products, products))
        return float(np.trace(products) ** 2 / squares) if squares > 0 else float("nan")


@dataclass(frozen=True)
class AlphaReQ(Statistic):
    r"""How fast the covariance's eigenvalues decay: :math:`\alpha` of :math:`\lambda_i \propto i^{-\alpha}`.

    Minus the slope of :math:`\log \lambda_i` over :math:`\log i` by least squares, over the ranks from ``first`` to
    ``last``, without eigenvalues under 1e-12 of the largest, which rounding leaves. It does not depend on the order of
    the samples, on rotations, or on one factor for all values.

    The smallest eigenvalues of a sample are too small, and where a cloud has more dimensions than points they end at
    its number of points: what many samples give is to be compared with what as many give, or ``last`` to be chosen far
    below the number of points.

    Args:
        first: The first rank that is fitted, from 1.
        last: The last one; by default that of the smallest eigenvalue. Where there are fewer, all of them.

    Raises:
        ValueError: If ``first`` is no integer of at least 1, or ``last`` no integer above it.

    References:
        Agrawal, Mondal, Ghosh and Richards, "alpha-ReQ: assessing representation quality in self-supervised learning
        by measuring eigenspectrum decay" (NeurIPS 2022).

    Example:
        >>> axes = np.diag(np.arange(1.0, 9.0) ** -0.75)  # of eigenvalues i^-1.5
        >>> round(AlphaReQ()(np.concatenate([axes, -axes])), 6)
        1.5
    """

    key: ClassVar[str] = "alpha_req"
    label: ClassVar[str] = "Decay of eigenvalues (alpha-ReQ)"
    question: ClassVar[str] = "How fast does the variance fall from direction to direction?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    unit: ClassVar[str] = "exponent"
    more: ClassVar[str] = "variance in fewer directions"
    paper: ClassVar[str] = "Agrawal et al. (NeurIPS 2022)"

    first: int = 1
    last: int | None = None

    def __post_init__(self) -> None:
        check_option(self, "first", is_count, "an integer of at least 1")
        check_option(self, "last", self._is_last, "an integer above `first`")

    def value(self, facts: LayerFacts) -> float:
        """The exponent; NaN for fewer than two eigenvalues, as of a cloud that lies on a line."""
        eigenvalues = _centred_singular_values(facts) ** 2
        above = eigenvalues[eigenvalues > _ROUNDING * eigenvalues.max(initial=0.0)]
        logarithms = np.log(above)[self.first - 1 : self.last]
        if len(logarithms) < 2:
            return float("nan")
        ranks = np.log(np.arange(self.first, self.first + len(logarithms)))
        return -slope(ranks, logarithms)

    def _is_last(self, last: int | None) -> bool:
        return last is None or (is_count(last) and last > self.first)


class MeanCosine(Statistic):
    """The mean cosine between two samples' vectors, in [-1, 1]: near 1 the layer says the same of all samples.

    Vectors of zeros are left out. Of the nodes of a graph, 1 minus this is the mean average distance by which
    oversmoothing is measured (Chen et al. 2020, over all pairs; there, pairs of one direction do not count).

    Example:
        >>> MeanCosine()([[1.0, 0.0], [3.0, 0.0], [0.0, 0.0]])
        1.0
    """

    key: ClassVar[str] = "mean_cosine"
    question: ClassVar[str] = "Have all samples come to one direction?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "scale")
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    more: ClassVar[str] = "vectors of one direction"

    def value(self, facts: LayerFacts) -> float:
        """The mean over all pairs; NaN for fewer than two vectors."""
        cloud, n = facts.cloud, 0
        total = np.zeros(cloud.shape[1])
        for strip in strips_of(cloud):  # a wide cloud is not copied in double precision
            points = np.asarray(cloud[strip], dtype=np.float64)
            norms = np.sqrt(np.einsum("ij,ij->i", points, points))
            total += np.einsum("i,ij->j", np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0), points)
            n += int(np.count_nonzero(norms))
        if n < 2:
            return float("nan")
        return float(np.clip((np.einsum("i,i->", total, total) - n) / (n * (n - 1)), -1, 1))


def _centred_singular_values(facts: LayerFacts) -> NDArray[np.float64]:
    cloud = np.asarray(facts.cloud, dtype=np.float64)
    centred = cloud - cloud.mean(axis=0) if len(cloud) else cloud
    return np.asarray(np.linalg.svd(centred, compute_uv=False))


def _exponential_of_entropy(singular: NDArray[np.floating], constant: float = 0.0) -> float:
    total = singular.sum()
    if not total > 0:
        return float("nan")
    shares = singular / total + constant
    logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return float(np.exp(-np.sum(shares * logarithms)))
