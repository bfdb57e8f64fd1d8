"""The length by which a cloud is divided: the quantile of its distances, or 1."""

import numpy as np
import pytest
from cloud_tools import CLOUDS, exact_distances, gaussian, points_on_a_grid
from hypothesis import given
from scipy.spatial.distance import pdist

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.scale import check_scale, scale_of


@given(cloud=points_on_a_grid.filter(lambda cloud: len(cloud) > 1))
def test_the_scale_is_the_quantile_of_the_strict_upper_triangle(cloud):
    distances = exact_distances(cloud)
    above_diagonal = distances[np.triu_indices(len(distances), 1)]
    expected = np.quantile(above_diagonal, 0.9) or above_diagonal.max() or 1.0
    assert scale_of(distances, "quantile") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 11, 100, 301])
def test_the_scale_is_the_quantile_at_every_number_of_points(n):
    cloud = gaussian(n, 5, seed=n)
    assert scale_of(distance_matrix(cloud), "quantile") == pytest.approx(np.quantile(pdist(cloud), 0.9), rel=1e-12)


def test_the_scale_of_three_points_is_as_documented():
    assert scale_of(distance_matrix([0.0, 1.0, 10.0]), "quantile") == pytest.approx(9.8)


def test_the_scale_of_a_mostly_duplicated_cloud_is_its_largest_distance():
    cloud = np.array([[0.0]] * 60 + [[3.0], [7.0]])
    assert np.quantile(pdist(cloud), 0.9) == 0
    assert scale_of(distance_matrix(cloud), "quantile") == 7


@pytest.mark.parametrize("cloud", [np.ones((9, 2)), np.ones((2, 2)), np.ones((1, 2)), np.ones((0, 2))])
def test_the_scale_of_a_cloud_without_extent_is_one(cloud):
    assert scale_of(distance_matrix(cloud), "quantile") == 1


def test_no_scale_leaves_every_cloud_as_it_is():
    assert {name: scale_of(distance_matrix(cloud), "none") for name, cloud in CLOUDS.items()} == dict.fromkeys(
        CLOUDS, 1
    )


@pytest.mark.parametrize("factor", [1e-20, 0.25, 3.0, 1e20])
def test_the_scale_grows_with_the_cloud(factor):
    cloud = gaussian(30, 4)
    scales = [scale_of(distance_matrix(c), "quantile") for c in (cloud, factor * cloud)]
    assert scales[1] == pytest.approx(factor * scales[0], rel=1e-12)


def test_measuring_the_scale_leaves_the_distances_as_they_were():
    distances = distance_matrix(gaussian(30, 4))
    before = distances.copy()
    scale_of(distances, "quantile")
    np.testing.assert_array_equal(distances, before)


def test_an_unknown_scale_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"Expected `scale` to be one of \('quantile', 'none'\), got 'median'"):
        check_scale("median")


@pytest.mark.parametrize("scale", ["none", "quantile"])
def test_half_a_matrix_of_distances_has_no_scale(scale):
    with pytest.raises(ValueError, match="Expected `distances` to be symmetric"):
        scale_of(np.triu(distance_matrix(gaussian(5, 2))), scale)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_clouds_of_any_size_refuse_an_unknown_scale(n):
    with pytest.raises(ValueError, match=r"`scale` to be one of .* got 'median'"):
        scale_of(np.zeros((n, n)), "median")
