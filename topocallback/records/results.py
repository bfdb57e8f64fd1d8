"""Tables of results that say what they are: no reader makes up or takes apart a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LEVEL",
    "Description",
    "DistanceTable",
    "LayerDistances",
    "Results",
    "StatisticTable",
    "UnknownResultError",
]

Key = tuple[str, "int | None"]


@dataclass(frozen=True)
class Description:
    """What a table of numbers is.

    Attributes:
        measure: The measure's name, which tells it from all others of a record: ``"sliced_wasserstein"``.
        homology_dim: The homology dimension, ``None`` for a measure that has none.
        label: What people call it: ``"Sliced Wasserstein distance"``.
        unit: The unit of its numbers; empty for plain numbers.
        range: The smallest and the largest value there can be; infinite where there is no bound.
        kind: ``"distance"``, between two layers, or ``"statistic"``, of one.
        direction: ``"similarity"`` for what the literature states as a similarity and is recorded as a distance: the
            label then says what 0 and 1 mean. ``"distance"`` for everything else.
        paired: Whether it needs the same samples on both sides.
        more: What a larger value means, in a few words; may be empty.

    Example:
        >>> Description("bars", 1, "Number of bars", kind="statistic").title
        'Number of bars, H1'
    """

    measure: str
    homology_dim: int | None = None
    label: str = ""
    unit: str = ""
    range: tuple[float, float] = (0.0, float("inf"))
    kind: Literal["distance", "statistic"] = "distance"
    direction: Literal["distance", "similarity"] = "distance"
    paired: bool = False
    more: str = ""

    @property
    def key(self) -> Key:
        """What tells its table from all others of a record: measure and homology dimension."""
        return self.measure, self.homology_dim

    @property
    def tag(self) -> str:
        """A name for loggers' tags and tables' columns, like ``"bars_H1"``: written and shown, never taken apart."""
        return self.measure if self.homology_dim is None else f"{self.measure}_H{self.homology_dim}"

    @property
    def title(self) -> str:
        """The label with the homology dimension, if there is one."""
        name = self.label or self.measure
        return name if self.homology_dim is None else f"{name}, H{self.homology_dim}"


class Table(Protocol):
    """Anything that says what it is."""

    @property
    def about(self) -> Description:
        """What it is."""


LEVEL = 0.05
"""The share of pairs without any difference that are told apart all the same."""


@dataclass(frozen=True, eq=False)
class DistanceTable:
    """How far apart N points are, each a layer at one step: one measure in one homology dimension.

    What is given as ``None`` is not known: NaN.

    Attributes:
        about: What it is.
        matrix: (N, N) symmetric, zero diagonal; NaN where a distance is not known.
        noise: (N,) the distance that two independent samples of the point's layer have on average, each of as many
            points; NaN for a paired distance.
        sizes: (N,) how far each point is from nothing, such as from an empty diagram.
        p_values: (N, N) how often a distance comes out at least as different where there is no difference, in (0, 1].
        errors: (N, N) the standard error of a paired distance; NaN for others.
    """

    about: Description
    matrix: NDArray[np.float64]
    noise: NDArray[np.float64] = None  # type: ignore[assignment]
    sizes: NDArray[np.float64] = None  # type: ignore[assignment]
    p_values: NDArray[np.float64] = None  # type: ignore[assignment]
    errors: NDArray[np.float64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        count = len(self.matrix)
        _fill_in(self, {"noise": (count,), "sizes": (count,), "p_values": (count,) * 2, "errors": (count,) * 2})

    @property
    def pair_noise(self) -> NDArray[np.float64]:
        """(N, N) the noise of every distance: the mean of its two points' own; for a paired one its standard error."""
        if self.about.paired:
            return self.errors
        return np.asarray((self.noise[:, None] + self.noise[None, :]) / 2)

    @property
    def times_noise(self) -> NDArray[np.float64]:
        """(N, N) every distance over its noise: about 1 for two samples of one layer. A size, not a verdict."""
        return _shares(self.matrix, self.pair_noise)

    @property
    def relative(self) -> NDArray[np.float64]:
        """(N, N) every distance over the sum of both points' sizes, in [0, 1]: comparable over numbers of samples."""
        return _shares(self.matrix, self.sizes[:, None] + self.sizes[None, :])

    @property
    def not_told_apart(self) -> NDArray[np.bool_]:
        """(N, N) which points are not told apart at ``LEVEL`` per pair; ``False`` where nothing was tested."""
        return np.asarray((self.p_values > LEVEL) & ~np.eye(len(self.matrix), dtype=bool))


