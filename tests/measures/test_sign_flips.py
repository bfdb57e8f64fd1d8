"""The test of whether two layers differ: exact by enumeration, right about its rate, and able to see a difference."""

import itertools

import numpy as np
import pytest

from topocallback.measures.sign_flips import N_PARTS, p_values


def apart(x, y):
    return -np.linalg.norm(x[:, None] - y[None, :], axis=2)


def inner(x, y):
    return x @ y.T


def p_of(first, second, k=apart):
    return p_values(k(first, first)[None], k(second, second)[None], k(first, second)[None])[0]


def by_enumeration(first, second, k):
    """Every exchange of sides, done on the parts themselves."""
    count = len(first)

    def total(a, b):
        terms = k(a, a) + k(b, b) - k(a, b) - k(a, b).T
        return terms[np.triu_indices(count, 1)].sum()

    given, sums = total(first, second), []
    for swapped in itertools.product((False, True), repeat=count - 1):
        sides = np.array([False, *swapped])[:, None]
        sums.append(total(np.where(sides, second, first), np.where(sides, first, second)))
    return np.mean(np.array(sums) >= given - 1e-9)


@pytest.mark.parametrize("k", [apart, inner])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_p_is_the_share_of_all_exchanges_of_sides(k, shift):
    random = np.random.default_rng(0)
    first, second = random.normal(size=(6, 3)), random.normal(size=(6, 3)) + shift
    assert p_of(first, second, k) == by_enumeration(first, second, k)


def test_p_goes_from_one_over_2048_to_one():
    first = np.random.default_rng(0).normal(size=(N_PARTS, 2))
    assert p_of(first, first + 100) == 1 / 2048
    assert p_of(first, first) == 1
    assert p_of(np.ones((N_PARTS, 2)), np.ones((N_PARTS, 2))) == 1


def test_the_two_sides_may_change_places():
    random = np.random.default_rng(1)
    first, second = random.normal(size=(2, N_PARTS, 4))
    assert p_of(first, second) == p_of(second, first)


def test_a_likeness_that_is_not_known_gives_no_p():
    first = np.random.default_rng(0).normal(size=(N_PARTS, 2))
    broken = first.copy()
    broken[3] = np.nan
    assert np.isnan(p_of(broken, first))


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_unit_of_the_likeness_does_not_matter(factor):
    first, second = np.random.default_rng(0).normal(size=(2, N_PARTS, 4))
    assert p_of(factor * first, factor * second) == p_of(first, second)


def test_sides_that_are_equal_up_to_rounding_are_not_told_apart():
    random = np.random.default_rng(0)
    features = random.exponential(size=(100, N_PARTS, 500)).astype(np.float32)
    alike = features @ features.transpose(0, 2, 1)
    rounded = alike * (1 + 1e-7 * random.normal(size=alike.shape)).astype(np.float32)
    assert (p_values(alike, alike, rounded) == 1).all()


def test_no_pairs_have_no_p():
    assert p_values(*np.empty((3, 0, N_PARTS, N_PARTS))).shape == (0,)


def test_many_pairs_at_once_are_each_for_itself():
    sides = np.random.default_rng(0).normal(size=(2, 700, N_PARTS, 2))
    matrices = [
        np.array([apart(x, y) for x, y in zip(a, b, strict=True)]) for a, b in (sides[[0, 0]], sides[[1, 1]], sides)
    ]
    found = p_values(*matrices)
    assert found[[0, 511, 512, 699]].tolist() == [p_of(*sides[:, i]) for i in (0, 511, 512, 699)]


@pytest.mark.parametrize("paired", [False, True])
def test_what_does_not_differ_is_told_apart_as_often_as_the_level_says(paired):
    random, trials, told = np.random.default_rng(0), 400, 0
    for _ in range(trials):
        common = random.normal(size=(N_PARTS, 3)) if paired else 0.0
        first, second = (common + random.standard_t(3, size=(N_PARTS, 3)) for _ in range(2))
        told += p_of(first, second) <= 0.05
    assert told / trials <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)


def test_a_difference_is_seen_the_better_if_both_sides_share_what_varies():
    random, trials, told = np.random.default_rng(0), 100, {True: 0, False: 0}
    for paired in told:
        for _ in range(trials):
            common = 3 * random.normal(size=(N_PARTS, 3))
            other = common if paired else 3 * random.normal(size=(N_PARTS, 3))
            told[paired] += (
                p_of(common + random.normal(size=(N_PARTS, 3)), other + 1 + random.normal(size=(N_PARTS, 3))) <= 0.05
            )
    assert told[True] > 80 > 50 > told[False]
