"""What is said of a run or a comparison: a sentence with its evidence, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """An answer to a question that people ask of their layers.

    Attributes:
        question: The question, as people ask it.
        layers: The layers that it is about, in the model's order; none where it is about samples or whole runs.
        statement: The answer, in a sentence or two.
        evidence: What is behind it, as JSON can hold it: ``"rule"``, a sentence that says when this is said;
            ``"numbers"``, name to a number, a text, or one number per layer as ``{"layer": ..., "value": ...}``; and
            ``"view"``, what shows it: ``None``, or ``"kind"`` with what that needs: ``"curve"`` (``measure``,
            ``homology_dim``, ``quantity``, ``layers``), ``"heatmap"`` (``measure``, ``homology_dim``, two ``layers``),
            ``"graph"`` (``layer``), or ``"samples"`` (``layer``; ``samples``, each with its ``id`` in the data set,
            ``label``, ``neighbours``, ids again, and a ``note``; ``n_samples``, how many there are in all).
        level: In which share of cases it is said, at most, where there is nothing to say, in [0, 1]: 0 for what was
            counted, and is not an estimate.
        kind: The name of its kind, such as ``"settled"``.
        is_alert: Whether something is broken: what one would stop a training for.

    Example:
        >>> finding = Finding("Are there NaN?", ("head",), "head holds NaN in 3 of 512 samples.", {}, 0.0)
        >>> print(finding)
        head holds NaN in 3 of 512 samples.
        >>> finding.to_json()["layers"]
        ['head']
    """

    question: str
    layers: tuple[str, ...]
    statement: str
    evidence: Mapping[str, Any] = field(repr=False)
    level: float
    kind: str = ""
    is_alert: bool = False

    def __str__(self) -> str:
        return self.statement

    @property
    def numbers(self) -> Mapping[str, Any]:
        """The numbers that it stands on, by what they are called."""
        numbers: Mapping[str, Any] = self.evidence.get("numbers", {})
        return numbers

    @property
    def samples(self) -> tuple[int, ...]:
        """The samples that it names, by their ids in the data set; none where it is about layers."""
        view = self.evidence.get("view") or {}
        return tuple(sample["id"] for sample in view.get("samples", ()))

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON can hold it."""
        return {
            "kind": self.kind,
            "question": self.question,
            "layers": list(self.layers),
            "statement": self.statement,
            "level": self.level,
            "is_alert": self.is_alert,
            "evidence": dict(self.evidence),
        }
