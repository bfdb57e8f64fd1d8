"""Two halves of a layer's samples: the same everywhere, and without a sample in common."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topocallback.hashing import sample_priorities
from topocallback.measures.facts import LayerFacts
from topocallback.measures.noise import halves


def facts_of(ids, **options):
    return LayerFacts(np.random.default_rng(0).normal(size=(len(ids), 2)), sample_ids=ids, **options)


@given(ids=st.lists(st.integers(0, 60), min_size=1, max_size=60))
def test_halves_share_no_sample_and_have_equally_many_points(ids):
    parts = halves(facts_of(ids))
    if parts is None:
        return
    first, second = parts
    assert first.n_points == second.n_points >= 2
    assert not set(first.sample_ids) & set(second.sample_ids)
    assert set(first.sample_ids) | set(second.sample_ids) <= set(ids)


def test_samples_are_split_by_their_hash():
    ids = np.arange(50, 71)
    by_hash = ids[np.argsort(sample_priorities(ids, int.from_bytes(b"split", "big")))]
    first, second = halves(facts_of(ids))
    assert first.sample_ids.tolist() == by_hash[::2][:10].tolist()
    assert second.sample_ids.tolist() == by_hash[1::2].tolist()


def test_halves_are_the_same_samples_in_another_order_of_the_rows_and_in_another_layer():
    ids = np.arange(30)
    order = np.random.default_rng(1).permutation(ids)
    here, there = halves(facts_of(ids)), halves(facts_of(order))
    other_layer = halves(LayerFacts(np.ones((30, 7))))
    for part, shuffled, other in zip(here, there, other_layer, strict=True):
        assert part.sample_ids.tolist() == shuffled.sample_ids.tolist() == other.sample_ids.tolist()


@pytest.mark.parametrize("per_sample", [2, 5])
def test_the_points_of_one_sample_stay_together(per_sample):
    ids = np.repeat(np.arange(20), per_sample)
    parts = halves(facts_of(ids))
    for part in parts:
        assert np.unique(part.sample_ids, return_counts=True)[1].tolist() == [per_sample] * 10


def test_halves_have_the_points_of_their_samples_and_the_scale_of_the_whole():
    ids = np.arange(100, 140)
    facts = facts_of(ids, scale="quantile")
    for part in halves(facts):
        np.testing.assert_array_equal(part.cloud, facts.cloud[part.sample_ids - 100])
        assert part.scale == facts.scale


@pytest.mark.parametrize(
    ("ids", "are_enough"), [([], False), ([1, 2, 3], False), ([1, 2, 3, 4], True), ([7] * 9, False)]
)
def test_fewer_than_two_points_in_a_half_are_too_few(ids, are_enough):
    assert (halves(facts_of(ids)) is not None) is are_enough


def test_points_that_are_not_finite_are_in_neither_half():
    cloud = np.random.default_rng(0).normal(size=(12, 2))
    cloud[[2, 5]] = np.nan
    first, second = halves(LayerFacts(cloud))
    assert sorted([*first.sample_ids, *second.sample_ids]) == [0, 1, 3, 4, 6, 7, 8, 9, 10, 11]
