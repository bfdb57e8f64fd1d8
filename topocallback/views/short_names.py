"""Names that are cut to fit, of which no two become the same."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence

__all__ = ["short_layer_names", "short_names"]


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
    for _ in names:  # what differs is deep inside: each round tells at least one name from those that look like it
        groups: dict[str, list[int]] = {}
        for i in _alike(names, short):
            groups.setdefault(short[i], []).append(i)
        for group in groups.values():
            shared = _shared([names[i] for i in group])
            for i in group:
                short[i] = _from(names[i], min(shared, len(names[i]) - 1), fits)
    for i in _alike(names, short):  # such as one that is the beginning of another, of many letters
        number = str(names.index(names[i]) + 1)
        short[i] = _cut(f"{number}.{names[i]}", len(number), fits)
    return short


def _shared(sequences: Sequence[Sequence[str]]) -> int:
    """How many entries all have in common at their beginning."""
    entries = zip(*sequences, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda entry: len(set(entry)) == 1, entries))


def _alike(names: Sequence[str], short: Sequence[str]) -> list[int]:
    """The positions of names that look like another one."""
    counts = Counter(text for _, text in set(zip(names, short, strict=True)))
    return [i for i, text in enumerate(short) if counts[text] > 1]


def _cut(name: str, beginning: int, fits: Callable[[str], bool]) -> str:
    """A name with so many letters of its beginning, and as many of its end as there is room for."""
    if fits(name):
        return name
    for start in range(beginning + 1, len(name)):
        if fits(text := f"{name[:beginning]}…{name[start:]}"):
            return text
    return _from(name, 0, fits)


def _from(name: str, start: int, fits: Callable[[str], bool]) -> str:
    """As much of a name as there is room for, from a letter on."""
    before = "…" if start else ""
    for end in range(len(name), start, -1):
        if fits(text := f"{before}{name[start:end]}{'…' if end < len(name) else ''}"):
            return text
    return ""
