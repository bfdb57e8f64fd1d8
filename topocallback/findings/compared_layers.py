"""Which layers of one network are alike, as far as a comparison tells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topocallback.findings.differences import largest, last_checkpoints, tested_tables
from topocallback.findings.evidence import evidence
from topocallback.findings.wording import capped
from topocallback.records.comparison import Comparison
from topocallback.records.finding import Finding
from topocallback.records.results import LEVEL, DistanceTable
from topocallback.records.wording import shown

__all__ = ["twins"]

_FEWEST_SAMPLES = 256
_MOST_PAIRS = 100
_RULE = (
    "Said of two layers that no homology dimension tells apart at 5 %, nearer than their noise in all of them, in the "
    f"last checkpoint of every run, and seen on at least {_FEWEST_SAMPLES} samples. The level is that of layers that "
    "differ as the adjacent blocks of a trained ResNet-18 do: with so many samples, 95 % of them are told apart. It is "
    "about shape: a rotated copy of a layer is its twin, and where clouds have no structure, as of a Gaussian, noise "
    "of 20 % of each channel's deviation passed unseen in 17 of 20 cases."
)


def twins(comparison: Comparison) -> list[Finding]:
    """Pairs of layers of one network that have the same shape, as far as is told: one of both may be redundant.

    Args:
        comparison: The comparison, of which the last checkpoint of each run is looked at.

    Returns:
        One finding for all such pairs, or none.
    """
    tables = tested_tables(comparison)
    if not tables:
        return []
    times = [table.times_noise for table in tables]
    count = len(comparison.layers)
    sizes = np.zeros((count, count))
    seen = np.zeros((count, count), dtype=bool)
    for number in last_checkpoints(comparison):
        rows = np.flatnonzero((comparison.checkpoint_of == number) & (comparison.n_points >= _FEWEST_SAMPLES))
        cells = np.ix_(comparison.layer_of[rows], comparison.layer_of[rows])
        sizes[cells] = np.fmax(sizes[cells], _apart(tables, times, rows))
        seen[cells] = True
    first, second = np.nonzero(np.triu(seen & (sizes <= 1), 1))
    if not len(first):
        return []
    order = np.argsort(sizes[first, second], kind="stable")
    pairs = [(comparison.layers[first[i]], comparison.layers[second[i]]) for i in order]
    named = [f"{shown(one)!r} and {shown(other)!r}" for one, other in pairs]
    statement = f"Not told apart by shape, and nearer than their noise: {capped(named)}. They may be redundant."
    members = {layer for pair in pairs for layer in pair}
    layers = tuple(layer for layer in comparison.layers if layer in members)
    numbers = {
        f"{one} and {other}, times noise": float(sizes[first[i], second[i]])
        for i, (one, other) in list(zip(order, pairs, strict=True))[:_MOST_PAIRS]
    } | {"pairs": len(pairs)}
    return [Finding("Which layers are redundant?", layers, statement, evidence(_RULE, numbers), LEVEL, "twins")]


def _apart(
    tables: tuple[DistanceTable, ...], times: list[NDArray[np.float64]], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(k, k) how many times its noise each pair is apart, in the dimension where that is most; infinite if told apart.

    A pair of which no dimension was tested, or of two clouds that have no bar at all, is told nothing of: infinite.
    """
    square = np.ix_(rows, rows)
    p_values = np.array([table.p_values[square] for table in tables])
    sizes = largest(np.array([of_table[square] for of_table in times]))
    is_tested = (~np.isnan(p_values)).any(axis=0)
    has_bars = np.array([table.matrix[square] for table in tables]) > 0
    has_bars |= np.array([table.sizes[rows] for table in tables])[:, :, None] > 0
    is_alike = is_tested & ~(p_values <= LEVEL).any(axis=0) & has_bars.any(axis=0) & ~np.isnan(sizes)
    return np.where(is_alike, sizes, np.inf)
