"""Which samples lie apart: those behind a gap that the tail of all others does not explain."""

import numpy as np
import pytest
from neighbour_tools import with_neighbours

from topocallback.findings.course import Course
from topocallback.findings.outliers import lying_apart, outliers


def normal(n, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim))


def t_distributed(n, dim, seed=0, degrees=3):
    return normal(n, dim, seed) / np.sqrt(np.random.default_rng(seed + 1000).chisquare(degrees, size=(n, 1)) / degrees)


def said_of(clouds, sample_ids=None):
    return outliers(Course([with_neighbours(clouds, sample_ids=sample_ids)]))


def test_samples_far_from_all_others_are_named():
    cloud, other = normal(200, 6), normal(200, 6, seed=1)
    cloud[17] += 20
    cloud[80] -= 15
    (found,) = said_of({"stem": cloud, "head": other}, 300 + np.arange(200))
    assert str(found) == "2 of 200 samples lie apart from all others in layer 'stem': samples 317, 380."
    assert (found.layers, found.level, found.samples) == (("stem",), 0.05, (317, 380))
    view = found.evidence["view"]
    assert (view["layer"], view["n_samples"], len(view["samples"][0]["neighbours"])) == ("stem", 2, 10)
    assert view["samples"][0]["note"].endswith("times as far as the median; lies apart in 1 layer")
    assert found.numbers["in each layer"] == [{"layer": "stem", "value": 2}]


def test_those_that_lie_apart_in_more_layers_come_first():
    first, second = normal(200, 6), normal(200, 6, seed=1)
    first[[5, 9]] += [[30], [20]]
    second[9] += 20
    (found,) = said_of({"stem": first, "head": second})
    assert found.samples == (9, 5)


def test_ten_equal_samples_may_lie_apart_together():
    cloud = normal(300, 6)
    cloud[:10] = 20
    assert np.flatnonzero(lying_apart(with_neighbours({"stem": cloud}))["stem"]).tolist() == list(range(10))


@pytest.mark.parametrize("make", [normal, t_distributed])
@pytest.mark.parametrize("dim", [1, 2, 16])
@pytest.mark.parametrize("n", [60, 300])
def test_a_cloud_of_one_kind_has_outliers_in_at_most_one_of_twenty_cases(make, dim, n):
    said = [said_of({"stem": make(n, dim, seed)}) for seed in range(20)]
    assert sum(map(bool, said)) <= 2  # as many or fewer in 92 % of cases at 0.05


def test_the_unit_of_a_layer_does_not_matter():
    cloud = normal(200, 6)
    cloud[17] += 20
    for factor in (1e-12, 1e12):
        assert [found.samples for found in said_of({"stem": factor * cloud})] == [(17,)]


@pytest.mark.parametrize(
    "cloud",
    [np.zeros((100, 3)), np.concatenate([np.zeros((90, 3)), normal(10, 3)]), np.full((100, 3), np.nan), normal(30, 3)],
    ids=["all equal", "most equal", "no number", "few"],
)
def test_nobody_lies_apart_where_there_is_no_tail(cloud):
    assert said_of({"stem": cloud}) == []


def test_samples_that_are_nan_in_a_layer_do_not_lie_apart_there():
    cloud = normal(200, 6)
    cloud[17] += 20
    broken = cloud.copy()
    broken[:40] = np.nan
    (found,) = said_of({"broken": broken, "whole": cloud})
    assert (found.samples, found.layers) == ((17,), ("whole",))
