"""Which points make and end bars: against their definition, GUDHI's generators, and clouds of which they are known."""

import itertools

import gudhi
import numpy as np
import pytest
from cloud_tools import CLOUDS, blobs, circle, cross_polytope, gaussian
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.topology.rips import rips_diagrams, rips_diagrams_with_simplices
from topocallback.measures.topology.simplices import NOBODY

SINGLE = 1e-6  # redzed computes in single precision
every_cloud = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)


def simplices_of(distances, dims=(0, 1)):
    return rips_diagrams_with_simplices(distances, dims, "redzed")


def longest_edges(distances, simplices):
    return [max([distances[i, j] for i, j in itertools.combinations(points, 2)], default=0) for points in simplices]


def assert_simplices_define_the_bars(distances, diagrams, simplices, dims):
    for dim, bars, points in zip(dims, diagrams, simplices, strict=True):
        assert points.shape == (len(bars), 2 * dim + 3)
        births, deaths = np.split(points, [dim + 1], axis=1)
        dies = np.isfinite(bars[:, 1])
        assert (deaths[~dies] == NOBODY).all()
        for at, ends in ((bars[:, 0], births), (bars[dies, 1], deaths[dies])):
            assert all(len(set(row)) == len(row) for row in ends.tolist())
            np.testing.assert_allclose(longest_edges(distances, ends), at, rtol=SINGLE, atol=1e-30)
            if ends.shape[1] > 1:
                np.testing.assert_allclose(distances[ends[:, 0], ends[:, 1]], at, rtol=SINGLE, atol=1e-30)


@every_cloud
def test_the_diagrams_are_those_without_simplices_in_every_bit(cloud):
    distances = distance_matrix(cloud)
    diagrams, _ = simplices_of(distances, (1, 0, 2))
    for found, expected in zip(diagrams, rips_diagrams(distances, (1, 0, 2), "redzed"), strict=True):
        assert found.tobytes() == expected.tobytes()


@every_cloud
def test_the_longest_edges_are_births_and_deaths_and_stand_first(cloud):
    distances = cdist(cloud, cloud)
    assert_simplices_define_the_bars(distances, *simplices_of(distances, (0, 1, 2)), (0, 1, 2))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 25), st.integers(1, 4), st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 1.0, 1e3]))
def test_they_are_so_for_clouds_of_any_size_and_scale(n, width, seed, scale):
    cloud = gaussian(n, width, seed)
    distances = cdist(cloud, cloud) * scale
    assert_simplices_define_the_bars(distances, *simplices_of(distances), (0, 1))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_they_are_so_where_many_distances_are_equal_or_zero(n, seed):
    cloud = np.random.default_rng(seed).integers(0, 3, size=(n, 2)).astype(float)
    distances = cdist(cloud, cloud)
    assert_simplices_define_the_bars(distances, *simplices_of(distances), (0, 1))


@pytest.mark.parametrize("cloud", [gaussian(60, 3), gaussian(40, 20, seed=1), blobs()], ids=["wide", "deep", "blobs"])
def test_the_edges_are_those_of_gudhis_generators(cloud):
    distances = cdist(cloud, cloud)
    tree = gudhi.RipsComplex(distance_matrix=distances).create_simplex_tree(max_dimension=2)
    tree.compute_persistence()
    clusters, loops, *_ = tree.flag_persistence_generators()
    _, (h0, h1) = simplices_of(distances)
    pairs = [[0, 1], [2, 3]]
    assert edges(h0[h0[:, 1] != NOBODY][:, 1:], [[0, 1]]) == edges(clusters[:, 1:], [[0, 1]])
    assert edges(h1[:, :4], pairs) == edges(loops[0], pairs)


def edges(rows, places):
    return sorted([sorted(row[place].tolist()) for place in places] for row in np.asarray(rows))


def test_a_circles_loop_is_closed_by_neighbours_and_filled_where_a_third_of_it_is_bridged():
    n = 30
    _, (points,) = simplices_of(distance_matrix(circle(n)), (1,))
    births, deaths = points[0, :2], points[0, 2:4]
    apart = [abs(int(i) - int(j)) for i, j in (births, deaths)]
    assert [min(steps, n - steps) for steps in apart] == [1, n // 3]


def test_a_void_is_made_by_a_triangle_and_ended_by_a_tetrahedron():
    distances = distance_matrix(cross_polytope(3))
    (bars,), (points,) = simplices_of(distances, (2,))
    assert points.shape == (1, 7) == (len(bars), 7)
    assert_simplices_define_the_bars(distances, [bars], [points], (2,))


def test_other_names_of_the_points_are_followed():
    cloud = gaussian(50, 3)
    order = np.random.default_rng(1).permutation(len(cloud))
    _, (_, found) = simplices_of(distance_matrix(cloud[order]))
    _, (_, expected) = simplices_of(distance_matrix(cloud))
    assert edges(order[found[:, :4]], [[0, 1], [2, 3]]) == edges(expected[:, :4], [[0, 1], [2, 3]])


def test_the_same_distances_give_the_same_simplices_every_time():
    distances = distance_matrix(np.round(gaussian(200, 3), 1))  # many are equal
    first, *others = [simplices_of(distances)[1] for _ in range(3)]
    for simplices in others:
        assert [each.tolist() for each in simplices] == [each.tolist() for each in first]


@pytest.mark.parametrize(
    ("cloud", "expected"),
    [([], []), ([[0.0]], [[0, -1, -1]]), ([[0.0], [2.0]], [[1, 0, 1], [0, -1, -1]]), ([[1.0]] * 2, [[0, -1, -1]])],
)
def test_of_hardly_any_points_there_are_clusters_alone(cloud, expected):
    points = np.reshape(cloud, (-1, 1))
    diagrams, simplices = simplices_of(cdist(points, points))
    assert [each.tolist() for each in simplices] == [expected, []]
    assert simplices[1].shape == (0, 5)
    assert_simplices_define_the_bars(cdist(points, points), diagrams, simplices, (0, 1))


@pytest.mark.parametrize(("backend", "dims"), [("gudhi", (0, 1)), ("ripser", (0, 1)), ("auto", (0, 1, 2))])
def test_backends_that_do_not_give_them_give_the_diagrams_alone(backend, dims):
    distances = distance_matrix(gaussian(20, 3))
    diagrams, simplices = rips_diagrams_with_simplices(distances, dims, backend)
    assert simplices == []
    for found, expected in zip(diagrams, rips_diagrams(distances, dims, backend), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_are_no_distances_is_refused():
    with pytest.raises(ValueError, match="Expected `distances`"):
        simplices_of(np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match="to be finite"):
        rips_diagrams_with_simplices(np.full((3, 3), np.inf), checked=True)
