"""Lists of names in sentences."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["some_names"]

_MOST = 3


def some_names(names: Sequence[str]) -> str:
    """Names for a sentence: a few of them, and how many more there are.

    Example:
        >>> some_names(["stem"]), some_names(["a", "b", "c", "d", "e"])
        ("'stem'", "'a', 'b', 'c' and 2 more")
    """
    more = len(names) - _MOST
    shown = ", ".join(repr(str(name)) for name in names[:_MOST])
    return f"{shown} and {more} more" if more > 0 else shown
