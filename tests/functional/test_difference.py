"""Whether two clouds differ: the numbers that a cell of an analysis has, for clouds of any origin."""

import warnings

import numpy as np
import pytest
import torch
from own_measures import Procrustes

from topocallback import AnalysisOptions, PointClouds, analyse
from topocallback.functional import clouds_differ
from topocallback.measures import SlicedWasserstein, Wasserstein


def gaussian(n=120, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def circle_and_disc(n=240):
    rng = np.random.default_rng(0)
    angles, radii = rng.uniform(0, 2 * np.pi, n), np.sqrt(rng.uniform(size=n))
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    return circle, radii[:, None] * circle


def numbers(found):
    return found.distance, found.times_noise, found.relative, found.p_value


# -- The numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["sliced_wasserstein", Wasserstein(2), SlicedWasserstein(7), Procrustes()])
@pytest.mark.parametrize("scale", ["quantile", "none"])
def test_they_are_those_of_an_analysis_of_both_clouds(measure, scale):
    x, y = gaussian(d=5), gaussian(d=2, seed=1)
    snapshot = analyse(PointClouds({"a": x, "b": y}), AnalysisOptions([measure], scale=scale))
    for table in snapshot.distances.values():
        dim = table.about.homology_dim
        found = clouds_differ(x, y, measure=measure, homology_dim=1 if dim is None else dim, scale=scale)
        expected = [getattr(table, name)[0, 1] for name in ("matrix", "times_noise", "relative", "p_values")]
        np.testing.assert_array_equal(numbers(found), expected)


@pytest.mark.parametrize("measure", ["sliced_wasserstein", "wasserstein"])
def test_a_circle_differs_from_a_disc(measure):
    found = clouds_differ(*circle_and_disc(), measure=measure)
    assert found.p_value == 1 / 2048
    assert found.told_apart
    assert found.times_noise > 2
    assert 0 < found.relative <= 1


def test_a_cloud_does_not_differ_from_itself_moved_turned_and_stretched():
    x = gaussian()
    turned = 3 * x @ np.linalg.qr(gaussian(3, 3, seed=1))[0] + 5
    for other, scale in ((turned, "quantile"), (x, "none")):
        found = clouds_differ(x, other, scale=scale)
        assert found.p_value > 0.9
        assert found.times_noise == pytest.approx(0, abs=1e-6)
        assert not found.told_apart


def test_without_a_scale_size_is_a_difference():
    x = gaussian()
    assert clouds_differ(x, 3 * x, scale="none").told_apart
    assert not clouds_differ(x, 3 * x).told_apart


def test_both_sides_may_change_places():
    x, y = gaussian(d=5), gaussian(d=2, seed=1)
    np.testing.assert_allclose(numbers(clouds_differ(x, y)), numbers(clouds_differ(y, x)), rtol=1e-12)


def test_tensors_lists_and_arrays_are_the_same():
    x, y = (cloud.astype(np.float32) for cloud in (gaussian(40), gaussian(40, seed=1)))
    expected = clouds_differ(x, y)
    assert clouds_differ(torch.tensor(x, requires_grad=True), torch.tensor(y)) == expected
    assert clouds_differ(x.tolist(), y.tolist()).p_value == expected.p_value


def test_another_seed_gives_other_parts_and_the_same_distance():
    x, y = gaussian(), gaussian(seed=1)
    first, second = (clouds_differ(x, y, seed=seed) for seed in (0, 1))
    assert first.distance == second.distance
    assert first.p_value != second.p_value
    assert clouds_differ(x, y, seed=1) == second


# -- Other samples ---------------------------------------------------------------------------------------------------


def test_of_the_larger_cloud_as_many_points_are_used_as_the_smaller_one_has():
    x, y = gaussian(60), gaussian(300, seed=1)
    found = clouds_differ(x, y, paired=False)
    assert np.isfinite(numbers(found)).all()
    assert found.times_noise < 2
    # With all of its points there would be five times as many bars.
    assert not clouds_differ(x, y, paired=False, homology_dim=0).told_apart
    assert numbers(found) == pytest.approx(numbers(clouds_differ(y, x, paired=False)))


def test_as_many_points_of_other_samples_are_all_used():
    x, y = gaussian(), gaussian(seed=1)
    assert clouds_differ(x, y, paired=False) == clouds_differ(x, y)


# -- What is not known -----------------------------------------------------------------------------------------------


def test_a_paired_distance_is_held_against_its_standard_error():
    x = gaussian()
    found = clouds_differ(x, x + 0.3 * gaussian(seed=1), measure=Procrustes())
    assert found.times_noise > 2
    assert np.isnan(found.p_value)
    assert not found.told_apart
    assert "not tested" in repr(found)


@pytest.mark.parametrize("n", [1, 2, 23])
def test_too_few_points_have_a_distance_and_no_p_value(n):
    with pytest.warns(UserWarning, match=f"at least 24 points for a test, got {n}: its p-value is NaN"):
        found = clouds_differ(gaussian(n), gaussian(n, seed=1), homology_dim=0)
    assert np.isfinite(found.distance)
    assert np.isnan(found.p_value)
    assert not found.told_apart


def test_24_points_are_enough_for_a_test():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 1 / 2048 <= clouds_differ(gaussian(24), gaussian(24, seed=1), homology_dim=0).p_value <= 1


def difference_of_many_bars(first, second):
    if min(len(first), len(second)) < 60:
        raise ValueError("too few bars")
    return float(abs(first.sum() - second.sum()))


def test_a_distance_that_fails_on_parts_is_given_and_the_rest_is_nan_with_a_warning():
    x, y = gaussian(), gaussian(seed=1)
    with pytest.warns(UserWarning, match=r"many bars, H0: It was measured, but not tested\. ValueError: too few"):
        found = clouds_differ(x, y, measure=difference_of_many_bars, homology_dim=0)
    assert found.distance > 0
    assert np.isnan([found.times_noise, found.p_value]).all()
    assert not found.told_apart


def test_constant_clouds_do_not_differ():
    found = clouds_differ(np.zeros((40, 2)), np.ones((40, 3)))
    assert numbers(found) == (0, 0, 0, 1)


# -- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "said"),
    [
        (gaussian(30), gaussian(31), {}, ValueError, "for `paired=True`, got 30 and 31. For .* say `paired=False`"),
        (gaussian(30), gaussian(30), {"measure": Procrustes(), "paired": False}, ValueError, "`paired=True` for procr"),
        (np.full((30, 2), np.nan), gaussian(30), {}, ValueError, "`x` to be finite"),
        (gaussian(30), np.zeros((2, 2, 2)), {}, ValueError, "`y`"),
        (gaussian(30), np.empty((0, 2)), {"paired": False}, ValueError, "`y`"),
        (gaussian(30), gaussian(30), {"measure": "bars"}, TypeError, "a distance, got bars"),
        (gaussian(30), gaussian(30), {"measure": "euclid"}, ValueError, "got 'euclid'"),
    ],
)
def test_what_cannot_be_compared_is_refused(x, y, options, error, said):
    with pytest.raises(error, match=said):
        clouds_differ(x, y, **options)


@pytest.mark.parametrize(
    ("option", "said"), [({"scale": "max"}, "max"), ({"backend": "giotto"}, "giotto"), ({"homology_dim": -1}, "-1")]
)
def test_options_that_are_not_allowed_are_refused(option, said):
    with pytest.raises(ValueError, match=said):
        clouds_differ(gaussian(30), gaussian(30), **option)
