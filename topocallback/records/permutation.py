"""Whether two groups of points differ, by a permutation test on their distances."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topocallback.records.distance_matrix import as_distance_matrix

__all__ = ["PermutationTest", "permutation_test"]

_FEWEST_IN_GROUP = 2


@dataclass(frozen=True)
class PermutationTest:
    """What a permutation test found.

    Attributes:
        statistic: Mean distance between the groups, less the mean of the two mean distances within them, in the units
            of the distances. Above 0 the groups are apart.
        p_value: How often a random division into groups of the same sizes is at least as far apart, in (0, 1].
        n_permutations: How many divisions were looked at, the given one included.
        smallest_p: The smallest p-value that so many points can give at all.
    """

    statistic: float
    p_value: float
    n_permutations: int
    smallest_p: float


def permutation_test(
    distances: ArrayLike,
    first: Sequence[int],
    second: Sequence[int],
    *,
    n_permutations: int = 9999,
    seed: int = 0,
) -> PermutationTest:
    """Whether two groups of points are further apart than random groups of the same sizes would be.

    Under the null hypothesis that membership means nothing, the p-value is at most p with probability at most p. All
    divisions are looked at where there are no more than ``n_permutations`` of them, otherwise random ones.

    Args:
        distances: (n, n) symmetric matrix with zero diagonal; see ``as_distance_matrix``.
        first: Indices of the first group, at least two.
        second: Indices of the second group, at least two, none of them in the first.
        n_permutations: How many random divisions to draw, at least 1.
        seed: Seed of the draw.

    Returns:
        The test.

    Raises:
        ValueError: If the groups are too small or overlap, ``distances`` is no matrix of distances, those among the
            groups are not finite, or ``n_permutations`` is under 1.

    References:
        Robinson and Turner, "Hypothesis testing for topological data analysis" (2017); the statistic is that of
        Szekely and Rizzo's energy distance (2013).

    Example:
        >>> places = np.array([0.0, 0.1, 0.2, 0.3, 5.0, 5.1, 5.2, 5.3])
        >>> test = permutation_test(abs(places[:, None] - places), range(4), range(4, 8))
        >>> round(test.statistic, 2), round(test.p_value, 3), test.n_permutations
        (4.83, 0.029, 70)
    """
    for name, group in (("first", first), ("second", second)):
        if len(group) < _FEWEST_IN_GROUP:
            raise ValueError(f"Expected `{name}` to hold at least {_FEWEST_IN_GROUP} points, got {len(group)}.")
    members = [*first, *second]
    if len(set(members)) < len(members):
        raise ValueError(f"Expected `first` and `second` to have no point in common, got {sorted(first)} and {second}.")
    if n_permutations < 1:
        raise ValueError(f"Expected `n_permutations` to be at least 1, got {n_permutations}.")
    matrix = as_distance_matrix(distances, known=False)[np.ix_(members, members)]
    if not np.isfinite(matrix).all():
        raise ValueError("Expected finite distances within and between the groups, got NaN or infinity.")
    divisions = _divisions(len(members), len(first), n_permutations, seed)
    statistics = _apart(matrix, divisions)
    # Rounding must not make the given division differ from itself in another order.
    as_far = int((statistics >= statistics[0] - 1e-9 * matrix.max(initial=0.0)).sum())
    exhaustive = len(divisions) == math.comb(len(members), len(first))
    # Swapping two groups of one size changes nothing.
    smallest = (2 if exhaustive and len(first) == len(second) else 1) / len(divisions)
    return PermutationTest(float(statistics[0]), as_far / len(divisions), len(divisions), smallest)


def _divisions(n: int, size: int, n_permutations: int, seed: int) -> NDArray[np.float64]:
    """(divisions, n) indicators of the first group; the given division comes first."""
    if math.comb(n, size) <= n_permutations:
        chosen = np.array(list(itertools.combinations(range(n), size)))
    else:
        order = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (n_permutations, 1)), axis=1)
        chosen = np.concatenate([np.arange(size)[None], order[:, :size]])
    table = np.zeros((len(chosen), n))
    np.put_along_axis(table, chosen, 1.0, axis=1)
    return table


def _apart(matrix: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
    """The statistic of every division at once."""
    second = 1 - first
    size, other = int(first[0].sum()), int(second[0].sum())
    to_first = first @ matrix
    within_first = (to_first * first).sum(axis=1) / (size * (size - 1))
    between = (to_first * second).sum(axis=1) / (size * other)
    within_second = ((second @ matrix) * second).sum(axis=1) / (other * (other - 1))
    return np.asarray(between - (within_first + within_second) / 2)
