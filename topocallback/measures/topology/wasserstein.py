"""The Wasserstein distance between persistence diagrams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from topocallback.measures.base import check_option
from topocallback.measures.topology.diagrams import Diagram, essential_births, that_die
from topocallback.measures.topology.distance import DiagramDistance

__all__ = ["Wasserstein"]

Bars = tuple[Diagram, NDArray[np.float64]]  # those that die, and the births of those that never do


@dataclass(frozen=True)
class Wasserstein(DiagramDistance):
    r"""Wasserstein distance :math:`(\inf_\eta \sum_x \|x - \eta(x)\|_p^q)^{1/q}` over partial matchings.

    Exact, by an optimal assignment (SciPy). Two diagrams of 1000 bars take 25 MB and, in H0 of real activations, 0.6 s;
    H1 with 600 bars takes 0.01 s.

    Args:
        homology_dim: The homology dimension; see ``DiagramDistance``.
        order: q, finite and at least 1.
        ground_norm: p, at least 1, ``inf`` allowed: the norm in the plane.
        essential: Whether to match essential classes too; ``inf`` where their numbers differ.

    Raises:
        ValueError: If an option is out of its range.

    References:
        Cohen-Steiner, Edelsbrunner, Harer and Mileyko, "Lipschitz functions have L_p-stable persistence" (2010).

    Example:
        >>> Wasserstein().of_diagrams([(0, 2)], [(0, 3)])
        1.0
    """

    label: ClassVar[str] = "Wasserstein distance"
    question: ClassVar[str] = "What does it take to make one layer's clusters and loops the other's?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift")
    cost: ClassVar[str] = "n^3"
    paper: ClassVar[str] = "Cohen-Steiner et al. (2010)"

    order: float = 1.0
    ground_norm: float = 2.0
    essential: bool = False

    def __post_init__(self) -> None:
        check_option(
            self, "order", lambda order: 1 <= order < np.inf, "finite and at least 1 (for infinity: 'bottleneck')"
        )
        check_option(self, "ground_norm", lambda norm: norm >= 1, "at least 1")

    def prepare_diagram(self, diagram: Diagram) -> Bars:
        """The bars that die, and the births of those that never do."""
        return that_die(diagram), essential_births(diagram) if self.essential else np.empty(0)

    def between(self, first: Bars, second: Bars) -> float:
        """The norm of the lengths by which an optimal matching moves the bars."""
        if len(first[1]) != len(second[1]):
            return float("inf")
        moved = _matched_lengths(first[0], second[0], self.order, self.ground_norm)
        lengths = np.concatenate([*moved, first[1] - second[1]])
        return float(np.linalg.norm(lengths, self.order)) if len(lengths) else 0.0


def _matched_lengths(
    first: Diagram, second: Diagram, order: float, ground_norm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """How far an optimal matching moves the bars: matched ones, and those of either side that go to the diagonal.

    Hera was tried first: its auction does not end on diagrams that are equal up to the order of their bars, or nearly
    so, as those of a frozen layer are, and it took 5 to 30 times as long on diagrams of real activations.
    """
    to_diagonal = [(bars[:, 1] - bars[:, 0]) / 2 * 2 ** (1 / ground_norm) for bars in (first, second)]
    metric = {1: "cityblock", 2: "euclidean", np.inf: "chebyshev"}.get(ground_norm, "minkowski")
    apart = cdist(first, second, metric, **({"p": ground_norm} if metric == "minkowski" else {}))
    # What matching two bars saves against sending both to the diagonal; nothing is matched at a loss. Relative to the
    # longest way, so that no power under- or overflows.
    longest = max((lengths.max(initial=0.0) for lengths in to_diagonal), default=0.0) or 1.0
    given_up = (to_diagonal[0][:, None] / longest) ** order + (to_diagonal[1][None, :] / longest) ** order
    savings = np.minimum(0, (apart / longest) ** order - given_up)
    rows, columns = linear_sum_assignment(savings)
    matched = savings[rows, columns] < 0
    rows, columns = rows[matched], columns[matched]
    return apart[rows, columns], np.delete(to_diagonal[0], rows), np.delete(to_diagonal[1], columns)
