"""Mapper graphs of point clouds: filter, cover, clusters, and the graph of what they share.

The setting of Purvine et al., "Experimental Observations of the Topology of Convolutional Neural Network Activations"
(AAAI 2023): the l2 norm as filter, KeplerMapper's cover, DBSCAN with a radius from the elbow of the distances to the
nearest neighbour.
"""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topocallback.measures.mapper.layout import lay_out
from topocallback.measures.mapper.neighbours import MatrixNeighbours, Neighbours, density_clusters
from topocallback.measures.topology.rips import distance_matrix
from topocallback.records.mapper_graph import MapperGraph, name_classes

__all__ = ["FILTERS", "MapperOptions", "cover", "elbow", "mapper_graph"]

FILTERS = ("l2norm", "pca", "eccentricity")

Filter = Callable[[NDArray[np.float64]], ArrayLike]

# The paper rounds the radius to three decimals. Where activations are so small that this would move it by more than
# this share, or make it 0, it is left as it is.
_ROUNDING = 0.01


@dataclass(frozen=True)
class MapperOptions:
    """How a Mapper graph is made; by default as in the paper.

    Args:
        filter: What orders the points: ``"l2norm"``, the norm of a point; ``"pca"``, its first principal component;
            ``"eccentricity"``, its mean distance to the other points; or a function of the (n, d) points that gives
            one number each.
        n_intervals: How many intervals cover the filter's range, at least 1.
        overlap: The share of an interval that its neighbour covers too, at least 0 and below 1.
        clusterer: ``"dbscan"``, or an object with scikit-learn's ``fit_predict``, which gets the points of one
            interval, and then ``min_samples`` and ``radius`` are its own affair.
        min_samples: How many points near a point, itself included, make it the core of a cluster, at least 1.
        radius: How far apart points are near each other, above 0, in the units of the cloud; ``"elbow"`` takes it from
            the distances to the nearest neighbour, see ``elbow``.

    Raises:
        ValueError: If an option is out of its range.
        TypeError: If the clusterer has no ``fit_predict``.
        ModuleNotFoundError: If ``filter="pca"`` and scikit-learn is not installed.

    References:
        Singh, Memoli and Carlsson, "Topological methods for the analysis of high dimensional data sets and 3D object
        recognition" (SPBG 2007), also for the eccentricity; van Veen et al., "Kepler Mapper" (JOSS 2019) for the cover.

    Example:
        >>> MapperOptions(n_intervals=10, overlap=0.5).describe()["filter"]
        'l2norm'
    """

    filter: Literal["l2norm", "pca", "eccentricity"] | Filter = "l2norm"
    n_intervals: int = 40
    overlap: float = 0.3
    clusterer: Any = "dbscan"
    min_samples: int = 5
    radius: Literal["elbow"] | float = "elbow"

    def __post_init__(self) -> None:
        if not callable(self.filter) and self.filter not in FILTERS:
            raise ValueError(f"Expected `filter` to be one of {FILTERS} or a callable, got {self.filter!r}.")
        if self.filter == "pca" and not importlib.util.find_spec("sklearn"):
            raise ModuleNotFoundError("`filter='pca'` needs a package: pip install scikit-learn")
        for name, value in (("n_intervals", self.n_intervals), ("min_samples", self.min_samples)):
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"Expected `{name}` to be an integer of at least 1, got {value!r}.")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"Expected `overlap` to be at least 0 and below 1, got {self.overlap!r}.")
        if self.clusterer != "dbscan" and not hasattr(self.clusterer, "fit_predict"):
            raise TypeError(f"Expected `clusterer` to be 'dbscan' or to have `fit_predict`, got {self.clusterer!r}.")
        if self.radius != "elbow" and not (isinstance(self.radius, (int, float)) and 0 < self.radius < np.inf):
            raise ValueError(f"Expected `radius` to be 'elbow' or a number above 0, got {self.radius!r}.")

    def describe(self) -> dict[str, object]:
        """The options as JSON can hold them."""
        named = self.filter if isinstance(self.filter, str) else getattr(self.filter, "__name__", repr(self.filter))
        return {
            "filter": named,
            "n_intervals": int(self.n_intervals),
            "overlap": float(self.overlap),
            "clusterer": self.clusterer if isinstance(self.clusterer, str) else repr(self.clusterer),
            "min_samples": int(self.min_samples),
            "radius": self.radius,
        }


