"""Distance matrices: SciPy's numbers, with their digits, and exactly symmetric."""

import itertools
import tracemalloc

import numpy as np
import pytest
from cloud_tools import CLOUDS, exact_distances, gaussian, points_on_a_grid
from hypothesis import given

from topocallback.measures.euclidean import distance_matrix, k_nearest

every_cloud = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)


@every_cloud
def test_distances_are_those_of_scipy(cloud):
    np.testing.assert_allclose(distance_matrix(cloud), exact_distances(cloud), rtol=1e-9, atol=0)


@given(cloud=points_on_a_grid)
def test_distances_are_those_of_scipy_for_any_cloud(cloud):
    np.testing.assert_allclose(distance_matrix(cloud), exact_distances(cloud), rtol=1e-9, atol=0)


@pytest.mark.parametrize("dim", [1, 3, 512])
@pytest.mark.parametrize("offset", [0, 1e4, -1e6])
@pytest.mark.parametrize("difference", [1e-6, 1e-3, 1.0])
def test_distances_of_close_points_far_from_the_origin_keep_their_digits(dim, offset, difference):
    cloud = offset + difference * gaussian(30, dim)
    np.testing.assert_allclose(distance_matrix(cloud), exact_distances(cloud), rtol=1e-9, atol=0)


def test_distances_within_tight_clusters_far_from_each_other_keep_their_digits():
    cloud = np.concatenate([1e4 + 1e-6 * gaussian(20, 8), -1e4 / 3 + 1e-6 * gaussian(13, 8, seed=1)])
    np.testing.assert_allclose(distance_matrix(cloud), exact_distances(cloud), rtol=1e-9, atol=0)


def test_a_tiny_distance_beside_a_large_one_is_not_lost():
    cloud = np.array([[1e-20], [3e-20], [1.0]])
    np.testing.assert_allclose(distance_matrix(cloud), exact_distances(cloud), rtol=1e-9, atol=0)


@pytest.mark.parametrize("dim", [2, 128, 512])
@pytest.mark.parametrize("closeness", [1e-2, 1e-3, 4.5e-4, 3.3e-4, 3.2e-4, 3e-4, 1e-4, 1e-6, 1e-9])
def test_distances_keep_their_digits_however_close_two_points_are(dim, closeness):
    points = gaussian(100, dim)
    cloud = np.concatenate([points, points + np.sqrt(2) * closeness * gaussian(100, dim, seed=1)])
    np.testing.assert_allclose(distance_matrix(cloud), exact_distances(cloud), rtol=1e-9, atol=0)


def test_distances_are_exactly_symmetric():
    for name, cloud in CLOUDS.items():
        distances = distance_matrix(cloud)
        np.testing.assert_array_equal(distances, distances.T, err_msg=name)
        np.testing.assert_array_equal(np.diagonal(distances), 0, err_msg=name)


@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_distances_are_exactly_symmetric_at_every_size_and_memory_layout(order):
    for n, dim in itertools.product([2, 17, 60, 300], [1, 2, 33, 200]):
        cloud = gaussian(2 * n, 2 * dim)[::2, ::2] if order == "strided" else np.asarray(gaussian(n, dim), order=order)
        distances = distance_matrix(cloud)
        np.testing.assert_array_equal(distances, distances.T, err_msg=f"{n} points of dimension {dim}")


def test_equal_points_are_at_distance_exactly_zero():
    points = 1e3 * gaussian(50, 64)
    distances = distance_matrix(np.concatenate([points, points]))
    np.testing.assert_array_equal(np.diagonal(distances, 50), 0)
    assert np.count_nonzero(distances == 0) == 100 + 2 * 50


def test_a_large_constant_cloud_has_only_zero_distances():
    np.testing.assert_array_equal(distance_matrix(np.full((700, 300), 0.3)), np.zeros((700, 700)))


