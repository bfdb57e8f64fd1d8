"""Parts of a layer's samples: the same everywhere, without a sample in common, and each with a scale of its own."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topocallback.hashing import sample_priorities
from topocallback.measures.facts import LayerFacts
from topocallback.measures.scale import scale_of
from topocallback.records.parts import LayerParts


def facts_of(ids, **options):
    return LayerFacts(np.random.default_rng(0).normal(size=(len(ids), 2)), sample_ids=ids, **options)


def samples_of(parts):
    return [part.sample_ids.tolist() for part in parts]


@given(ids=st.lists(st.integers(0, 60), min_size=1, max_size=60), count=st.integers(2, 12))
def test_parts_share_no_sample_and_have_equally_many(ids, count):
    parts = facts_of(ids).parts(count)
    size = len(set(ids)) // count
    assert len(parts) == (count if size >= 2 else 0)
    of_parts = [set(part.sample_ids.tolist()) for part in parts]
    assert [len(samples) for samples in of_parts] == [size] * len(parts)
    assert len(set().union(*of_parts)) == size * len(parts)
    assert set().union(*of_parts) <= set(ids)


def test_samples_are_divided_by_their_hash():
    ids = np.arange(50, 79)
    by_hash = ids[np.argsort(sample_priorities(ids, int.from_bytes(b"split", "big")))]
    for i, part in enumerate(facts_of(ids).parts(4)):
        assert part.sample_ids.tolist() == sorted(by_hash[i::4][: 29 // 4])


def test_a_quarter_is_three_of_the_twelfths():
    facts = facts_of(np.arange(96))
    quarters, twelfths = samples_of(facts.parts(4)), samples_of(facts.parts(12))
    for i, quarter in enumerate(quarters):
        assert quarter == sorted(itertools.chain(*twelfths[i::4]))


@given(n=st.integers(8, 60), count=st.integers(2, 6))
def test_another_division_takes_equally_many_samples_and_spreads_each_part_of_the_first(n, count):
    facts = facts_of(np.arange(n))
    first, second = (samples_of(facts.parts(count, division)) for division in (0, 1))
    assert sorted(itertools.chain(*second)) == sorted(itertools.chain(*first))
    shared = np.array([[len(set(part) & set(other)) for other in second] for part in first])
    assert np.ptp(shared) <= 1 if len(first) else not second


def test_what_is_kept_of_a_layer_holds_the_first_division_only():
    facts = facts_of(np.arange(48), homology_dims=(0,))
    for division in (0, 1):
        _ = facts.parts(4, division)
    assert len(facts.without_cloud().parts(4)) == 4
    assert facts.without_cloud().parts(4, 1) == []


def test_parts_are_the_same_samples_in_another_layer_and_another_order_of_the_rows():
    ids = np.arange(30)
    order = np.random.default_rng(1).permutation(ids)
    here, other_layer = facts_of(ids).parts(5), LayerFacts(np.ones((30, 7))).parts(5)
    assert samples_of(here) == samples_of(other_layer)
    assert [sorted(samples) for samples in samples_of(facts_of(order).parts(5))] == samples_of(here)


def test_another_seed_divides_otherwise():
    ids = np.arange(40)
    assert samples_of(facts_of(ids, seed_of_parts=1).parts(4)) != samples_of(facts_of(ids).parts(4))
    assert samples_of(facts_of(ids, seed_of_parts=1).parts(4)) == samples_of(facts_of(ids, seed_of_parts=1).parts(4))


def test_the_points_of_one_sample_stay_together():
    ids = np.repeat(np.arange(20), 3)
    for part in facts_of(ids).parts(4):
        assert np.unique(part.sample_ids, return_counts=True)[1].tolist() == [3] * 5


def test_points_that_are_not_finite_are_missed_in_their_own_part_only():
    cloud = np.random.default_rng(0).normal(size=(48, 2))
    whole = samples_of(LayerFacts(cloud).parts(12))
    cloud[[2, 5]] = np.nan
    found = samples_of(LayerFacts(cloud).parts(12))
    assert found == [[sample for sample in part if sample not in (2, 5)] for part in whole]


@pytest.mark.parametrize(("n", "count"), [(0, 4), (7, 4), (8, 4), (23, 12), (24, 12)])
def test_fewer_than_two_samples_in_a_part_are_too_few(n, count):
    assert len(facts_of(np.arange(n)).parts(count)) == (count if n >= 2 * count else 0)


def test_each_part_has_its_own_points_and_its_own_scale():
    facts = LayerFacts(np.random.default_rng(0).normal(size=(40, 2)), sample_ids=np.arange(100, 140), scale="quantile")
    for part in facts.parts(4):
        np.testing.assert_array_equal(part.cloud, facts.cloud[part.sample_ids - 100])
        assert part.scale == scale_of(part.distances, "quantile") != facts.scale


def test_parts_are_made_once():
    facts = facts_of(np.arange(40))
    assert facts.parts(4) is facts.parts(4)


# -- Without the cloud -----------------------------------------------------------------------------------------------


def test_without_its_cloud_a_layer_keeps_its_diagrams_and_those_of_the_parts_that_were_asked_for():
    facts = facts_of(np.arange(48))
    parts = facts.parts(12)
    left = facts.without_cloud()
    assert (left.n_points, left.cloud.size) == (48, 0)
    for found, expected in zip([left, *left.parts(12)], [facts, *parts], strict=True):
        assert found.n_points == expected.n_points
        for diagram, other in zip(found.diagrams, expected.diagrams, strict=True):
            np.testing.assert_array_equal(diagram, other)
    assert left.parts(4) == []


def test_the_facts_of_a_record_have_the_parts_that_it_holds():
    diagrams = [np.array([[0.0, 1.0]]), np.empty((0, 2))]
    of_parts = [[np.array([[0.0, 0.5 + i]]) for i in range(3)], [np.empty((0, 2))] * 3]
    facts = LayerFacts.of_diagrams(diagrams, (0, 1), LayerParts(np.array([4, 4, 3]), of_parts))
    found = facts.parts(3)
    assert [part.n_points for part in found] == [4, 4, 3]
    assert [part.diagram(0).tolist() for part in found] == [[[0.0, 0.5 + i]] for i in range(3)]
    assert facts.parts(4) == LayerFacts.of_diagrams(diagrams, (0, 1)).parts(3) == []
