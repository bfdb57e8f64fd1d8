"""What the JSON text beside a sheet of sampled inputs has to be."""

from __future__ import annotations

import json
from typing import Any

from topocallback.records.facts import facts_from

__all__ = ["check_sheet"]

_MOST_TILES = 1 << 20  # a thousand times what is written, and no more than a browser can lay out
_LARGEST_TILE = 1 << 12


def check_sheet(text: str) -> None:
    """Refuse what does not say which sample is where on a sheet of sampled inputs.

    Args:
        text: JSON with ``tile``, the side of a tile in pixels, ``columns`` and ``sample_ids``.

    Raises:
        ValueError: If it is no such JSON. What a later version has added is passed over.

    Example:
        >>> check_sheet('{"version": 1, "tile": 8, "columns": 0, "sample_ids": [0]}')
        Traceback (most recent call last):
        ValueError: Expected `columns` to be a whole number from 1 to 1048576, got 0.
    """
    try:
        facts = facts_from(text)
        json.dumps(facts, allow_nan=False)  # whatever else is in it: a page is given all of it
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    for name, most in (("version", _MOST_TILES), ("tile", _LARGEST_TILE), ("columns", _MOST_TILES)):
        if not _is_whole(facts.get(name), most) or not facts[name]:
            raise ValueError(f"Expected `{name}` to be a whole number from 1 to {most}, got {facts.get(name)!r:.80}.")
    ids = facts.get("sample_ids")
    if not isinstance(ids, list) or len(ids) > _MOST_TILES or not all(_is_whole(sample, 2**64) for sample in ids):
        raise ValueError(f"Expected `sample_ids` to be indices into the data set, got {ids!r:.80}.")


def _is_whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
