"""What is known of one layer: its cloud, and whatever derives from it, each computed when it is first asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topocallback.hashing import sample_priorities
from topocallback.measures.euclidean import distance_matrix, finite_rows, k_nearest
from topocallback.measures.mapper.graph import undrawn_graph
from topocallback.measures.mapper.layout import lay_out
from topocallback.measures.mapper.neighbours import MatrixNeighbours
from topocallback.measures.mapper.options import MapperOptions
from topocallback.measures.parallel import computed_once
from topocallback.measures.scale import scale_of, scales_of_parts
from topocallback.measures.topology.diagrams import Diagram, as_diagram, that_die
from topocallback.measures.topology.rips import rips_diagrams, rips_diagrams_with_simplices
from topocallback.measures.topology.simplices import NOBODY, Simplices
from topocallback.records.classes import as_labels, name_classes
from topocallback.records.edges import check_edges, edges_among
from topocallback.records.mapper_graph import MapperGraph
from topocallback.records.nearest import N_NEAREST
from topocallback.records.parts import LayerParts
from topocallback.records.weights import LayerWeights

__all__ = ["LayerFacts"]

_SEED_OF_PARTS = 0x73706C6974
_FEWEST_IN_PART = 2


class LayerFacts:
    """One layer's cloud and what derives from it, each at most once.

    Points with NaN or infinite coordinates are left out. Diagrams, Mapper graphs and measures of neighbourhoods all
    stand on one matrix of distances. The facts of one layer are for one thread.

    Args:
        cloud: (n, d) points.
        labels: (n,) labels as ``as_labels`` takes them, or ``None``.
        sample_ids: (n,) which sample each point comes from; by default 0 to n - 1.
        classes: (n,) the number of each point's class and the classes' names, where several layers share them; by
            default what ``name_classes`` makes of the labels.
        homology_dims: The homology dimensions of the diagrams.
        scale: ``"quantile"`` divides the cloud by the 0.9 quantile of its distances before diagrams are made,
            ``"none"`` does not; see ``scale_of``.
        backend: What computes the diagrams; see ``rips_diagrams``.
        mapper: How the Mapper graph is made.
        previous_mapper: A Mapper graph of the same samples, from which positions start.
        seed_of_parts: Seed of the division into parts.
        weights: The layer's own weights, where they are known and it has any.
        edges: (m, 2) which points are joined by an edge of a graph, as positions; ``None`` where that is not known.

    Raises:
        ValueError: If ``cloud`` is not of shape (n, d) or (n,), labels or sample ids are not one per point, or edges
            are no pairs of points.

    Example:
        >>> facts = LayerFacts([[0.0, 0.0], [3.0, 4.0], [np.nan, 0.0]])
        >>> facts.n_points, float(facts.distances[0, 1]), len(facts.diagram(0))
        (2, 5.0, 2)
    """

    def __init__(
        self,
        cloud: ArrayLike,
        labels: ArrayLike | None = None,
        sample_ids: ArrayLike | None = None,
        *,
        classes: tuple[NDArray[np.int64], tuple[str, ...]] | None = None,
        homology_dims: Sequence[int] = (0, 1),
        scale: str = "none",
        backend: str = "auto",
        mapper: MapperOptions | None = None,
        previous_mapper: MapperGraph | None = None,
        seed_of_parts: int = 0,
        weights: LayerWeights | None = None,
        edges: ArrayLike | None = None,
    ) -> None:
        recorded = np.asarray(cloud)
        if recorded.ndim == 1:
            recorded = recorded[:, None]
        if recorded.ndim != 2:
            raise ValueError(f"Expected `cloud` to be of shape (n, d), got {recorded.shape}. Flatten each point first.")
        is_finite = finite_rows(recorded)
        self.rows = np.flatnonzero(is_finite)
        """(m,) which of the recorded points are finite, and are the points of everything below."""
        self.n_points = len(self.rows)
        """m: how many finite points there are."""
        self._recorded = recorded
        self._cloud = recorded if len(self.rows) == len(recorded) else recorded[is_finite]
        values = None if labels is None else as_labels(labels)[0]
        self._recorded_labels = _one_each("labels", values, len(recorded))
        self._classes = name_classes(labels) if classes is None and labels is not None else classes
        self._recorded_ids = _one_each("sample_ids", sample_ids, len(recorded))
        self._recorded_edges = None if edges is None else check_edges(edges, len(recorded))
        self.weights = weights
        """The layer's own weights, or ``None``: the same for a subset of its samples."""
        self.homology_dims = tuple(homology_dims)
        self._scale = scale
        self._backend = backend
        self._mapper_options = mapper
        self._previous_mapper = previous_mapper
        self._whole: tuple[LayerFacts, NDArray[np.intp]] | None = None
        self._parts: dict[tuple[int, int], list[LayerFacts]] = {}
        self._bars: dict[int | None, Diagram] = {}
        self._simplices: list[Simplices] = []
        self._seed_of_parts = _SEED_OF_PARTS + seed_of_parts

    @classmethod
    def of_diagrams(
        cls,
        diagrams: Sequence[Diagram],
        homology_dims: Sequence[int],
        parts: LayerParts | None = None,
        *,
        checked: bool = False,
    ) -> LayerFacts:
        """The facts of a layer of which a record holds nothing but its diagrams.

        Args:
            diagrams: One per homology dimension.
            homology_dims: The homology dimensions.
            parts: Those of parts of its samples, if the record holds them.
            checked: Whether they are known to be diagrams.

        Returns:
            Facts without a cloud: whoever asks them for more than diagrams gets what an empty cloud has.

        Raises:
            ValueError: If there is not one diagram per homology dimension, or one is none; see ``as_diagram``.
        """
        if len(diagrams) != len(homology_dims):
            dims = tuple(homology_dims)
            raise ValueError(f"Expected `diagrams` to be one for each of `homology_dims={dims}`, got {len(diagrams)}.")
        facts = cls(np.empty((0, 0)), homology_dims=homology_dims)
        facts.diagrams = (
            list(diagrams) if checked else [as_diagram(each, f"diagrams[{i}]") for i, each in enumerate(diagrams)]
        )
        if parts is not None:
            of_parts = [
                cls.of_diagrams(own, homology_dims, checked=checked) for own in zip(*parts.diagrams, strict=True)
            ]
            for part, n_points in zip(of_parts, parts.n_points, strict=True):
                part.n_points = int(n_points)
            facts._parts[len(of_parts), 0] = of_parts
        return facts

    @property
    def recorded(self) -> NDArray[Any]:
        """(n, d) the points as they were recorded."""
        return self._recorded if self._whole is None else self.cloud

    @property
    def cloud(self) -> NDArray[Any]:
        """(m, d) the finite points. A subset's are copied whenever they are asked for: most measures need none."""
        if self._whole is None:
            return self._cloud
        whole, points = self._whole
        return whole.cloud[points]

    @property
    def labels(self) -> NDArray[Any] | None:
        """(m,) the points' labels, or ``None``."""
        return None if self._recorded_labels is None else self._recorded_labels[self.rows]

    @property
    def codes(self) -> NDArray[np.int64] | None:
        """(m,) the numbers of the points' classes, the same ones in every layer and part, or ``None``."""
        return None if self._classes is None else self._classes[0][self.rows]

    @property
    def sample_ids(self) -> NDArray[np.int64]:
        """(m,) which sample each point comes from."""
        return self.rows if self._recorded_ids is None else self._recorded_ids[self.rows]

    @computed_once
    def edges(self) -> NDArray[np.int64] | None:
        """(k, 2) which points are joined by an edge of a graph, as positions among them; ``None`` if not known."""
        if self._whole is not None:
            whole, points = self._whole
            return None if whole.edges is None else edges_among(whole.edges, points, whole.n_points)
        edges = self._recorded_edges
        return None if edges is None else edges_among(edges, self.rows, len(self._recorded))

    @property
    def settings(self) -> tuple[Any, ...]:
        """What these facts were made with besides the points and the samples they come from."""
        of_points = (self._recorded_labels, self._classes, self._previous_mapper, self._recorded_edges)
        weights = None if self.weights is None else dict(self.weights.arrays)
        options = (self.homology_dims, self._scale, self._backend, self._mapper_options, self._seed_of_parts)
        return (*of_points, weights, *options)

    @computed_once
    def distances(self) -> NDArray[np.float64]:
        """(m, m) Euclidean distances between the points, in the units of the cloud."""
        if self._whole is None:
            return distance_matrix(self.cloud)
        whole, points = self._whole
        return whole.distances[np.ix_(points, points)]

    @computed_once
    def scale(self) -> float:
        """The length by which the cloud is divided before diagrams are made."""
        return scale_of(self.distances, self._scale, checked=True)

    @computed_once
    def diagrams(self) -> list[Diagram]:
        """One persistence diagram per homology dimension, in units of ``scale``."""
        distances = self.distances / self.scale
        if self._whole is not None:  # nobody asks which points make the bars of a part
            return rips_diagrams(distances, self.homology_dims, self._backend, checked=True)
        found, simplices = rips_diagrams_with_simplices(distances, self.homology_dims, self._backend, checked=True)
        if len(self.rows) == self.n_points:  # else only distances are there, of which nobody knows the samples
            self._simplices = [self._among_recorded(points) for points in simplices]
        return found

    @property
    def simplices(self) -> list[Simplices]:
        """Which points make the bars of each diagram and end them, as positions among the recorded points.

        One array per homology dimension, see ``rips_diagrams_with_simplices``; none where that is not known, as of
        parts, of what a record holds and with backends other than redzed.
        """
        _ = self.diagrams
        return self._simplices

    def _among_recorded(self, points: Simplices) -> Simplices:
        """In the smallest integers: for 512 points, they take as many bytes as half of the bars do."""
        positions = np.where(points == NOBODY, NOBODY, self.rows[points])
        return positions.astype(np.min_scalar_type(-max(1, len(self._recorded))))

    def bars(self, homology_dim: int | None) -> Diagram:
        """The bars of a diagram that die, in units of ``scale``; see ``diagram``."""
        if homology_dim not in self._bars:
            self._bars[homology_dim] = that_die(self.diagram(homology_dim))
        return self._bars[homology_dim]

    def diagram(self, homology_dim: int | None) -> Diagram:
        """The persistence diagram of one homology dimension, in units of ``scale``.

        Raises:
            ValueError: If it is not among ``homology_dims``.
        """
        if homology_dim not in self.homology_dims:
            raise ValueError(f"Expected `homology_dim` to be one of {self.homology_dims}, got {homology_dim}.")
        return self.diagrams[self.homology_dims.index(homology_dim)]

    @computed_once
    def nearest(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """(m, k) which points are nearest to each one, and how far away they are; k is ``N_NEAREST``, or m - 1."""
        return k_nearest(self.distances, min(N_NEAREST, max(self.n_points - 1, 0)))

    @computed_once
    def neighbours(self) -> MatrixNeighbours:
        """Which points are near each other."""
        return MatrixNeighbours(self.distances, checked=True)

    @computed_once
    def mapper(self) -> MapperGraph:
        """The Mapper graph of the points as they were recorded: those that are not finite are in no node."""
        return lay_out(self.undrawn_mapper, self._previous_mapper)

    @computed_once
    def undrawn_mapper(self) -> MapperGraph:
        """The same before its nodes have positions, which take half of the time."""
        graph = undrawn_graph(
            self.recorded,
            options=self._mapper_options,
            sample_ids=self._recorded_ids,
            neighbours=self.neighbours,
        )
        return dataclasses.replace(graph, labels=self._classes[0], classes=self._classes[1]) if self._classes else graph

    def without_cloud(self) -> LayerFacts:
        """What is left of these facts when the cloud and its distances go.

        Returns:
            Facts with the diagrams and the points that make their bars, and the diagrams of the parts asked for so far;
            of parts whose diagrams have not been asked for the distances, from which they can be made.
        """
        facts = LayerFacts.of_diagrams(self.diagrams, self.homology_dims, checked=True)
        facts.n_points = self.n_points
        facts._simplices = self.simplices
        first = {key: parts for key, parts in self._parts.items() if not key[1]}
        facts._parts = {key: [part._of_distances() for part in parts] for key, parts in first.items()}
        return facts

    def let_go(self) -> None:
        """Let go of the parts, which hold on to these facts.

        Otherwise the cloud and its distances would be there until Python looks for circles: a training with three
        validations of 5000 points took 0.93 GB, and takes 0.64 GB without them.
        """
        self._parts.clear()

    def _of_distances(self) -> LayerFacts:
        if "diagrams" in self.__dict__:  # the distances of all parts together are a third of the layer's
            facts = LayerFacts.of_diagrams(self.diagrams, self.homology_dims, checked=True)
            facts.n_points = self.n_points
            return facts
        facts = LayerFacts(np.empty((0, 0)), homology_dims=self.homology_dims, scale=self._scale, backend=self._backend)
        facts.distances, facts.n_points = self.distances, self.n_points
        return facts

    def parts(self, count: int, division: int = 0) -> Sequence[LayerFacts]:
        """Disjoint parts of equally many samples: by their hash, so the same in every layer, step and run.

        Each part has a scale of its own: one for the whole cloud would be an error that all its parts share, and two
        samples of one layer would be told apart in 10 to 15 % of cases instead of 5 %.

        Args:
            count: How many parts.
            division: Which division of the same samples: the parts of 1 take from each part of 0 equally many.

        Returns:
            The facts of each, of the points that are finite; none where a part would have fewer than 2 samples.
        """
        if (count, division) not in self._parts:
            self._parts[count, division] = [self.subset(points) for points in self._divided(count, division)]
        return self._parts[count, division]

    def measure_parts(self, count: int) -> None:
        """Compute the diagrams of ``parts``, whose distances and scales are taken from the whole in one go.

        One by one these two take half of the time, 5 ms for 16 parts of 300 points.

        Args:
            count: How many parts.
        """
        parts = self.parts(count)
        if len({part.n_points for part in parts}) == 1:  # where points are left out, some parts have fewer
            points = np.array([part._whole[1] for part in parts if part._whole])
            distances = self.distances[points[:, :, None], points[:, None, :]]
            for part, own, scale in zip(parts, distances, scales_of_parts(distances, self._scale), strict=True):
                part.distances, part.scale = own, float(scale)
        for part in parts:
            _ = part.diagrams

    def _divided(self, count: int, division: int) -> Iterator[NDArray[np.intp]]:
        """Positions of each part's points. The points of one sample stay together."""
        ids = np.arange(len(self.recorded)) if self._recorded_ids is None else self._recorded_ids
        samples = np.unique(ids)
        rank = np.empty(len(samples), dtype=np.int64)
        rank[np.argsort(sample_priorities(samples, self._seed_of_parts), kind="stable")] = np.arange(len(samples))
        of_point = rank[np.searchsorted(samples, self.sample_ids)]
        size = len(samples) // count
        of_part = (of_point + division * (of_point // count)) % count
        for part in range(count if size >= _FEWEST_IN_PART else 0):
            yield np.flatnonzero((of_part == part) & (of_point // count < size))

    def subset(self, points: NDArray[np.intp]) -> LayerFacts:
        """The facts of some of the points: their distances are those of the whole, whose matrix is computed once.

        Args:
            points: (k,) positions among the finite points.
        """
        part = LayerFacts(
            np.empty((len(points), 0)),  # all are finite; `cloud` takes them from the whole
            None if self.labels is None else self.labels[points],
            self.sample_ids[points],
            classes=self._classes and (self._classes[0][self.rows[points]], self._classes[1]),
            homology_dims=self.homology_dims,
            scale=self._scale,
            backend=self._backend,
            mapper=self._mapper_options,
            weights=self.weights,
        )
        part._whole = self, points
        return part


def _one_each(name: str, values: ArrayLike | None, count: int) -> NDArray[Any] | None:
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape != (count,):
        raise ValueError(f"Expected `{name}` to be of shape ({count},), got {array.shape}.")
    return array
