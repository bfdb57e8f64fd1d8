"""Archives of schema 1, in which an array's name was all that said what it is; nothing else takes such names apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.files import Arrays
from topocallback.records.results import Description
from topocallback.records.schema import Stored
from topocallback.records.tables import described

__all__ = ["comparison_from_schema1", "snapshot_from_schema1"]

_WITH_DIMENSION = re.compile(r"(.+)_H(\d+)", re.DOTALL)
_LENGTH = "length"  # the unit of what is measured in lengths of the clouds
_DISTANCES = {
    "sliced_wasserstein": "Sliced Wasserstein distance",
    "wasserstein": "Wasserstein distance",
    "bottleneck": "Bottleneck distance",
}
_DIRECTIONS = 50  # of the sliced Wasserstein distance, unless the options say otherwise
_SHARES = (0.0, 1.0)
_STATISTICS: Mapping[str, dict[str, Any]] = {
    "bars": {"label": "Number of bars", "unit": "bars", "more": "more features"},
    "total_persistence": {"label": "Total persistence", "unit": _LENGTH, "more": "more or longer bars"},
    "longest_bar": {"label": "Longest bar", "unit": _LENGTH, "more": "a feature that lasts longer"},
    "persistent_entropy": {"label": "Persistent entropy", "unit": "bits", "more": "bars of more even length"},
    "mapper_purity": {"label": "Mapper purity", "range": _SHARES, "more": "classes further apart"},
    "mapper_coverage": {"label": "Mapper coverage", "range": _SHARES, "more": "more samples in a node"},
}


def snapshot_from_schema1(stored: Stored) -> Stored:
    """What schema 2 stores of a snapshot, from what schema 1 stored."""
    upgraded = _with_descriptions(stored, ("drift", "drift_from_first"))
    n_samples = len(stored.arrays["sample_ids"])
    counts = [
        len(stored.arrays[owners]) if (owners := f"owners/{i}") in stored.arrays else n_samples
        for i in range(len(stored.facts["layers"]))
    ]
    return _with_n_points(upgraded, np.array(counts, dtype=np.int64))


def comparison_from_schema1(stored: Stored) -> Stored:
    """What schema 2 stores of a comparison, from what schema 1 stored."""
    counts = np.full(len(stored.arrays["layer_of"]), len(stored.arrays["sample_ids"]), dtype=np.int64)
    return _with_n_points(_with_descriptions(stored, ()), counts)


def _with_descriptions(stored: Stored, companions: tuple[str, ...]) -> Stored:
    """Tables by their numbers, each with a description."""
    length = "0.9 quantiles" if stored.facts["options"].get("scale") == "quantile" else "activations' units"
    options = _own_options(stored.facts["options"])
    distances, statistics = _keys(stored.arrays, "distances"), _keys(stored.arrays, "statistics")
    names = {f"statistics/{key}": f"statistics/{i}" for i, key in enumerate(statistics)}
    for i, key in enumerate(distances):
        names[f"distances/{key}"] = f"distances/{i}/matrix"
        names |= {f"{part}/{key}": f"distances/{i}/{part}" for part in companions}
    facts = {
        **stored.facts,
        "options": _options(stored.facts["options"]),
        "distances": [described(_distance(key, length, options)) for key in distances],
        "statistics": [described(_statistic(key, length)) for key in statistics],
    }
    return Stored(facts, stored.arrays.renamed(names))


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with measures as schema 2 records them, from which those of the table can be made again."""
    own = _own_options(options)
    measures: list[dict[str, Any]] = []
    for name in options.get("measures", ()):
        recorded = {"key": name, "options": own.get(name, {})} if name in _DISTANCES else {}
        measures.append({"name": name + _in_brackets(own.get(name, {})), **recorded})
    return {**options, "measures": measures}


def _own_options(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of each measure that differ from their defaults; schema 1 knew only one."""
    directions = options.get("n_directions", _DIRECTIONS)
    return {} if directions == _DIRECTIONS else {"sliced_wasserstein": {"n_directions": directions}}


def _in_brackets(options: Mapping[str, Any]) -> str:
    return f"({', '.join(f'{name}={value}' for name, value in options.items())})" if options else ""


def _keys(arrays: Arrays, table: str) -> list[str]:
    return [name.partition("/")[2] for name in arrays if name.startswith(f"{table}/")]


def _distance(key: str, length: str, options: Mapping[str, Mapping[str, Any]]) -> Description:
    measure, dim = _parted(key)
    if measure not in _DISTANCES:  # a function of the user's own, in units that nobody wrote down
        return Description(measure, dim, measure)
    own = _in_brackets(options.get(measure, {}))
    return Description(measure + own, dim, f"{_DISTANCES[measure]} {own}".rstrip(), length)


def _statistic(key: str, length: str) -> Description:
    measure, dim = _parted(key)
    known = dict(_STATISTICS.get(measure, {"label": measure}))
    if known.get("unit") == _LENGTH:
        known["unit"] = length
    return Description(measure, dim, kind="statistic", **known)


def _parted(key: str) -> tuple[str, int | None]:
    found = _WITH_DIMENSION.fullmatch(key)
    return (found[1], int(found[2])) if found else (key, None)


def _with_n_points(stored: Stored, counts: NDArray[np.int64]) -> Stored:
    """How many points each layer had, which was not recorded: one without any had NaN for every distance."""
    matrices = [name for name in stored.arrays if name.endswith("/matrix")]
    if readable := [name for name in matrices if name not in stored.arrays.damaged]:
        counts = np.where(np.isnan(np.diagonal(stored.arrays[readable[0]])), 0, counts)
    return Stored(stored.facts, stored.arrays.joined_by({"n_points": counts}))
