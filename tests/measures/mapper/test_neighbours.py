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
    for k in (1, 4, n - 1, n + 5):
        np.testing.assert_array_equal(neighbours.kth_nearest(k), np.sort(distances, axis=1)[:, min(k, n - 1)])
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
    assert alone.kth_nearest(4).tolist() == [0]
    assert neighbours_of(np.empty((0, 2))).kth_nearest(4).shape == (0,)


def test_equal_points_are_each_others_nearest():
    neighbours = neighbours_of(np.array([[0.0], [0.0], [0.0], [2.0]]))
    assert [neighbours.kth_nearest(k).tolist() for k in (1, 2, 3)] == [[0, 0, 0, 2], [0, 0, 0, 2], [2, 2, 2, 2]]


@pytest.mark.parametrize("spoil", [np.triu, np.negative, lambda matrix: matrix + np.eye(len(matrix))])
def test_what_is_no_matrix_of_distances_is_refused(spoil):
    with pytest.raises(ValueError, match="Expected `distances` to "):
        MatrixNeighbours(spoil(distance_matrix(np.random.default_rng(0).normal(size=(5, 2)))))
