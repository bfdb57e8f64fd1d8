"""The intrinsic dimension, of clouds whose dimension is known."""

import numpy as np
import pytest

from topocallback.measures import TwoNN


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_evenly_dense_spheres_have_their_dimension(dimension):
    found = []
    for seed in range(10):
        cloud = np.random.default_rng(seed).normal(size=(800, dimension + 1))
        found.append(TwoNN()(cloud / np.linalg.norm(cloud, axis=1, keepdims=True)))
    assert np.mean(found) == pytest.approx(dimension, rel=0.08)


def test_a_plane_in_many_values_has_two():
    random = np.random.default_rng(0)
    plane = random.random((800, 2)) @ random.normal(size=(2, 50))
    assert TwoNN()(plane) == pytest.approx(2, rel=0.15)


def test_it_is_the_slope_that_the_paper_fits():
    cloud = np.random.default_rng(1).normal(size=(200, 3))
    distances = np.sort(np.linalg.norm(cloud[:, None] - cloud, axis=2), axis=1)
    ratios = np.sort(distances[:, 2] / distances[:, 1])[:180]
    shares = np.arange(1, 181) / 201
    x, y = np.log(ratios), -np.log(1 - shares)
    assert TwoNN()(cloud) == pytest.approx(np.linalg.lstsq(x[:, None], y, rcond=None)[0][0], rel=1e-9)


def test_equal_points_count_as_one():
    cloud = np.random.default_rng(0).random((300, 2))
    assert TwoNN()(np.concatenate([cloud, cloud[:100]])) == pytest.approx(TwoNN()(cloud), rel=1e-9)


def test_fewer_than_three_different_points_have_no_dimension():
    assert np.isnan(TwoNN()(np.repeat(np.eye(2), 10, axis=0)))
    assert np.isnan(TwoNN()(np.empty((0, 2))))


@pytest.mark.parametrize("discard", [-0.1, 1, "some"])
def test_a_share_outside_of_its_range_is_refused(discard):
    with pytest.raises(ValueError, match="Expected `discard` of two_nn to be at least 0 and below 1"):
        TwoNN(discard=discard)
