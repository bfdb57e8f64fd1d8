"""The bottleneck distance between persistence diagrams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from topocallback.measures.base import check_option
from topocallback.measures.topology.diagrams import Diagram, that_die
from topocallback.measures.topology.distance import DiagramDistance

__all__ = ["Bottleneck"]


@dataclass(frozen=True)
class Bottleneck(DiagramDistance):
    r"""Bottleneck distance :math:`\inf_\eta \sup_x \|x - \eta(x)\|_\infty` over partial matchings, by Hera.

    Args:
        homology_dim: The homology dimension; see ``DiagramDistance``.
        tolerance: Relative error allowed; 0, the default, is exact.
        essential: Whether to match essential classes too; ``inf`` where their numbers differ.

    Raises:
        ValueError: If ``tolerance`` is negative.
        ModuleNotFoundError: If GUDHI, which ships Hera, is not installed.

    References:
        Kerber, Morozov and Nigmetov, "Geometry helps to compare persistence diagrams" (2017).

    Example:
        >>> Bottleneck().of_diagrams([(0, 2)], [(0, 3)])
        1.0
    """

    label: ClassVar[str] = "Bottleneck distance"
    question: ClassVar[str] = "How much does the one cluster or loop differ that differs most?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift")
    cost: ClassVar[str] = "n^1.5 log n"
    paper: ClassVar[str] = "Kerber, Morozov and Nigmetov (2017)"

    tolerance: float = 0.0
    essential: bool = False

    def __post_init__(self) -> None:
        check_option(self, "tolerance", lambda tolerance: tolerance >= 0, "at least 0")
        _import_hera()

    def prepare_diagram(self, diagram: Diagram) -> Diagram:
        """Without bars of length zero, on which Hera is undefined."""
        if not self.essential:
            return that_die(diagram)
        return diagram[diagram[:, 1] > diagram[:, 0]]

    def between(self, first: Diagram, second: Diagram) -> float:
        """By Hera, which takes anything under about 1e-10 for 0. Powers of two scale without rounding."""
        largest = max(np.abs(bars[np.isfinite(bars)]).max(initial=0.0) for bars in (first, second))
        unit = 2.0 ** np.floor(np.log2(largest)) if largest else 1.0
        return float(unit * _import_hera().bottleneck_distance(first / unit, second / unit, delta=self.tolerance))


def _import_hera() -> Any:
    try:
        import gudhi.hera
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The bottleneck distance needs Hera, which GUDHI ships: pip install 'topocallback[gudhi]'"
        ) from error
    return gudhi.hera
