"""What recording hands on: one cloud of points per layer, all of the same samples, and the samples' own inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.classes import as_labels
from topocallback.records.edges import check_edges
from topocallback.records.weights import LayerWeights

__all__ = ["PointClouds", "SampledInputs"]


@dataclass(frozen=True, eq=False, repr=False)
class PointClouds(Mapping[str, NDArray[Any]]):
    """One cloud per layer, all of the same n samples: a mapping from layer to cloud.

    Row i of every cloud comes from sample i, unless ``owners`` says that a layer has several points per sample.

    Args:
        clouds: Layer name to an (n, d) array, or (m, d) for a layer with ``owners``; d is the layer's own.
        sample_ids: (n,) int64, ascending indices into the data set. ``None`` numbers the points from 0.
        labels: (n,) labels as ``as_labels`` takes them, or ``None`` where the samples have none.
        problems: Layer name to a sentence, for chosen layers that could not be recorded.
        owners: Layer name to (m,) sample numbers, 0 to n - 1, ascending: which sample each point comes from.
        classes: The names of the labels' classes in the order that they should have; by default that which the labels
            come with, if they do.
        recording: How the clouds were recorded: text to what JSON can hold, such as ``{"pooling": "mean", "seed": 0}``.
            A snapshot carries it on, and what was recorded otherwise is not compared. Empty: not known.
        weights: Layer name to its weights, for measures that need them; none for a layer that has none of its own.
        parameters: Layer name to a hash of the layer's parameters: where it is what it was, they have not changed.
        edges: (m, 2) positions of samples that are joined by an edge, where samples are the nodes of graphs; ``None``
            where that is not known.

    Raises:
        ValueError: If a cloud has more than two axes, the clouds, ids and labels disagree about the number of samples,
            labels are not one per sample, owners are not one sample number per point, weights are of a layer that has
            no cloud, or edges are no pairs of samples.

    Example:
        >>> clouds = PointClouds({"stem": np.zeros((5, 16)), "head": np.zeros((5, 10))})
        >>> clouds.n_points, clouds.layers
        (5, ('stem', 'head'))
        >>> clouds, clouds["head"].shape
        (PointClouds(2 layers, 5 samples), (5, 10))
    """

    clouds: Mapping[str, NDArray[Any]]
    sample_ids: NDArray[np.int64] | None = None
    labels: NDArray[Any] | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    recording: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, LayerWeights] = field(default_factory=dict)
    edges: NDArray[np.int64] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.labels is not None:
            labels, order = as_labels(self.labels)
            object.__setattr__(self, "labels", labels)
            object.__setattr__(self, "classes", tuple(self.classes) or order)
        for layer, cloud in self.clouds.items():
            if cloud.ndim != 2:
                raise ValueError(f"Expected the cloud of layer {layer!r} to be of shape (n, d), got {cloud.shape}.")
        if self.sample_ids is None:
            count = len(next(iter(self.clouds.values()), ()))
            object.__setattr__(self, "sample_ids", np.arange(count, dtype=np.int64))
        for layer, owners in self.owners.items():
            outside = len(owners) and not 0 <= owners.min() <= owners.max() < self.n_points
            if len(owners) != len(self.clouds[layer]) or outside:
                raise ValueError(f"Expected the owners of layer {layer!r} to be one sample number for every point.")
        counts = {layer: len(cloud) for layer, cloud in self.clouds.items() if layer not in self.owners}
        counts |= {} if self.labels is None else {"labels": len(self.labels)}
        wrong = {name: count for name, count in counts.items() if count != self.n_points}
        if wrong:
            raise ValueError(f"Expected {self.n_points} rows, one per sample id, got {wrong}.")
        if unknown := [layer for layer in self.weights if layer not in self.clouds]:
            raise ValueError(f"Expected `weights` of layers that have a cloud, got {unknown} as well.")
        if self.edges is not None:
            object.__setattr__(self, "edges", check_edges(self.edges, self.n_points))

    def __getitem__(self, layer: str) -> NDArray[Any]:
        return self.clouds[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self.clouds)

    def __len__(self) -> int:
        return len(self.clouds)

    def __repr__(self) -> str:
        return f"PointClouds({len(self)} layers, {self.n_points} samples)"

    # A mapping would compare its arrays, of which Python cannot say whether they are equal.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers' names, in the model's order."""
        return tuple(self.clouds)

    @property
    def n_points(self) -> int:
        """How many samples there are: the number of points of every layer that has one per sample."""
        return 0 if self.sample_ids is None else len(self.sample_ids)

    @property
    def nbytes(self) -> int:
        """The bytes of the clouds and the weights."""
        of_weights = (array for weights in self.weights.values() for array in weights.arrays.values())
        return sum(array.nbytes for array in (*self.clouds.values(), *of_weights))

    def owners_of(self, layer: str) -> NDArray[np.int64]:
        """(m,) which sample each point of a layer comes from, as a position in ``sample_ids``."""
        return self.owners[layer] if layer in self.owners else np.arange(self.n_points)


@dataclass(frozen=True, eq=False, repr=False)
class SampledInputs:
    """The inputs of the samples, where they are images.

    Args:
        images: (n, C, h, w) with C 1 or 3, in whatever range the network is fed with.
        sample_ids: (n,) ascending indices into the data set.

    Raises:
        ValueError: If the images are of another shape, or there is not one sample id for each.

    Example:
        >>> SampledInputs(np.zeros((2, 1, 8, 8)), np.array([3, 5]))
        SampledInputs(2 images of 1 x 8 x 8)
    """

    images: NDArray[Any]
    sample_ids: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.shape[1] not in (1, 3):
            raise ValueError(f"Expected `images` to be of shape (n, 1 or 3, h, w), got {self.images.shape}.")
        if len(self.images) != len(self.sample_ids):
            raise ValueError(f"Expected {len(self.images)} sample ids, one per image, got {len(self.sample_ids)}.")

    def __repr__(self) -> str:
        count, *shape = self.images.shape
        return f"SampledInputs({count} images of {' x '.join(map(str, shape))})"
