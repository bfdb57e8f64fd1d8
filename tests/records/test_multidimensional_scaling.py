"""Maps of points: what lies in a plane is kept, and what is not known is left out."""

import numpy as np
import pytest
from scipy.spatial import procrustes

from topocallback.records.multidimensional_scaling import classical_mds, map_of


def distances_of(points):
    return np.sqrt(((points[:, None] - points) ** 2).sum(axis=-1))


def test_a_map_of_points_in_the_plane_is_the_points_up_to_a_rigid_motion():
    points = np.random.default_rng(0).normal(size=(30, 2))
    places = classical_mds(distances_of(points))
    np.testing.assert_allclose(distances_of(places), distances_of(points), atol=1e-9)
    assert procrustes(points, places)[2] == pytest.approx(0, abs=1e-12)


def test_a_map_is_the_projection_on_the_first_principal_components():
    points = np.random.default_rng(0).normal(size=(40, 6)) * [5, 3, 1, 1, 1, 1]
    centred = points - points.mean(axis=0)
    scores = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    np.testing.assert_allclose(abs(classical_mds(distances_of(points))), abs(scores), atol=1e-8)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_maps_of_very_few_points_have_their_shape(n):
    places = classical_mds(1 - np.eye(n))
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()


def test_a_point_that_is_not_there_has_no_place():
    matrix = distances_of(np.random.default_rng(0).normal(size=(5, 2)))
    places = map_of(matrix, np.arange(5) != 2)
    assert np.flatnonzero(np.isnan(places).any(axis=1)).tolist() == [2]
    np.testing.assert_array_equal(places[[0, 1, 3, 4]], classical_mds(np.delete(np.delete(matrix, 2, 0), 2, 1)))


def test_a_distance_that_is_not_known_costs_as_few_points_as_it_can():
    matrix = distances_of(np.random.default_rng(0).normal(size=(6, 2)))
    matrix[3, :3] = matrix[:3, 3] = np.nan  # three pairs, of which one point is in all
    places = map_of(matrix, np.full(6, True))
    assert np.flatnonzero(np.isnan(places).any(axis=1)).tolist() == [3]
    assert np.isnan(map_of(np.full((3, 3), np.nan), np.full(3, True))).all()


def test_half_a_matrix_of_distances_has_no_map():
    with pytest.raises(ValueError, match="Expected `distances` to be symmetric"):
        classical_mds(np.triu(distances_of(np.random.default_rng(0).normal(size=(5, 2)))))
