"""Distance matrices, scales and Vietoris-Rips diagrams, against SciPy, ripser, GUDHI and known spaces."""

import itertools
import sys
from concurrent.futures import ThreadPoolExecutor

import gudhi
import gudhi.hera
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ripser import ripser
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import cdist, pdist, squareform

from topocallback.measures.topology.rips import BACKENDS, distance_matrix, resolve_backend, rips_diagrams, scale_of

every_backend = pytest.mark.parametrize("backend", BACKENDS)

# Where a backend computes in single precision, its values are exact to half of 2**-23.
SINGLE = 1e-6


def blobs(n_blobs=4, per_blob=12, spread=0.01, dim=3):
    rng = np.random.default_rng(0)
    centres = 10 * rng.normal(size=(n_blobs, 1, dim))
    return (centres + spread * rng.normal(size=(n_blobs, per_blob, dim))).reshape(-1, dim)


def gaussian(n, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim))


def circle(n, radius=1.0):
    angles = 2 * np.pi * np.arange(n) / n
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def sphere(n):
    """Points spread evenly over the unit sphere, along a spiral."""
    heights = 1 - (2 * np.arange(n) + 1) / n
    turns = np.pi * (1 + np.sqrt(5)) * np.arange(n)
    radii = np.sqrt(1 - heights**2)
    return np.stack([radii * np.cos(turns), radii * np.sin(turns), heights], axis=1)


def cross_polytope(dim):
    return np.concatenate([np.eye(dim), -np.eye(dim)])


def projective_plane():
    """A metric with values 1 and 2 whose Rips complex at 1 is the projective plane (31 vertices).

    It is the barycentric subdivision of the triangulation with 6 vertices: simplices, adjacent where one is a face of
    the other.
    """
    triangles = ["123", "134", "145", "156", "126", "235", "346", "245", "356", "246"]
    faces = {face for triangle in triangles for k in (1, 2, 3) for face in itertools.combinations(triangle, k)}
    simplices = [set(face) for face in sorted(faces, key=lambda face: (len(face), face))]
    distances = np.array([[1.0 if a <= b or b <= a else 2.0 for b in simplices] for a in simplices])
    np.fill_diagonal(distances, 0)
    return distances


CLOUDS = {
    "random": gaussian(40, 3),
    "random in the plane": gaussian(40, 2, seed=1),
    "high-dimensional": gaussian(40, 100),
    "clustered": blobs(),
    "duplicated": np.repeat(gaussian(12, 3), 3, axis=0),
    "mostly duplicated": np.concatenate([np.ones((30, 3)), gaussian(5, 3)]),
    "collinear": np.arange(25.0)[:, None] * [1, 2, 3],
    "on a grid": np.stack(np.meshgrid(range(5), range(5)), axis=-1).reshape(-1, 2),
    "constant": np.full((20, 3), 0.1),
    "one point": np.array([[1.0, 2.0]]),
    "two points": np.array([[0.0, 0.0], [3.0, 4.0]]),
    "two equal points": np.ones((2, 3)),
    "three points": np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]),
    "three equal points": np.ones((3, 2)),
    "four points": np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]),
    "no points": np.empty((0, 3)),
    "large": 1e30 * gaussian(30, 3, seed=2),
    "small": 1e-30 * gaussian(30, 3, seed=2),
}
every_cloud = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)

points_on_a_grid = arrays(
    np.float64, st.tuples(st.integers(1, 15), st.integers(1, 4)), elements=st.integers(-50, 50).map(float)
)


def exact_distances(cloud):
    return squareform(pdist(cloud)) if len(cloud) > 1 else np.zeros((len(cloud), len(cloud)))


def simplex_tree_diagrams(distances, highest_dim):
    """Diagrams in double precision by GUDHI's simplex tree: no code in common with any of the backends."""
    tree = gudhi.RipsComplex(distance_matrix=distances).create_simplex_tree(max_dimension=highest_dim + 1)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0, persistence_dim_max=True)
    found = [np.reshape(tree.persistence_intervals_in_dimension(dim), (-1, 2)) for dim in range(highest_dim + 1)]
    return [bars[np.lexsort((bars[:, 1], bars[:, 0]))] for bars in found]


