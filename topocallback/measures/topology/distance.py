"""What the distances between persistence diagrams have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from topocallback.measures.base import LENGTH, Distance
from topocallback.measures.facts import LayerFacts
from topocallback.measures.topology.diagrams import Diagram, as_diagram, that_die
from topocallback.measures.topology.of_diagram import OfDiagram

__all__ = ["DiagramDistance"]


@dataclass(frozen=True)
class DiagramDistance(OfDiagram, Distance):
    """A distance between the persistence diagrams of two layers in one homology dimension.

    The samples need not be the same, nor equally many. Essential classes (bars that never die) are left out unless a
    distance is asked to match them; then two diagrams with different numbers of them are at distance ``inf``.

    Args:
        homology_dim: The homology dimension; see ``OfDiagram``.
    """

    unit: ClassVar[str] = LENGTH

    def prepare(self, facts: LayerFacts) -> Any:
        """What ``between`` compares: all that depends on one layer's diagram alone."""
        return self.prepare_diagram(facts.diagram(self.homology_dim))

    def prepare_diagram(self, diagram: Diagram) -> Any:
        """What ``between`` compares, of a (bars, 2) diagram. Without the essential bars, unless it is overridden."""
        return that_die(diagram)

    def size(self, prepared: Any) -> float:
        """The distance from the empty diagram; NaN if that is infinite, because of essential bars, or not defined."""
        try:
            size = float(self.between(prepared, self.prepare_diagram(as_diagram([]))))
        except Exception:  # a function of the user's own need not take an empty diagram
            return float("nan")
        return size if np.isfinite(size) else float("nan")

    def of_diagrams(self, first: ArrayLike, second: ArrayLike) -> float:
        """The distance between two diagrams.

        Args:
            first: (bars, 2) births and deaths, possibly infinite; an empty list is an empty diagram.
            second: (bars, 2) births and deaths.

        Returns:
            A distance of at least 0, in the units of the diagrams.

        Raises:
            ValueError: If one of them is no diagram; see ``as_diagram``.
        """
        diagrams = as_diagram(first, "first"), as_diagram(second, "second")
        return self.between(*map(self.prepare_diagram, diagrams))
