"""How many of a sample's neighbours carry its label, and how many would if labels were dealt out at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.findings.classes import Classes, classes_of
from topocallback.records.results import LEVEL
from topocallback.records.snapshot import Snapshot

__all__ = ["NEAR_BEST", "SameLabel", "same_label"]

NEAR_BEST = 0.9
"""How far from chance to the best layer's share a layer's share has to be, for classes to separate there as well."""

_N_DEALT = 199  # 999 would take 45 ms of every step of 12 layers with 512 samples
_SEED = 0


@dataclass(frozen=True, eq=False)
class SameLabel:
    """The neighbours with a sample's own label in each of L layers.

    Of n samples, of whose neighbours only those count that have a label, as only samples do that have one.

    Attributes:
        classes: The samples' classes.
        layers: The layers that have neighbours, in the model's order.
        own: (L, n) how many of a sample's neighbours carry its label.
        counted: (L, n) how many of its neighbours count.
        p_values: (L,) how probably any layer, of all of them, would be as far above chance as this one, if labels were
            dealt out at random: by as many as 199 permutations of the labels, at least 0.005.
    """

    classes: Classes
    layers: tuple[str, ...]
    own: NDArray[np.int64]
    counted: NDArray[np.int64]
    p_values: NDArray[np.float64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """(L,) which share of all neighbours carry the label of the sample whose neighbours they are."""
        return np.asarray(self.own.sum(axis=1) / np.maximum(self.counted.sum(axis=1), 1))

    @property
    def is_above_chance(self) -> NDArray[np.bool_]:
        """(L,) in which layers that is more than by chance."""
        return self.p_values <= LEVEL

    @property
    def best(self) -> int:
        """The layer with the largest share, of those in which it is above chance."""
        return int(np.where(self.is_above_chance, self.shares, -1).argmax())

    @property
    def separated(self) -> float:
        """How far the best layer's share is on the way from chance to 1."""
        return float((self.shares[self.best] - self.classes.chance) / (1 - self.classes.chance))

    @property
    def is_near_best(self) -> NDArray[np.bool_]:
        """(L,) in which layers the share is at least ``NEAR_BEST`` of the way from chance to that of the best layer."""
        chance = self.classes.chance
        needed = chance + NEAR_BEST * (self.shares[self.best] - chance)
        return np.asarray(self.is_above_chance & (self.shares >= needed))

    @property
    def depth(self) -> int:
        """The first layer from which on the share stays near that of the best layer, up to this one."""
        away = np.flatnonzero(~self.is_near_best[: self.best])
        return int(away[-1]) + 1 if len(away) else 0

    @property
    def falls(self) -> int | None:
        """The first layer behind the best one from which on the share is surely less, up to the last layer."""
        is_less = self._is_surely_less() & ~self.is_near_best
        count = int(np.logical_and.accumulate(is_less[: self.best : -1]).sum())
        return len(self.layers) - count if count else None

    def _is_surely_less(self) -> NDArray[np.bool_]:
        """(L,) in which layers there is less of the own label than in the best one, sample by sample, one-sided.

        The best layer was chosen because it is, so it is as if all layers were tested. And samples that share
        neighbours see the same, so that the standard error of their mean is larger than that of single samples: it is
        taken twice.
        """
        from scipy.stats import norm

        needed = 2 * norm.isf(LEVEL / len(self.layers))
        rates, counts = self.own / np.maximum(self.counted, 1), self.counted > 0
        found = np.zeros(len(self.layers), dtype=bool)
        for layer in range(len(self.layers)):
            less = (rates[self.best] - rates[layer])[counts[self.best] & counts[layer]]
            if len(less) > 1:
                found[layer] = less.mean() > needed * less.std(ddof=1) / len(less) ** 0.5
        return found


def same_label(snapshot: Snapshot) -> SameLabel | None:
    """How many of each sample's neighbours carry its label, in every layer that has neighbours.

    Args:
        snapshot: The snapshot.

    Returns:
        The counts and their p-values; ``None`` where there are no classes, or no neighbours.

    References:
        Westfall and Young, "Resampling-based multiple testing" (1993), for the p-values: of the maximum over layers of
        what was counted, in standard deviations of the permutations.
    """
    classes, layers = classes_of(snapshot), tuple(layer for layer in snapshot.layers if layer in snapshot.nearest)
    if classes is None or not layers:
        return None
    positions = [snapshot.nearest[layer].positions for layer in layers]
    counts = [_counts(classes.codes, each) for each in positions]
    own, counted = (np.array([count[i] for count in counts]) for i in (0, 1))
    return SameLabel(classes, layers, own, counted, _p_values(_totals(_dealt(classes), positions)))


def _counts(codes: NDArray[np.int64], positions: NDArray[np.signedinteger]) -> tuple[NDArray[Any], NDArray[Any]]:
    of_neighbours = np.where(positions >= 0, codes[positions], -1)
    counts = (of_neighbours >= 0) & (codes >= 0)[:, None]
    return (counts & (of_neighbours == codes[:, None])).sum(axis=1), counts.sum(axis=1)


def _dealt(classes: Classes) -> NDArray[np.unsignedinteger]:
    """(n, 1 + permutations) the classes of all samples as they are, and permuted; 0 stays where a label is missing."""
    codes = (classes.codes + 1).astype(np.min_scalar_type(len(classes.names) + 1))
    has_label = codes > 0
    dealt = np.repeat(codes[:, None], 1 + _N_DEALT, axis=1)
    labelled = np.broadcast_to(codes[has_label], (_N_DEALT, has_label.sum()))
    dealt[has_label, 1:] = np.random.default_rng(_SEED).permuted(labelled, axis=1).T
    return dealt


def _totals(dealt: NDArray[np.unsignedinteger], positions: list[NDArray[np.signedinteger]]) -> NDArray[np.int64]:
    """(L, 1 + permutations) how many neighbours carry the label of their sample."""
    n_samples = len(dealt)
    nobody = np.zeros_like(dealt[:1])
    of_neighbours = np.concatenate([dealt, nobody])  # which -1 leads to
    of_samples = np.where(dealt == 0, dealt.max() + 1, dealt)  # no label is not the same as no label
    totals = np.zeros((len(positions), dealt.shape[1]), dtype=np.int64)
    # In place: to ask the system for new memory each time took twice as long.
    found, is_same = np.empty_like(dealt), np.empty(dealt.shape, dtype=bool)
    for layer, nearest in enumerate(positions):
        per_sample = np.zeros(dealt.shape, dtype=np.uint8)
        for column in nearest.T:
            np.take(of_neighbours, np.where(column < 0, n_samples, column), axis=0, out=found, mode="clip")
            np.equal(found, of_samples, out=is_same)
            np.add(per_sample, is_same.view(np.uint8), out=per_sample)
        totals[layer] = per_sample.sum(axis=0, dtype=np.int64)
    return totals


def _p_values(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """(L,) of the first column among all: each layer's against the largest of all layers."""
    spread = totals.std(axis=1, keepdims=True)
    deviations = np.divide(
        totals - totals.mean(axis=1, keepdims=True), spread, out=np.zeros(totals.shape), where=spread > 0
    )
    return np.asarray((deviations.max(axis=0) >= deviations[:, :1] - 1e-9).mean(axis=1))
