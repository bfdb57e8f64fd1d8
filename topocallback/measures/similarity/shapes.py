"""How far apart two clouds of the same samples are after the best rotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import LENGTH, BehavesAs, Distance, check_option
from topocallback.measures.centring import check_different_points, coordinates
from topocallback.measures.facts import LayerFacts

__all__ = ["EuclideanShapeMetric", "Procrustes", "ShapeMetric"]

_SMALLEST_VARIANCE = 1e-7  # as in the authors' code: directions without variance are not whitened


@dataclass(frozen=True)
class _AfterRotation(Distance):
    paired: ClassVar[bool] = True
    cost: ClassVar[str] = "d^3"

    def prepare(self, facts: LayerFacts) -> NDArray[np.float64]:
        """(n, r) the centred points, in as few coordinates as they need."""
        check_different_points(facts, self.key)
        return self._in_shape(coordinates(facts))

    def _in_shape(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(points / np.linalg.norm(points))


@dataclass(frozen=True)
class _ShapeMetric(_AfterRotation):
    paper: ClassVar[str] = "Williams et al. (NeurIPS 2021)"

    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_option(self, "alpha", lambda share: 0 <= share <= 1, "between 0 and 1")

    def _whitened(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Partially whitened, with the same total variance."""
        if self.alpha == 1:
            return points
        directions, lengths, _ = np.linalg.svd(points, full_matrices=False)
        white = lengths / np.sqrt(np.maximum(lengths**2, _SMALLEST_VARIANCE))
        found = directions * (self.alpha * lengths + (1 - self.alpha) * white)
        return np.asarray(found * (np.linalg.norm(lengths) / np.linalg.norm(found)))


@dataclass(frozen=True)
class ShapeMetric(_ShapeMetric):
    r"""The angle between two clouds of the same samples, after the best rotation.

    .. math:: \arccos \frac{\| X^\top Y \|_*}{\| X \| \| Y \|}

    of the centred clouds, filled up with zeros to the same width. It passes over rotations, shifts and one factor for
    all values; with ``alpha=0`` over every invertible linear map between clouds of one width. A linear image of fewer
    dimensions is at a distance all the same.

    Args:
        alpha: From 1, rotations alone, to 0, whitened clouds.

    Raises:
        ValueError: If ``alpha`` is not between 0 and 1. From ``prepare``, if all points are equal.

    References:
        Williams, Kunz, Kornblith and Linderman, "Generalized shape metrics on neural representations" (NeurIPS 2021),
        equations 3 and 6 to 8.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> bool(ShapeMetric()(x, 2 - x[:, ::-1]) < 1e-6)
        True
    """

    key: ClassVar[str] = "shape_metric"
    label: ClassVar[str] = "Angular shape metric"
    question: ClassVar[str] = "What is left between two layers after the best rotation, as an angle?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    unit: ClassVar[str] = "rad"
    range: ClassVar[tuple[float, float]] = (0.0, np.pi / 2)

    def _in_shape(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        whitened = self._whitened(points)
        return np.asarray(whitened / np.linalg.norm(whitened))

    def between(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """The angle."""
        return float(np.arccos(np.clip(_overlap(first, second), 0, 1)))


@dataclass(frozen=True)
class EuclideanShapeMetric(_ShapeMetric):
    r"""How far apart two clouds of the same samples are, after the best rotation: :math:`\min_Q \| X - Y Q \|`.

    Of the centred clouds, filled up with zeros to the same width. It passes over rotations and shifts.

    Args:
        alpha: See ``ShapeMetric``.

    Raises:
        ValueError: As ``ShapeMetric``.

    References:
        Williams et al. (NeurIPS 2021), equation 2.

    Example:
        >>> round(EuclideanShapeMetric()([[0.0], [2.0]], [[5.0], [1.0]]), 6)
        1.414214
    """

    key: ClassVar[str] = "euclidean_shape_metric"
    label: ClassVar[str] = "Euclidean shape metric"
    question: ClassVar[str] = "What is left between two layers after the best rotation, as a length?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift")
    unit: ClassVar[str] = LENGTH
    behaves_as: ClassVar[BehavesAs] = "sum"

    def _in_shape(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._whitened(points)

    def between(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """The distance."""
        squares = np.einsum("ij,ij->", first, first) + np.einsum("ij,ij->", second, second)
        return float(np.sqrt(max(0.0, squares - 2 * _overlap(first, second))))


@dataclass(frozen=True)
class Procrustes(_AfterRotation):
    r"""The squared distance of two clouds after the best rotation: :math:`2 - 2 \| X^\top Y \|_*`.

    Of the centred clouds, each divided by its norm. It passes over rotations, shifts and one factor for all values.

    Raises:
        ValueError: From ``prepare``, if all points are equal.

    References:
        Ding, Denain and Steinhardt, "Grounding representation similarity with statistical testing" (NeurIPS 2021),
        section 2.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> bool(Procrustes()(x, 2 - x[:, ::-1]) < 1e-12)
        True
    """

    key: ClassVar[str] = "procrustes"
    label: ClassVar[str] = "Procrustes distance (0 alike, 2 unlike)"
    question: ClassVar[str] = "What is left between two layers after the best rotation, as a share?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    range: ClassVar[tuple[float, float]] = (0.0, 2.0)
    is_metric: ClassVar[bool] = False
    paper: ClassVar[str] = "Ding et al. (NeurIPS 2021)"

    def between(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """The squared distance."""
        return float(max(0.0, 2 - 2 * _overlap(first, second)))


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The nuclear norm of the products: the trace of ``first.T @ second`` after the best rotation."""
    return float(np.linalg.svd(first.T @ second, compute_uv=False).sum())
