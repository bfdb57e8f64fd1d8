"""Vietoris-Rips diagrams of spaces whose homology is known, by every backend."""

import numpy as np
import pytest
from cloud_tools import CLOUDS, blobs, circle, cross_polytope, gaussian, sphere
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.topology.rips import BACKENDS, rips_diagrams

every_backend = pytest.mark.parametrize("backend", BACKENDS)

# Where a backend computes in single precision, its values are exact to half of 2**-23.
SINGLE = 1e-6


def longer_than(diagram, length):
    """Rounding to single precision makes bars of that length appear and vanish: they say nothing about a backend."""
    return diagram[diagram[:, 1] - diagram[:, 0] > length]


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
