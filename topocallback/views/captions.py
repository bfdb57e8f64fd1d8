"""What was found, in the words of captions: the same in pictures, loggers, pages, sentences and the shell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topocallback.records.results import LEVEL, Description, DistanceTable
from topocallback.records.settling import Settling
from topocallback.records.specificity import Specificity

__all__ = [
    "at_level",
    "auc",
    "how_often_wrong",
    "how_sure",
    "last_step",
    "last_steps",
    "p_value",
    "settled",
    "times_noise",
    "why_not_settled",
    "with_unit",
]

_SMALLEST_SHOWN = 1e-3
_LONG = 100  # above it two digits would be written with a power of ten


def with_unit(about: Description) -> str:
    """The title with the unit, if there is one.

    Example:
        >>> with_unit(Description("bottleneck", 1, "Bottleneck distance", "0.9 quantiles"))
        'Bottleneck distance, H1 (0.9 quantiles)'
    """
    return f"{about.title} ({about.unit})" if about.unit else about.title


def at_level() -> str:
    """What hatching means; the share is that of cells without any difference that are told apart all the same.

    Example:
        >>> at_level()
        'not told apart at 5 % per cell'
    """
    return f"not told apart at {100 * LEVEL:g} % per cell"


def p_value(value: float) -> str:
    """A p-value in words.

    Example:
        >>> p_value(0.0123), p_value(1 / 2048), p_value(float("nan"))
        ('p = 0.012', 'p < 0.001', 'not tested')
    """
    if np.isnan(value):
        return "not tested"
    return f"p < {_SMALLEST_SHOWN:g}" if value < _SMALLEST_SHOWN else f"p = {value:.2g}"


def how_sure(table: DistanceTable) -> str:
    """What has to be said beside a table of how sure its distances are; nothing if all of them are tested.

    Example:
        >>> how_sure(DistanceTable(Description("own"), np.array([[0.0, 2.0], [2.0, 0.0]])))
        'not tested'
    """
    pairs = np.triu(np.isfinite(table.matrix), 1)
    errors = table.errors[pairs & np.isfinite(table.errors)]
    if errors.size:
        return f"± {errors.max():.2g} at most (standard error)"
    untested = int((pairs & np.isnan(table.p_values)).sum())
    if not untested:
        return ""
    return "not tested" if untested == pairs.sum() else f"{untested} of {pairs.sum()} not tested"


def times_noise(size: float) -> str:
    """How large a distance is, in words.

    Example:
        >>> times_noise(0.432), times_noise(151.2), times_noise(float("inf")), times_noise(float("nan"))
        ('0.43 x noise', '151 x noise', 'inf x noise', 'noise not known')
    """
    if np.isnan(size):
        return "noise not known"
    return f"{size:.2g} x noise" if size < _LONG or np.isinf(size) else f"{size:.0f} x noise"


def how_often_wrong(level: float) -> str:
    """The level of a finding in words.

    Example:
        >>> how_often_wrong(0.05), how_often_wrong(0.0)
        ('said in at most 5 % of cases in which there is nothing to say', 'a count, not an estimate')
    """
    if not level:
        return "a count, not an estimate"
    return f"said in at most {100 * level:g} % of cases in which there is nothing to say"


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
    return f"settled from step {entry.step} on" if entry.settled else why_not_settled(entry)


def why_not_settled(entry: Settling) -> str:
    """Why it is not said of a layer that it has settled."""
    # At the last checkpoint but one it was still beyond noise: for that any number of checkpoints is enough.
    return "not settled" if entry.position == len(entry.steps) - 1 else "too few checkpoints to say"


def last_step(entry: Settling) -> str:
    """How far a layer moved between its last two checkpoints: what looks settled may still walk on.

    Example:
        >>> last_step(Settling("run", "head", np.arange(6) * 10, np.zeros(6), np.ones(6), 1, 0.43, 0.3))
        '0.43 x noise, p = 0.3'
    """
    return f"{times_noise(entry.last_times_noise)}, {p_value(entry.last_p)}"


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
