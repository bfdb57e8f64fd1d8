"""Canonical correlations: how well linear combinations of one layer's values follow those of another's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Distance, check_option
from topocallback.measures.centring import check_different_points, coordinates
from topocallback.measures.facts import LayerFacts

__all__ = ["PWCCA", "SVCCA"]

# Of the spread along the widest direction: values in single precision leave about 1e-7 where there should be nothing.
_SMALLEST_SPREAD = 1e-6


@dataclass(frozen=True)
class _CanonicalCorrelations(Distance):
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    paired: ClassVar[bool] = True
    direction: ClassVar = "similarity"
    is_metric: ClassVar[bool] = False
    cost: ClassVar[str] = "n d^2"

    variance: float = 1.0

    def __post_init__(self) -> None:
        check_option(self, "variance", lambda share: 0 < share <= 1, "above 0 and at most 1")

    def _directions(self, facts: LayerFacts) -> NDArray[np.float64]:
        """(n, r) orthonormal directions that the layer's values span, as functions of its samples."""
        check_different_points(facts, self.key)
        directions, lengths, _ = np.linalg.svd(coordinates(facts), full_matrices=False)
        kept = self._number_kept(lengths)
        # Two layers of r directions each have 2 r - (n - 1) of them in common, whatever they are: n samples less their
        # mean have no more than n - 1. With n > 2 r on both sides there are none.
        if facts.n_points <= 2 * kept:
            raise ValueError(
                f"Expected more than {2 * kept} points for {self.key} of a layer that spans {kept} dimensions, got "
                f"{facts.n_points}: raise the number of samples or lower `variance`, for otherwise any two layers are "
                "correlated."
            )
        return np.asarray(directions[:, :kept])

    def _number_kept(self, lengths: NDArray[np.float64]) -> int:
        variances = np.cumsum(lengths**2)
        enough = int(np.searchsorted(variances, self.variance * variances[-1])) + 1
        return min(enough, int(np.count_nonzero(lengths > _SMALLEST_SPREAD * lengths[0])))


@dataclass(frozen=True)
class SVCCA(_CanonicalCorrelations):
    r"""Singular vector canonical correlation analysis, as the distance :math:`1 - \bar\rho`.

    Each layer is reduced to the fewest principal directions that hold a share of its variance.
    :math:`\rho_1, \rho_2, \ldots` are the canonical correlations of what is left, as many as the layer with fewer
    directions has; :math:`\bar\rho` is their mean. It passes over shifts, rotations and one factor for all values, and
    with ``variance=1`` over every invertible linear map.

    Independent layers are not at distance 1: the mean of their :math:`\rho^2` is r / (n - 1), with r the directions of
    the layer that has more of them. Directions along which the values spread less than a millionth as much as along the
    widest one count as none, so constant and redundant values change nothing.

    Args:
        variance: The share of the variance that is kept, above 0 and at most 1.

    Raises:
        ValueError: If ``variance`` is out of its range. From ``prepare``, if all points are equal, or not more than
            twice as many as the directions that are kept.

    References:
        Raghu, Gilmer, Yosinski and Sohl-Dickstein, "SVCCA: singular vector canonical correlation analysis for deep
        learning dynamics and interpretability" (NeurIPS 2017), section 2.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(SVCCA()(x, 2 - x[:, ::-1]), 12) + 0.0
        0.0
    """

    key: ClassVar[str] = "svcca"
    label: ClassVar[str] = "SVCCA distance (0 alike, 1 uncorrelated)"
    question: ClassVar[str] = "Do the main directions of two layers follow each other?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    paper: ClassVar[str] = "Raghu et al. (NeurIPS 2017)"

    variance: float = 0.99

    def prepare(self, facts: LayerFacts) -> NDArray[np.float64]:
        """(n, r) the layer's principal directions, as functions of its samples."""
        return self._directions(facts)

    def between(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """1 less the mean correlation."""
        correlations = np.linalg.svd(first.T @ second, compute_uv=False)
        return float(np.clip(1 - correlations.mean(), *self.range))


@dataclass(frozen=True)
class PWCCA(_CanonicalCorrelations):
    r"""Projection-weighted canonical correlation analysis, as a distance.

    .. math:: 1 - \frac{\sum_i \alpha_i \rho_i}{\sum_i \alpha_i}, \qquad \alpha_i = \sum_j |\langle h_i, x_j \rangle|

    with :math:`\rho_i` the canonical correlations, as many as the layer with fewer dimensions has, :math:`h_i` a
    layer's canonical variates and :math:`x_j` its values: directions that account for more of a layer count for more.
    The weights of the one layer are not those of the other: the distance is the mean of both.

    It passes over shifts and one factor for all values. Rotations change the weights. Where several correlations are
    equal, as those of what two layers share exactly, their variates, and so the weights of such a group against others,
    are determined up to a rotation only. On samples and on small spreads see ``SVCCA``.

    Args:
        variance: The share of the variance that is kept, above 0 and at most 1.

    Raises:
        ValueError: As ``SVCCA``.

    References:
        Morcos, Raghu and Bengio, "Insights on representational similarity in neural networks with canonical
        correlation" (NeurIPS 2018), equation 3.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(PWCCA()(x, 2 - x[:, ::-1]), 12) + 0.0
        0.0
    """

    # Ding et al. (NeurIPS 2021) count what the wider of two layers has beyond the other as uncorrelated, too. There
    # correlations are equal, and a value is one of many: from 0.203 to 0.239 for a layer and a linear image of it with
    # 12 of its 16 dimensions, over 2000 bases of the same directions.

    key: ClassVar[str] = "pwcca"
    label: ClassVar[str] = "PWCCA distance (0 alike, 1 uncorrelated)"
    question: ClassVar[str] = "Do the directions that matter to two layers follow each other?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("shift", "scale")
    paper: ClassVar[str] = "Morcos et al. (NeurIPS 2018)"

    def prepare(self, facts: LayerFacts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, r) the layer's directions, as functions of its samples, and (r, d) their products with its values."""
        directions = self._directions(facts)
        values = np.asarray(facts.cloud, dtype=np.float64)
        return directions, directions.T @ (values - values.mean(axis=0))

    def between(self, first: Any, second: Any) -> float:
        """1 less the weighted mean correlation, by the mean of both layers' weights."""
        left, correlations, right = np.linalg.svd(first[0].T @ second[0], full_matrices=False)
        weights = [np.abs(left.T @ first[1]).sum(axis=1), np.abs(right @ second[1]).sum(axis=1)]
        alike = np.mean([np.average(correlations, weights=each) for each in weights])
        return float(np.clip(1 - alike, *self.range))
