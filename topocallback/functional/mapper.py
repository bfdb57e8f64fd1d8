"""Mapper graphs of tensors or arrays of any size."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from topocallback.activations.tensors import densify
from topocallback.functional.arrays import on_cpu, points_of
from topocallback.functional.tiled_neighbours import TensorNeighbours
from topocallback.measures.mapper import graph
from topocallback.measures.mapper.options import MapperOptions
from topocallback.records.mapper_graph import MapperGraph

__all__ = ["mapper_graph"]

# Up to here a cloud's distances are kept as one matrix: 200 MB.
_MOST_IN_MATRIX = 5000


def mapper_graph(
    x: Tensor | ArrayLike,
    labels: Tensor | ArrayLike | None = None,
    options: MapperOptions | None = None,
    *,
    sample_ids: Tensor | ArrayLike | None = None,
    previous: MapperGraph | None = None,
) -> MapperGraph:
    """The Mapper graph of a point cloud.

    The filter's range is covered by overlapping intervals; the points over each interval are clustered; each cluster
    is a node, and nodes that share points are joined. KeplerMapper with scikit-learn's DBSCAN gives the same nodes and
    edges in the same order.

    Large clouds are no trouble: above 5000 points distances are computed in tiles, on the device of ``x``. 50,000
    points of dimension 512 take about 1 GB.

    Args:
        x: (n, d) finite points, n at least 1, as a tensor of any device and real dtype or as an array; (n,) is read as
            n points on a line.
        labels: (n,) labels: classes, or real numbers, which are binned; those that are missing are a class of their
            own. One-hot labels and pandas' series and categories will do; see
            ``topocallback.records.classes.name_classes``.
        options: Filter, cover and clusterer, by default as suits the number of points; see ``MapperOptions``.
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
        >>> found = mapper_graph(points, labels, MapperOptions(n_intervals=5, radius=1.0))
        >>> found.n_components, found.coverage, found.purity_point_wise
        (2, 1.0, 1.0)
    """
    points = points_of(x, "x")
    large = len(points) > _MOST_IN_MATRIX
    on_device = densify(x).reshape(len(points), -1) if isinstance(x, Tensor) else torch.from_numpy(points)
    return graph.mapper_graph(
        points,
        on_cpu(labels),
        options,
        sample_ids=on_cpu(sample_ids),
        neighbours=TensorNeighbours(on_device) if large else None,
        previous=previous,
    )
