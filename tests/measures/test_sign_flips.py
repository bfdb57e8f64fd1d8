"""The test by signs: exact under the null hypothesis, and able to see what is there."""

import itertools

import numpy as np
import pytest

from topocallback.measures.sign_flips import N_PARTS, p_values


def products(first, second):
    """Inner products of features: (P, K, K) from two of (P, K, d)."""
    return np.einsum("pid,pjd->pij", first, second)


def minus_distances(first, second):
    return -np.linalg.norm(first[:, :, None] - second[:, None, :], axis=-1)


def p_of(first, second, likeness=products):
    return p_values(likeness(first, first), likeness(second, second), likeness(first, second))


def by_changing_sides(first, second, likeness):
    """The p-value of one pair, by putting part i on the other side in every possible way."""

    def statistic(ours, theirs):
        within, without, across = (likeness(*pair) for pair in ((ours, ours), (theirs, theirs), (ours, theirs)))
        count = len(ours[0])
        return sum(
            (within + without)[0, i, j] - across[0, i, j] - across[0, j, i] for i in range(count) for j in range(i)
        )

    given, found = statistic(first, second), []
    for changes in itertools.product([False, True], repeat=first.shape[1]):
        swapped = np.array(changes)[None, :, None]
        found.append(statistic(np.where(swapped, second, first), np.where(swapped, first, second)))
    return np.mean(np.array(found) >= given - 1e-9)


@pytest.mark.parametrize("likeness", [products, minus_distances])
@pytest.mark.parametrize("n_parts", [2, 3, 5])
def test_p_is_the_share_of_all_changes_of_sides_that_look_at_least_as_different(n_parts, likeness):
    random = np.random.default_rng(n_parts)
    for shift in (0, 0.5, 2):
        first, second = random.normal(size=(2, 1, n_parts, 3))
        expected = by_changing_sides(first, second + shift, likeness)
        assert p_of(first, second + shift, likeness) == pytest.approx([expected], abs=1e-12)


def test_p_goes_from_one_in_2048_to_one():
    far = np.ones((1, N_PARTS, 1))
    assert p_of(far, -far).tolist() == [1 / 2048]
    assert p_of(far, far).tolist() == [1.0]
    found = p_of(*np.random.default_rng(0).normal(size=(2, 500, N_PARTS, 2)))
    assert ((found >= 1 / 2048) & (found <= 1)).all()
    np.testing.assert_allclose(found * 2048, np.round(found * 2048), atol=1e-9)


def test_p_is_the_same_from_both_sides_and_in_another_order_of_the_parts():
    first, second = np.random.default_rng(0).normal(size=(2, 50, N_PARTS, 4))
    second += 0.3
    order = np.random.default_rng(1).permutation(N_PARTS)
    for likeness in (products, minus_distances):
        expected = p_of(first, second, likeness)
        np.testing.assert_array_equal(p_of(second, first, likeness), expected)
        np.testing.assert_array_equal(p_of(first[:, order], second[:, order], likeness), expected)


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_the_unit_of_the_likeness_does_not_matter(factor):
    first, second = np.random.default_rng(0).normal(size=(2, 50, N_PARTS, 4))
    np.testing.assert_array_equal(p_of(factor * first, factor * second), p_of(first, second))


def test_p_is_unknown_where_a_likeness_is_and_the_others_are_not_touched():
    first, second = np.random.default_rng(0).normal(size=(2, 3, N_PARTS, 4))
    within, without, across = products(first, first), products(second, second), products(first, second)
    expected = p_values(within, without, across)
    for spoilt in (within, without, across):
        kept = spoilt.copy()
        spoilt[1, 0, 3] = np.nan
        found = p_values(within, without, across)
        assert np.isnan(found).tolist() == [False, True, False]
        np.testing.assert_array_equal(found[[0, 2]], expected[[0, 2]])
        spoilt[:] = kept


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_sides_that_are_equal_up_to_rounding_are_not_told_apart(factor):
    features = factor * np.random.default_rng(0).exponential(size=(200, N_PARTS, 500)).astype(np.float32)
    likeness = products(features, features)
    rounded = likeness * (1 + 1e-7 * np.random.default_rng(1).normal(size=likeness.shape)).astype(np.float32)
    assert (p_values(likeness, likeness, rounded) == 1).all()


def test_many_pairs_are_those_one_by_one():
    first, second = np.random.default_rng(0).normal(size=(2, 1100, N_PARTS, 2))
    found = p_of(first, second)
    for i in (0, 511, 512, 1099):
        assert found[i] == p_of(first[i : i + 1], second[i : i + 1])


def test_no_pairs_have_no_p():
    assert p_of(np.empty((0, N_PARTS, 2)), np.empty((0, N_PARTS, 2))).shape == (0,)


# -- How often it is wrong, and how often right ----------------------------------------------------------------------

PAIRS = 2000
MOST = 0.05 + 3 * np.sqrt(0.05 * 0.95 / PAIRS)  # three standard errors above the level


def of_other_samples(random):
    return random.exponential(size=(2, PAIRS, N_PARTS, 3))


def of_the_same_samples(random):
    samples = random.exponential(size=(1, PAIRS, N_PARTS, 3))
    return samples + 0.1 * random.normal(size=(2, PAIRS, N_PARTS, 3))


def of_parts_unlike_each_other(random):
    """Parts need not be alike: only what a part gives on one side and on the other."""
    return np.arange(N_PARTS)[:, None] * of_other_samples(random)


@pytest.mark.parametrize("likeness", [products, minus_distances])
@pytest.mark.parametrize("sides", [of_other_samples, of_the_same_samples, of_parts_unlike_each_other])
def test_sides_that_do_not_differ_are_told_apart_no_more_often_than_the_level(sides, likeness):
    first, second = sides(np.random.default_rng(0))
    assert (p_of(first, second, likeness) <= 0.05).mean() <= MOST


@pytest.mark.parametrize("likeness", [products, minus_distances])
def test_a_shift_is_found(likeness):
    first, second = np.random.default_rng(0).normal(size=(2, 200, N_PARTS, 3))
    assert (p_of(first, second + 1.5, likeness) <= 0.05).mean() > 0.95
