"""What went wrong with layers, cause by cause: one sentence for all layers with the same cause."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from topocallback.monitor.reports import Reports

__all__ = ["LayersWithProblem", "by_cause"]


@dataclass(frozen=True)
class LayersWithProblem:
    """Layers with which the same thing went wrong.

    Attributes:
        layers: The layers.
        problem: A sentence: the first layer's own, where they differ in numbers.
    """

    layers: tuple[str, ...]
    problem: str


def by_cause(reports: Reports, problems: Mapping[str, str]) -> list[LayersWithProblem]:
    """Layers by what went wrong with them, without those of which it has been said already.

    Args:
        reports: Knows what has been said.
        problems: Layer to a sentence. Sentences that differ only in numbers, or in the name of their layer, have the
            same cause.

    Returns:
        One entry for each cause, in the order of the layers.

    Example:
        >>> by_cause(Reports("warn"), {"a": "3 of 9 are lost.", "b": "4 of 9 are lost."})
        [LayersWithProblem(layers=('a', 'b'), problem="3 of 9 are lost (layer 'a'; the others differ in numbers).")]
    """
    causes: dict[str, list[str]] = {}
    for layer, problem in problems.items():
        cause = re.sub(r"\d+", "#", problem.replace(repr(layer), "<layer>"))
        causes.setdefault(cause, []).append(layer)
    new = (reports.news(cause, layers) for cause, layers in causes.items())
    return [LayersWithProblem(tuple(layers), _sentence(layers, problems)) for layers in new if layers]


def _sentence(layers: Sequence[str], problems: Mapping[str, str]) -> str:
    first = problems[layers[0]]
    if all(problems[layer] == first for layer in layers):
        return first
    return f"{first.rstrip('.')} (layer {layers[0]!r}; the others differ in numbers)."
