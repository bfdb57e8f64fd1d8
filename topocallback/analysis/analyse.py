"""From point clouds to a Snapshot: the one place that puts the measures together."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from topocallback.hashing import sample_priorities
from topocallback.measures.mapper.graph import MapperOptions, mapper_graph
from topocallback.measures.mapper.neighbours import MatrixNeighbours
from topocallback.measures.parallel import map_threads
from topocallback.measures.topology.diagrams import (
    DISTANCES,
    DiagramDistance,
    diagram_statistics,
    paired_distances,
    pairwise_distances,
    resolve_distance,
)
from topocallback.measures.topology.rips import (
    BACKENDS,
    SCALES,
    Diagram,
    distance_matrix,
    resolve_backend,
    rips_diagrams,
    scale_of,
)
from topocallback.records.mapper_graph import MapperGraph, name_classes
from topocallback.records.point_clouds import PointClouds
from topocallback.records.snapshot import Snapshot

__all__ = ["AnalysisOptions", "Measure", "analyse"]

Measure = str | DiagramDistance | Callable[[Diagram, Diagram], float]

_FEWEST_POINTS_PER_HALF = 2  # to have a bar to compare
_SPLIT_SEED = 0x73706C6974
_PACKAGES = ("topocallback", "numpy", "torch", "lightning", "redzed-tda", "gudhi", "ripser")


@dataclass(frozen=True)
class AnalysisOptions:
    """What to measure.

    Args:
        homology_dims: Homology dimensions, each at least 0, ascending and different.
        measures: Distances between diagrams: ``"sliced_wasserstein"``, ``"wasserstein"``, ``"bottleneck"``, a
            ``DiagramDistance``, or a function of two (bars, 2) diagrams without infinite bars.
        scale: ``"quantile"`` divides each cloud by the 0.9 quantile of its pairwise distances, ``"none"`` does not.
        backend: What computes the diagrams: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        n_directions: Directions of the sliced Wasserstein distance, at least 1.
        mapper: How to make a Mapper graph of every layer, in the activations' own units; ``None`` makes none.

    Raises:
        ValueError: If an option is not one of those allowed.
        TypeError: If a measure is neither a name nor callable.
        ModuleNotFoundError: If an option needs a package that is not installed.

    Example:
        >>> AnalysisOptions(scale="none", homology_dims=(1,)).distances[0].name
        'sliced_wasserstein'
    """

    homology_dims: Sequence[int] = (0, 1)
    measures: Sequence[Measure] = ("sliced_wasserstein",)
    scale: str = "quantile"
    backend: str = "auto"
    n_directions: int = 50
    mapper: MapperOptions | None = field(default_factory=MapperOptions)

    def __post_init__(self) -> None:
        dims = tuple(self.homology_dims)
        if not dims or any(not isinstance(dim, int) or dim < 0 for dim in dims) or list(dims) != sorted(set(dims)):
            raise ValueError(f"Expected `homology_dims` to be ascending integers of at least 0, got {dims}.")
        if isinstance(self.measures, str) or not self.measures:
            raise ValueError(f"Expected `measures` to be a sequence of {tuple(DISTANCES)}, got {self.measures!r}.")
        object.__setattr__(self, "homology_dims", dims)
        object.__setattr__(self, "measures", tuple(self.measures))
        if self.scale not in SCALES:
            raise ValueError(f"Expected `scale` to be one of {SCALES}, got {self.scale!r}.")
        if self.backend not in ("auto", *BACKENDS):
            raise ValueError(f"Expected `backend` to be one of {('auto', *BACKENDS)}, got {self.backend!r}.")
        resolve_backend(self.backend, max(dims))
        names = [distance.name for distance in self.distances]
        if len(set(names)) != len(names):
            raise ValueError(f"Expected `measures` of different names, got {names}.")

    @functools.cached_property
    def distances(self) -> tuple[DiagramDistance, ...]:
        """The measures, resolved."""
        return tuple(
            resolve_distance(measure, n_directions=self.n_directions)
            if measure == "sliced_wasserstein"
            else resolve_distance(measure)
            for measure in self.measures
        )

    @property
    def are_named(self) -> bool:
        """Whether ``describe`` tells these options from all others: a function's or an object's name does not."""
        mapper = self.mapper
        own = mapper is not None and not (isinstance(mapper.filter, str) and isinstance(mapper.clusterer, str))
        return not own and all(isinstance(measure, str) for measure in self.measures)

    def describe(self) -> dict[str, object]:
        """The options as JSON can hold them."""
        return {
            "homology_dims": list(self.homology_dims),
            "measures": [distance.name for distance in self.distances],
            "scale": self.scale,
            "backend": resolve_backend(self.backend, max(self.homology_dims)),
            "n_directions": self.n_directions,
            "mapper": self.mapper and self.mapper.describe(),
        }


def analyse(
    clouds: PointClouds,
    options: AnalysisOptions | None = None,
    *,
    step: int = 0,
    epoch: int = 0,
    previous: Snapshot | None = None,
    first: Snapshot | None = None,
    n_threads: int = 1,
) -> Snapshot:
    """Everything that is measured on the clouds of one step.

    A point with NaN or infinite coordinates is left out of its layer, which is named in ``Snapshot.problems``; a layer
    without any finite point keeps its place, and its numbers are NaN.

    Args:
        clouds: One cloud per layer.
        options: What to measure; by default ``AnalysisOptions()``.
        step: The logger's step.
        epoch: The trainer's epoch.
        previous: The run's previous snapshot, for drift. Without it drift is 0.
        first: The run's first snapshot. Without it drift from the first is 0.
        n_threads: Threads to share layers and pairs among; it does not change the result.

    Returns:
        The snapshot. ``seconds`` holds thread-seconds per stage, and wall seconds under ``"total"``.

    Raises:
        ValueError: If ``clouds`` has no layer.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> snapshot = analyse(PointClouds({"a": rng.normal(size=(50, 8)), "b": rng.normal(size=(50, 2))}))
        >>> sorted(snapshot.distances), snapshot.distances["sliced_wasserstein_H1"].shape
        (['sliced_wasserstein_H0', 'sliced_wasserstein_H1'], (2, 2))
    """
    if not clouds.layers:
        raise ValueError(f"Expected clouds of at least one layer, got none. Problems: {dict(clouds.problems)}.")
    options = options or AnalysisOptions()
    clock = _Clock()
    with clock("total"):
        priorities = _split_priorities(clouds)
        topologies = map_threads(
            lambda layer: _topology(clouds, layer, priorities, options, previous, clock), clouds.layers, n_threads
        )
        tables = _compare(topologies, clouds.layers, options, previous, first, n_threads, clock)
        with clock("statistics"):
            statistics = _diagram_statistics(topologies, options) | _mapper_statistics(topologies, clouds, options)
    return Snapshot(
        step=step,
        epoch=epoch,
        layers=clouds.layers,
        homology_dims=tuple(options.homology_dims),
        sample_ids=_sample_ids(clouds),
        labels=clouds.labels,
        owners=clouds.owners,
        diagrams={layer: topology.diagrams for layer, topology in zip(clouds.layers, topologies, strict=True)},
        scales=np.array([topology.scale for topology in topologies]),
        mappers={
            layer: topology.mapper
            for layer, topology in zip(clouds.layers, topologies, strict=True)
            if topology.mapper is not None
        },
        statistics=statistics,
        problems=_problems(clouds, topologies),
        seconds=dict(clock.seconds),
        options=options.describe(),
        versions=_versions(),
        **tables,
    )


@dataclass(frozen=True)
class _Topology:
    """One layer: its diagrams, those of its two halves, the length it was divided by, and its Mapper graph."""

    diagrams: list[Diagram]
    halves: tuple[list[Diagram], list[Diagram]] | None
    scale: float
    n_points: int
    mapper: MapperGraph | None
    problem: str


class _Clock:
    """Adds up seconds per stage, over all threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


