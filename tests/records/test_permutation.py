"""Permutation tests, against SciPy and chance itself."""

import numpy as np
import pytest
from scipy.stats import permutation_test as reference_test

from topocallback.records.permutation import permutation_test


def distances_of(points):
    return np.sqrt(((points[:, None] - points) ** 2).sum(axis=-1))


def statistic_of(first, second):
    """The statistic by its definition, on the line."""

    def mean_within(group):
        apart = abs(group[:, None] - group)
        return apart[~np.eye(len(group), dtype=bool)].mean()

    return abs(first[:, None] - second).mean() - (mean_within(first) + mean_within(second)) / 2


@pytest.mark.parametrize(("size", "other"), [(4, 4), (3, 5), (2, 6)])
def test_the_p_value_of_all_divisions_is_scipys(size, other):
    places = np.random.default_rng(size).normal(size=size + other)
    places[:size] += 1
    found = permutation_test(abs(places[:, None] - places), range(size), range(size, size + other))
    expected = reference_test(
        (places[:size], places[size:]), statistic_of, alternative="greater", n_resamples=np.inf, vectorized=False
    )
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("size", [4, 8], ids=["all divisions", "random divisions"])
def test_equal_distributions_are_told_apart_no_more_often_than_the_level_allows(size):
    rng = np.random.default_rng(0)
    trials, level = 400, 0.05
    rejected = 0
    for trial in range(trials):
        matrix = distances_of(rng.normal(size=(2 * size, 3)))
        test = permutation_test(matrix, range(size), range(size, 2 * size), n_permutations=199, seed=trial)
        rejected += test.p_value <= level
    # Three standard errors of a share of 0.05 in 400 trials are 0.033.
    assert rejected / trials <= level + 0.033
    assert rejected > 0


def test_groups_far_apart_get_the_smallest_p_value_there_is():
    places = np.array([0, 1, 2, 3, 100, 101, 102, 103.0])
    found = permutation_test(abs(places[:, None] - places), range(4), range(4, 8))
    assert found.p_value == found.smallest_p == 2 / 70


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [([0], [1, 2], "at least 2 points, got 1"), ([0, 1], [1, 2], "no point in common")],
)
def test_groups_that_cannot_be_tested_are_refused(first, second, said):
    with pytest.raises(ValueError, match=said):
        permutation_test(np.zeros((4, 4)), first, second)


def test_distances_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        permutation_test(np.full((4, 4), np.nan), [0, 1], [2, 3])


def test_half_a_matrix_of_distances_is_refused():
    places = np.arange(4.0)
    with pytest.raises(ValueError, match="Expected `distances` to be symmetric"):
        permutation_test(np.triu(abs(places[:, None] - places)), [0, 1], [2, 3])
