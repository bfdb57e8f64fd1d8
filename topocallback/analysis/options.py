"""What to measure on the clouds of one step."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from topocallback.measures.base import Distance, Measure, Statistic
from topocallback.measures.cloud.activity import DeadUnits
from topocallback.measures.cloud.classes import NeighbourAccuracy
from topocallback.measures.cloud.spectrum import MeanCosine, ParticipationRatio
from topocallback.measures.mapper.options import MapperOptions, mapper_options
from topocallback.measures.mapper.statistics import MapperCoverage, MapperMajority, MapperPurity, MapperStatistic
from topocallback.measures.scale import check_scale
from topocallback.measures.table import MeasureLike, check_different, resolve_all, to_record
from topocallback.measures.topology.rips import check_homology_dims, resolve_backend
from topocallback.measures.topology.statistics import Bars, LongestBar, PersistentEntropy, TotalPersistence

__all__ = ["AnalysisOptions"]

_OF_DIAGRAMS: tuple[Statistic, ...] = (Bars(), TotalPersistence(), LongestBar(), PersistentEntropy())
_OF_MAPPER_GRAPHS: tuple[Statistic, ...] = (MapperCoverage(), MapperMajority(), MapperPurity())
_OF_CLOUDS: tuple[Statistic, ...] = (ParticipationRatio(), MeanCosine(), DeadUnits(), NeighbourAccuracy())


@dataclass(frozen=True)
class AnalysisOptions:
    """What to measure.

    Args:
        measures: Measures of both kinds, by name, as objects, or functions; see ``topocallback.measures.resolve``. The
            statistics of persistence diagrams and of Mapper graphs come with these, and need not be named; so do
            ``ParticipationRatio()``, ``MeanCosine()``, ``DeadUnits()`` and, where samples have labels,
            ``NeighbourAccuracy()``, whose places measures of the same names take: ``NeighbourAccuracy(k=5)``.
        homology_dims: Homology dimensions of the diagrams, each at least 0, ascending and different.
        scale: ``"quantile"`` divides each cloud by the 0.9 quantile of its pairwise distances, ``"none"`` does not.
        backend: What computes the diagrams: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        mapper: Whether to make a Mapper graph of every layer, or ``MapperOptions`` that say how. It is made in the
            activations' own units.

    Raises:
        ValueError: If an option is not one of those allowed, two measures have the same name, or one needs Mapper
            graphs and there are none.
        TypeError: If a measure is neither a name, an object nor a function, or ``mapper`` neither a truth value nor
            ``MapperOptions``.
        ModuleNotFoundError: If an option needs a package that is not installed.

    Example:
        >>> options = AnalysisOptions(scale="none", homology_dims=(1,))
        >>> [distance.describe(options.length).title for distance in options.distances]
        ['Sliced Wasserstein distance, H1']
    """

    measures: Sequence[MeasureLike] = ("sliced_wasserstein",)
    homology_dims: Sequence[int] = (0, 1)
    scale: str = "quantile"
    backend: str = "auto"
    mapper: bool | MapperOptions = True

    def __post_init__(self) -> None:
        dims = check_homology_dims(self.homology_dims)
        if list(dims) != sorted(set(dims)):
            raise ValueError(f"Expected `homology_dims` to be ascending and different, got {dims}.")
        object.__setattr__(self, "homology_dims", dims)
        object.__setattr__(self, "measures", resolve_all(self.measures))
        check_scale(self.scale)
        resolve_backend(self.backend, max(dims))
        mapper_options(self.mapper)
        if not self.mapper and (lacking := [each.key for each in self.chosen if isinstance(each, MapperStatistic)]):
            raise ValueError(f"Expected `mapper` to be True for {', '.join(lacking)}, got {self.mapper!r}.")
        # Whoever asks for a dimension that is not analysed, or takes the name of another table, hears it now.
        check_different([*self.distances, *self.statistics])

    @functools.cached_property
    def distances(self) -> tuple[Distance, ...]:
        """The distances, one for each table: in each homology dimension for itself."""
        return tuple(each for each in self._by_dimension(self.chosen) if isinstance(each, Distance))

    @functools.cached_property
    def statistics(self) -> tuple[Statistic, ...]:
        """The statistics, one for each table, with those that come with diagrams, Mapper graphs and clouds."""
        of_diagrams = _OF_DIAGRAMS + (_OF_MAPPER_GRAPHS if self.mapper else ())
        standard = self._by_dimension(of_diagrams + self.standard_of_clouds)
        others = [each for each in self._by_dimension(self.chosen) if each not in standard]
        return tuple(each for each in (*standard, *others) if isinstance(each, Statistic))

    @functools.cached_property
    def standard_of_clouds(self) -> tuple[Statistic, ...]:
        """The statistics of clouds that were not asked for, and come all the same."""
        taken = {name for each in self.chosen for name in (each.key, each.name, each.describe().label)}
        return tuple(each for each in _OF_CLOUDS if not taken & {each.key, each.label})

    @property
    def chosen(self) -> tuple[Measure, ...]:
        """The measures that were asked for, resolved."""
        return tuple(measure for measure in self.measures if isinstance(measure, Measure))

    @property
    def needs(self) -> frozenset[str]:
        """What the measures need besides clouds and labels: ``"weights"`` of the layers, ``"edges"`` among nodes."""
        asked = {
            "weights": any(measure.needs_weights for measure in self.chosen),
            "edges": any(measure.needs_edges for measure in self.chosen),
        }
        return frozenset(name for name, is_needed in asked.items() if is_needed)

    @property
    def mapper_options(self) -> MapperOptions | None:
        """How Mapper graphs are made; ``None`` for none."""
        return mapper_options(self.mapper)

    @property
    def length(self) -> str:
        """What a length in the clouds is called."""
        return "0.9 quantiles" if self.scale == "quantile" else "activations' units"

    def describe(self) -> dict[str, object]:
        """The options as JSON can hold them."""
        mapper = self.mapper_options
        return {
            "homology_dims": list(self.homology_dims),
            "measures": [to_record(measure) for measure in self.chosen],
            "scale": self.scale,
            "backend": resolve_backend(self.backend, max(self.homology_dims)),
            "mapper": mapper and mapper.describe(),
        }

    def _by_dimension(self, measures: Sequence[Measure]) -> list[Measure]:
        return [each for measure in measures for each in measure.by_dimension(self.homology_dims)]
