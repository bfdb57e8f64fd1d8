"""How active the units of a layer are for each class, relative to the layer's most active one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import Self

from topocallback.records.classes import name_classes
from topocallback.records.point_clouds import PointClouds

__all__ = ["QUIET", "NeuronActivity", "neuron_activity"]

QUIET = 0.2
"""The activity under which a unit counts as quiet, as in the paper."""


def neuron_activity(cloud: NDArray[Any], codes: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Relative activity of each unit for each class: its summed activation over that of the most active unit.

    Of negative activations the magnitude counts, as if a unit had two signs of which both say something: for
    activations after a ReLU this is the paper's number. All units of a class without any activation are at 0.

    Args:
        cloud: (n, d) finite points, one value per unit.
        codes: (n,) the number of each point's class, from 0.
        n_classes: K, how many classes there are.

    Returns:
        (K, d) numbers in [0, 1]; NaN for a class without points.

    References:
        Khot, Neubauer and Roy, "A detailed study of interpretability of deep neural network based top taggers"
        (arXiv 2210.04371), relative neural activity.

    Example:
        >>> neuron_activity(np.array([[1.0, -4.0], [1.0, 0.0], [3.0, 0.0]]), [0, 0, 1], 2)
        array([[0.5, 1. ],
               [1. , 0. ]])
    """
    of_points = np.asarray(codes)
    found = np.full((n_classes, cloud.shape[1]), np.nan)
    for code in range(n_classes):
        if len(of_class := cloud[of_points == code]):
            found[code] = np.abs(of_class).sum(axis=0, dtype=np.float64)
    largest = found.max(axis=1, initial=0.0, keepdims=True)
    return np.asarray(found / np.where(largest == 0, 1.0, largest))


@dataclass(frozen=True, eq=False, repr=False)
class NeuronActivity:
    """The activity of several layers' units for the same classes.

    Attributes:
        classes: K names.
        layers: Layer to (K, d) relative activity, see ``neuron_activity``; d is the layer's own.

    Example:
        >>> NeuronActivity.of(PointClouds({"stem": np.eye(2), "head": np.ones((2, 3))}, labels=["cat", "dog"]))
        NeuronActivity(2 layers, 2 classes)
    """

    classes: tuple[str, ...]
    layers: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, clouds: PointClouds) -> Self:
        """The activity of recorded layers. Points that hold NaN or infinity are left out.

        Args:
            clouds: The layers, with labels.

        Raises:
            ValueError: If there are no labels.
        """
        if clouds.labels is None:
            raise ValueError("Expected `clouds` with labels, whose classes are compared, got none.")
        codes, classes = name_classes(clouds.labels, clouds.classes)
        found = {}
        for layer, cloud in clouds.items():
            is_finite = np.isfinite(cloud).all(axis=1)
            of_points = codes[clouds.owners_of(layer)]
            found[layer] = neuron_activity(cloud[is_finite], of_points[is_finite], len(classes))
        return cls(classes, found)

    def __repr__(self) -> str:
        return f"NeuronActivity({len(self.layers)} layers, {len(self.classes)} classes)"
