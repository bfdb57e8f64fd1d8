"""Parts of a layer's samples: how many there are, what each stands on, and those that a record holds."""

import itertools

import numpy as np
import pytest

from topocallback.measures.facts import LayerFacts
from topocallback.measures.scale import scale_of
from topocallback.records.parts import LayerParts


def facts_of(ids, **options):
    return LayerFacts(np.random.default_rng(0).normal(size=(len(ids), 2)), sample_ids=ids, **options)


def samples_of(parts):
    return [part.sample_ids.tolist() for part in parts]


def test_a_quarter_is_three_of_the_twelfths():
    facts = facts_of(np.arange(96))
    quarters, twelfths = samples_of(facts.parts(4)), samples_of(facts.parts(12))
    for i, quarter in enumerate(quarters):
        assert quarter == sorted(itertools.chain(*twelfths[i::4]))


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


def test_the_facts_of_a_record_have_the_parts_that_it_holds():
    diagrams = [np.array([[0.0, 1.0]]), np.empty((0, 2))]
    of_parts = [[np.array([[0.0, 0.5 + i]]) for i in range(3)], [np.empty((0, 2))] * 3]
    facts = LayerFacts.of_diagrams(diagrams, (0, 1), LayerParts(np.array([4, 4, 3]), of_parts))
    found = facts.parts(3)
    assert [part.n_points for part in found] == [4, 4, 3]
    assert [part.diagram(0).tolist() for part in found] == [[[0.0, 0.5 + i]] for i in range(3)]
    assert facts.parts(4) == LayerFacts.of_diagrams(diagrams, (0, 1)).parts(3) == []
