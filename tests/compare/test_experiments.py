"""The paper's experiments, on clouds whose answers are known."""

import numpy as np
import persim
import pytest
from ripser import ripser
from synthetic_comparison import H1, example

from topocallback.compare.difference import clouds_differ
from topocallback.compare.experiments import cross_heatmap, int_heatmap, sensitivity, without_components


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


def test_one_cloud_moved_rigidly_differs_from_itself_no_more_often_than_the_level_allows():
    rng = np.random.default_rng(0)
    trials, rejected = 60, 0
    for trial in range(trials):
        cloud = rng.normal(size=(120, 3))
        turned = cloud @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + 5
        rejected += clouds_differ(cloud, turned, n_parts=4, seed=trial).p_value <= 0.1
    assert rejected / trials <= 0.1 + 3 * np.sqrt(0.09 / trials)


def test_a_circle_differs_from_a_disc():
    rng = np.random.default_rng(0)
    angles, radii = rng.uniform(0, 2 * np.pi, 400), np.sqrt(rng.uniform(size=400))
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    found = clouds_differ(circle, radii[:, None] * circle)
    assert found.p_value == found.smallest_p


def test_too_few_points_for_the_parts_are_refused():
    with pytest.raises(ValueError, match="48 points"):
        clouds_differ(np.zeros((40, 2)), np.zeros((40, 2)))
