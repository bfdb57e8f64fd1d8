"""Measures that are functions of the user's own."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from topocallback.measures.base import Measure, Statistic, in_words
from topocallback.measures.facts import LayerFacts
from topocallback.measures.topology.diagrams import Diagram
from topocallback.measures.topology.distance import DiagramDistance
from topocallback.records.results import Description

__all__ = ["CloudFunction", "DiagramFunction", "measure_of_function"]


def measure_of_function(function: Callable[..., Any]) -> Measure:
    """The measure that a function stands for: by the number of arguments that it needs.

    Args:
        function: A function of one cloud, or of two diagrams.

    Example:
        >>> measure_of_function(len), measure_of_function(lambda first, second: 0.0).name
        (CloudFunction(function=<built-in function len>), '<lambda>')
    """
    return CloudFunction(function) if _needs_one_argument(function) else DiagramFunction(function)


@dataclass(frozen=True)
class _OfFunction(Measure):
    """A measure named by a function, or by the class of an object that can be called."""

    function: Callable[..., Any]

    @property
    def name(self) -> str:
        """The function's name."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    @property
    def options(self) -> dict[str, Any]:
        """None: the function is not an option but the measure."""
        return {}

    def describe(self, length: str = "") -> Description:
        """What its numbers are, under the function's name in words."""
        return dataclasses.replace(super().describe(length), label=in_words(self.name).capitalize())


@dataclass(frozen=True)
class DiagramFunction(_OfFunction, DiagramDistance):
    """A distance that is a function of the user's own.

    Args:
        function: A function of two (bars, 2) diagrams without infinite bars: symmetric, at least 0, and 0 for equal
            ones. To travel to other processes, it has to be importable.
        homology_dim: The homology dimension.

    Example:
        >>> DiagramFunction(lambda first, second: abs(len(first) - len(second))).of_diagrams([(0, 1)], [])
        1
    """

    def between(self, first: Diagram, second: Diagram) -> float:
        """What the function gives."""
        number: float = self.function(first, second)
        return number


@dataclass(frozen=True)
class CloudFunction(_OfFunction, Statistic):
    """A statistic that is a function of the user's own.

    Args:
        function: A function of one (n, d) cloud of finite points that gives a number.

    Example:
        >>> CloudFunction(len)([[0.0], [2.0]])
        2.0
    """

    def value(self, facts: LayerFacts) -> float:
        """What the function gives."""
        return float(self.function(facts.cloud))


def _needs_one_argument(function: Callable[..., Any]) -> bool:
    """Whether it does; what cannot be told is taken to need two."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in positional and parameter.default is parameter.empty for parameter in parameters) == 1
