"""Whether layers are told apart across checkpoints: the same layer of two of them against different layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["Specificity", "specificity"]

_PERMUTATIONS = 999
_FEWEST_LAYERS = 3  # for a standard error
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Specificity:
    """Whether the same layer of different checkpoints is nearer than different layers of different checkpoints.

    Both kinds of pairs are across checkpoints. Different layers of *one* checkpoint would not do: where checkpoints
    differ as wholes they are nearer than the same layer of two, however well layers can be told apart.

    Attributes:
        same: (pairs,) distances between the same layer in two checkpoints.
        different: (pairs,) distances between a layer in one checkpoint and another layer in another.
        by_layer: Layer to its mean distance from itself in other checkpoints, and its mean distance from the other
            layers of these.
        auc: How often a random pair of different layers is further apart than a random pair of the same layer, ties
            half: 1 tells all apart, about 0.5 is chance.
        error: The standard error of ``auc``, by leaving out one layer at a time; NaN with fewer than three layers.
        p_value: How often ``auc`` is as large when the names of each checkpoint's layers are shuffled, in (0, 1]; NaN
            where there is nothing to compare.
        checkpoints: Names of the checkpoints that were looked at.
    """

    same: NDArray[np.float64]
    different: NDArray[np.float64]
    by_layer: Mapping[str, tuple[float, float]]
    auc: float
    error: float
    p_value: float
    checkpoints: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Specificity(AUC {self.auc:.2f} ± {self.error:.2f}, p {self.p_value:.3g}, ratio {self.ratio:.2f})"

    @property
    def ratio(self) -> float:
        """Mean distance of different layers over mean distance of the same layer: above 1, layers are told apart."""
        if not len(self.same) or not len(self.different):
            return float("nan")
        same = float(self.same.mean())
        return float(self.different.mean()) / same if same else np.inf


def specificity(
    distances: NDArray[np.float64],
    checkpoint_of: NDArray[np.int64],
    layer_of: NDArray[np.int64],
    layers: tuple[str, ...],
    checkpoints: tuple[str, ...] = (),
) -> Specificity:
    """Whether the same layer of different checkpoints is nearer than different layers of different checkpoints.

    Args:
        distances: (n, n) symmetric; pairs at NaN are left out.
        checkpoint_of: (n,) the number of each point's checkpoint.
        layer_of: (n,) the number of each point's layer.
        layers: The layers' names.
        checkpoints: The checkpoints' names.

    Returns:
        The distances of both kinds, and what they say.

    References:
        After Purvine et al., "Experimental observations of the topology of convolutional neural network activations"
        (AAAI 2023), who compare with different layers of the same checkpoint.

    Example:
        >>> matrix = np.array([[0, 5, 1, 6], [5, 0, 6, 2], [1, 6, 0, 7], [6, 2, 7, 0.0]])
        >>> found = specificity(matrix, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), ("stem", "head"))
        >>> found.same, found.different, found.auc
        (array([1., 2.]), array([6., 6.]), 1.0)
    """
    across = np.isfinite(distances) & (checkpoint_of[:, None] != checkpoint_of[None, :])
    pairs = np.triu(across, 1)
    is_same = layer_of[:, None] == layer_of[None, :]
    known = np.unique(layer_of)
    by_layer = {
        layers[layer]: (
            _mean(distances, across & is_same, layer_of == layer),
            _mean(distances, across & ~is_same, layer_of == layer),
        )
        for layer in known
    }
    without_one = [_Ranks(distances, pairs & _without(layer_of != layer)).auc(layer_of) for layer in known]
    ranks = _Ranks(distances, pairs)
    auc = ranks.auc(layer_of)
    p_value = _p_value(auc, ranks, checkpoint_of, layer_of)
    same, different = distances[pairs & is_same], distances[pairs & ~is_same]
    return Specificity(same, different, by_layer, auc, _jackknife_error(without_one), p_value, checkpoints)


class _Ranks:
    """The ranks of all distances across checkpoints, of which those of the same layer are asked for again and again."""

    def __init__(self, distances: NDArray[np.float64], pairs: NDArray[np.bool_]) -> None:
        self._counted = pairs.astype(np.float64)
        self._ranks = np.zeros(distances.shape)
        self._ranks[pairs] = rankdata(distances[pairs])
        self._totals = self._counted.sum(), self._ranks.sum()

    def auc(self, layer_of: NDArray[np.int64]) -> float:
        """The area under the curve (Mann and Whitney): ties count half."""
        member = (layer_of[:, None] == np.unique(layer_of)).astype(np.float64)
        n_same, of_same = (((table @ member) * member).sum() for table in (self._counted, self._ranks))
        n_different = self._totals[0] - n_same
        if not n_same or not n_different:
            return float("nan")
        of_different = self._totals[1] - of_same
        return float((of_different - n_different * (n_different + 1) / 2) / (n_same * n_different))


def _without(kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return kept[:, None] & kept[None, :]


def _jackknife_error(without_one: list[float]) -> float:
    count = len(without_one)
    if count < _FEWEST_LAYERS or not np.isfinite(without_one).all():
        return float("nan")
    return float(np.sqrt((count - 1) * np.var(without_one)))


def _p_value(auc: float, ranks: _Ranks, checkpoint_of: NDArray[np.int64], layer_of: NDArray[np.int64]) -> float:
    """How often ``auc`` is as large when each checkpoint's layers change names among themselves."""
    if not np.isfinite(auc):
        return float("nan")
    random = np.random.default_rng(0)
    as_large = 1  # the names as they are
    for _ in range(_PERMUTATIONS):
        # Within each checkpoint its points in a random order.
        order = np.lexsort((random.random(len(layer_of)), checkpoint_of))
        named = np.empty_like(layer_of)
        named[np.argsort(checkpoint_of, kind="stable")] = layer_of[order]
        as_large += ranks.auc(named) >= auc - _ROUNDING
    return as_large / (_PERMUTATIONS + 1)


def _mean(distances: NDArray[np.float64], wanted: NDArray[np.bool_], rows: NDArray[np.bool_]) -> float:
    values = distances[rows][wanted[rows]]
    return float(values.mean()) if len(values) else float("nan")
