"""Which samples are nearly the same: in every layer, and not by chance."""

import numpy as np
import pytest
from neighbour_tools import classes_apart, with_neighbours

from topocallback.findings.alike import near_duplicates, nearly_equal
from topocallback.findings.course import Course


def normal(n=100, dim=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim))


def said_of(clouds, sample_ids=None):
    return near_duplicates(Course([with_neighbours(clouds, sample_ids=sample_ids)]))


def test_a_sample_that_is_there_twice_is_found_in_all_layers():
    first, second = normal(), normal(dim=3, seed=1)
    for cloud in (first, second):
        cloud[40] = cloud[7] + 1e-6
    (found,) = said_of({"stem": first, "head": second}, 500 + np.arange(100))
    assert str(found) == "Samples 507 and 540 are nearly the same in every layer."
    assert found.samples == (507, 540)
    view = found.evidence["view"]
    assert (view["layer"], view["n_samples"], view["samples"][0]["label"]) == ("head", 2, "")
    assert [sample["note"] for sample in view["samples"]] == ["nearly the same as 540", "nearly the same as 507"]
    assert view["samples"][0]["neighbours"][0] == 540


def test_samples_that_are_the_same_in_one_layer_only_are_not():
    first, second = normal(), normal(seed=1)
    first[40] = first[7]
    assert said_of({"stem": first, "head": second}) == []


def test_more_than_two_are_one_group_and_the_largest_group_comes_first():
    cloud = normal(200)
    cloud[[150, 151]] = cloud[3]
    cloud[60] = cloud[61]
    cloud[100:116] = cloud[20]  # more than the neighbours that are kept
    (found,) = said_of({"stem": cloud})
    groups = nearly_equal(with_neighbours({"stem": cloud}))
    assert groups == [[20, *range(100, 116)], [3, 150, 151], [60, 61]]
    assert (
        str(found) == "22 samples, in 3 groups, are nearly the same in every layer, such as 20, 100, 101 and 14 more."
    )
    assert (len(found.samples), found.evidence["view"]["n_samples"]) == (20, 22)


def test_every_sample_can_be_there_twice():
    groups = nearly_equal(with_neighbours({"stem": np.tile(normal(60), (2, 1))}))
    assert groups == [[i, i + 60] for i in range(60)]


@pytest.mark.parametrize(
    "collapsed",
    [
        np.zeros((100, 4)),
        np.concatenate([np.zeros((96, 4)), normal(4, 4)]),
        np.concatenate([np.zeros((30, 4)), normal(70, 4)]),
        1 + 1e-9 * normal(100, 4),
        np.full((100, 4), np.nan),
    ],
    ids=["all", "all but four", "a third", "nearly all", "no number"],
)
def test_a_collapsed_layer_makes_nobody_a_duplicate_and_hides_none(collapsed):
    assert said_of({"collapsed": collapsed}) == []
    cloud = normal()
    cloud[40] = cloud[7]
    spread = collapsed.copy()
    spread[40] = spread[7]
    (found,) = said_of({"stem": cloud, "collapsed": spread})
    assert found.samples == (7, 40)


def test_the_unit_of_a_layer_does_not_matter():
    cloud = normal()
    cloud[40] = cloud[7] + 1e-5
    for factor in (1e-12, 1e12):
        assert [found.samples for found in said_of({"stem": factor * cloud})] == [(7, 40)]


@pytest.mark.parametrize("dim", [1, 2, 3, 20])
def test_independent_samples_are_the_same_in_at_most_one_of_twenty_cases(dim):
    said = [said_of({"stem": normal(300, dim, seed)}) for seed in range(20)]
    assert sum(map(bool, said)) <= 1


def test_tight_classes_are_no_duplicates_of_one_another():
    cloud, _ = classes_apart(distance=1000.0)
    assert said_of({"stem": cloud}) == []
