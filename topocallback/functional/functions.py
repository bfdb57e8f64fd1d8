"""Persistence diagrams, distances between them and Mapper graphs, as functions of tensors or arrays.

Everything is computed in double precision, and on the CPU but for the distances of large clouds. Tensors give tensors
on the device they came from, arrays give arrays. Nothing is differentiated.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from topocallback.activations.reservoir import sample_rows
from topocallback.activations.tensors import densify
from topocallback.functional.large_clouds import TensorNeighbours
from topocallback.measures.mapper import graph as mapper
from topocallback.measures.mapper.graph import MapperOptions
from topocallback.measures.topology.diagrams import (
    DiagramDistance,
    paired_distances,
    pairwise_distances,
    resolve_distance,
)
from topocallback.measures.topology.rips import Diagram, distance_matrix, rips_diagrams, scale_of
from topocallback.records.mapper_graph import MapperGraph

__all__ = [
    "MapperOptions",
    "mapper_graph",
    "pairwise_persistence_distance",
    "persistence_diagrams",
    "persistence_distance",
]

Cloud = TypeVar("Cloud", Tensor, NDArray[Any])
Measure = str | DiagramDistance | Callable[[Diagram, Diagram], float]

REDUCTIONS = ("sum", "none")
# Up to here a cloud's distances are kept as one matrix: 200 MB.
_MOST_IN_MATRIX = 5000


def persistence_diagrams(
    x: Cloud, *, homology_dims: Sequence[int] = (0, 1), scale: str = "none", backend: str = "auto"
) -> list[Cloud]:
    """Persistence diagrams of the Vietoris-Rips filtration of a point cloud, with coefficients in Z/2.

    Args:
        x: (n, d) finite points, n at least 1, as a tensor of any device and real dtype or as an array; (n,) is read as
            n points on a line.
        homology_dims: The homology dimensions wanted, each at least 0.
        scale: ``"none"``, or ``"quantile"`` to divide the cloud by the 0.9 quantile of its pairwise distances.
        backend: What computes the diagrams: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.

    Returns:
        One diagram per entry of ``homology_dims``: (bars, 2) births and deaths in the units of ``x``, or in units of
        its scale, sorted. H0 holds one essential bar, which dies at ``inf``. A float64 tensor or an array gives
        float64, any other tensor torch's default dtype.

    Raises:
        ValueError: If ``x`` has no points, another shape, complex numbers, NaN or infinite values, or an option is not
            one of those allowed.
        TypeError: If ``x`` is a tensor without data (device ``meta``).
        ModuleNotFoundError: If the backend's package is not installed.

    References:
        Bauer, "Ripser: efficient computation of Vietoris-Rips persistence barcodes" (2021).

    Example:
        >>> h0, h1 = persistence_diagrams(torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]]))
        >>> h0
        tensor([[0., 1.],
                [0., 1.],
                [0., 1.],
                [0., inf]])
        >>> h1
        tensor([[1.0000, 1.4142]])
    """
    options = PersistenceOptions(homology_dims=homology_dims, scale=scale, backend=backend)
    return [_as_given(diagram, [x]) for diagram in options.diagrams(_points(x, "x"))]


def persistence_distance(
    x: Cloud,
    y: Cloud,
    *,
    distance: Measure = "sliced_wasserstein",
    homology_dims: Sequence[int] = (0, 1),
    n_samples: int | None = None,
    scale: str = "none",
    order: float = 1.0,
    n_directions: int = 50,
    backend: str = "auto",
    seed: int = 0,
    reduction: str = "sum",
) -> Cloud:
    r"""The distance between the persistence diagrams of two point clouds.

    .. math:: D(X, Y) = \sum_{k} d(\mathrm{Dgm}_k(X), \mathrm{Dgm}_k(Y))

    over the homology dimensions k. Essential classes are left out. The clouds may differ in their numbers of points and
    in dimension: nothing but the distances within each cloud counts.

    Args:
        x: (n, d1) finite points, n at least 1, as a tensor of any device and real dtype or as an array; (n,) is read
            as n points on a line.
        y: (m, d2) finite points, as ``x``.
        distance: ``"sliced_wasserstein"``, ``"wasserstein"``, ``"bottleneck"``, a ``DiagramDistance``, or a function
            of two (bars, 2) arrays without infinite bars.
        homology_dims: The homology dimensions k, each at least 0.
        n_samples: How many different points of each cloud to use, at least 2: those of smallest hash of seed and
            values. ``None`` uses all.
        scale: ``"none"``, or ``"quantile"`` to divide each cloud by the 0.9 quantile of its pairwise distances.
        order: Order of the Wasserstein distance, at least 1; the other distances have none.
        n_directions: Directions of the sliced Wasserstein distance, at least 1.
        backend: What computes the diagrams: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        seed: Seed of the hash, any integer.
        reduction: ``"sum"`` adds the homology dimensions up, ``"none"`` keeps them apart.

    Returns:
        A number of at least 0, in the units of the clouds, or of their scales; for ``reduction="none"`` one of shape
        (len(homology_dims),). A tensor on the device of the first tensor, float64 if one of the tensors is, otherwise
        of torch's default dtype; for arrays a NumPy float64.

    Raises:
        ValueError: If a cloud has no points, another shape, complex numbers, NaN or infinite values, or an option is
            not one of those allowed.
        TypeError: If ``distance`` is neither a name nor callable, ``seed`` is no integer, or a cloud is a tensor
            without data (device ``meta``).
        ModuleNotFoundError: If an option needs a package that is not installed.

    Warns:
        UserWarning: If a cloud is a single point. It has no bars; its distance is that from the empty diagram.

    References:
        Carriere, Cuturi and Oudot, "Sliced Wasserstein kernel for persistence diagrams" (ICML 2017); for layers of a
        network, Purvine et al., "Experimental observations of the topology of convolutional neural network
        activations" (AAAI 2023).

    Example:
        >>> x, y = torch.randn(2, 100, 8, generator=torch.Generator().manual_seed(0))
        >>> persistence_distance(x, y[:80, :5])
        tensor(60.4117)
        >>> persistence_distance(x, y[:80, :5], scale="quantile", reduction="none")
        tensor([7.8527, 0.5258])
    """
    options = PersistenceOptions(distance, homology_dims, scale, order, n_directions, backend, reduction)
    check_sampling(n_samples, seed)
    clouds = [_sampled(cloud, name, n_samples, seed) for cloud, name in ((x, "x"), (y, "y"))]
    return cast(Cloud, _as_given(options.between(*clouds), [x, y]))


def pairwise_persistence_distance(
    clouds: Sequence[Cloud],
    *,
    distance: Measure = "sliced_wasserstein",
    homology_dims: Sequence[int] = (0, 1),
    n_samples: int | None = None,
    scale: str = "none",
    order: float = 1.0,
    n_directions: int = 50,
    backend: str = "auto",
    seed: int = 0,
    reduction: str = "sum",
) -> Cloud:
    """The distance between the persistence diagrams of every two of L point clouds.

    Each cloud's diagrams are computed once. Entry (i, j) is ``persistence_distance(clouds[i], clouds[j])``.

    Args:
        clouds: L clouds of shape (n, d), each as ``x`` in ``persistence_distance``, where n and d may differ from cloud
            to cloud.
        distance: As in ``persistence_distance``; a function of one's own has to be symmetric.
        homology_dims: The homology dimensions, each at least 0.
        n_samples: How many different points of each cloud to use, at least 2; ``None`` uses all.
        scale: ``"none"`` or ``"quantile"``.
        order: Order of the Wasserstein distance, at least 1.
        n_directions: Directions of the sliced Wasserstein distance, at least 1.
        backend: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        seed: Seed of the choice of points, any integer.
        reduction: ``"sum"`` adds the homology dimensions up, ``"none"`` keeps them apart.

    Returns:
        (L, L), symmetric, with a diagonal of exactly 0, in the units of the clouds, or of their scales; for
        ``reduction="none"`` (len(homology_dims), L, L). Device and dtype are as in ``persistence_distance``.

    Raises:
        ValueError: If there are no clouds, one has no points, another shape, complex numbers, NaN or infinite values,
            or an option is not one of those allowed.
        TypeError: If ``distance`` is neither a name nor callable, ``seed`` is no integer, or a cloud is a tensor
            without data (device ``meta``).
        ModuleNotFoundError: If an option needs a package that is not installed.

    Warns:
        UserWarning: If a cloud is a single point.

    References:
        Purvine et al., "Experimental observations of the topology of convolutional neural network activations" (AAAI
        2023).

    Example:
        >>> x, y = torch.randn(2, 100, 8, generator=torch.Generator().manual_seed(0))
        >>> pairwise_persistence_distance([x, y, 2 * x], homology_dims=[1])
        tensor([[0.0000, 2.9728, 8.6711],
                [2.9728, 0.0000, 9.8040],
                [8.6711, 9.8040, 0.0000]])
    """
    options = PersistenceOptions(distance, homology_dims, scale, order, n_directions, backend, reduction)
    check_sampling(n_samples, seed)
    if not len(clouds):
        raise ValueError("Expected `clouds` to hold at least one cloud, got none.")
    points = [_sampled(cloud, f"clouds[{i}]", n_samples, seed) for i, cloud in enumerate(clouds)]
    return cast(Cloud, _as_given(options.among(points), clouds))


def mapper_graph(
    x: Tensor | ArrayLike,
    labels: Tensor | ArrayLike | None = None,
    options: MapperOptions | None = None,
    *,
    sample_ids: Tensor | ArrayLike | None = None,
    previous: MapperGraph | None = None,
) -> MapperGraph:
    """The Mapper graph of a point cloud, by default as in the paper.

    The filter's range is covered by overlapping intervals; the points over each interval are clustered; each cluster
    is a node, and nodes that share points are joined. KeplerMapper with scikit-learn's DBSCAN gives the same nodes and
    edges in the same order.

    Large clouds are no trouble: above 5000 points distances are computed in tiles, on the device of ``x``. 50,000
    points of dimension 512 take about 1 GB.

    Args:
        x: (n, d) finite points, n at least 1, as a tensor of any device and real dtype or as an array; (n,) is read as
            n points on a line.
        labels: (n,) labels: classes, or real numbers, which are binned; see
            ``topocallback.records.mapper_graph.name_classes``.
        options: Filter, cover and clusterer; see ``MapperOptions``.
        sample_ids: (n,) the index of each point's sample in the data set, by default 0 to n - 1; several points may
            come from one sample.
        previous: A graph of the same samples, for instance of an earlier step: nodes are drawn where their points were
            drawn in it.

    Returns:
        The graph, whose filter values and radius are in the units of ``x``. It has no nodes if no interval holds a
        cluster.

    Raises:
        ValueError: If ``x`` has no points, another shape, complex numbers, NaN or infinite values, there is not one
            label and sample id per point, or the filter does not give one finite number per point.
        TypeError: If ``x`` is a tensor without data (device ``meta``).

    References:
        Singh, Memoli and Carlsson, "Topological methods for the analysis of high dimensional data sets and 3D object
        recognition" (SPBG 2007); for layers of a network, Purvine et al., "Experimental observations of the topology
        of convolutional neural network activations" (AAAI 2023).

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> centres = 10 * torch.eye(2)
        >>> labels = torch.randint(2, (400,), generator=generator)
        >>> points = centres[labels] + torch.rand(400, 2, generator=generator)
        >>> graph = mapper_graph(points, labels, MapperOptions(n_intervals=5, radius=1.0))
        >>> graph.n_components, graph.coverage, graph.purity_point_wise
        (2, 1.0, 1.0)
    """
    points = _points(x, "x")
    large = len(points) > _MOST_IN_MATRIX
    on_device = densify(x).reshape(len(points), -1) if isinstance(x, Tensor) else torch.from_numpy(points)
    return mapper.mapper_graph(
        points,
        _on_cpu(labels),
        options,
        sample_ids=_on_cpu(sample_ids),
        neighbours=TensorNeighbours(on_device) if large else None,
        previous=previous,
    )


@dataclass(frozen=True)
class PersistenceOptions:
    """How two clouds are compared; what the functions here and the metrics have in common.

    Args:
        distance: As in ``persistence_distance``, as are all that follow.
        homology_dims: The homology dimensions.
        scale: ``"none"`` or ``"quantile"``.
        order: Order of the Wasserstein distance.
        n_directions: Directions of the sliced Wasserstein distance.
        backend: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        reduction: ``"sum"`` or ``"none"``.

    Raises:
        ValueError: If an option is not one of those allowed, even one that ``distance`` does not use.
        TypeError: If ``distance`` is neither a name nor callable.
        ModuleNotFoundError: If an option needs a package that is not installed.

    Example:
        >>> float(PersistenceOptions("bottleneck").between(np.array([[0.0], [1.0]]), np.array([[0.0], [3.0]])))
        1.5
    """

    distance: Measure = "sliced_wasserstein"
    homology_dims: Sequence[int] = (0, 1)
    scale: str = "none"
    order: float = 1.0
    n_directions: int = 50
    backend: str = "auto"
    reduction: str = "sum"

    def __post_init__(self) -> None:
        object.__setattr__(self, "homology_dims", tuple(self.homology_dims))
        # What uses an option is what knows its range.
        no_points = np.empty((0, 0))
        rips_diagrams(no_points, self.homology_dims, self.backend)
        scale_of(no_points, self.scale)
        resolve_distance("wasserstein", order=self.order)
        resolve_distance("sliced_wasserstein", n_directions=self.n_directions)
        self._resolved()
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"Expected `reduction` to be one of {REDUCTIONS}, got {self.reduction!r}.")

    def diagrams(self, points: NDArray[np.floating]) -> list[Diagram]:
        """One diagram per homology dimension of (n, d) points."""
        distances = distance_matrix(points)
        distances /= scale_of(distances, self.scale)
        return rips_diagrams(distances, self.homology_dims, self.backend)

    def between(self, first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
        """The distance between two clouds: () or, not reduced, (homology dimensions,)."""
        return self._reduced(paired_distances(self.diagrams(first), self.diagrams(second), self._resolved()))

    def among(self, clouds: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
        """The distances among L clouds: (L, L) or, not reduced, (homology dimensions, L, L)."""
        by_dim = zip(*[self.diagrams(cloud) for cloud in clouds], strict=True)
        distance = self._resolved()
        return self._reduced(np.stack([pairwise_distances(diagrams, distance) for diagrams in by_dim]))

    def _resolved(self) -> DiagramDistance:
        if self.distance == "wasserstein":
            return resolve_distance("wasserstein", order=self.order)
        if self.distance == "sliced_wasserstein":
            return resolve_distance("sliced_wasserstein", n_directions=self.n_directions)
        return resolve_distance(self.distance)

    def _reduced(self, by_dim: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(by_dim.sum(axis=0)) if self.reduction == "sum" else by_dim


def check_sampling(n_samples: int | None, seed: int) -> None:
    """Refuse options of the choice of points that are out of their range.

    Args:
        n_samples: How many points to use, at least 2; ``None`` for all.
        seed: Any integer.

    Raises:
        ValueError: If ``n_samples`` is no integer of at least 2.
        TypeError: If ``seed`` is no integer.

    Example:
        >>> check_sampling(1, seed=0)
        Traceback (most recent call last):
        ValueError: Expected `n_samples` to be an integer of at least 2, got 1.
    """
    if n_samples is not None and (not isinstance(n_samples, (int, np.integer)) or n_samples < 2):
        raise ValueError(f"Expected `n_samples` to be an integer of at least 2, got {n_samples!r}.")
    if not isinstance(seed, (int, np.integer)):
        raise TypeError(f"Expected `seed` to be an integer, got {seed!r}.")


def _sampled(cloud: Tensor | NDArray[Any], name: str, n_samples: int | None, seed: int) -> NDArray[np.float64]:
    points = _points(cloud, name, n_samples, seed)
    if len(points) == 1:
        message = f"Expected `{name}` to hold at least 2 different points, got 1. A single point has no bars."
        warnings.warn(message, UserWarning, stacklevel=4)
    return points


def _points(cloud: Tensor | ArrayLike, name: str, n_samples: int | None = None, seed: int = 0) -> NDArray[np.float64]:
    """A cloud as (n, d) float64, after what may be wrong with it has been refused by name."""
    points = densify(cloud) if isinstance(cloud, Tensor) else torch.from_numpy(_real(cloud, name))
    if points.is_complex():
        raise ValueError(f"Expected `{name}` to hold real numbers, got {points.dtype}.")
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or len(points) == 0:
        raise ValueError(f"Expected `{name}` to be of shape (n, d) with at least one point, got {tuple(points.shape)}.")
    finite = torch.isfinite(points).all(dim=1)
    if not finite.all():
        bad = int((~finite).sum())
        raise ValueError(f"Expected `{name}` to be finite, got NaN or infinity in {bad} of {len(points)} points.")
    if n_samples is not None:
        points = sample_rows(points, int(n_samples), int(seed))
    return cast(NDArray[np.float64], points.cpu().double().numpy())


def _real(cloud: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(cloud)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"Expected `{name}` to hold real numbers, got {array.dtype}.")
    # Torch takes neither read-only arrays nor all of NumPy's dtypes.
    return array.astype(np.float64)


def _as_given(values: NDArray[np.float64], clouds: Sequence[Any]) -> Any:
    """The values as a tensor if a cloud is one, else as they are; a single one as a number."""
    tensors = [cloud for cloud in clouds if isinstance(cloud, Tensor)]
    if not tensors:
        return values[()]
    double = any(tensor.dtype == torch.float64 for tensor in tensors)
    return torch.as_tensor(
        values, dtype=torch.float64 if double else torch.get_default_dtype(), device=tensors[0].device
    )


def _on_cpu(values: Tensor | ArrayLike | None) -> NDArray[Any] | None:
    if not isinstance(values, Tensor):
        return None if values is None else np.asarray(values)
    dense = densify(values).cpu()
    return (dense.double() if dense.is_floating_point() else dense).numpy()  # NumPy has no bfloat16