def longer_than(diagram, length):
    """Rounding to single precision makes bars of that length appear and vanish: they say nothing about a backend."""
    return diagram[diagram[:, 1] - diagram[:, 0] > length]


def matching_error(first, second):
    """The least change of birth or death that turns one diagram into the other; inf if essential classes differ."""
    return gudhi.hera.bottleneck_distance(first, second, delta=0.0)


# --- distance_matrix ---------------------------------------------------------------------------------------------


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


@every_cloud
def test_distances_are_exactly_symmetric(cloud):
    distances = distance_matrix(cloud)
    np.testing.assert_array_equal(distances, distances.T)
    np.testing.assert_array_equal(np.diagonal(distances), 0)


@pytest.mark.parametrize("n", [2, 17, 60, 300])
@pytest.mark.parametrize("dim", [1, 2, 33, 200])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_distances_are_exactly_symmetric_at_every_size_and_memory_layout(n, dim, order):
    cloud = gaussian(2 * n, 2 * dim)[::2, ::2] if order == "strided" else np.asarray(gaussian(n, dim), order=order)
    distances = distance_matrix(cloud)
    np.testing.assert_array_equal(distances, distances.T)


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


# --- scale_of ----------------------------------------------------------------------------------------------------


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


@every_cloud
def test_no_scale_leaves_every_cloud_as_it_is(cloud):
    assert scale_of(distance_matrix(cloud), "none") == 1


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


@pytest.mark.parametrize("n", [0, 1, 5])
def test_an_unknown_scale_is_refused_with_the_known_ones(n):
    with pytest.raises(ValueError, match=r"Expected `scale` to be one of \('quantile', 'none'\), got 'median'"):
        scale_of(np.zeros((n, n)), "median")


# --- rips_diagrams: against other software -----------------------------------------------------------------------


@pytest.fixture(scope="module", params=BACKENDS)
def reference_diagrams(request, reference_clouds):
    """Layer -> H0 and H1 diagrams of the reference clouds in activations' units, by each backend in turn."""
    return {layer: rips_diagrams(distance_matrix(c), (0, 1), request.param) for layer, c in reference_clouds.items()}


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("quantity", ["bars", "total_persistence", "longest_bar"])
def test_bars_of_real_activations_are_those_of_the_reference(reference_diagrams, reference, quantity, dim):
    measure = {"bars": len, "total_persistence": np.sum, "longest_bar": np.max}[quantity]
    finite = {layer: found[dim][np.isfinite(found[dim][:, 1])] for layer, found in reference_diagrams.items()}
    found = {layer: measure(bars[:, 1] - bars[:, 0]) for layer, bars in finite.items()}
    assert found == pytest.approx({layer: reference[quantity][layer][dim] for layer in reference["layers"]}, rel=1e-5)


@pytest.mark.parametrize("layer", ["00_stem", "05_block5", "11_fc"])
def test_bars_of_real_activations_are_those_of_ripser_called_directly(reference_diagrams, reference_clouds, layer):
    distances = exact_distances(reference_clouds[layer].astype(np.float64))
    for found, expected in zip(
        reference_diagrams[layer], ripser(distances, distance_matrix=True, maxdim=1)["dgms"], strict=True
    ):
        assert matching_error(found, expected) < SINGLE * distances.max()


@every_backend
@every_cloud
def test_every_backend_finds_the_bars_of_a_simplex_tree(cloud, backend):
    distances = exact_distances(cloud)
    found = rips_diagrams(distances, (0, 1, 2), backend)
    tolerance = SINGLE * distances.max(initial=0.0)
    for bars, expected in zip(found, simplex_tree_diagrams(distances, 2), strict=True):
        bars, expected = longer_than(bars, tolerance), longer_than(expected, tolerance)
        assert len(bars) == len(expected)
        np.testing.assert_allclose(bars[:, 0].sum(), expected[:, 0].sum(), rtol=SINGLE)
        # The order of bars with all but equal births may differ, so that rows cannot be compared.
        assert matching_error(bars, expected) <= tolerance


