"""Names of layers in sentences."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["named_layers"]

_MOST = 3


def named_layers(layers: Sequence[str]) -> str:
    """A few layers by name, and how many more there are.

    Example:
        >>> named_layers("a"), named_layers("abcde")
        ("layer 'a'", "layers 'a', 'b', 'c' and 2 more")
    """
    more = len(layers) - _MOST
    names = ", ".join(map(repr, layers[:_MOST])) + (f" and {more} more" if more > 0 else "")
    return f"layer {names}" if len(layers) == 1 else f"layers {names}"
