"""How many directions a cloud fills: numbers of its singular values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Statistic
from topocallback.measures.centring import inner_products
from topocallback.measures.facts import LayerFacts

__all__ = ["EffectiveRank", "MeanCosine", "ParticipationRatio", "RankMe"]

_OF_RANKME = 1e-5


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
    unit: ClassVar[str] = "directions"
    more: ClassVar[str] = "more directions filled"
    paper: ClassVar[str] = "Roy and Vetterli (2007)"

    centred: bool = True

    def value(self, facts: LayerFacts) -> float:
        """The exponential of the entropy; NaN where all singular values are 0."""
        cloud = np.asarray(facts.cloud, dtype=np.float64)
        if self.centred and len(cloud):
            cloud = cloud - cloud.mean(axis=0)
        return _exponential_of_entropy(np.linalg.svd(cloud, compute_uv=False))


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


class MeanCosine(Statistic):
    """The mean cosine between two samples' vectors, in [-1, 1]: near 1 the layer says the same of all samples.

    Vectors of zeros are left out.

    Example:
        >>> MeanCosine()([[1.0, 0.0], [3.0, 0.0], [0.0, 0.0]])
        1.0
    """

    key: ClassVar[str] = "mean_cosine"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    more: ClassVar[str] = "vectors of one direction"

    def value(self, facts: LayerFacts) -> float:
        """The mean over all pairs; NaN for fewer than two vectors."""
        points = np.asarray(facts.cloud, dtype=np.float64)
        norms = np.linalg.norm(points, axis=1)
        directions = points[norms > 0] / norms[norms > 0, None]
        n = len(directions)
        if n < 2:
            return float("nan")
        total = directions.sum(axis=0)
        return float(np.clip((np.einsum("i,i->", total, total) - n) / (n * (n - 1)), -1, 1))


def _exponential_of_entropy(singular: NDArray[np.floating], constant: float = 0.0) -> float:
    total = singular.sum()
    if not total > 0:
        return float("nan")
    shares = singular / total + constant
    logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return float(np.exp(-np.sum(shares * logarithms)))
