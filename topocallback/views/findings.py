"""What a comparison found, in a few words: the same in its pictures, its report and the shell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topocallback.records.results import LEVEL
from topocallback.records.settling import Settling
from topocallback.records.specificity import Specificity
from topocallback.views.captions import p_value

__all__ = ["auc", "last_step", "last_steps", "settled", "settling_order"]


def auc(found: Specificity) -> str:
    """How well layers are told apart across checkpoints, and how sure that is.

    Example:
        >>> auc(Specificity(np.ones(2), np.ones(4), {}, auc=0.934, error=0.04, p_value=0.002))
        'AUC 0.93 ± 0.04, p = 0.002'
    """
    error = "" if np.isnan(found.error) else f" ± {found.error:.2f}"
    return f"AUC {found.auc:.2f}{error}, {p_value(found.p_value)}"


def settled(entry: Settling) -> str:
    """When a layer settled, or why that is not said.

    Example:
        >>> still = Settling("run", "head", np.arange(6) * 10, np.zeros(6), np.ones(6), 1, 0.4, 0.3)
        >>> settled(still)
        'settled from step 10 on'
    """
    return f"settled from step {entry.step} on" if entry.settled else _why_not_settled(entry)


def settling_order(entries: Sequence[Settling]) -> str:
    """When the layers of one run settled, in a line.

    Args:
        entries: Earliest first.

    Example:
        >>> line = np.arange(6) * 10, np.zeros(6), np.ones(6)
        >>> settling_order([Settling("run", "stem", *line, 1, 0.4, 0.3), Settling("run", "head", *line, 5, 2.5, 0.01)])
        'settled from step on: stem (10); not settled: head'
    """
    found: dict[str, list[str]] = {}
    for entry in entries:
        kind = "settled from step on" if entry.settled else _why_not_settled(entry)
        found.setdefault(kind, []).append(f"{entry.layer} ({entry.step})" if entry.settled else entry.layer)
    return "; ".join(f"{kind}: {', '.join(layers)}" for kind, layers in found.items())


def _why_not_settled(entry: Settling) -> str:
    # At the last checkpoint but one it was still beyond noise: for that any number of checkpoints is enough.
    return "not settled" if entry.position == len(entry.steps) - 1 else "too few checkpoints to say"


def last_step(entry: Settling) -> str:
    """How far a layer moved between its last two checkpoints: what looks settled may still walk on.

    Example:
        >>> last_step(Settling("run", "head", np.arange(6) * 10, np.zeros(6), np.ones(6), 1, 0.43, 0.3))
        '0.43 x noise, p = 0.3'
    """
    return f"{entry.last_times_noise:.2g} x noise, {p_value(entry.last_p)}"


def last_steps(entries: Sequence[Settling]) -> str:
    """How far one or several layers moved between the last two checkpoints of their runs.

    Example:
        >>> line = "head", np.arange(2), np.zeros(2), np.ones(2), 1
        >>> last_steps([Settling("a", *line, 0.5, 0.3), Settling("b", *line, 2.0, 0.01)])
        '0.5 to 2 x noise, p ≤ 0.05 in 1 of 2'
    """
    if len(entries) == 1:
        return last_step(entries[0])
    sizes = [entry.last_times_noise for entry in entries]
    tested = [entry.last_p for entry in entries if not np.isnan(entry.last_p)]
    found = f"p ≤ {LEVEL:g} in {sum(p <= LEVEL for p in tested)} of {len(tested)}" if tested else "not tested"
    return f"{min(sizes):.2g} to {max(sizes):.2g} x noise, {found}"