@every_backend
@given(cloud=points_on_a_grid)
def test_deaths_of_components_are_the_merge_heights_of_single_linkage(backend, cloud):
    assume(len(cloud) > 1)
    heights = linkage(pdist(cloud), "single")[:, 2]
    (bars,) = rips_diagrams(distance_matrix(cloud), (0,), backend)
    np.testing.assert_array_equal(bars[:, 0], 0)
    np.testing.assert_allclose(bars[:, 1], [*np.sort(heights[heights > 0]), np.inf], rtol=SINGLE)


@pytest.mark.parametrize(
    ("backend", "precision"), [("redzed", np.float32), ("ripser", np.float32), ("gudhi", np.float64)]
)
def test_deaths_of_components_are_distances_to_the_last_digit_that_the_backend_keeps(backend, precision):
    distances = distance_matrix(gaussian(50, 3))
    (bars,) = rips_diagrams(distances, (0,), backend)
    assert np.isin(bars[:-1, 1], distances.astype(precision)).all()


@every_backend
def test_coefficients_are_modulo_two(backend):
    """Modulo an odd number, or over the rationals, the projective plane has no homology in dimensions 1 and 2."""
    h1, h2 = rips_diagrams(projective_plane(), (1, 2), backend)
    np.testing.assert_array_equal(h1, [[1, 2]])
    np.testing.assert_array_equal(h2, [[1, 2]])


# --- rips_diagrams: known spaces ---------------------------------------------------------------------------------


@every_backend
@given(width=st.floats(0.1, 10), height=st.floats(0.1, 10))
def test_the_hole_of_a_rectangle_lives_from_its_longer_side_to_its_diagonal(backend, width, height):
    corners = [[0, 0], [width, 0], [width, height], [0, height]]
    (h1,) = rips_diagrams(distance_matrix(corners), (1,), backend)
    np.testing.assert_allclose(h1, [[max(width, height), np.hypot(width, height)]], rtol=SINGLE)


@every_backend
def test_the_hole_of_the_unit_square_lives_from_one_to_the_root_of_two(backend):
    corners = [[0, 0], [1, 0], [1, 1], [0, 1]]
    h0, h1 = rips_diagrams(distance_matrix(corners), (0, 1), backend)
    np.testing.assert_array_equal(h0, [[0, 1], [0, 1], [0, 1], [0, np.inf]])
    np.testing.assert_allclose(h1, [[1, np.sqrt(2)]], rtol=SINGLE)


@every_backend
@pytest.mark.parametrize("n", [6, 12, 25, 60, 100])
@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_a_circle_has_one_hole_that_a_triangle_of_its_points_fills(backend, n, radius):
    """Adamaszek and Adams (2017): it is filled once edges may span a third of the circle."""
    birth = 2 * radius * np.sin(np.pi / n)
    death = 2 * radius * np.sin(np.pi * np.ceil(n / 3) / n)
    (h1,) = rips_diagrams(distance_matrix(circle(n, radius)), (1,), backend)
    np.testing.assert_allclose(longer_than(h1, SINGLE), [[birth, death]], rtol=SINGLE)


@every_backend
def test_the_hole_of_a_dense_noisy_circle_lives_from_its_widest_gap_to_about_the_root_of_three(backend):
    angles = np.sort(np.random.default_rng(0).uniform(0, 2 * np.pi, 150))
    cloud = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    (h1,) = rips_diagrams(distance_matrix(cloud), (1,), backend)
    lengths = h1[:, 1] - h1[:, 0]
    birth, death = h1[lengths.argmax()]
    assert birth == pytest.approx(2 * np.sin(gaps.max() / 2), rel=SINGLE)
    assert death == pytest.approx(np.sqrt(3), rel=0.05)
    assert np.sort(lengths)[:-1].max(initial=0.0) < 0.05 * lengths.max()


@every_backend
def test_a_sphere_has_one_long_void_that_a_tetrahedron_of_its_points_fills(backend):
    h1, h2 = rips_diagrams(distance_matrix(sphere(100)), (1, 2), backend)
    assert len(longer_than(h2, 0.5)) == 1
    assert len(longer_than(h1, 0.5)) == 0
    assert longer_than(h2, 0.5)[0, 1] == pytest.approx(np.sqrt(8 / 3), rel=0.05)


