"""Tables of results as a file holds them: descriptions, and the arrays that they describe."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from topocallback.records.expected import Expected, take
from topocallback.records.facts import HIGHEST_DIM
from topocallback.records.files import Arrays
from topocallback.records.results import (
    Description,
    DistanceTable,
    LayerDistances,
    Results,
    StatisticTable,
)

__all__ = ["DISTANCES", "LAYER_DISTANCES", "STATISTICS", "TableKind", "described"]

AnyTable = TypeVar("AnyTable", DistanceTable, LayerDistances, StatisticTable)


@dataclass(frozen=True)
class TableKind(Generic[AnyTable]):
    """How tables of one kind are stored.

    Attributes:
        table: The class of the tables.
        name: What they are called in the facts, and what their arrays' names begin with.
        kind: The kind that their descriptions give.
        parts: The arrays of one table, by the name of the table's attribute: what is behind its number in the array's
            name, and what it has to be.
        always: The parts without which there is no table; the others are not known where they are missing.
    """

    table: type[AnyTable]
    name: str
    kind: str
    parts: Mapping[str, tuple[str, Expected]]
    always: tuple[str, ...]

    def take_apart(self, results: Results[AnyTable]) -> tuple[list[dict[str, Any]], dict[str, NDArray[np.float64]]]:
        """Descriptions as JSON can hold them, and arrays.

        Args:
            results: The tables.

        Returns:
            A description for each table, in their order; name to array.
        """
        descriptions, arrays = [], {}
        for i, table in enumerate(results.values()):
            descriptions.append(described(table.about))
            for part, (ending, _) in self.parts.items():
                values = np.asarray(getattr(table, part), dtype=np.float64)
                if part in self.always or not np.isnan(values).all():  # what is not known takes no room
                    arrays[f"{self.name}/{i}{ending}"] = values
        return descriptions, arrays

    def put_together(
        self, descriptions: Sequence[Any], arrays: Arrays, length: int, left_out: list[str]
    ) -> Results[AnyTable]:
        """The tables that ``take_apart`` took apart, as far as they can be read.

        Args:
            descriptions: The descriptions.
            arrays: The file's arrays.
            length: How many layers or points every table is about.
            left_out: Takes a sentence for every table that cannot be read.
        """
        tables: dict[Any, AnyTable] = {}
        for i, description in enumerate(descriptions):
            if problem := self._add(tables, i, description, arrays, length):
                left_out.append(f"table {_name(description)} ({self.name}/{i}): {problem}.")
        return Results(tables.values())

    def _add(self, tables: dict[Any, AnyTable], i: int, description: Any, arrays: Arrays, length: int) -> str:
        """Add a table, or say what is wrong with it: one table's damage must not cost the others."""
        try:
            about = _description(description)
            if about.kind != self.kind:
                raise ValueError(f"it is of the unknown kind {about.kind!r}, not {self.kind!r}")
            if about.key in tables:
                raise ValueError("there is another one of this measure and dimension")
            parts = {
                part: take(arrays, name, expected, {"rows": length})
                for part, (ending, expected) in self.parts.items()
                if (name := f"{self.name}/{i}{ending}") in arrays or part in self.always
            }
        except Exception as error:
            return str(error)
        tables[about.key] = self.table(about=about, **parts)
        return ""


def _by_pairs(expected: Expected) -> Expected:
    return replace(expected, shape=expected.shape * 2)


# The noise is under a name of its own: what `/noise` was in earlier archives, the distance between two halves of the
# samples, cannot be held against distances between whole samples, and is read as not known.
_NUMBERS = Expected("f", ("rows",), unknown=True)
_LENGTHS = Expected("f", ("rows",), low=0, unknown=True)
_SHARES = Expected("f", ("rows",), low=0, high=1, unknown=True)
_DISTANCE_PARTS = {
    "matrix": ("/matrix", _by_pairs(_NUMBERS)),
    "noise": ("/noise_at_n", _LENGTHS),
    "sizes": ("/sizes", _LENGTHS),
    "p_values": ("/p_values", _by_pairs(_SHARES)),
    "errors": ("/errors", _by_pairs(_LENGTHS)),
}
# Files say "first" of what drift is measured from, as when it was always the run's first snapshot.
_DRIFT_PARTS = {
    "drift": ("/drift", _NUMBERS),
    "drift_from_reference": ("/drift_from_first", _NUMBERS),
    "drift_p": ("/drift_p", _SHARES),
    "drift_from_reference_p": ("/drift_from_first_p", _SHARES),
    "drift_errors": ("/drift_errors", _LENGTHS),
    "drift_from_reference_errors": ("/drift_from_first_errors", _LENGTHS),
}
DISTANCES = TableKind(DistanceTable, "distances", "distance", _DISTANCE_PARTS, ("matrix",))
LAYER_DISTANCES = TableKind(
    LayerDistances, "distances", "distance", _DISTANCE_PARTS | _DRIFT_PARTS, ("matrix", "drift", "drift_from_reference")
)
STATISTICS = TableKind(
    StatisticTable, "statistics", "statistic", {"values": ("", _NUMBERS), "errors": ("/errors", _LENGTHS)}, ("values",)
)


def described(about: Description) -> dict[str, Any]:
    """A description as JSON can hold it: without infinity, which JSON does not have.

    Example:
        >>> described(Description("bars", 1, "Number of bars"))["range"]
        [0.0, None]
    """
    ends = [end if math.isfinite(end) else None for end in about.range]
    return {**asdict(about), "range": ends}


def _description(found: Any) -> Description:
    """A description from JSON. What a later version has added to it is passed over."""
    if not isinstance(found, Mapping) or not isinstance(found.get("measure"), str) or "kind" not in found:
        raise ValueError("its description names no measure or no kind")
    known = {field.name: found[field.name] for field in fields(Description) if field.name in found}
    for name, types in _TYPES.items():
        if name in known and type(known[name]) not in types:  # True is an integer otherwise
            raise ValueError(f"its description has the {name} {known[name]!r}")
    if not 0 <= (known.get("homology_dim") or 0) <= HIGHEST_DIM:
        raise ValueError(f"its description has the homology_dim {known['homology_dim']!r}")
    if known.get("direction", "distance") not in ("distance", "similarity"):
        raise ValueError(f"it is of the unknown direction {known['direction']!r}")
    if "range" in known:
        known["range"] = tuple(_ends(known["range"]))
    return Description(**known)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "homology_dim": (int, type(None)),
    "label": (str,),
    "unit": (str,),
    "paired": (bool,),
    "more": (str,),
}


def _ends(found: Any) -> Iterator[float]:
    low, high = found
    ends = -math.inf if low is None else float(low), math.inf if high is None else float(high)
    if not ends[0] <= ends[1]:  # nor are they NaN
        raise ValueError(f"its description has the range {found!r}")
    yield from ends


def _name(description: Any) -> str:
    try:
        return _description(description).tag
    except (TypeError, ValueError):
        return "without a name"