def _sample_ids(clouds: PointClouds) -> NDArray[np.int64]:
    return np.arange(clouds.n_points) if clouds.sample_ids is None else clouds.sample_ids


def _split_priorities(clouds: PointClouds) -> NDArray[np.uint64]:
    """(n,) the hash by whose rank a layer's samples are split in two halves."""
    return sample_priorities(_sample_ids(clouds), _SPLIT_SEED)


def _topology(
    clouds: PointClouds,
    layer: str,
    priorities: NDArray[np.uint64],
    options: AnalysisOptions,
    previous: Snapshot | None,
    clock: _Clock,
) -> _Topology:
    cloud = clouds.clouds[layer]
    finite = np.isfinite(cloud).all(axis=1)
    with clock("diagrams"):
        distances = distance_matrix(cloud[finite])
    mapper, problem = None, ""
    if options.mapper is not None:
        with clock("mapper"):
            mapper, problem = _mapper(clouds, layer, distances, options.mapper, previous)
    with clock("diagrams"):
        scale = scale_of(distances, options.scale)
        distances /= scale
        diagrams = rips_diagrams(distances, options.homology_dims, options.backend)
    with clock("noise"):
        halves = _halves(distances, clouds.owners_of(layer)[finite], priorities, options)
    return _Topology(diagrams, halves, scale, len(distances), mapper, problem)


