"""What a record's facts have to be: those of its JSON text of which it is known what they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from topocallback.records.npy import LONGEST_TEXT

__all__ = ["HIGHEST_DIM", "as_text", "check_facts", "facts_from"]

_DEEPEST = 64
_LARGEST_WHOLE = 2**63
HIGHEST_DIM = 99
"""Of a homology dimension in a file."""

# Layers are drawn under their names: one of a million characters would be a picture of as many pixels.
_LONGEST_NAME = 10_000

Facts = Mapping[str, Any]


def as_text(facts: Facts, default: Callable[[Any], Any]) -> str:
    """Facts as JSON.

    Args:
        facts: What JSON can hold, and what ``default`` makes that.
        default: As in ``json.dumps``.

    Raises:
        ValueError: If they are so many that no reader would take them.
    """
    text = json.dumps(facts, default=default)
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"Expected facts of at most {LONGEST_TEXT:,} characters, got {len(text):,}.")
    return text


def facts_from(text: str) -> Facts:
    """Facts from JSON, without a look at what they are.

    Raises:
        ValueError: If they are no JSON object, or are nested deeper than any that were written.

    Example:
        >>> facts_from('{"step": 3}')
        {'step': 3}
    """
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError(f"its facts are of the type {type(facts).__name__}")
    if not _is_within(facts, _DEEPEST):
        raise ValueError(f"its facts are nested more than {_DEEPEST} deep")
    return facts


def check_facts(facts: Facts) -> None:
    """Refuse facts that are not what they have to be; those that are missing are missed by whoever needs them.

    Args:
        facts: Name to value. What is not known here, as what a later version has added, is passed over.

    Raises:
        ValueError: If a fact is not what it has to be.

    Example:
        >>> check_facts({"step": True})
        Traceback (most recent call last):
        ValueError: its step is True, which is no whole number from 0
    """
    for name, (is_right, what) in _FACTS.items():
        if name in facts and not is_right(facts[name]):
            raise ValueError(f"its {name} is {_shown(facts[name])}, which is no {what}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST_WHOLE


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool))


def _is_dimension(value: Any) -> bool:
    return _is_whole(value) and value <= HIGHEST_DIM


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME


def _each(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda values: isinstance(values, list) and all(map(is_right, values))


def _some(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """At least one, each different."""
    return lambda values: _each(is_right)(values) and 0 < len(values) == len(set(values))


def _named(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda values: isinstance(values, dict) and all(map(is_right, values.values()))


def _are_options(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("measures", []), list)


def _are_checkpoints(value: Any) -> bool:
    names = [found.get("name") for found in value if isinstance(found, dict)] if isinstance(value, list) else []
    return _each(_is_checkpoint)(value) and len(set(names)) == len(value)


def _is_checkpoint(value: Any) -> bool:
    if not isinstance(value, dict) or not _is_name(value.get("name")):
        return False
    texts, numbers = ("run", "path"), ("step", "epoch")
    return all(isinstance(value.get(name, ""), str) for name in texts) and all(
        _is_whole(value.get(name, 0)) for name in numbers
    )


def _is_listing(value: Any) -> bool:
    """The names of arrays, or with each its type and shape."""
    return _each(lambda name: isinstance(name, str))(value) or _named(_is_form)(value)


def _is_form(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and _each(_is_whole)(value[1])


_TEXTS = (_named(lambda value: isinstance(value, str)), "texts by name")
_FACTS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "schema": (_is_whole, "whole number from 0"),
    "arrays": (_is_listing, "list of arrays"),
    "step": (_is_whole, "whole number from 0"),
    "epoch": (_is_whole, "whole number from 0"),
    "layers": (_some(_is_name), "list of different names"),
    "homology_dims": (_some(_is_dimension), "list of different homology dimensions"),
    "distances": (_each(lambda value: True), "list"),
    "statistics": (_each(lambda value: True), "list"),
    "problems": _TEXTS,
    "left_out": _TEXTS,
    "versions": _TEXTS,
    "parameters": _TEXTS,
    "seconds": (_named(_is_number), "numbers by name"),
    "options": (_are_options, "options by name"),
    "recording": (_named(lambda value: True), "answers by name"),
    "classes": (_each(_is_name), "list of names"),
    "reference": (lambda value: isinstance(value, str), "text"),
    "checkpoints": (_are_checkpoints, "list of different checkpoints"),
}


def _is_within(value: Any, depth: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    return depth > 0 and all(
        _is_within(inner, depth - 1) for inner in (value.values() if isinstance(value, dict) else value)
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
