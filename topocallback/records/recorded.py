"""How snapshots were recorded: in words, and what of it keeps two of them from being held against each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Differences", "HowRecorded", "Recorded", "differences", "in_words", "not_alike", "told"]

# What a number is a number of. With another of these, the same name stands for something else.
_MEANING = ("pooling", "points", "mask", "channels", "calls", "select", "dataloader_idx")
# Which samples it was measured on.
_SAMPLES = ("seed", "n_samples", "samples")
# The backend is not among them: it does not change a diagram by more than the last digits of a 32-bit number.
_SCALE, _MAPPER = "scale", "mapper"
_MOST_SHOWN = 3


class Recorded(Protocol):
    """Anything that says how it was recorded and analysed, such as a ``Snapshot``."""

    @property
    def recording(self) -> Mapping[str, Any]:
        """How it was recorded; what is not in it is not known."""

    @property
    def options(self) -> Mapping[str, Any]:
        """What the analysis was asked to do."""


@dataclass(frozen=True)
class HowRecorded:
    """How something was recorded and analysed, without what was measured.

    Attributes:
        recording: How it was recorded.
        options: What the analysis was asked to do.
    """

    recording: Mapping[str, Any]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Differences:
    """In what the recording and the options of two snapshots differ.

    Attributes:
        meaning: What makes the same name stand for another number, with both values: nothing is left to compare.
        samples: What chooses the samples, with both values.
        mapper: How Mapper graphs are made, with both values: numbers of diagrams are the same ones.
    """

    meaning: Mapping[str, tuple[Any, Any]]
    samples: Mapping[str, tuple[Any, Any]]
    mapper: Mapping[str, tuple[Any, Any]]

    @property
    def all(self) -> Mapping[str, tuple[Any, Any]]:
        """All of them."""
        return {**self.meaning, **self.minor}

    @property
    def minor(self) -> Mapping[str, tuple[Any, Any]]:
        """What differs and yet leaves something to compare."""
        return {**self.samples, **self.mapper}


def differences(first: Recorded, second: Recorded) -> Differences:
    """In what two snapshots were recorded and analysed otherwise.

    What one of them does not say, as those of earlier versions do not, is taken for the same.

    Args:
        first: A snapshot.
        second: Another one.

    Returns:
        The differences; those of layers and labels are none, for a number is of one layer.

    Example:
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> cloud = {"stem": np.eye(5)}
        >>> mean, flat = (analyse(PointClouds(cloud, recording={"pooling": how})) for how in ("mean", "flatten"))
        >>> differences(mean, flat).meaning
        {'pooling': ('mean', 'flatten')}
    """
    meaning = _unequal(first.recording, second.recording, _MEANING)
    samples = _unequal(first.recording, second.recording, _SAMPLES)
    mapper = _unequal(first.options, second.options, (_MAPPER,))
    asked = {name: values for name, values in mapper.items() if all(values)}  # who made no graphs made no other ones
    return Differences({**meaning, **_unequal(first.options, second.options, (_SCALE,))}, samples, asked)


def not_alike(runs: Mapping[str, Recorded]) -> str:
    """What of several runs was not recorded as it was in the first one.

    Args:
        runs: Name to how the run was recorded.

    Returns:
        One line; empty where all are alike.

    Example:
        >>> how = {name: HowRecorded({"pooling": name}, {}) for name in ("mean", "flatten")}
        >>> not_alike({f"runs/{name}": recorded for name, recorded in how.items()})
        "pooling is 'mean' in runs/mean and 'flatten' in runs/flatten"
    """
    if not runs:
        return ""
    (first, of_first), *others = runs.items()
    return "; ".join(
        told(found, first, name) for name, recorded in others if (found := differences(of_first, recorded).all)
    )


def told(found: Mapping[str, tuple[Any, Any]], first: str, second: str) -> str:
    """Differences in words.

    Args:
        found: What differs, with both values.
        first: What the first snapshot, or its run, is called.
        second: What the second is called.

    Returns:
        One line.

    Example:
        >>> told({"seed": (0, 1)}, "runs/a", "runs/b")
        'seed is 0 in runs/a and 1 in runs/b'
    """
    return "; ".join(
        f"{name} is {ours!r} in {first} and {theirs!r} in {second}" for name, (ours, theirs) in found.items()
    )


def in_words(recording: Mapping[str, Any]) -> str:
    """A recording in one line.

    Args:
        recording: Text to what JSON can hold.

    Returns:
        Every name with its value; of a long list or mapping the first entries, and how many more there are.

    Example:
        >>> in_words({"pooling": "mean", "n_samples": 512, "mask": None, "layers": ["a", "b", "c", "d"]})
        'pooling mean; n_samples 512; mask none; layers a, b, c and 1 more'
    """
    return "; ".join(f"{name} {_text(value)}" for name, value in recording.items())


def _unequal(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, tuple[Any, Any]]:
    known = (name for name in names if name in first and name in second)
    return {name: (first[name], second[name]) for name in known if _as_json(first[name]) != _as_json(second[name])}


def _as_json(value: Any) -> str:
    """A file gives back a list for a tuple, and text for a key that was a number."""
    return json.dumps(value, sort_keys=True, default=str)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return _first_ones([f"{name}: {_text(inner)}" for name, inner in value.items()])
    if isinstance(value, (list, tuple)):
        return _first_ones([_text(inner) for inner in value])
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)


def _first_ones(texts: list[str]) -> str:
    more = len(texts) - _MOST_SHOWN
    return ", ".join(texts) if more <= 0 else f"{', '.join(texts[:_MOST_SHOWN])} and {more} more"
