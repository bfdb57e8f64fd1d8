"""Names that are cut to fit, of which no two become the same.

Whether there is room for a text must not depend on more than its width: of two beginnings, or two ends, of a name the
shorter one fits where the longer one does. So the longest one is found by halving: 300 names of 3000 letters take 3 s
instead of hours.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["short_layer_names", "short_names"]

_MOST_ROUNDS = 10


def short_layer_names(layers: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    """Layers' names that fit. Where not all of them do, the leading parts that all have in common go first.

    Args:
        layers: The names, all different.
        fits: Whether there is room for a text.

    Returns:
        As many texts, all different.

    Example:
        >>> short_layer_names(["net.layer2.0.downsample.0", "net.layer3.0.downsample.0"], lambda text: len(text) <= 14)
        ['layer2…ample.0', 'layer3…ample.0']
    """
    if all(map(fits, layers)) or len(layers) < 2:
        return short_names(layers, fits)
    parts = [layer.split(".") for layer in layers]
    shared = min(_shared(parts), min(map(len, parts)) - 1)
    return short_names([".".join(part[shared:]) for part in parts], fits)


def short_names(names: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    """Names that fit: a long one's end, unless another one would look like it; then more of its beginning as well.

    Args:
        names: The names.
        fits: Whether there is room for a text.

    Returns:
        As many texts, different for different names unless there is room for next to nothing.

    Example:
        >>> short_names(["encoder.11.output", "head"], lambda text: len(text) <= 10)
        ['…11.output', 'head']
    """
    short = [_cut(name, 0, fits) for name in names]
    for beginning in range(1, max(map(len, names), default=0)):
        if not (alike := _alike(names, short)):
            return short
        for i in alike:
            short[i] = _cut(names[i], beginning, fits)
        if not any(fits(_around(names[i], beginning, 1)) for i in alike):
            break  # there is no room for so much of a beginning, nor for more of it
    short = _from_where_they_differ(names, short, fits)
    for i in _alike(names, short):  # such as many of which each is the beginning of the next, of many letters
        number = str(names.index(names[i]) + 1)
        short[i] = _cut(f"{number}.{names[i]}", len(number), fits)
    return short


def _from_where_they_differ(names: Sequence[str], short: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    """Short names, where those that look alike begin with what is different deep inside of them."""
    now = list(short)
    for _ in range(_MOST_ROUNDS):  # each tells at least one name from those that look like it
        before, groups = list(now), dict[str, list[int]]()
        for i in _alike(names, now):
            groups.setdefault(now[i], []).append(i)
        for group in groups.values():
            shared = _shared([names[i] for i in group])
            for i in group:
                now[i] = _from(names[i], min(shared, len(names[i]) - 1), fits)
        if now == before:
            break
    return now


def _shared(sequences: Sequence[Any]) -> int:
    """How many entries all have in common at their beginning."""
    first, last = min(sequences), max(sequences)  # all others lie between them
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


def _alike(names: Sequence[str], short: Sequence[str]) -> list[int]:
    """The positions of names that look like another one."""
    counts = Counter(text for _, text in set(zip(names, short, strict=True)))
    return [i for i, text in enumerate(short) if counts[text] > 1]


def _cut(name: str, beginning: int, fits: Callable[[str], bool]) -> str:
    """A name with so many letters of its beginning, and as many of its end as there is room for."""
    if fits(name):
        return name
    kept = _most(len(name) - beginning - 1, lambda letters: fits(_around(name, beginning, letters)))
    return _around(name, beginning, kept) if kept else _from(name, 0, fits)


def _around(name: str, beginning: int, end: int) -> str:
    """A name without what is between its beginning and its end, of so many letters."""
    return f"{name[:beginning]}…{name[len(name) - end :]}"


def _from(name: str, start: int, fits: Callable[[str], bool]) -> str:
    """As much of a name as there is room for, from a letter on."""
    before = "…" if start else ""
    if fits(whole := before + name[start:]):
        return whole
    kept = _most(len(name) - start - 1, lambda letters: fits(f"{before}{name[start : start + letters]}…"))
    return f"{before}{name[start : start + kept]}…" if kept else ""


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest number of letters for which there is room, without looking at many more than that."""
    tried = 1
    while tried < limit and fits(tried):
        tried *= 2
    between = range(tried // 2 + 1, min(tried, limit) + 1)
    return tried // 2 + bisect.bisect_left(between, True, key=lambda letters: not fits(letters))
