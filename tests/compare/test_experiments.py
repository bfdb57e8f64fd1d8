"""The paper's experiments, on clouds whose answers are known."""

import numpy as np
import persim
import pytest
from ripser import ripser
from synthetic_comparison import H1, example

from topocallback.compare.experiments import Sensitivity, cross_heatmap, int_heatmap, sensitivity, without_components
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
    curve = sensitivity(reference_clouds["03_block3"])
    assert (np.diff(curve.distances)[:-1] > 0).all()
    assert 0 < curve.detected <= 1


@pytest.mark.parametrize("cloud", [np.zeros((5, 3)), np.zeros(5)])
def test_clouds_of_too_few_channels_are_refused(cloud):
    with pytest.raises(ValueError, match="at least 4"):
        sensitivity(cloud)


def test_the_p_values_and_the_noise_are_those_of_clouds_differ(reference_clouds):
    cloud = reference_clouds["03_block3"][:150].astype(float)
    for homology_dim in (0, 1):
        curve = sensitivity(cloud, homology_dim=homology_dim, scale="quantile", seed=3)
        for k, distance, p in zip(curve.removed[:-1], curve.distances, curve.p_values, strict=False):
            found = clouds_differ(cloud, without_components(cloud, k), homology_dim=homology_dim, seed=3)
            assert (distance, p) == (pytest.approx(found.distance), found.p_value)
            assert curve.noise > 0


def curve_of(*p_values):
    count = len(p_values)
    share = np.arange(1, count + 1) / count
    return Sensitivity(np.arange(count), share, np.ones(count), np.array(p_values), 0.5)


@pytest.mark.parametrize(
    ("p_values", "detected"),
    [
        ((0.3, 0.05, 0.01, 0.001), 0.5),
        ((0.01, 0.3, 0.01, 0.001), 0.75),  # a single one below may be chance
        ((0.01, 0.01, 0.01, 0.01), 0.25),
        ((0.01, 0.01, 0.01, 0.051), np.nan),
        ((np.nan,) * 4, np.nan),
    ],
)
def test_detected_is_where_this_removal_and_all_larger_ones_are_told_apart(p_values, detected):
    assert curve_of(*p_values).detected == pytest.approx(detected, nan_ok=True)


def test_a_curve_prints_from_where_on_removals_are_told_apart():
    expected = "Sensitivity(4 removals, told apart from 0.5 of the components on)"
    assert repr(curve_of(0.3, 0.05, 0.01, 0.001)) == expected


def test_on_too_few_points_nothing_is_told_apart():
    curve = sensitivity(np.random.default_rng(0).normal(size=(20, 8)))
    assert np.isfinite(curve.distances).all()
    assert np.isnan([*curve.p_values, curve.detected]).all()


def test_what_holds_nothing_is_not_missed():
    cloud = np.random.default_rng(0).normal(size=(150, 16))
    cloud[:, 8:] = 0
    curve = sensitivity(cloud, homology_dim=0)
    assert curve.removed.tolist() == [4, 8, 12, 16]
    np.testing.assert_allclose(curve.distances[:2], 0, atol=1e-6)
    assert (curve.p_values[:2] == 1).all()
    assert curve.detected == 0.75
