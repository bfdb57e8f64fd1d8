"""The spectral entropy of a diffusion over a cloud, and what labels say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Statistic, check_option, is_count
from topocallback.measures.facts import LayerFacts
from topocallback.records.classes import name_classes

__all__ = ["DiffusionSpectralEntropy", "DiffusionSpectralMutualInformation"]


@dataclass(frozen=True)
class _OfDiffusion(Statistic):
    """What a number of a diffusion has as options; see ``DiffusionSpectralEntropy``."""

    unit: ClassVar[str] = "bits"
    paper: ClassVar[str] = "Liao et al. (2023)"

    sigma: float | str = 10.0
    t: float = 1.0

    def __post_init__(self) -> None:
        check_option(self, "sigma", lambda width: width == "median" or width > 0, "above 0, or 'median'")
        check_option(self, "t", lambda steps: steps > 0, "above 0")

    def _kernel(self, facts: LayerFacts) -> NDArray[np.float64]:
        """(n, n) how near to each other points are, from 0 to 1."""
        return np.asarray(np.exp(-0.5 * (facts.distances / self._width(facts)) ** 2))

    def _width(self, facts: LayerFacts) -> float:
        if not isinstance(self.sigma, str):
            return float(self.sigma)
        n = facts.n_points
        return float(np.median(facts.distances[np.triu_indices(n, 1)])) or 1.0 if n > 1 else 1.0

    def _entropy(self, kernel: NDArray[np.float64]) -> float:
        """The spectral entropy of the diffusion with an (n, n) kernel."""
        scale = 1 / np.sqrt(kernel.sum(axis=1))
        eigenvalues = np.abs(np.linalg.eigvalsh(kernel * scale * scale[:, None])) ** self.t
        shares = eigenvalues / eigenvalues.sum()
        logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
        return float(max(0.0, -np.sum(shares * logarithms)))


class DiffusionSpectralEntropy(_OfDiffusion):
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
    question: ClassVar[str] = "How many places do the points keep apart?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift")
    more: ClassVar[str] = "more places apart"

    def value(self, facts: LayerFacts) -> float:
        """The entropy; NaN without points."""
        return self._entropy(self._kernel(facts)) if facts.n_points else float("nan")


@dataclass(frozen=True)
class DiffusionSpectralMutualInformation(_OfDiffusion):
    r"""What the labels say of where a point is, in bits: how many places fewer a class has than as many points of all.

    :math:`\sum_b p(b) [\mathrm{DSE}(X_{|b|}) - \mathrm{DSE}(X_b)]` over the classes b, of shares p(b), where DSE is the
    ``DiffusionSpectralEntropy`` of the points of a class, and of random subsets of all points that are as large, in the
    mean over several of these. By chance it is a little off 0 where the labels say nothing. It does not depend on
    rotations, nor, but for the choice of the subsets, on the order of the samples. A part of the samples has too few of
    each class to count their places: so it has no standard error.

    Args:
        sigma: The width of the kernel, as of ``DiffusionSpectralEntropy``; ``"median"`` is that of all points.
        t: How many steps the diffusion goes, above 0.
        repetitions: How many subsets are drawn for each class, at least 1.
        seed: Seed of the subsets, which a generator of their own draws.

    Raises:
        ValueError: If ``sigma`` is neither a number above 0 nor ``"median"``, ``t`` not above 0, ``repetitions`` no
            integer of at least 1, or ``seed`` none of at least 0.

    References:
        Liao et al., "Assessing neural network representations during training using noise-resilient diffusion spectral
        entropy" (2023).

    Example:
        >>> halves = np.repeat([[0.0], [100.0]], 50, axis=0)
        >>> 0.9 < DiffusionSpectralMutualInformation()(halves, ["left"] * 50 + ["right"] * 50) <= 1
        True
    """

    label: ClassVar[str] = "Diffusion spectral mutual information with labels"
    question: ClassVar[str] = "What do labels say of where a point is?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift")
    range: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    more: ClassVar[str] = "classes in places of their own"
    on_parts: ClassVar[bool] = False
    needs_labels: ClassVar[bool] = True

    repetitions: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_option(self, "repetitions", is_count, "an integer of at least 1")
        check_option(self, "seed", lambda seed: is_count(seed + 1), "an integer of at least 0")

    def value(self, facts: LayerFacts) -> float:
        """The information, 0 where all points are of one class; NaN without points or labels."""
        if facts.labels is None or not facts.n_points:
            return float("nan")
        n, generator, kernel = facts.n_points, np.random.default_rng(self.seed), self._kernel(facts)
        codes, classes = name_classes(facts.labels)
        information = 0.0
        for code in range(len(classes)):
            members = np.flatnonzero(codes == code)
            if len(members) == n:
                return 0.0
            drawn = [generator.choice(n, len(members), replace=False) for _ in range(self.repetitions)]
            own, *of_all = (self._entropy(kernel[np.ix_(chosen, chosen)]) for chosen in (members, *drawn))
            information += len(members) / n * (float(np.mean(of_all)) - own)
        return information
