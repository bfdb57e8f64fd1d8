"""Which layers differ between checkpoints, tested together, and by how many times their noise."""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topocallback.findings.levels import surely
from topocallback.records.comparison import Comparison
from topocallback.records.results import DistanceTable

__all__ = ["Differences", "compared_pairs", "differences", "largest", "last_checkpoints", "tested_tables"]


@dataclass(frozen=True, eq=False)
class Differences:
    """The same layer in two checkpoints, for P pairs of checkpoints, L layers and T tables of distances.

    Attributes:
        pairs: P pairs of numbers of checkpoints.
        layers: The layers that both checkpoints of at least one pair have, in the model's order.
        tables: The tables, one for each homology dimension.
        distances: (T, P, L) distances; NaN where a checkpoint of the pair lacks the layer.
        p_values: (T, P, L) their p-values; NaN where nothing was tested.
        times_noise: (T, P, L) the distances over their noise; NaN where that is not known.
        errors: (T, P, L) the standard errors of paired distances; NaN for others.
    """

    pairs: tuple[tuple[int, int], ...]
    layers: tuple[str, ...]
    tables: tuple[DistanceTable, ...]
    distances: NDArray[np.float64]
    p_values: NDArray[np.float64]
    times_noise: NDArray[np.float64]
    errors: NDArray[np.float64]

    @functools.cached_property
    def equal(self) -> NDArray[np.bool_]:
        """(P, L) which layers are at distance 0 in all tables."""
        return np.asarray((self.distances == 0).all(axis=0))

    @functools.cached_property
    def tests(self) -> NDArray[np.float64]:
        """(T, P, L) the p-values of what can differ at all.

        A distance of 0 cannot: with it among the tests, one layer of 53 that was changed, of which the others are bit
        for bit the same, would not be named. Its p-value is 1 whatever the parts are, so that it may be left out.
        """
        return np.where(self.distances == 0, np.nan, self.p_values)

    @functools.cached_property
    def told_apart(self) -> NDArray[np.bool_]:
        """(P, L) which layers are told apart in a table, of all that were tested together; see ``surely``."""
        return np.asarray(surely(self.tests).any(axis=0))

    @property
    def is_tested(self) -> NDArray[np.bool_]:
        """(P, L) which layers were tested, or are equal."""
        return np.asarray(~np.isnan(self.tests).all(axis=0) | self.equal)

    @property
    def sizes(self) -> NDArray[np.float64]:
        """(P, L) how many times its noise each layer moved, in the table in which that is most."""
        return largest(self.times_noise)


def largest(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest along the first axis, of what is known; NaN where nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of what is not known anywhere
        return np.asarray(np.nanmax(values, axis=0) if len(values) else np.full(values.shape[1:], np.nan))


def tested_tables(comparison: Comparison) -> tuple[DistanceTable, ...]:
    """The tables of the first measure whose distances between different points have p-values; none if there is none."""
    for measure in comparison.distances.measures:
        tables = tuple(comparison.distances.of(measure))
        if any(_is_tested(table.p_values) for table in tables):
            return tables
    return ()


def _is_tested(p_values: NDArray[np.float64]) -> bool:
    """Whether a pair of different points has a p-value."""
    return bool(np.isfinite(p_values).sum() > np.isfinite(np.diagonal(p_values)).sum())


def last_checkpoints(comparison: Comparison) -> list[int]:
    """The number of each run's last checkpoint, in the order of the runs."""
    return list({checkpoint.run: number for number, checkpoint in enumerate(comparison.checkpoints)}.values())


def compared_pairs(comparison: Comparison) -> list[tuple[int, int]]:
    """Which checkpoints are held against each other: the last ones of all runs, or the first and last of a single run.

    Returns:
        Pairs of numbers; none for a single checkpoint.
    """
    ends = last_checkpoints(comparison)
    if len(ends) == 1 and len(comparison.checkpoints) > 1:
        ends = [0, *ends]
    return list(itertools.combinations(ends, 2))


def differences(comparison: Comparison, tables: Sequence[DistanceTable]) -> Differences:
    """Hold every layer against itself, in all pairs of checkpoints that are compared.

    Args:
        comparison: The comparison.
        tables: Tables of its distances.

    Returns:
        The distances, and how sure they are.
    """
    pairs = compared_pairs(comparison)
    places = np.full((len(comparison.checkpoints), len(comparison.layers)), -1)
    places[comparison.checkpoint_of, comparison.layer_of] = np.arange(len(comparison.layer_of))
    first, second = (places[[pair[side] for pair in pairs]] for side in (0, 1))
    in_both = (first >= 0) & (second >= 0)
    shared = np.asarray(in_both.any(axis=0))
    first, second, in_both = first[:, shared], second[:, shared], in_both[:, shared]

    def of(matrices: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        found = [np.where(in_both, matrix[first, second], np.nan) for matrix in matrices]
        return np.array(found, dtype=np.float64).reshape(len(matrices), *in_both.shape)

    return Differences(
        tuple(pairs),
        tuple(layer for layer, is_shared in zip(comparison.layers, shared, strict=True) if is_shared),
        tuple(tables),
        of([table.matrix for table in tables]),
        of([table.p_values for table in tables]),
        of([table.times_noise for table in tables]),
        of([table.errors for table in tables]),
    )
