"""The sliced Wasserstein distance between persistence diagrams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import check_option
from topocallback.measures.topology.diagrams import Diagram, essential_births, finite_bars
from topocallback.measures.topology.distance import DiagramDistance

__all__ = ["SlicedWasserstein"]


@dataclass(frozen=True)
class SlicedWasserstein(DiagramDistance):
    r"""Sliced Wasserstein distance between persistence diagrams.

    Over M directions :math:`\theta_i = \pi (1/2 + i/M)`, each diagram is joined with the orthogonal projections of the
    other one on the diagonal, both are projected on the direction, and

    .. math:: SW(D, E) = \frac{1}{M} \sum_i \| \mathrm{sort}(V_i) - \mathrm{sort}(W_i) \|_1 .

    Exact for the given directions, and equal to persim's ``sliced_wasserstein`` up to the latter's float32 directions.

    Args:
        homology_dim: The homology dimension; see ``DiagramDistance``.
        n_directions: M, at least 1. Purvine et al. use 50.
        essential: Whether to add the distance between the essential classes' births, matched in order; ``inf`` where
            their numbers differ.

    Raises:
        ValueError: If ``n_directions`` is no integer of at least 1.

    References:
        Carriere, Cuturi and Oudot, "Sliced Wasserstein kernel for persistence diagrams" (ICML 2017), algorithm 1; for
        layers of a network, Purvine et al. (AAAI 2023).

    Example:
        >>> round(SlicedWasserstein().of_diagrams([(0, 1), (0.5, 2)], [(0.1, 1.1)]), 6)
        0.79202
    """

    label: ClassVar[str] = "Sliced Wasserstein distance"
    cost: ClassVar[str] = "n log n"
    paper: ClassVar[str] = "Carriere, Cuturi and Oudot (ICML 2017)"

    n_directions: int = 50
    essential: bool = False

    def __post_init__(self) -> None:
        check_option(
            self,
            "n_directions",
            lambda n: isinstance(n, (int, np.integer)) and bool(n >= 1),
            "an integer of at least 1",
        )

    def prepare_diagram(self, diagram: Diagram) -> _Projection:
        """The diagram seen along every direction, sorted."""
        return _project(diagram, self.n_directions, self.essential)

    def between(self, first: _Projection, second: _Projection) -> float:
        """Mean over the directions of the L1 distance between the two sorted unions.

        Sorting a row made of two sorted runs is a merge for the stable sort: 0.6 ms against 1.7 ms for the default sort
        on 50 x 2000 values, even with AVX-512. Binning the projections instead would be faster still but only bounds
        the distance from below (by 2 % on average and 17 % at worst with 512 bins on diagrams of real activations).
        """
        if len(first.essential) != len(second.essential):
            return float("inf")
        ours = np.concatenate([first.points, second.diagonal], axis=1)
        theirs = np.concatenate([second.points, first.diagonal], axis=1)
        ours.sort(axis=1, kind="stable")
        theirs.sort(axis=1, kind="stable")
        ours -= theirs
        np.abs(ours, out=ours)
        return float(ours.sum() / len(ours) + np.abs(first.essential - second.essential).sum())


@dataclass(frozen=True)
class _Projection:
    """A diagram seen along M directions: its points, and their projections on the diagonal, each row sorted."""

    points: NDArray[np.float64]
    diagonal: NDArray[np.float64]
    essential: NDArray[np.float64]


def _project(diagram: Diagram, n_directions: int, essential: bool) -> _Projection:
    bars = finite_bars(diagram)
    angles = np.pi * (0.5 + np.arange(n_directions) / n_directions)
    cosines, sines = np.cos(angles), np.sin(angles)
    points = np.outer(cosines, bars[:, 0]) + np.outer(sines, bars[:, 1])
    points.sort(axis=1)
    # One sort serves every direction: (m, m) projects to m (cos + sin), which keeps or reverses the order.
    factors = cosines + sines
    middles = np.sort(bars.mean(axis=1))
    diagonal = np.outer(factors, middles)
    diagonal[factors < 0] = diagonal[factors < 0, ::-1]
    return _Projection(points, diagonal, essential_births(diagram) if essential else np.empty(0))
