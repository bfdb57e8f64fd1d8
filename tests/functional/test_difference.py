"""Whether two clouds differ: the numbers of a cell of a snapshot, for clouds at hand."""

import warnings

import numpy as np
import pytest
import torch
from own_measures import LongBars, Procrustes

from topocallback import PointClouds, analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.functional import CloudDifference, clouds_differ

N = 144


def gaussian(n=N, dim=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim))


def circle(n=N, seed=0):
    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def numbers(found):
    return [found.distance, found.times_noise, found.relative, found.p_value]


# -- As in a snapshot ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("homology_dim", [0, 1])
@pytest.mark.parametrize("scale", ["quantile", "none"])
@pytest.mark.parametrize("measure", ["sliced_wasserstein", LongBars(0.1)])
def test_the_numbers_are_those_of_a_cell_of_a_snapshot(measure, scale, homology_dim):
    x, y = gaussian(), circle()
    snapshot = analyse(PointClouds({"a": x, "b": y}), AnalysisOptions(measures=[measure], scale=scale))
    (table,) = [each for (_, dim), each in snapshot.distances.items() if dim == homology_dim]
    found = clouds_differ(x, y, measure=measure, homology_dim=homology_dim, scale=scale)
    expected = [each[0, 1] for each in (table.matrix, table.times_noise, table.relative, table.p_values)]
    np.testing.assert_allclose(numbers(found), expected, rtol=1e-12)
    assert found.told_apart == (found.p_value <= 0.05)


def test_a_paired_measure_has_a_standard_error_and_no_p():
    x = gaussian()
    y = x + 0.5 * gaussian(seed=1)
    table = analyse(PointClouds({"a": x, "b": y}), AnalysisOptions(measures=[Procrustes()])).distances["procrustes"]
    found = clouds_differ(x, y, measure=Procrustes())
    assert found.distance == table.matrix[0, 1] > 0
    assert found.times_noise == pytest.approx(found.distance / table.errors[0, 1])
    assert np.isnan([found.p_value, found.relative]).all()
    assert not found.told_apart


def test_lists_and_tensors_are_clouds():
    x, y = gaussian(60), circle(60)
    expected = numbers(clouds_differ(x, y))
    assert numbers(clouds_differ(x.tolist(), torch.tensor(y))) == expected
    assert numbers(clouds_differ(torch.tensor(x, requires_grad=True), y)) == expected


# -- What differs ----------------------------------------------------------------------------------------------------


def test_what_a_measure_passes_over_is_no_difference():
    x = circle()
    turned = 5 * x @ np.linalg.qr(gaussian(2, 2))[0] + 7
    for dim in (0, 1):
        found = clouds_differ(x, turned, homology_dim=dim)
        assert found.distance == pytest.approx(0, abs=1e-6)
        assert not found.told_apart
    assert clouds_differ(x, turned, scale="none", homology_dim=0).told_apart


def test_the_same_cloud_is_at_distance_zero_and_p_one():
    found = clouds_differ(gaussian(), gaussian())
    assert numbers(found) == [0, 0, 0, 1]
    assert not found.told_apart


def test_clouds_of_different_dimension_and_shape_are_told_apart():
    for paired in (True, False):
        found = clouds_differ(gaussian(dim=8), circle(), homology_dim=0, paired=paired)
        assert found.told_apart
        assert found.times_noise > 2
        assert 0 < found.relative < 1


# -- Not paired ------------------------------------------------------------------------------------------------------


def test_of_the_larger_cloud_as_many_points_are_used_as_the_smaller_one_has():
    x, y = gaussian(400), gaussian(100, seed=1)
    found = clouds_differ(x, y, homology_dim=0, paired=False)
    assert not found.told_apart
    assert found.times_noise < 2
    assert numbers(clouds_differ(y, x, homology_dim=0, paired=False)) == pytest.approx(numbers(found))
    chosen = [numbers(clouds_differ(x, y, homology_dim=0, paired=False, seed=seed)) for seed in (0, 1)]
    assert chosen[0] == numbers(found) != chosen[1]


def test_another_seed_divides_otherwise_and_measures_the_same():
    first, second = (clouds_differ(gaussian(), gaussian(seed=1), seed=seed) for seed in (0, 1))
    assert first.distance == second.distance
    assert (first.times_noise, first.p_value) != (second.times_noise, second.p_value)


# -- At the edge -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "is_known"), [(23, False), (24, True)])
def test_too_few_points_are_warned_about_and_not_tested(n, is_known):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = clouds_differ(gaussian(n), circle(n), homology_dim=0)
    assert np.isfinite([found.distance, found.times_noise, found.relative]).all()
    assert np.isfinite(found.p_value) == is_known
    said = [] if is_known else ["Expected at least 24 points for a test, got 23: its p-value is NaN."]
    assert [str(warning.message) for warning in caught] == said


def test_constant_clouds_do_not_differ():
    found = clouds_differ(np.ones((48, 2)), np.zeros((48, 3)))
    assert numbers(found) == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (gaussian(30), gaussian(40), {}, "got 30 and 40. For clouds of different samples say `paired=False`"),
        (
            gaussian(30),
            gaussian(30),
            {"measure": Procrustes(), "paired": False},
            "Expected `paired=True` for procrustes",
        ),
        (np.full((30, 2), np.nan), gaussian(30), {}, "`x`"),
        (gaussian(30), np.zeros((2, 3, 4)), {}, "`y`"),
        (np.empty((0, 3)), np.empty((0, 3)), {}, "`x`"),
        (gaussian(30), gaussian(30), {"scale": "max"}, "`scale`"),
        (gaussian(30), gaussian(30), {"backend": "giotto"}, "`backend`"),
        (gaussian(30), gaussian(30), {"measure": "sliced"}, "sliced_wasserstein"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(x, y, options, message):
    with pytest.raises(ValueError, match=message):
        clouds_differ(x, y, **options)


def test_a_statistic_is_no_distance():
    with pytest.raises(TypeError, match="bars"):
        clouds_differ(gaussian(30), gaussian(30), measure="bars")


@pytest.mark.parametrize(
    ("p_value", "verdict"), [(0.05, "told apart"), (0.051, "not told apart"), (np.nan, "not tested")]
)
def test_it_prints_its_numbers_and_its_verdict(p_value, verdict):
    text = repr(CloudDifference(0.123, 1.8, 0.21, p_value))
    assert text.startswith("CloudDifference(distance 0.123, 1.8 x noise, relative 0.21, p = ")
    assert text.endswith(f": {verdict})")
