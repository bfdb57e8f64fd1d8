"""All measures there are, and how a name becomes one. A new measure is one file and one line here."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Distance, Measure, Statistic
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.statistics import MapperCoverage, MapperPurity
from topocallback.measures.topology.bottleneck import Bottleneck
from topocallback.measures.topology.distance import DiagramFunction, function_name
from topocallback.measures.topology.sliced_wasserstein import SlicedWasserstein
from topocallback.measures.topology.statistics import Bars, LongestBar, PersistentEntropy, TotalPersistence
from topocallback.measures.topology.wasserstein import Wasserstein

__all__ = [
    "MEASURES",
    "MeasureLike",
    "from_record",
    "is_in_table",
    "resolve",
    "resolve_all",
    "resolve_distance",
    "to_record",
]

_ALL: tuple[type[Measure], ...] = (
    # Distances between layers.
    SlicedWasserstein,
    Wasserstein,
    Bottleneck,
    # Statistics of one layer.
    Bars,
    TotalPersistence,
    LongestBar,
    PersistentEntropy,
    MapperPurity,
    MapperCoverage,
)

MEASURES: dict[str, type[Measure]] = {measure.key: measure for measure in _ALL}
"""Name to class."""

MeasureLike = str | Measure | Callable[..., Any]
"""A measure, its name, or a function that becomes one; see ``resolve``."""


def resolve(measure: MeasureLike) -> Measure:
    """The measure that a name, an object or a function stands for.

    Args:
        measure: A name in ``MEASURES``; a measure; a function of two (bars, 2) diagrams without infinite bars, which
            becomes a distance; or a function of one (n, d) cloud, which becomes a statistic.

    Returns:
        The measure.

    Raises:
        ValueError: If there is no measure of that name; the message lists them.
        TypeError: If ``measure`` is none of these.
        ModuleNotFoundError: If the measure needs a package that is not installed.

    Example:
        >>> resolve("wasserstein")
        Wasserstein(homology_dim=None, order=1.0, ground_norm=2.0, essential=False)
        >>> resolve(lambda first, second: abs(len(first) - len(second))).of_diagrams([(0, 1)], [])
        1
    """
    if isinstance(measure, Measure):
        return measure
    if isinstance(measure, str):
        if measure not in MEASURES:
            closest = difflib.get_close_matches(measure, MEASURES, n=3, cutoff=0.3)
            hint = f" Closest: {closest}." if closest else ""
            raise ValueError(f"Expected a measure of {list(MEASURES)}, got {measure!r}.{hint}")
        return MEASURES[measure]()
    if isinstance(measure, type) and issubclass(measure, Measure):
        return measure()
    if callable(measure) and not isinstance(measure, type):
        return CloudFunction(measure) if _takes_one(measure) else DiagramFunction(function=measure)
    raise TypeError(f"Expected a measure, its name ({list(MEASURES)}) or a function, got {measure!r}.")


def resolve_distance(measure: MeasureLike) -> Distance:
    """As ``resolve``, for where only a distance will do.

    Raises:
        TypeError: If it is a statistic, or none of what ``resolve`` takes.
    """
    found = resolve(measure)
    if not isinstance(found, Distance):
        raise TypeError(f"Expected `measure` to be a distance, got {found.key}, which is a statistic of one layer.")
    return found


def resolve_all(measures: Sequence[MeasureLike]) -> tuple[Measure, ...]:
    """The measures that a sequence of names, objects and functions stands for.

    Raises:
        ValueError: If there is no measure of a name, or two have the same name or label.
        TypeError: If ``measures`` is one measure instead of a sequence, or an entry is none.

    Example:
        >>> [measure.name for measure in resolve_all(["sliced_wasserstein", SlicedWasserstein(n_directions=10)])]
        ['sliced_wasserstein', 'sliced_wasserstein(n_directions=10)']
    """
    if isinstance(measures, (str, Measure, type)) or callable(measures):
        raise TypeError(f"Expected `measures` to be a sequence, such as [{measures!r}], got {measures!r}.")
    found = tuple(map(resolve, measures))
    seen: set[tuple[str, int | None]] = set()
    for measure in found:
        about = measure.describe()
        for name in {about.measure, about.label}:
            if (name, about.homology_dim) in seen:
                raise ValueError(
                    f"Expected `measures` of different names, got {name!r} twice: name one of them otherwise."
                )
        seen |= {(about.measure, about.homology_dim), (about.label, about.homology_dim)}
    return found


def to_record(measure: Measure) -> dict[str, Any]:
    """What a record keeps of a measure: enough to make it again, if it is one of the table's.

    Example:
        >>> to_record(SlicedWasserstein(n_directions=10))
        {'name': 'sliced_wasserstein(n_directions=10)', 'key': 'sliced_wasserstein', 'options': {'n_directions': 10}}
    """
    own = {} if getattr(measure, "homology_dim", None) is None else {"homology_dim": measure.describe().homology_dim}
    known = {"key": measure.key, "options": measure.options | own} if is_in_table(measure) else {}
    return {"name": measure.name} | known


def from_record(recorded: Mapping[str, Any]) -> Measure | None:
    """The measure that ``to_record`` took apart; ``None`` for one that is not in the table.

    Example:
        >>> from_record({"key": "wasserstein", "options": {"order": 2}}).name
        'wasserstein(order=2)'
    """
    kind = MEASURES.get(str(recorded.get("key")))
    try:
        return None if kind is None else kind(**recorded.get("options", {}))
    except TypeError:  # options of another version
        return None


def is_in_table(measure: Measure) -> bool:
    """Whether its name and options tell it from all others: a class or a function of the user's own may change."""
    return MEASURES.get(measure.key) is type(measure)


@dataclass(frozen=True)
class CloudFunction(Statistic):
    """A statistic that is a function of the user's own.

    Args:
        function: A function of one (n, d) cloud of finite points that gives a number.

    Example:
        >>> CloudFunction(len)([[0.0], [2.0]])
        2.0
    """

    function: Callable[[NDArray[np.float64]], float]

    @property
    def name(self) -> str:
        """The function's name."""
        return function_name(self.function)

    @property
    def options(self) -> dict[str, Any]:
        """None: the function is not an option but the measure."""
        return {}

    @property
    def label(self) -> str:  # type: ignore[override]
        """The function's name in words."""
        return self.name.replace("_", " ").capitalize()

    def value(self, facts: LayerFacts) -> float:
        """What the function gives."""
        return float(self.function(facts.cloud))


def _takes_one(function: Callable[..., Any]) -> bool:
    """Whether a function needs one argument: a cloud. What cannot be told is taken to need two: diagrams."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len([p for p in positional if p.default is p.empty]) == 1 and not any(
        p.kind is p.VAR_POSITIONAL for p in parameters
    )
