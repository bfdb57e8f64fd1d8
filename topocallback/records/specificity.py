"""Whether layers are told apart: the same layer of several checkpoints against different layers of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Specificity", "specificity"]


@dataclass(frozen=True)
class Specificity:
    """Whether the same layer of different checkpoints is nearer than different layers of one checkpoint.

    Attributes:
        same: (pairs,) distances between the same layer in two checkpoints.
        different: (pairs,) distances between two layers of one checkpoint.
        by_layer: Layer to its mean distance from itself in other checkpoints, and its mean distance from the other
            layers of its own checkpoint.
        checkpoints: Names of the checkpoints that were looked at.
    """

    same: NDArray[np.float64]
    different: NDArray[np.float64]
    by_layer: Mapping[str, tuple[float, float]]
    checkpoints: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """Mean distance of different layers over mean distance of the same layer: above 1, layers are told apart."""
        same = float(self.same.mean()) if len(self.same) else np.nan
        return float(self.different.mean()) / same if same else np.inf

    @property
    def auc(self) -> float:
        """How often a random pair of different layers is further apart than a random pair of the same layer.

        1 tells all apart, 0.5 is chance; ties count half.
        """
        if not len(self.same) or not len(self.different):
            return np.nan
        ordered = np.sort(self.same)
        below = np.searchsorted(ordered, self.different, side="left")
        not_above = np.searchsorted(ordered, self.different, side="right")
        return float((below + not_above).sum() / (2 * len(self.same) * len(self.different)))


def specificity(
    distances: NDArray[np.float64], checkpoint_of: NDArray[np.int64], layer_of: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, tuple[float, float]]]:
    """Distances between the same layer in two checkpoints, and between two layers of one checkpoint.

    Args:
        distances: (n, n) symmetric; pairs at NaN are left out.
        checkpoint_of: (n,) the number of each point's checkpoint.
        layer_of: (n,) the number of each point's layer.

    Returns:
        (pairs,) distances of the same layer; (pairs,) distances of different layers; layer to the two means.

    References:
        Purvine et al., "Experimental observations of the topology of convolutional neural network activations" (AAAI
        2023).

    Example:
        >>> matrix = np.array([[0, 5, 1, 6], [5, 0, 6, 2], [1, 6, 0, 7], [6, 2, 7, 0.0]])
        >>> specificity(matrix, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))[:2]
        (array([1., 2.]), array([5., 7.]))
    """
    same_layer = layer_of[:, None] == layer_of[None, :]
    same_checkpoint = checkpoint_of[:, None] == checkpoint_of[None, :]
    finite = np.isfinite(distances)
    same = same_layer & ~same_checkpoint & finite
    different = same_checkpoint & ~same_layer & finite
    once = np.triu(np.ones(distances.shape, dtype=bool), 1)
    by_layer = {
        int(layer): (_mean(distances, same, layer_of == layer), _mean(distances, different, layer_of == layer))
        for layer in np.unique(layer_of)
    }
    return distances[same & once], distances[different & once], by_layer


def _mean(distances: NDArray[np.float64], wanted: NDArray[np.bool_], rows: NDArray[np.bool_]) -> float:
    values = distances[rows][wanted[rows]]
    return float(values.mean()) if len(values) else float("nan")
