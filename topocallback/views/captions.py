"""What tables say of themselves, in the words of captions: the same in pictures, loggers, pages and the shell."""

from __future__ import annotations

import numpy as np

from topocallback.records.results import LEVEL, Description, DistanceTable

__all__ = ["at_level", "how_sure", "p_value", "with_unit"]

_SMALLEST_SHOWN = 1e-3


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
