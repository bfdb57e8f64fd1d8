"""Questions about distances, answered from a matrix."""

import numpy as np
import pytest

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.mapper.neighbours import MatrixNeighbours


def neighbours_of(points):
    return MatrixNeighbours(distance_matrix(points))


@pytest.mark.parametrize("n", [2, 63, 64, 65, 200])
def test_answers_are_those_of_the_whole_matrix(n):
    points = np.random.default_rng(n).normal(size=(n, 3))
    distances = distance_matrix(points)
    others = distances + np.diag(np.full(n, np.inf))
    neighbours = MatrixNeighbours(distances)
    np.testing.assert_array_equal(neighbours.nearest(), others.min(axis=1))
    np.testing.assert_allclose(neighbours.mean(), distances.sum(axis=1) / (n - 1))
    near = neighbours.near(0.5)
    np.testing.assert_array_equal(near.counts, (distances <= 0.5).sum(axis=1))
    some = np.arange(0, n, 2)
    np.testing.assert_array_equal(near.reached(some), (distances[some] <= 0.5).any(axis=0))
    np.testing.assert_array_equal(neighbours.among(some).near(1.0).bits, neighbours_of(points[some]).near(1.0).bits)
    np.testing.assert_array_equal(np.diagonal(distances), 0)  # nothing was written into it


def test_a_point_alone_is_near_nothing_but_itself():
    alone = neighbours_of(np.zeros((1, 2)))
    assert (alone.nearest().tolist(), alone.mean().tolist(), alone.near(0).counts.tolist()) == ([0], [0], [1])
