"""The spectral entropy of a diffusion over a cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from topocallback.measures.base import Statistic, check_option
from topocallback.measures.facts import LayerFacts

__all__ = ["DiffusionSpectralEntropy"]


@dataclass(frozen=True)
class DiffusionSpectralEntropy(Statistic):
    r"""The entropy of the eigenvalues of a diffusion over the points, in bits: how many places the points keep apart.

    With :math:`G = \exp(-D^2 / 2 \sigma^2)` of the distances D and S the sums of its rows, the eigenvalues of
    :math:`S^{-1/2} G S^{-1/2}` to the power t, as shares of their sum.

    Args:
        sigma: The width of the kernel, in the units of the cloud: a network whose activations grow is seen ever more
            closely. ``"median"`` is the median distance between two points instead.
        t: How many steps the diffusion goes, above 0.

    Raises:
        ValueError: If ``sigma`` is neither a number above 0 nor ``"median"``, or ``t`` not above 0.

    References:
        Liao et al., "Assessing neural network representations during training using noise-resilient diffusion spectral
        entropy" (2023), definitions 1 and 2.

    Example:
        >>> round(DiffusionSpectralEntropy(sigma=0.001)(np.eye(4)), 6)
        2.0
    """

    key: ClassVar[str] = "diffusion_spectral_entropy"
    label: ClassVar[str] = "Diffusion spectral entropy"
    unit: ClassVar[str] = "bits"
    more: ClassVar[str] = "more places apart"
    paper: ClassVar[str] = "Liao et al. (2023)"

    sigma: float | str = 10.0
    t: float = 1.0

    def __post_init__(self) -> None:
        check_option(self, "sigma", lambda width: width == "median" or width > 0, "above 0, or 'median'")
        check_option(self, "t", lambda steps: steps > 0, "above 0")

    def value(self, facts: LayerFacts) -> float:
        """The entropy; NaN without points."""
        if not facts.n_points:
            return float("nan")
        kernel = np.exp(-0.5 * (facts.distances / self._width(facts)) ** 2)
        scale = 1 / np.sqrt(kernel.sum(axis=1))
        eigenvalues = np.abs(np.linalg.eigvalsh(kernel * scale * scale[:, None])) ** self.t
        shares = eigenvalues / eigenvalues.sum()
        logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
        return float(max(0.0, -np.sum(shares * logarithms)))

    def _width(self, facts: LayerFacts) -> float:
        if not isinstance(self.sigma, str):
            return float(self.sigma)
        n = facts.n_points
        return float(np.median(facts.distances[np.triu_indices(n, 1)])) or 1.0 if n > 1 else 1.0