def mapper_graph(
    cloud: ArrayLike,
    labels: ArrayLike | None = None,
    options: MapperOptions | None = None,
    *,
    sample_ids: ArrayLike | None = None,
    neighbours: Neighbours | None = None,
    previous: MapperGraph | None = None,
) -> MapperGraph:
    """The Mapper graph of a point cloud.

    The filter's range is covered by overlapping intervals; the points over each interval are clustered; each cluster
    is a node, and nodes that share points are joined. On the same points KeplerMapper with scikit-learn's DBSCAN gives
    the same nodes and edges in the same order.

    Args:
        cloud: (n, d) points. Those with NaN or infinite coordinates count as points that are in no node.
        labels: (n,) labels; see ``name_classes``.
        options: How to make the graph; by default as in the paper.
        sample_ids: (n,) the index of each point's sample in the data set; by default 0 to n - 1.
        neighbours: The distances of the points without NaN or infinite coordinates, where they are known already.
        previous: A graph of the same samples, for instance at the step before: positions start from its.

    Returns:
        The graph; without nodes where no interval has a cluster. Where the filter is the same for all points, one
        interval covers it.

    Raises:
        ValueError: If ``cloud`` is not (n, d), labels or sample ids are not one per point, or the filter does not give
            one finite number per point.

    References:
        Purvine et al. (AAAI 2023), section on Mapper graphs.

    Example:
        >>> angles = np.linspace(0, 2 * np.pi, 300, endpoint=False)
        >>> circle = np.column_stack([np.cos(angles), np.sin(angles)])
        >>> options = MapperOptions(filter=lambda points: points[:, 0], n_intervals=6, radius=0.2)
        >>> graph = mapper_graph(circle, options=options)
        >>> graph.n_components, graph.n_cycles, graph.coverage
        (1, 1, 1.0)
    """
    options = options or MapperOptions()
    points = np.asarray(cloud, dtype=np.float64)
    if points.ndim != 2:
        raise ValueError(f"Expected `cloud` to be of shape (n, d), got {points.shape}.")
    ids = np.arange(len(points)) if sample_ids is None else np.asarray(sample_ids)
    codes, classes = (None, ()) if labels is None else name_classes(labels)
    for name, values in (("labels", codes), ("sample_ids", ids)):
        if values is not None and values.shape != (len(points),):
            raise ValueError(f"Expected `{name}` to be of shape ({len(points)},), got {values.shape}.")
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(finite) < len(points):
        points = points[finite]
    neighbours = neighbours or MatrixNeighbours(distance_matrix(points))
    filtered = _filter_values(points, options, neighbours)
    radius = _radius(options, neighbours)
    found = _clusters(points, filtered, options, neighbours, radius)
    members = tuple(nodes for _, nodes in found)
    edges, shared = _nerve(members, len(points))
    graph = MapperGraph(
        members=tuple(finite[nodes] for nodes in members),
        filter_means=np.array([filtered[nodes].mean() for nodes in members]),
        intervals=np.array([interval for interval, _ in found], dtype=np.int64),
        edges=edges,
        shared=shared,
        radius=radius,
        sample_ids=ids,
        labels=codes,
        classes=classes,
    )
    return lay_out(graph, previous)


def cover(values: NDArray[np.float64], n_intervals: int, overlap: float) -> list[NDArray[np.int64]]:
    """The points over each of some overlapping intervals of equal length.

    KeplerMapper's ``Cover``, to the last bit: interval k is centred at (k + 1/2) / n of the range and 1 / (n (1 - p))
    of it long. Its own is not used because importing it loads scikit-learn, 2 s during a training.

    Args:
        values: (n,) filter values.
        n_intervals: How many intervals.
        overlap: p, the share of an interval that its neighbour covers too.

    Returns:
        Per interval, from the lowest, the numbers of its points, ascending. One interval if all values are equal.

    Example:
        >>> [points.tolist() for points in cover(np.array([0.0, 1.0, 2.0]), n_intervals=2, overlap=0.4)]
        [[0, 1], [1, 2]]
    """
    if not len(values):
        return []
    low, high = values.min(), values.max()
    length = high - low
    if length == 0:
        return [np.arange(len(values))]
    inset = (length - (n_intervals - 1) / n_intervals * length) / 2
    half = length / (2 * n_intervals * (1 - overlap))
    centres = np.linspace(low + inset, high - inset, num=n_intervals)
    return [np.flatnonzero((values >= centre - half) & (values <= centre + half)) for centre in centres]


def elbow(distances: ArrayLike) -> float:
    """The radius at the elbow of the sorted distances to the nearest neighbour.

    Sorted in descending order, the distances fall steeply and then level off. The elbow is where their curve, in the
    unit square, is furthest from the diagonal before it comes nearer by one step (Kneedle with sensitivity 1, as in
    the package kneed, which is not used because importing it loads pyplot into a training).

    Args:
        distances: (n,) distances of at least 0.

    Returns:
        The distance at the elbow, rounded to three decimals as in the paper unless this changes it by more than 1 %.
        The median where there is no elbow, 0 without distances.

    References:
        Satopaa et al., "Finding a 'kneedle' in a haystack: detecting knee points in system behavior" (ICDCS
        workshops 2011); Purvine et al. (AAAI 2023).

    Example:
        >>> elbow([9.0, 5.0, 2.0, 1.5, 1.2, 1.0, 0.8])
        2.0
    """
    falling = np.sort(np.asarray(distances, dtype=np.float64))[::-1]
    if not len(falling):
        return 0.0
    at = _elbow_index(falling)
    if at is None:
        return float(np.median(falling))
    found = float(falling[at])
    rounded = round(found, 3)
    return rounded if abs(rounded - found) <= _ROUNDING * found else found