def _halves(
    distances: NDArray[np.float64],
    owners: NDArray[np.int64],
    priorities: NDArray[np.uint64],
    options: AnalysisOptions,
) -> tuple[list[Diagram], list[Diagram]] | None:
    """The diagrams of two random halves of the samples, of equally many points; ``None`` if these are too few."""
    by_hash = np.argsort(priorities[owners], kind="stable")
    place = np.cumsum(np.diff(priorities[owners[by_hash]], prepend=0) != 0)  # the points of one sample share theirs
    sides = by_hash[place % 2 == 1], by_hash[place % 2 == 0]
    size = min(map(len, sides))
    if size < _FEWEST_POINTS_PER_HALF:
        return None
    of_first, of_second = (
        rips_diagrams(distances[np.ix_(half[:size], half[:size])], options.homology_dims, options.backend)
        for half in sides
    )
    return of_first, of_second


def _mapper(
    clouds: PointClouds,
    layer: str,
    distances: NDArray[np.float64],
    options: MapperOptions,
    previous: Snapshot | None,
) -> tuple[MapperGraph | None, str]:
    """The layer's Mapper graph, or what kept it from being made: a filter of the user's own may fail."""
    try:
        owners = clouds.owners_of(layer)
        graph = mapper_graph(
            clouds.clouds[layer],
            options=options,
            sample_ids=_sample_ids(clouds)[owners],
            neighbours=MatrixNeighbours(distances),
            previous=None if previous is None else previous.mappers.get(layer),
        )
        if clouds.labels is not None:
            codes, classes = name_classes(clouds.labels)  # the same classes in every layer
            graph = dataclasses.replace(graph, labels=codes[owners], classes=classes)
    except Exception as error:  # the diagrams are there all the same
        return None, f"It has no Mapper graph. {type(error).__name__}: {error}"
    return graph, ""