@dataclass(frozen=True, eq=False)
class LayerDistances(DistanceTable):
    """How far apart the L layers of one step are, and how far each is from itself at other steps.

    Drift is NaN where nothing was measured: in a run's first snapshot, where that layer was not there, and for measures
    that need the activations themselves where these were not kept.

    Attributes:
        drift: (L,) the distance from the same layer in the previous snapshot.
        drift_from_reference: (L,) the distance from the same layer in the reference: in the run's first snapshot, or in
            what the run was told to hold its layers against; see ``Snapshot.reference``.
        drift_p: (L,) the p-value of ``drift``; NaN where there is nothing to compare, and for paired distances.
        drift_from_reference_p: (L,) the p-value of ``drift_from_reference``.
        drift_errors: (L,) the standard error of the drift of a paired distance; NaN for others.
        drift_from_reference_errors: (L,) the standard error of ``drift_from_reference``.
    """

    drift: NDArray[np.float64] = None  # type: ignore[assignment]
    drift_from_reference: NDArray[np.float64] = None  # type: ignore[assignment]
    drift_p: NDArray[np.float64] = None  # type: ignore[assignment]
    drift_from_reference_p: NDArray[np.float64] = None  # type: ignore[assignment]
    drift_errors: NDArray[np.float64] = None  # type: ignore[assignment]
    drift_from_reference_errors: NDArray[np.float64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        count = (len(self.matrix),)
        _fill_in(self, {f"{drift}{of}": count for drift in _DRIFTS for of in ("", "_p", "_errors")})


_DRIFTS = ("drift", "drift_from_reference")


@dataclass(frozen=True, eq=False)
class StatisticTable:
    """One number for each of N layers.

    Attributes:
        about: What it is.
        values: (N,) NaN where it is not known.
        errors: (N,) their standard errors, from the choice of samples; NaN, or ``None``, where they are not known.
    """

    about: Description
    values: NDArray[np.float64]
    errors: NDArray[np.float64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        _fill_in(self, {"errors": (len(self.values),)})


def _fill_in(table: Any, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """NaN for what is not given."""
    for name, shape in shapes.items():
        if getattr(table, name) is None:
            object.__setattr__(table, name, np.full(shape, np.nan))


def _shares(values: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quotients; 0 of nothing is 0, more of nothing is infinite."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(values == 0, np.where(np.isnan(of), np.nan, 0.0), values / of)


class UnknownResultError(KeyError):
    """A result that a record does not hold; the message lists those that it does."""

    def __str__(self) -> str:
        return str(self.args[0])


T_co = TypeVar("T_co", bound=Table, covariant=True)


class Results(Mapping[Any, T_co], Generic[T_co]):
    """Tables by measure and homology dimension.

    Args:
        tables: The tables, in the order in which they are shown.

    Raises:
        ValueError: If two tables have the same measure and homology dimension.

    Example:
        >>> bars = StatisticTable(Description("bars", 1, "Number of bars"), np.array([3.0]))
        >>> purity = StatisticTable(Description("mapper_purity", None, "Mapper purity"), np.array([0.5]))
        >>> results = Results([bars, purity])
        >>> results["bars", 1].values, results["mapper_purity"].values, results.measures
        (array([3.]), array([0.5]), ('bars', 'mapper_purity'))
    """

    def __init__(self, tables: Iterable[T_co] = ()) -> None:
        self._tables: dict[Key, T_co] = {}
        for table in tables:
            if table.about.key in self._tables:
                raise ValueError(f"Expected one table for each measure and dimension, got two of {table.about.key}.")
            self._tables[table.about.key] = table

    def __getitem__(self, key: str | Key) -> T_co:
        """The table of ``(measure, homology_dim)``, or of a measure that has one table only."""
        if isinstance(key, str):
            found = self.of(key)
            if len(found) == 1:
                return found[0]
            dims = [table.about.homology_dim for table in found]
            raise UnknownResultError(
                f"Expected a homology dimension with {key!r}, one of {dims}: [{key!r}, {dims[0]}]."
            )
        if key not in self._tables:
            raise UnknownResultError(self._not_found(key))
        return self._tables[key]

    def __contains__(self, key: object) -> bool:
        return key in self.measures if isinstance(key, str) else key in self._tables

    def __iter__(self) -> Iterator[Key]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __repr__(self) -> str:
        return f"Results({', '.join(map(repr, self._tables))})"

    # Tables hold arrays, of which Python cannot say whether they are equal.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures' names, in the order of their tables."""
        return tuple(dict.fromkeys(measure for measure, _ in self._tables))

    def of(self, measure: str | None = None) -> list[T_co]:
        """The tables of one measure: one for each homology dimension, or a single one.

        Args:
            measure: The measure's name; by default the first one's.

        Returns:
            The tables, at least one.

        Raises:
            UnknownResultError: If there is none.
        """
        name = next(iter(self.measures), "") if measure is None else measure
        found = [table for table in self._tables.values() if table.about.measure == name]
        if not found:
            raise UnknownResultError(self._not_found(name))
        return found

    def choose(self, measure: str | None = None, homology_dim: int | None = None) -> T_co:
        """The table that a question is asked of.

        Args:
            measure: The measure's name; by default the first one's.
            homology_dim: The homology dimension; by default 1, as in the paper, or the measure's first if it has no H1.

        Raises:
            UnknownResultError: If there is no such table.
        """
        found = self.of(measure)
        if homology_dim is not None:
            return self[found[0].about.measure, homology_dim]
        return next((table for table in found if table.about.homology_dim == 1), found[0])

    def _not_found(self, key: object) -> str:
        name = key[0] if isinstance(key, tuple) and key else key
        closest = difflib.get_close_matches(str(name), self.measures, n=3, cutoff=0.3)
        hint = f" Closest: {closest}." if closest and name not in self.measures else ""
        return f"Expected one of {list(self._tables)}, got {key!r}.{hint}"
