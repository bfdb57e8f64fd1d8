"""The paper's experiments, on clouds whose answers are known."""

import numpy as np
import persim
import pytest
from ripser import ripser
from synthetic_comparison import H1, example

from topocallback.compare.experiments import (
    Sensitivity,
    cross_heatmap,
    int_heatmap,
    sensitivity,
    without_components,
)
from topocallback.functional import clouds_differ


def test_the_heatmaps_are_the_papers_blocks():
    found = example()
    np.testing.assert_array_equal(int_heatmap(found, "run 1/3", *H1), found.over_layers("run 1/3", *H1))
    cross = cross_heatmap(found, "run 0/3", ["run 0/3", "run 2/3"], *H1)
    assert cross.shape == (3, 6)
    np.testing.assert_array_equal(cross[:, :3], int_heatmap(found, "run 0/3", *H1))
    np.testing.assert_array_equal(cross[:, 3:], found.between("run 0/3", "run 2/3", *H1))
    assert cross_heatmap(found, 0, None, *H1).shape == (3, 36)


def test_removing_components_leaves_the_best_approximation():
    cloud = np.random.default_rng(0).normal(size=(30, 6)) + 3  # not centred, on purpose
    values = np.linalg.svd(cloud, compute_uv=False)
    for k in range(7):
        left = without_components(cloud, k)
        assert np.linalg.matrix_rank(left) == 6 - k
        np.testing.assert_allclose(np.linalg.norm(cloud - left), np.sqrt((values[6 - k :] ** 2).sum()), atol=1e-9)


def test_the_curve_is_ripsers_and_persims(reference_clouds):
    cloud = reference_clouds["03_block3"][:100].astype(float)
    curve = sensitivity(cloud)
    assert curve.removed.tolist() == np.linspace(4, 32, 8).astype(int).tolist()
    full = ripser(cloud, maxdim=1)["dgms"][1]
    for k, found in list(zip(curve.removed, curve.distances, strict=True))[:-1]:
        other = ripser(without_components(cloud, k), maxdim=1)["dgms"][1]
        assert found == pytest.approx(persim.sliced_wasserstein(full, other, M=50), rel=1e-3)


def test_on_real_activations_the_curve_rises_with_the_components_removed(reference_clouds):
    cloud = reference_clouds["03_block3"]
    curve = sensitivity(cloud)
    assert (np.diff(curve.distances)[:-1] > 0).all()
    assert 0 < curve.detected <= 1
    assert curve.noise > 0
    halfway = clouds_differ(cloud, without_components(cloud, curve.removed[3]), scale="none")
    assert (curve.distances[3], curve.p_values[3]) == (halfway.distance, halfway.p_value)


def curve_of(p_values, times_noise=1.0):
    removed = 4 * np.arange(1, len(p_values) + 1)
    return Sensitivity(removed, removed / removed[-1], np.full(len(removed), times_noise), np.array(p_values), 1.0)


@pytest.mark.parametrize(
    ("p_values", "detected"),
    [
        ([0.5, 0.3, 0.05, 0.001], 0.75),
        ([0.01, 0.3, 0.01, 0.001], 0.75),  # one alone may be chance
        ([0.01, 0.01, 0.01, 0.01], 0.25),
        ([0.01, np.nan, 0.01, 0.01], 0.75),
        ([0.01, 0.01, 0.01, 0.06], np.nan),
        ([np.nan] * 4, np.nan),
    ],
)
def test_detected_is_the_share_from_which_on_every_removal_is_told_apart_by_p(p_values, detected):
    for times_noise in (0.1, 10):
        np.testing.assert_equal(curve_of(p_values, times_noise).detected, detected)


def test_a_cloud_of_too_few_points_for_a_test_has_a_curve_in_which_nothing_is_detected():
    curve = sensitivity(np.random.default_rng(0).normal(size=(20, 8)))
    assert (curve.distances > 0).all()
    assert np.isnan(curve.p_values).all()
    assert np.isnan(curve.detected)


def test_components_without_any_spread_are_not_missed():
    cloud = np.random.default_rng(0).normal(size=(120, 16)) * ([1.0] * 4 + [0.0] * 12)
    curve = sensitivity(cloud)
    np.testing.assert_allclose(curve.distances[:-1], 0, atol=1e-9)
    assert (curve.p_values[:-1] > 0.9).all()
    assert curve.detected == 1


@pytest.mark.parametrize("cloud", [np.zeros((5, 3)), np.zeros(5)])
def test_clouds_of_too_few_channels_are_refused(cloud):
    with pytest.raises(ValueError, match="at least 4"):
        sensitivity(cloud)