def _elbow_index(falling: NDArray[np.float64]) -> int | None:
    span = falling[0] - falling[-1]
    if span == 0:
        return None
    across = (falling - falling[-1]) / span
    step = 1 / (len(falling) - 1)
    # How far the curve of shares against distances is from the diagonal.
    gap = (1 - np.linspace(0, 1, len(falling))) - across
    rises = np.concatenate([[True], gap[1:] >= gap[:-1]])
    falls = np.concatenate([gap[:-1] >= gap[1:], [True]])
    is_peak = rises & falls
    is_valley = np.concatenate([[True], gap[1:] <= gap[:-1]]) & np.concatenate([gap[:-1] <= gap[1:], [True]])
    # The last peak or valley up to each place; a peak waits for its drop until a valley comes.
    latest = np.maximum.accumulate(np.where(is_peak | is_valley, np.arange(len(gap)), 0))
    waiting = is_peak[latest] & ~is_valley[latest]
    dropped = waiting[:-1] & (gap[1:] < gap[latest[:-1]] - step)
    return int(latest[np.argmax(dropped)]) if dropped.any() else None


def _filter_values(points: NDArray[np.float64], options: MapperOptions, neighbours: Neighbours) -> NDArray[np.float64]:
    if options.filter == "l2norm":
        return np.asarray(np.linalg.norm(points, axis=1))
    if options.filter == "eccentricity":
        return neighbours.mean()
    if options.filter == "pca":
        return _first_component(points)
    assert callable(options.filter)
    values = np.asarray(options.filter(points), dtype=np.float64)
    name = getattr(options.filter, "__name__", repr(options.filter))
    if values.shape not in ((len(points),), (len(points), 1)):
        raise ValueError(f"Expected `filter={name}` to give shape ({len(points)},), got {values.shape}.")
    if bad := int((~np.isfinite(values)).sum()):
        raise ValueError(f"Expected `filter={name}` to give finite numbers, got NaN or infinity for {bad} points.")
    return values.reshape(len(points))


def _first_component(points: NDArray[np.float64]) -> NDArray[np.float64]:
    if min(points.shape) == 0 or len(points) < 2:
        return np.zeros(len(points))
    from sklearn.decomposition import PCA

    # Of a component, both directions are right; scikit-learn makes the largest entry of the axis positive.
    return np.asarray(PCA(n_components=1, svd_solver="full").fit_transform(points)[:, 0])


def _radius(options: MapperOptions, neighbours: Neighbours) -> float:
    if options.clusterer != "dbscan":
        return float("nan")
    return elbow(neighbours.nearest()) if isinstance(options.radius, str) else float(options.radius)


def _clusters(
    points: NDArray[np.float64],
    filtered: NDArray[np.float64],
    options: MapperOptions,
    neighbours: Neighbours,
    radius: float,
) -> list[tuple[int, NDArray[np.int64]]]:
    """(interval, points) of every cluster, interval by interval."""
    fewest = _fewest_points(options)
    found = []
    for interval, inside in enumerate(cover(filtered, options.n_intervals, options.overlap)):
        if len(inside) < fewest:
            continue
        if options.clusterer == "dbscan":
            cluster = density_clusters(neighbours.among(inside), radius, options.min_samples)
        else:
            cluster = np.asarray(copy.copy(options.clusterer).fit_predict(points[inside]))
        found += [(interval, inside[cluster == number]) for number in np.unique(cluster[cluster >= 0])]
    return found


def _fewest_points(options: MapperOptions) -> int:
    """How many points an interval needs to be clustered at all, by KeplerMapper's rule."""
    if options.clusterer == "dbscan":
        return options.min_samples
    parameters = options.clusterer.get_params() if hasattr(options.clusterer, "get_params") else {}
    wanted = (parameters.get(name) for name in ("n_clusters", "min_cluster_size", "min_samples"))
    return next((value for value in wanted if value and isinstance(value, int)), 2)


def _nerve(members: tuple[NDArray[np.int64], ...], n_points: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which nodes share points, (E, 2), and how many, (E,)."""
    from scipy.sparse import csr_array, triu

    sizes = [len(points) for points in members]
    columns = np.concatenate([np.empty(0, dtype=np.int64), *members])
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    incidence = csr_array((np.ones(len(columns), dtype=np.int64), columns, starts), shape=(len(members), n_points))
    common = triu(incidence @ incidence.T, k=1).tocsr()
    common.sort_indices()
    pairs = common.tocoo()
    return np.column_stack([pairs.row, pairs.col]).astype(np.int64), pairs.data.astype(np.int64)