@every_backend
@pytest.mark.parametrize("dim", [2, 3, 4])
def test_a_cross_polytope_bounds_one_void_of_the_dimension_of_its_surface(backend, dim):
    found = rips_diagrams(distance_matrix(cross_polytope(dim)), range(dim + 1), backend)
    assert [len(bars) for bars in found] == [2 * dim] + [0] * (dim - 2) + [1, 0]
    np.testing.assert_allclose(found[dim - 1], [[np.sqrt(2), 2]], rtol=SINGLE)


@every_backend
def test_two_clusters_have_one_long_component_that_dies_at_their_gap(backend):
    left, right = blobs(1, 20), blobs(1, 20) + [30, 0, 0] + 0.01 * gaussian(20, 3, seed=5)
    (h0,) = rips_diagrams(distance_matrix(np.concatenate([left, right])), (0,), backend)
    assert h0[-2, 1] == pytest.approx(cdist(left, right).min(), rel=SINGLE)
    assert h0[-3, 1] < 0.1


@every_backend
def test_a_tree_like_metric_has_nothing_but_components(backend):
    found = rips_diagrams(distance_matrix(CLOUDS["collinear"]), (0, 1, 2), backend)
    np.testing.assert_allclose(found[0][:-1, 1], np.sqrt(14), rtol=SINGLE)
    assert [len(bars) for bars in found] == [25, 0, 0]


@every_backend
def test_two_circles_have_the_bars_of_both(backend):
    first, second = circle(12), 3 * circle(20) + [50, 0]
    (together,) = rips_diagrams(distance_matrix(np.concatenate([first, second])), (1,), backend)
    alone = [rips_diagrams(distance_matrix(cloud), (1,), backend)[0] for cloud in (first, second)]
    np.testing.assert_allclose(longer_than(together, SINGLE), longer_than(np.concatenate(alone), SINGLE), rtol=SINGLE)


# --- rips_diagrams: invariances ----------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("factor", [1e-6, 1 / 3, 1024, 1e6])
@pytest.mark.parametrize("name", ["random", "clustered", "duplicated", "mostly duplicated", "on a grid"])
def test_diagrams_of_a_scaled_cloud_do_not_depend_on_its_size(backend, factor, name):
    def scaled_diagrams(cloud):
        distances = distance_matrix(cloud)
        return rips_diagrams(distances / scale_of(distances, "quantile"), (0, 1), backend)

    for first, second in zip(scaled_diagrams(CLOUDS[name]), scaled_diagrams(factor * CLOUDS[name]), strict=True):
        assert matching_error(first, second) < SINGLE * first.max(where=np.isfinite(first), initial=1.0)


@every_backend
@pytest.mark.parametrize("factor", [1e-6, 1 / 3, 1e6])
def test_diagrams_in_activations_units_grow_with_the_cloud(backend, factor):
    small = rips_diagrams(distance_matrix(CLOUDS["random"]), (0, 1), backend)
    large = rips_diagrams(distance_matrix(factor * CLOUDS["random"]), (0, 1), backend)
    for first, second in zip(small, large, strict=True):
        assert matching_error(factor * first, second) < SINGLE * factor * first[np.isfinite(first)].max()


@every_backend
@given(cloud=points_on_a_grid, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_rotating_moving_and_reordering_the_points_changes_no_diagram(backend, cloud, seed):
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(cloud.shape[1],) * 2))[0]
    moved = rng.permutation(cloud) @ rotation + rng.normal(size=cloud.shape[1])
    size = distance_matrix(cloud).max()
    for first, second in zip(
        rips_diagrams(distance_matrix(cloud), (0, 1, 2), backend),
        rips_diagrams(distance_matrix(moved), (0, 1, 2), backend),
        strict=True,
    ):
        assert matching_error(first, second) <= SINGLE * size


