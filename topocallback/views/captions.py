"""What a description says, in the words of captions: the same in pictures, loggers and pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from topocallback.records.results import Description, Table

__all__ = ["added_up", "with_unit"]


def with_unit(about: Description) -> str:
    """The title with the unit, if there is one.

    Example:
        >>> with_unit(Description("bottleneck", 1, "Bottleneck distance", "0.9 quantiles"))
        'Bottleneck distance, H1 (0.9 quantiles)'
    """
    return f"{about.title} ({about.unit})" if about.unit else about.title


def added_up(tables: Sequence[Table]) -> Description:
    """What the sum of a measure's tables is, one for each homology dimension; a single table is its own sum.

    Example:
        >>> from topocallback.records.results import StatisticTable
        >>> tables = [StatisticTable(Description("bars", dim, "Number of bars"), []) for dim in (0, 1)]
        >>> added_up(tables).title, added_up(tables[:1]).title
        ('Number of bars, H0 + H1', 'Number of bars, H0')
    """
    about = tables[0].about
    if len(tables) == 1:
        return about
    dims = " + ".join(f"H{table.about.homology_dim}" for table in tables)
    return dataclasses.replace(about, label=f"{about.label or about.measure}, {dims}", homology_dim=None)
