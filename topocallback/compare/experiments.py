"""The experiments of Purvine et al. (AAAI 2023) on layers, ready to run: heatmaps, specificity and sensitivity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topocallback.compare.jobs import run_jobs
from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts
from topocallback.measures.noise import PreparedLayer, p_values_of_pairs, prepare_layer
from topocallback.measures.table import MeasureLike, resolve_distance
from topocallback.records.comparison import Comparison
from topocallback.records.results import LEVEL

__all__ = ["Sensitivity", "cross_heatmap", "int_heatmap", "sensitivity", "without_components"]

_FEWEST_REMOVED = 4


def int_heatmap(
    comparison: Comparison, checkpoint: str | int = -1, measure: str | None = None, homology_dim: int | None = None
) -> NDArray[np.float64]:
    """The paper's *int* heatmap: the layers of one model against each other.

    Args:
        comparison: The comparison; the paper's setting is ``scale="none"``, ``homology_dims=(1,)``,
            ``pooling="max_norm"`` and 1000 samples.
        checkpoint: The model, by name or number.
        measure: A measure; by default the first one.
        homology_dim: The homology dimension; by default 1, or the measure's first if it has no H1.

    Returns:
        (layers, layers) distances.

    Raises:
        ValueError: If there is no such checkpoint or measure.
    """
    return comparison.over_layers(checkpoint, measure, homology_dim)


def cross_heatmap(
    comparison: Comparison,
    checkpoint: str | int = -1,
    checkpoints: Sequence[str | int] | None = None,
    measure: str | None = None,
    homology_dim: int | None = None,
) -> NDArray[np.float64]:
    """The paper's *cross* heatmap: the layers of one model against all layers of many.

    Args:
        comparison: The comparison, as in ``int_heatmap``.
        checkpoint: The one model.
        checkpoints: The many, in the order wanted; by default all, the one model included.
        measure: A measure; by default the first one.
        homology_dim: The homology dimension; by default 1, or the measure's first if it has no H1.

    Returns:
        (layers, models x layers) distances, first to all layers of the first model, then of the second, and so on.

    Raises:
        ValueError: If there is no such checkpoint or measure.
    """
    others = range(len(comparison.checkpoints)) if checkpoints is None else checkpoints
    return np.concatenate([comparison.between(checkpoint, other, measure, homology_dim) for other in others], axis=1)


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """How a cloud's distance from itself grows as principal components are taken out.

    Attributes:
        removed: (k,) how many components were removed, ascending.
        share: (k,) the same as a share of all components, in (0, 1].
        distances: (k,) distance between the diagrams of the full cloud and of what is left, in units of the cloud.
        p_values: (k,) how often a distance comes out at least as different where there is no difference; NaN where
            there are too few points for a test.
        noise: The distance that two samples of the full cloud have on average, each of as many points.
    """

    removed: NDArray[np.int64]
    share: NDArray[np.float64]
    distances: NDArray[np.float64]
    p_values: NDArray[np.float64]
    noise: float

    def __repr__(self) -> str:
        return f"Sensitivity({len(self.removed)} removals, told apart from {self.detected:.2g} of the components on)"

    @property
    def detected(self) -> float:
        """The smallest share of components whose removal, and that of all larger ones, is told apart; NaN if none is.

        One removal alone would be told apart in 5 % of cases where there is nothing to tell.
        """
        missed = np.flatnonzero(~(self.p_values <= LEVEL))
        first = int(missed[-1]) + 1 if len(missed) else 0
        return float(self.share[first]) if first < len(self.share) else float("nan")


def sensitivity(
    cloud: ArrayLike,
    *,
    measure: MeasureLike = "sliced_wasserstein",
    homology_dim: int = 1,
    scale: str = "none",
    backend: str = "auto",
    seed: int = 0,
    n_jobs: int | None = None,
) -> Sensitivity:
    """The paper's sensitivity test: distance from the full cloud against the share of components removed.

    With c the number of channels, for k in ``linspace(4, c, c // 4)`` the k components of smallest singular value of
    the uncentred (c, n) matrix are dropped; k = c leaves a single point, the origin.

    Args:
        cloud: (n, c) finite points, c at least 4: one layer's activations.
        measure: The distance between diagrams.
        homology_dim: The homology dimension.
        scale: ``"none"``, as in the paper, or ``"quantile"``, for which every cloud is divided by its own scale.
        backend: What computes the diagrams.
        seed: Seed of the parts that the noise and the test are taken of.
        n_jobs: How many diagrams are computed at once; see ``compare_checkpoints``.

    Returns:
        The curve.

    Raises:
        ValueError: If ``cloud`` is not of shape (n, c) with c at least 4, or not finite.

    References:
        Purvine et al., "Experimental observations of the topology of convolutional neural network activations" (AAAI
        2023), section on sensitivity; after Ding, Denain and Steinhardt, "Grounding representation similarity with
        statistical testing" (2021).

    Example:
        >>> spread = 0.5 ** np.arange(16)
        >>> curve = sensitivity(spread * np.random.default_rng(0).normal(size=(100, 16)))
        >>> curve.removed, bool((np.diff(curve.distances) > 0).all())
        (array([ 4,  8, 12, 16]), True)
    """
    points = np.asarray(cloud, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] < _FEWEST_REMOVED:
        raise ValueError(
            f"Expected `cloud` to be of shape (n, c) with c at least {_FEWEST_REMOVED}, got {points.shape}."
        )
    if not np.isfinite(points).all():
        raise ValueError("Expected `cloud` to be finite, got NaN or infinity. Drop such points first.")
    (distance,) = resolve_distance(measure).by_dimension((homology_dim,))
    channels = points.shape[1]
    removed = np.linspace(_FEWEST_REMOVED, channels, channels // 4).astype(np.int64)
    clouds = [points, *(without_components(points, k) for k in removed)]
    jobs = ((one, homology_dim, scale, backend, seed, distance) for one in clouds)
    full, *others = run_jobs(_prepared, jobs, n_jobs)
    apart = np.array([distance.between(full.whole, other.whole) for other in others], dtype=np.float64)
    p_values = p_values_of_pairs(distance, [full] * len(others), others)
    return Sensitivity(removed, removed / channels, apart, p_values, full.noise)


def without_components(cloud: ArrayLike, k: int) -> NDArray[np.float64]:
    """A cloud without its k principal components of smallest singular value, which are not centred first.

    Args:
        cloud: (n, c) points.
        k: How many to remove, between 0 and c. Components beyond the cloud's rank are counted as the smallest.

    Returns:
        (n, c) points.

    Raises:
        ValueError: If ``k`` is out of its range.

    Example:
        >>> without_components([[3.0, 0.1], [4.0, 0.0]], 1).round(1) + 0
        array([[3., 0.],
               [4., 0.]])
    """
    points = np.asarray(cloud, dtype=np.float64)
    if not 0 <= k <= points.shape[1]:
        raise ValueError(f"Expected `k` to be between 0 and {points.shape[1]}, got {k}.")
    left, values, right = np.linalg.svd(points, full_matrices=False)
    kept = max(0, points.shape[1] - k)
    return np.asarray((left[:, :kept] * values[:kept]) @ right[:kept])


def _prepared(
    cloud: NDArray[np.float64], dim: int, scale: str, backend: str, seed: int, distance: Distance
) -> PreparedLayer:
    facts = LayerFacts(cloud, homology_dims=(dim,), scale=scale, backend=backend, seed_of_parts=seed)
    return prepare_layer(distance, facts)