@every_backend
@given(cloud=points_on_a_grid, displacement=st.floats(1e-4, 20), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_diagrams_move_by_at_most_twice_the_largest_displacement_of_a_point(backend, cloud, displacement, seed):
    directions = np.random.default_rng(seed).normal(size=cloud.shape)
    steps = displacement * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    before, after = distance_matrix(cloud), distance_matrix(cloud + steps)
    for first, second in zip(
        rips_diagrams(before, (0, 1), backend), rips_diagrams(after, (0, 1), backend), strict=True
    ):
        assert matching_error(first, second) <= 2 * displacement + SINGLE * (before.max() + after.max())


@every_backend
@pytest.mark.parametrize("name", ["random", "on a grid", "collinear", "two points"])
def test_repeating_points_adds_no_bars(backend, name):
    once = distance_matrix(CLOUDS[name])
    thrice = distance_matrix(np.repeat(CLOUDS[name], 3, axis=0))
    for first, second in zip(rips_diagrams(once, (0, 1), backend), rips_diagrams(thrice, (0, 1), backend), strict=True):
        assert first.shape == second.shape
        assert matching_error(first, second) <= SINGLE * once.max()


@every_backend
def test_asymmetry_of_a_rounding_error_changes_no_diagram(backend):
    """Distances from a matrix product are often symmetric up to the last digit only."""
    distances = exact_distances(circle(60))
    noise = np.random.default_rng(0).integers(-4, 5, distances.shape) * np.finfo(float).eps
    (h1,) = rips_diagrams(distances * (1 + noise), (1,), backend)
    np.testing.assert_allclose(longer_than(h1, SINGLE), [[2 * np.sin(np.pi / 60), np.sqrt(3)]], rtol=SINGLE)


# --- rips_diagrams: form of the result ---------------------------------------------------------------------------


@every_backend
@every_cloud
def test_diagrams_are_sorted_arrays_of_bars_of_positive_length(cloud, backend):
    for bars in rips_diagrams(distance_matrix(cloud), (0, 1, 2), backend):
        assert bars.dtype == np.float64
        assert bars.ndim == 2
        assert bars.shape[1] == 2
        assert (bars[:, 1] > bars[:, 0]).all()
        np.testing.assert_array_equal(np.lexsort((bars[:, 1], bars[:, 0])), np.arange(len(bars)))


@every_backend
@every_cloud
def test_only_one_component_never_dies_unless_there_are_no_points(cloud, backend):
    found = rips_diagrams(distance_matrix(cloud), (0, 1, 2), backend)
    assert [np.isinf(bars).sum() for bars in found] == [min(len(cloud), 1), 0, 0]


@every_backend
@pytest.mark.parametrize("dims", [(1,), (1, 0), (0, 1, 1, 0), [2, 0], range(3)])
def test_diagrams_come_in_the_order_of_the_dimensions_wanted(backend, dims):
    distances = distance_matrix(CLOUDS["random"])
    in_order = rips_diagrams(distances, (0, 1, 2), backend)
    found = rips_diagrams(distances, dims, backend)
    assert len(found) == len(dims)
    for dim, bars in zip(dims, found, strict=True):
        assert matching_error(bars, in_order[dim]) <= SINGLE * distances.max()


@every_backend
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_dimensions_too_high_for_the_number_of_points_are_empty(backend, n):
    found = rips_diagrams(distance_matrix(gaussian(n, 3)), (0, 3), backend)
    assert [bars.shape for bars in found] == [(n, 2), (0, 2)]


@every_backend
@pytest.mark.parametrize("form", ["list", "float32", "Fortran order", "read-only"])
def test_distances_may_come_in_any_form(backend, form):
    distances = distance_matrix(CLOUDS["random"]).astype(np.float32).astype(np.float64)
    expected = rips_diagrams(distances, (0, 1), backend)
    read_only = distances.copy()
    read_only.flags.writeable = False
    forms = {
        "list": distances.tolist(),
        "float32": distances.astype(np.float32),
        "Fortran order": np.asfortranarray(distances),
        "read-only": read_only,
    }
    for found, bars in zip(rips_diagrams(forms[form], (0, 1), backend), expected, strict=True):
        np.testing.assert_array_equal(found, bars)


@every_backend
def test_the_distances_are_left_as_they_were(backend):
    distances = distance_matrix(CLOUDS["random"])
    before = distances.copy()
    rips_diagrams(distances, (0, 1, 2), backend)
    np.testing.assert_array_equal(distances, before)


@every_backend
def test_threads_do_not_disturb_each_other(backend):
    matrices = [distance_matrix(gaussian(60, 3, seed)) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(lambda matrix: rips_diagrams(matrix, (0, 1), backend), matrices))
    for matrix, found in zip(matrices, threaded, strict=True):
        for first, second in zip(found, rips_diagrams(matrix, (0, 1), backend), strict=True):
            np.testing.assert_array_equal(first, second)


# --- arguments and missing packages ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (2, 2, 2)])
def test_distances_that_are_not_a_square_matrix_are_refused(shape):
    with pytest.raises(ValueError, match="Expected `distances` to be a square matrix, got shape"):
        rips_diagrams(np.zeros(shape))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_distances_that_are_not_finite_are_refused(bad, n):
    with pytest.raises(ValueError, match="Expected `distances` to be finite, got NaN or infinity"):
        rips_diagrams(np.full((n, n), bad))


@pytest.mark.parametrize("dims", [(), [], (-1,), (0, -2)])
def test_missing_and_negative_dimensions_are_refused(dims):
    with pytest.raises(ValueError, match="Expected `homology_dims` to hold integers of at least 0, got"):
        rips_diagrams(np.zeros((3, 3)), dims)


@pytest.mark.parametrize("n", [0, 2, 5])
def test_an_unknown_backend_is_refused_with_the_known_ones(n):
    known = r"Expected `backend` to be one of \('auto', 'redzed', 'gudhi', 'ripser'\), got 'javaplex'"
    with pytest.raises(ValueError, match=known):
        rips_diagrams(np.zeros((n, n)), backend="javaplex")
    with pytest.raises(ValueError, match=known):
        resolve_backend("javaplex")


MODULES = {"redzed": "redzed_tda", "gudhi": "gudhi", "ripser": "ripser"}


def uninstall(monkeypatch, *backends):
    for backend in backends:
        monkeypatch.setitem(sys.modules, MODULES[backend], None)


@every_backend
@pytest.mark.parametrize("highest_dim", [0, 1, 2])
def test_a_named_backend_stands_for_itself(backend, highest_dim):
    assert resolve_backend(backend, highest_dim) == backend


@pytest.mark.parametrize(
    ("highest_dim", "missing", "expected"),
    [
        (0, [], "redzed"),
        (1, [], "redzed"),
        (2, [], "gudhi"),
        (1, ["redzed"], "gudhi"),
        (2, ["gudhi"], "redzed"),
        (1, ["redzed", "gudhi"], "ripser"),
        (2, ["redzed", "gudhi"], "ripser"),
    ],
)
def test_auto_takes_the_fastest_backend_that_is_installed(monkeypatch, highest_dim, missing, expected):
    uninstall(monkeypatch, *missing)
    assert resolve_backend("auto", highest_dim) == expected


@pytest.mark.parametrize("dims", [(0, 1), (0, 1, 2)])
@pytest.mark.parametrize("missing", [[], ["gudhi"], ["redzed", "gudhi"]])
def test_auto_gives_the_bars_of_a_simplex_tree_whatever_is_installed(monkeypatch, dims, missing):
    uninstall(monkeypatch, *missing)
    distances = distance_matrix(CLOUDS["random"])
    expected = simplex_tree_diagrams(distances, max(dims))
    for bars, truth in zip(rips_diagrams(distances, dims), expected, strict=True):
        assert matching_error(bars, longer_than(truth, 0)) <= SINGLE * distances.max()


@pytest.mark.parametrize(
    ("backend", "install"),
    [
        ("redzed", "pip install redzed-tda"),
        ("gudhi", r"pip install 'topocallback\[gudhi\]'"),
        ("ripser", "pip install ripser"),
        ("auto", "pip install redzed-tda"),
    ],
)
@pytest.mark.parametrize("n", [1, 5])
def test_a_backend_that_is_not_installed_says_how_to_install_it(monkeypatch, backend, install, n):
    uninstall(monkeypatch, *MODULES)
    with pytest.raises(ModuleNotFoundError, match=f"`backend='{backend}'` needs a package: {install}"):
        rips_diagrams(np.zeros((n, n)), backend=backend)
