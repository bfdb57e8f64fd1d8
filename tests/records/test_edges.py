"""Edges as pairs of positions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from topocallback.records.edges import check_edges, edges_among


def matrix_of(edges, n_points):
    """How many edges lead from each point to each."""
    found = np.zeros((n_points, n_points), dtype=int)
    np.add.at(found, tuple(edges.T), 1)
    return found


@given(st.integers(0, 99))
def test_the_edges_among_some_points_are_a_part_of_the_matrix_of_all(seed):
    rng = np.random.default_rng(seed)
    edges, points = rng.integers(9, size=(20, 2)), rng.permutation(9)[: rng.integers(10)]
    found = edges_among(edges, points, 9)
    np.testing.assert_array_equal(matrix_of(found, len(points)), matrix_of(edges, 9)[np.ix_(points, points)])


def test_their_order_stays():
    edges = np.array([[3, 1], [1, 3], [2, 1], [1, 1]])
    assert edges_among(edges, np.array([1, 3]), 4).tolist() == [[1, 0], [0, 1], [0, 0]]


def test_any_integers_are_positions():
    assert check_edges(np.array([[0, 1]], dtype=np.uint8), 2).dtype == np.int64
    assert check_edges(np.empty((0, 2)), 0).shape == (0, 2)