@pytest.mark.parametrize("size", [1e30, 1e-30, 1e100, 1e-100])
def test_distances_of_very_large_and_very_small_clouds_are_those_of_scipy(size):
    cloud = size * gaussian(20, 5)
    np.testing.assert_allclose(distance_matrix(cloud), exact_distances(cloud), rtol=1e-9, atol=0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint8, np.int64, bool])
def test_distances_are_computed_in_double_precision_from_any_dtype(dtype):
    cloud = (60 * np.abs(gaussian(20, 4))).astype(dtype)
    distances = distance_matrix(cloud)
    assert distances.dtype == np.float64
    np.testing.assert_allclose(distances, exact_distances(cloud.astype(np.float64)), rtol=1e-9, atol=0)


def test_half_precision_coordinates_do_not_overflow():
    np.testing.assert_array_equal(distance_matrix(np.array([60000, -60000], np.float16)), [[0, 120000], [120000, 0]])


def test_a_vector_is_read_as_points_on_a_line():
    np.testing.assert_allclose(distance_matrix([0, 1, 10]), [[0, 1, 10], [1, 0, 9], [10, 9, 0]], rtol=1e-12)


@pytest.mark.parametrize("shape", [(0,), (0, 0), (0, 4)])
def test_no_points_have_an_empty_distance_matrix(shape):
    assert distance_matrix(np.empty(shape)).shape == (0, 0)


def test_points_without_coordinates_coincide():
    np.testing.assert_array_equal(distance_matrix(np.empty((4, 0))), np.zeros((4, 4)))


@pytest.mark.parametrize("layout", ["writable", "read-only"])
def test_the_cloud_is_left_as_it_was(layout):
    cloud = gaussian(20, 3)
    before = cloud.copy()
    cloud.flags.writeable = layout == "writable"
    distance_matrix(cloud)
    np.testing.assert_array_equal(cloud, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_cloud_that_is_not_finite_is_refused_with_the_number_of_bad_points(bad):
    cloud = np.ones((5, 3))
    cloud[1, 0] = cloud[1, 2] = cloud[3, 1] = bad
    with pytest.raises(ValueError, match="Expected `cloud` to be finite, got NaN or infinity in 2 of 5 points"):
        distance_matrix(cloud)


@pytest.mark.parametrize("shape", [(), (2, 3, 4), (1, 1, 1, 1)])
def test_a_cloud_with_the_wrong_number_of_axes_is_refused(shape):
    with pytest.raises(ValueError, match=r"Expected `cloud` to be of shape \(n, d\), got \(.*\)\. Flatten"):
        distance_matrix(np.ones(shape))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_distances_of_wide_points_are_those_that_were_added_up_at_once(dtype, monkeypatch):
    cloud = (10 * gaussian(70, 2 * 4096 + 9)).astype(dtype)
    cloud[3] = cloud[1]
    found = distance_matrix(cloud)
    monkeypatch.setattr("topocallback.measures.euclidean._PIECE", 1 << 20)
    monkeypatch.setattr("topocallback.measures.euclidean._STRIP", 1 << 30)
    np.testing.assert_array_equal(distance_matrix(cloud), found)
    assert found[1, 3] == 0


def test_distances_of_wide_points_are_made_without_a_copy_of_the_cloud():
    cloud = np.zeros((40, 200_000), dtype=np.float32)
    cloud[:, :9] = gaussian(40, 9)
    tracemalloc.start()
    distance_matrix(cloud)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < cloud.nbytes


@pytest.mark.parametrize("cloud", ["distinct", "many equal"])
@pytest.mark.parametrize("k", [0, 1, 10, 59])
def test_the_nearest_points_are_those_of_sorting_all_of_them(cloud, k):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 3)) if cloud == "distinct" else rng.integers(0, 3, size=(60, 2))
    distances = distance_matrix(points)
    others = distances + np.diag(np.full(60, np.inf))
    order = np.argsort(others, axis=1, kind="stable")[:, :k]
    found, away = k_nearest(distances, k)
    np.testing.assert_array_equal(found, order)
    np.testing.assert_array_equal(away, np.take_along_axis(others, order, axis=1))