def _compare(
    topologies: Sequence[_Topology],
    layers: Sequence[str],
    options: AnalysisOptions,
    previous: Snapshot | None,
    first: Snapshot | None,
    n_threads: int,
    clock: _Clock,
) -> dict[str, dict[str, NDArray[np.float64]]]:
    tables: dict[str, dict[str, NDArray[np.float64]]] = {
        name: {} for name in ("distances", "noise", "drift", "drift_from_first")
    }
    empty = np.array([topology.n_points == 0 for topology in topologies])
    for distance in options.distances:
        for i, dim in enumerate(options.homology_dims):
            key = f"{distance.name}_H{dim}"
            with clock("distances"):
                prepared = [distance.prepare(topology.diagrams[i]) for topology in topologies]
                matrix = pairwise_distances(prepared, distance, prepared=True, n_threads=n_threads)
                matrix[empty, :] = matrix[:, empty] = np.nan
                tables["distances"][key] = matrix
            with clock("noise"):
                tables["noise"][key] = _noise(topologies, distance, i)
            with clock("drift"):
                for name, earlier in (("drift", previous), ("drift_from_first", first)):
                    drift = _drift(prepared, layers, distance, dim, earlier)
                    tables[name][key] = np.where(empty, np.nan, drift)
    return tables


def _noise(topologies: Sequence[_Topology], distance: DiagramDistance, i: int) -> NDArray[np.float64]:
    noise = np.full(len(topologies), np.nan)
    for row, topology in enumerate(topologies):
        if topology.halves is not None:
            noise[row] = distance(topology.halves[0][i], topology.halves[1][i])
    return noise


def _drift(
    prepared: Sequence[object], layers: Sequence[str], distance: DiagramDistance, dim: int, earlier: Snapshot | None
) -> NDArray[np.float64]:
    """Each layer's distance from itself in an earlier snapshot; NaN for a layer that was not there."""
    if earlier is None:
        return np.zeros(len(layers))
    drift = np.full(len(layers), np.nan)
    # A layer without any finite point has NaN for every distance, even from itself.
    found = np.isfinite(np.diagonal(next(iter(earlier.distances.values()))))
    known = {layer for layer, there in zip(earlier.layers, found, strict=True) if there}
    there = [row for row, layer in enumerate(layers) if layer in known and dim in earlier.homology_dims]
    position = earlier.homology_dims.index(dim) if there else 0
    before = [distance.prepare(earlier.diagrams[layers[row]][position]) for row in there]
    drift[there] = paired_distances([prepared[row] for row in there], before, distance, prepared=True)
    return drift


def _diagram_statistics(topologies: Sequence[_Topology], options: AnalysisOptions) -> dict[str, NDArray[np.float64]]:
    table: dict[str, list[float]] = {}
    for topology in topologies:
        for dim, diagram in zip(options.homology_dims, topology.diagrams, strict=True):
            for name, value in diagram_statistics(diagram).items():
                table.setdefault(f"{name}_H{dim}", []).append(value if topology.n_points else np.nan)
    return {name: np.array(values) for name, values in table.items()}


def _mapper_statistics(
    topologies: Sequence[_Topology], clouds: PointClouds, options: AnalysisOptions
) -> dict[str, NDArray[np.float64]]:
    if options.mapper is None:
        return {}
    graphs = [topology.mapper if topology.n_points else None for topology in topologies]
    table = {"mapper_coverage": np.array([np.nan if graph is None else graph.coverage for graph in graphs])}
    if clouds.labels is not None:
        table["mapper_purity"] = np.array([np.nan if graph is None else graph.purity_point_wise for graph in graphs])
    return table


def _problems(clouds: PointClouds, topologies: Sequence[_Topology]) -> Mapping[str, str]:
    problems = dict(clouds.problems)
    for layer, topology in zip(clouds.layers, topologies, strict=True):
        count = len(clouds.clouds[layer])
        bad = count - topology.n_points
        left_out = f"{bad} of {count} points hold NaN or infinity and were left out." if bad else ""
        if not count:
            left_out = "It has no point: of no sample a position was kept."
        if left_out or topology.problem:
            problems[layer] = " ".join(filter(None, [left_out, topology.problem]))
    return problems


@functools.cache
def _versions() -> dict[str, str]:
    return {package: version for package in _PACKAGES if (version := _version(package))}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
