"""The distance between the Betti curves of persistence diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.topology.diagrams import Diagram, that_die
from topocallback.measures.topology.distance import DiagramDistance

__all__ = ["BettiCurve"]


@dataclass(frozen=True)
class BettiCurve(DiagramDistance):
    r"""The area between the Betti curves of two diagrams: :math:`\int |\beta_D(r) - \beta_E(r)| \, dr`.

    :math:`\beta_D(r)` is the number of a diagram's bars that are alive at radius r. Exact, without a grid: the curves
    are constant between births and deaths. In H0, where all bars are born at 0, it is the Wasserstein distance of order
    1 between the deaths; in other dimensions, diagrams with different bars can have one curve. It never exceeds the
    Wasserstein distance of order 1 with the ground norm 1.

    Args:
        homology_dim: The homology dimension; see ``DiagramDistance``.

    References:
        Chung and Lawson, "Persistence curves: a canonical framework for summarizing persistence diagrams" (2022), the
        Betti curve.

    Example:
        >>> BettiCurve().of_diagrams([(0, 2), (1, 3)], [(0, 2)])
        2.0
    """

    key: ClassVar[str] = "betti_curve"
    label: ClassVar[str] = "Betti curve distance"
    question: ClassVar[str] = "Do two layers have as many clusters and loops at every size?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift")
    cost: ClassVar[str] = "n log n"
    paper: ClassVar[str] = "Chung and Lawson (2022)"

    def prepare_diagram(self, diagram: Diagram) -> _Curve:
        """The curve, by its steps."""
        radii = that_die(diagram).T.ravel()
        order = np.argsort(radii)
        return _Curve(radii[order], np.repeat([1, -1], len(radii) // 2)[order])

    def between(self, first: _Curve, second: _Curve) -> float:
        """The area."""
        radii = np.concatenate([first.radii, second.radii])
        order = np.argsort(radii, kind="stable")
        apart = np.cumsum(np.concatenate([first.steps, -second.steps])[order])
        return float((np.abs(apart[:-1]) * np.diff(radii[order])).sum())

    def likeness(
        self, first: Sequence[_Curve], second: Sequence[_Curve] | None = None, n_threads: int = 1
    ) -> NDArray[np.float64]:
        r"""The integrals :math:`\int \beta_D \beta_E`: 0.05 s for all parts of 12 layers, whose areas take 0.8 s."""
        second = first if second is None else second
        forth = _integrals(first, second)
        back = forth if second is first else _integrals(second, first)
        return np.asarray((forth + back.T) / 2)  # of both, so that rounding does not tell one side from the other


@dataclass(frozen=True)
class _Curve:
    """The radii at which a Betti curve changes, in ascending order, and by how much."""

    radii: NDArray[np.float64]
    steps: NDArray[np.int64]

    def area_up_to(self, radii: NDArray[np.float64]) -> NDArray[np.float64]:
        """The area under the curve up to each radius."""
        if not len(self.radii):
            return np.zeros(len(radii))
        pieces = np.cumsum(self.steps)[:-1] * np.diff(self.radii)
        return np.asarray(np.interp(radii, self.radii, np.concatenate([[0.0], np.cumsum(pieces)])))


def _integrals(first: Sequence[_Curve], second: Sequence[_Curve]) -> NDArray[np.float64]:
    """(N, M) integrals of products: a bar of the second adds the area under the first between its birth and death."""
    radii = np.concatenate([np.empty(0), *(curve.radii for curve in second)])
    steps = np.concatenate([np.empty(0), *(curve.steps for curve in second)])
    owners = np.repeat(np.arange(len(second)), [len(curve.radii) for curve in second])
    rows = [np.bincount(owners, -steps * curve.area_up_to(radii), len(second)) for curve in first]
    return np.reshape(rows, (len(first), len(second)))
