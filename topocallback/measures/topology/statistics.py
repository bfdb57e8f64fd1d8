"""Numbers that describe one persistence diagram. Essential classes are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topocallback.measures.base import LENGTH, BehavesAs, Statistic
from topocallback.measures.facts import LayerFacts
from topocallback.measures.topology.diagrams import Diagram, finite_bars
from topocallback.measures.topology.of_diagram import OfDiagram

__all__ = ["Bars", "DiagramStatistic", "LongestBar", "PersistentEntropy", "TotalPersistence"]


@dataclass(frozen=True)
class DiagramStatistic(OfDiagram, Statistic):
    """A number of one layer's persistence diagram in one homology dimension.

    Args:
        homology_dim: The homology dimension; see ``OfDiagram``.
    """

    def value(self, facts: LayerFacts) -> float:
        """The number of the layer's diagram."""
        return self._of_bars(facts.bars(self.homology_dim))

    def of_diagram(self, diagram: ArrayLike) -> float:
        """The number of a (bars, 2) diagram; 0 for one without bars that die.

        Raises:
            ValueError: If ``diagram`` is no diagram; see ``as_diagram``.
        """
        return self._of_bars(finite_bars(diagram))

    def _of_bars(self, bars: Diagram) -> float:
        return self.of_lengths(bars[:, 1] - bars[:, 0])

    def of_lengths(self, lengths: NDArray[np.float64]) -> float:
        """The number of (bars,) lengths."""
        raise NotImplementedError(f"{type(self).__name__} has no `of_lengths`.")


class Bars(DiagramStatistic):
    """How many bars there are.

    Example:
        >>> Bars().of_diagram([(0, 1), (1, 2), (0, float("inf"))])
        2.0
    """

    label: ClassVar[str] = "Number of bars"
    question: ClassVar[str] = "How many clusters or loops are there?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    unit: ClassVar[str] = "bars"
    behaves_as: ClassVar[BehavesAs] = "sum"
    more: ClassVar[str] = "more features"

    def of_lengths(self, lengths: NDArray[np.float64]) -> float:
        """Their number."""
        return float(len(lengths))


class TotalPersistence(DiagramStatistic):
    r"""How long all bars are together: :math:`\sum_i l_i` over the lengths.

    Example:
        >>> TotalPersistence().of_diagram([(0, 1), (1, 2), (0, float("inf"))])
        2.0
    """

    label: ClassVar[str] = "Total persistence"
    question: ClassVar[str] = "How long do all clusters or loops last together?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift")
    unit: ClassVar[str] = LENGTH
    behaves_as: ClassVar[BehavesAs] = "sum"
    more: ClassVar[str] = "more or longer bars"

    def of_lengths(self, lengths: NDArray[np.float64]) -> float:
        """Their sum."""
        return float(lengths.sum())


class LongestBar(DiagramStatistic):
    r"""How long the longest bar is: :math:`\max_i l_i`.

    Example:
        >>> LongestBar().of_diagram([(0, 1), (1, 3)])
        2.0
    """

    label: ClassVar[str] = "Longest bar"
    question: ClassVar[str] = "How long does the most persistent one last?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift")
    unit: ClassVar[str] = LENGTH
    behaves_as: ClassVar[BehavesAs] = "extreme"
    more: ClassVar[str] = "a feature that lasts longer"

    def of_lengths(self, lengths: NDArray[np.float64]) -> float:
        """The largest."""
        return float(lengths.max(initial=0.0))


class PersistentEntropy(DiagramStatistic):
    r"""How evenly long the bars are: :math:`-\sum_i p_i \log_2 p_i` with :math:`p_i = l_i / \sum_j l_j`.

    In bits, between 0 and log2(bars).

    References:
        Rucco et al., "Characterisation of the idiotypic immune network through persistent entropy" (2016).

    Example:
        >>> PersistentEntropy().of_diagram([(0, 1), (1, 2)])
        1.0
    """

    label: ClassVar[str] = "Persistent entropy"
    question: ClassVar[str] = "Do they last equally long?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    unit: ClassVar[str] = "bits"
    more: ClassVar[str] = "bars of more even length"
    paper: ClassVar[str] = "Rucco et al. (2016)"

    def of_lengths(self, lengths: NDArray[np.float64]) -> float:
        """The entropy of their shares."""
        shares = lengths / lengths.sum() if len(lengths) else lengths
        # A share can underflow to 0, whose contribution is 0; adding 0.0 turns -0.0 into 0.0.
        logarithms = np.log2(shares, where=shares > 0, out=np.zeros_like(shares))
        return float(-(shares * logarithms).sum() + 0.0)
