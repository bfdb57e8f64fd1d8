"""LiDAR: against scipy's generalised eigenvalues, and cases that are known."""

import numpy as np
import pytest
from scipy.linalg import eigh

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import LayerFacts, LiDAR
from topocallback.records.point_clouds import PointClouds


def views(n_samples=40, width=6, fewest=1, most=6, noise=0.3, seed=0):
    """Points, and which sample each comes from."""
    random = np.random.default_rng(seed)
    ids = np.repeat(np.arange(n_samples), random.integers(fewest, most, size=n_samples))
    means = random.normal(size=(n_samples, width)) * np.arange(1, width + 1)
    return means[ids] + noise * random.normal(size=(len(ids), width)), ids


def by_definition(cloud, ids, delta=1e-4, epsilon=1e-8):
    """With matrices of all values by all values, sample by sample."""
    groups = [cloud[ids == sample] for sample in np.unique(ids)]
    means = np.array([group.mean(axis=0) for group in groups])
    between = np.cov(means, rowvar=False, bias=True)
    steps = [group - group.mean(axis=0) for group in groups]
    within = np.mean([step.T @ step / len(step) for step in steps], axis=0)
    values = np.clip(eigh(between, within + delta * np.eye(len(between)), eigvals_only=True), 0, None)
    shares = values / values.sum() + epsilon
    return np.exp(-np.sum(shares * np.log(shares)))


@pytest.mark.parametrize("shape", [{}, {"width": 60}, {"n_samples": 8, "width": 30}, {"fewest": 4, "most": 5}])
@pytest.mark.parametrize("options", [{}, {"delta": 1.0, "epsilon": 1e-3}])
def test_it_is_the_exponential_of_the_entropy_of_generalised_eigenvalues(shape, options):
    cloud, ids = views(**shape)
    assert LiDAR(**options)(cloud, sample_ids=ids) == pytest.approx(by_definition(cloud, ids, **options), rel=1e-6)


@pytest.mark.parametrize("n_directions", [1, 3, 6])
def test_samples_apart_in_some_directions_alike_have_as_many(n_directions):
    corners = np.concatenate([np.eye(6)[:n_directions], -np.eye(6)[:n_directions]])
    ids = np.repeat(np.arange(len(corners)), 12)
    steps = np.tile(np.concatenate([np.eye(6), -np.eye(6)]), (len(corners), 1))
    assert LiDAR()(corners[ids] + 0.1 * steps, sample_ids=ids) == pytest.approx(n_directions, rel=1e-5)


def test_order_and_rotation_do_not_matter_and_a_factor_only_beside_delta():
    cloud, ids = views()
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    order = np.random.default_rng(2).permutation(len(ids))
    expected = LiDAR()(cloud, sample_ids=ids)
    assert LiDAR()((cloud @ rotation)[order] + 5, sample_ids=ids[order]) == pytest.approx(expected, rel=1e-9)
    assert LiDAR(delta=1e-2)(10 * cloud, sample_ids=ids) == pytest.approx(expected, rel=1e-9)
    assert abs(LiDAR()(1e-3 * cloud, sample_ids=ids) - expected) > 0.01


def test_without_several_views_of_a_sample_it_says_so():
    said = "Expected samples with several points, its views, for lidar, got one point of each"
    for ids in (None, [7, 5, 6]):
        with pytest.raises(ValueError, match=said):
            LiDAR()(np.eye(3), sample_ids=ids)


def test_views_of_one_sample_or_of_equal_samples_have_no_direction():
    assert np.isnan(LiDAR()(np.eye(3), sample_ids=[4, 4, 4]))
    assert np.isnan(LiDAR()(np.eye(2)[[0, 1, 0, 1]], sample_ids=[0, 0, 1, 1]))
    assert np.isnan(LiDAR()(np.empty((0, 3))))


def test_it_is_taken_of_layers_with_several_points_per_sample_and_others_are_told():
    cloud, ids = views(n_samples=60, fewest=3)
    random = np.random.default_rng(0)
    recorded = PointClouds({"pooled": random.normal(size=(60, 4)), "positions": cloud}, owners={"positions": ids})
    snapshot = analyse(recorded, AnalysisOptions(measures=["sliced_wasserstein", "lidar"], mapper=False))
    table = snapshot.statistics["lidar"]
    assert np.isnan(table.values[0])
    assert table.values[1] == pytest.approx(by_definition(cloud, ids), rel=1e-6)
    assert 0 < table.errors[1] < 1
    assert snapshot.problems["pooled"].startswith("It has no LiDAR. ValueError: Expected samples with several points")
    assert "positions" not in snapshot.problems


def test_a_view_that_is_not_finite_is_left_out():
    cloud, ids = views()
    broken = np.concatenate([cloud, np.full((1, 6), np.inf)])
    found = LiDAR().value(LayerFacts(broken, sample_ids=np.append(ids, 0)))
    assert found == pytest.approx(LiDAR()(cloud, sample_ids=ids), rel=1e-12)


@pytest.mark.parametrize(("options", "range_"), [({"delta": 0}, "above 0"), ({"epsilon": -1}, "at least 0")])
def test_options_out_of_their_range_are_refused(options, range_):
    (name,) = options
    with pytest.raises(ValueError, match=f"Expected `{name}` of lidar to be {range_}, got"):
        LiDAR(**options)
