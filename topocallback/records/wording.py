"""Names of layers in sentences."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["layers_in_words"]

_MOST = 3


def layers_in_words(layers: Sequence[str]) -> str:
    """A few layers by name, and how many more there are.

    Example:
        >>> layers_in_words("a"), layers_in_words("abcde")
        ("layer 'a'", "layers 'a', 'b', 'c' and 2 more")
    """
    more = len(layers) - _MOST
    names = ", ".join(map(repr, layers[:_MOST])) + (f" and {more} more" if more > 0 else "")
    return f"layer {names}" if len(layers) == 1 else f"layers {names}"
