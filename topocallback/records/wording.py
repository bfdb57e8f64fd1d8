"""Names in sentences: of layers, and of whatever else may hold any character."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["layers_in_words", "shown", "shown_lines"]

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


def shown(name: str) -> str:
    r"""A name in which everything can be seen: what is not printable is written as Python writes it.

    So a terminal does nothing but show it, text from right to left does not turn what follows, and any encoding can
    hold it: control characters, marks of direction, zero-width characters and lone surrogates become escapes.

    Args:
        name: A name, as people, files or data give them.

    Returns:
        One line; a name of printable characters and spaces as it is.

    Example:
        >>> shown("conv 1"), shown("red\x1b[31m"), shown("two\nlines")
        ('conv 1', 'red\\x1b[31m', 'two\\nlines')
    """
    return name if name.isprintable() else "".join(map(_shown, name))


def shown_lines(text: str) -> str:
    r"""As ``shown``, of sentences that may stand on several lines, which they keep.

    Example:
        >>> shown_lines("two\nlines\x07")
        'two\nlines\\x07'
    """
    return "\n".join(map(shown, text.expandtabs().split("\n")))


def _shown(character: str) -> str:
    # Other spaces than the usual one are not printable to Python, but are seen for what they are.
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return repr(character)[1:-1]
