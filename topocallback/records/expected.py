"""What the arrays of a record have to be: said once, and held against what a file holds before anything uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGEST", "Expected", "take", "take_all", "take_diagram", "take_simplices"]

LARGEST = 1e150
"""Squares of what is larger are infinite in places, so that no distance among it was ever measured."""

_LAST_CHARACTER = 0x10FFFF


@dataclass(frozen=True)
class Expected:
    """What one array has to be.

    Attributes:
        kinds: The kinds of values that it may hold, as in ``numpy.dtype.kind``: ``"f"``, ``"iu"``.
        shape: The length of each axis: a number, or a name; what has the same name has the same length.
        low: The smallest value there can be.
        high: The largest.
        index_of: The name of a length, for indices into what has it.
        unknown: Whether NaN may stand for a number that is not known, and infinity for itself.
        optional: Whether it may be missing.

    Example:
        >>> edges = Expected("iu", ("edges", 2), index_of="nodes")
        >>> take({"edges": np.array([[0, 7]])}, "edges", edges, {"nodes": 5})
        Traceback (most recent call last):
        ValueError: its array 'edges' holds 7, outside of 0 to 4
    """

    kinds: str
    shape: tuple[int | str, ...]
    low: float = -np.inf
    high: float = np.inf
    index_of: str | None = None
    unknown: bool = False
    optional: bool = False


def take_all(
    arrays: Mapping[str, NDArray[Any]], expected: Mapping[str, Expected], lengths: dict[str, int], before: str = ""
) -> dict[str, NDArray[Any]]:
    """The arrays of which it is known what they have to be.

    Args:
        arrays: Name to array.
        expected: Name to what the array has to be.
        lengths: The lengths that are known; takes those that become known.
        before: What stands before every name in ``arrays``.

    Returns:
        Those that are there, by their names in ``expected``.

    Raises:
        ValueError: If one is missing, damaged, of another kind or shape, or holds what it cannot hold.
    """
    there = {name: each for name, each in expected.items() if not each.optional or before + name in arrays}
    return {name: take(arrays, before + name, each, lengths) for name, each in there.items()}


def take(
    arrays: Mapping[str, NDArray[Any]], name: str, expected: Expected, lengths: dict[str, int] | None = None
) -> NDArray[Any]:
    """An array of which it is known what it has to be.

    Args:
        arrays: Name to array.
        name: Its name.
        expected: What it has to be.
        lengths: The lengths that are known; takes those that become known.

    Raises:
        ValueError: If it is missing, damaged, of another kind or shape, or holds what it cannot hold.
    """
    if name not in arrays:
        raise ValueError(f"it has no array {name!r}")
    lengths = {} if lengths is None else lengths
    array = arrays[name]
    shape = tuple(lengths.get(axis, axis) if isinstance(axis, str) else axis for axis in expected.shape)
    if array.dtype.kind not in expected.kinds or not _fits(array.shape, shape):
        wanted = str(shape).replace("'", "")
        raise ValueError(f"its array {name!r} is {array.dtype} {array.shape} instead of {expected.kinds!r} {wanted}")
    named = zip(expected.shape, array.shape, strict=True)
    lengths.update({axis: length for axis, length in named if isinstance(axis, str)})
    high = lengths[expected.index_of] - 1 if expected.index_of else expected.high
    if problem := _problem(array, 0 if expected.index_of else expected.low, high, expected.unknown):
        raise ValueError(f"its array {name!r} holds {problem}")
    return array


def take_diagram(arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float64]:
    """A persistence diagram: finite births, and deaths that do not come before them and may be infinite.

    Raises:
        ValueError: If there is none under the name.
    """
    bars = take(arrays, name, Expected("f", ("bars", 2), unknown=True))
    if not np.isfinite(bars[:, 0]).all() or not (bars[:, 0] <= bars[:, 1]).all():  # NaN is not at most anything
        raise ValueError(f"its array {name!r} holds bars that are not born, or that die before")
    return bars


def take_simplices(
    arrays: Mapping[str, NDArray[Any]], name: str, homology_dim: int, diagram: NDArray[np.float64], n_points: int
) -> NDArray[np.signedinteger]:
    """The points that make and end the bars of a diagram: one row per bar, -1 where it never dies.

    Raises:
        ValueError: If there is none under the name that goes with the diagram.
    """
    expected = Expected("i", (len(diagram), 2 * homology_dim + 3), low=-1, high=n_points - 1)
    points = take(arrays, name, expected)
    makes, ends = np.split(points >= 0, [homology_dim + 1], axis=1)
    if not makes.all() or (ends != np.isfinite(diagram[:, 1:])).any():
        raise ValueError(f"its array {name!r} lacks points of a bar, or ends one that never dies")
    return points


def _fits(shape: tuple[int, ...], wanted: tuple[int | str, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        isinstance(axis, str) or axis == length for axis, length in zip(wanted, shape, strict=True)
    )


def _problem(values: NDArray[Any], low: float, high: float, unknown: bool) -> str:
    """What keeps values from being what they have to be, or an empty text."""
    if values.dtype.kind == "b" or not values.size:
        return ""
    if values.dtype.kind == "U":
        codes = np.ascontiguousarray(values).view(np.uint8).view(values.dtype.byteorder.replace("|", "=") + "u4")
        return "what is no text" if codes.max() > _LAST_CHARACTER else ""
    if values.dtype.kind == "f":
        return _problem_of_floats(values, low, high, unknown)
    smallest, largest = int(values.min()), int(values.max())
    if smallest < low or largest > high:
        return f"{smallest if smallest < low else largest}, outside of {low:.0f} to {high:.0f}"
    return ""


def _problem_of_floats(values: NDArray[Any], low: float, high: float, unknown: bool) -> str:
    smallest, largest = (float(found.reduce(values, axis=None)) for found in (np.fmin, np.fmax))  # NaN left aside
    if not unknown and (np.isnan(values).any() or max(-smallest, largest) == np.inf):
        return "NaN or infinity"
    if smallest < low or largest > high:
        return f"{smallest if smallest < low else largest}, outside of {low:g} to {high:g}"
    if max(-smallest, largest) == np.inf:
        finite = values[np.isfinite(values)]
        smallest, largest = finite.min(initial=0.0), finite.max(initial=0.0)
    return f"numbers beyond {LARGEST:g}" if max(-smallest, largest) > LARGEST else ""
