"""How well a layer tells samples apart from the views of one sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Statistic, check_option
from topocallback.measures.facts import LayerFacts

__all__ = ["LiDAR"]


@dataclass(frozen=True)
class LiDAR(Statistic):
    r"""How many directions tell samples apart better than the views of one sample differ.

    The exponential of the entropy :math:`-\sum_i p_i \log p_i` of :math:`p_i = \lambda_i / \sum_j \lambda_j + \epsilon`
    over the eigenvalues of :math:`\Sigma_w^{-1/2} \Sigma_b \Sigma_w^{-1/2}`, as many as a point has values: the
    covariance :math:`\Sigma_b` of the samples' means, seen where the mean covariance :math:`\Sigma_w` of the views of a
    sample, plus :math:`\delta` on its diagonal, is the identity.

    It is for layers that have several points per sample, which are taken for its views: positions of an image, tokens,
    augmentations that share a sample id. On arrays, ``sample_ids`` says which belong together. It does not depend on
    the order of the points or on rotations; on a factor for all values only as far as :math:`\delta` matters.

    Args:
        delta: What is added to the diagonal of the covariance within samples, above 0, in squared units of the cloud.
        epsilon: What is added to each share, at least 0.

    Raises:
        ValueError: If an option is out of its range. From ``value``, where no sample has several points.

    References:
        Thilak et al., "LiDAR: sensing linear probing performance in joint embedding SSL architectures" (ICLR 2024).

    Example:
        >>> views = np.concatenate([np.eye(4) + 0.01, np.eye(4) - 0.01])
        >>> round(LiDAR()(views, sample_ids=[0, 1, 2, 3, 0, 1, 2, 3]), 3)
        3.0
    """

    key: ClassVar[str] = "lidar"
    label: ClassVar[str] = "LiDAR"
    question: ClassVar[str] = "How many directions tell samples apart better than their views?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift")
    unit: ClassVar[str] = "directions"
    more: ClassVar[str] = "samples told apart in more directions"
    paper: ClassVar[str] = "Thilak et al. (ICLR 2024)"

    delta: float = 1e-4
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        check_option(self, "delta", lambda added: added > 0, "above 0")
        check_option(self, "epsilon", lambda added: added >= 0, "at least 0")

    def value(self, facts: LayerFacts) -> float:
        """The exponential of the entropy; NaN without points, and where the means of all samples are equal."""
        if not facts.n_points:
            return float("nan")
        if len(np.unique(facts.sample_ids)) == facts.n_points:
            raise ValueError(f"Expected samples with several points, its views, for {self.key}, got one point of each.")
        between, within = _centred(np.asarray(facts.cloud, dtype=np.float64), facts.sample_ids)
        if not between.any():
            return float("nan")
        singular = np.linalg.svd(self._whitened(between, within), compute_uv=False)
        eigenvalues = np.zeros(between.shape[1])
        eigenvalues[: len(singular)] = singular**2
        shares = eigenvalues / eigenvalues.sum() + self.epsilon
        logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
        return float(np.exp(-np.sum(shares * logarithms)))

    def _whitened(self, between: NDArray[np.float64], within: NDArray[np.float64]) -> NDArray[np.float64]:
        """(k, d) the rows of ``between`` where ``within``, of which the covariance is that of views, is the identity.

        By the directions that are filled, of which there are no more than points, instead of (d, d) matrices.
        """
        _, singular, directions = np.linalg.svd(within, full_matrices=False)
        along = between @ directions.T
        rest = between - along @ directions
        return np.asarray((along / np.sqrt(singular**2 + self.delta)) @ directions + rest / np.sqrt(self.delta))


def _centred(
    cloud: NDArray[np.float64], sample_ids: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows whose products are the covariances, (k, d) between samples and (n, d) within; each sample counts once."""
    order = np.argsort(sample_ids, kind="stable")
    _, starts, codes, sizes = np.unique(sample_ids[order], return_index=True, return_inverse=True, return_counts=True)
    views = cloud[order]
    means = np.add.reduceat(views, starts, axis=0) / sizes[:, None]
    between, within = means - means.mean(axis=0), (views - means[codes]) / np.sqrt(sizes[codes])[:, None]
    return between / np.sqrt(len(sizes)), within / np.sqrt(len(sizes))
