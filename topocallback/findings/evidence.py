"""What stands behind a finding, in the form in which pages and files hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from topocallback.records.results import Description

__all__ = ["curve", "evidence", "heatmap"]


def evidence(rule: str, numbers: Mapping[str, Any], view: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The evidence of a finding; see ``Finding``.

    Args:
        rule: When it is said, in a sentence.
        numbers: What it stands on, by what it is called.
        view: What shows it.
    """
    return {"rule": rule, "numbers": dict(numbers), "view": None if view is None else dict(view)}


def curve(about: Description, quantity: str, layers: Sequence[str]) -> dict[str, Any]:
    """A curve over the steps.

    Args:
        about: What the table is.
        quantity: ``"drift"`` or ``"drift_from_reference"`` of a distance, ``"value"`` of a statistic.
        layers: Of which layers.
    """
    return {"kind": "curve", **_table(about), "quantity": quantity, "layers": list(layers)}


def heatmap(about: Description, first: str, second: str) -> dict[str, Any]:
    """Two layers in the matrix of all distances.

    Args:
        about: What the table is.
        first: A layer.
        second: Another one.
    """
    return {"kind": "heatmap", **_table(about), "layers": [first, second]}


def _table(about: Description) -> dict[str, Any]:
    return {"measure": about.measure, "homology_dim": about.homology_dim}
