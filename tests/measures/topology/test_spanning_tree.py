"""Minimum spanning trees: against SciPy's, and where points are equal."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.topology.spanning_tree import spanning_tree, spanning_tree_lengths


@pytest.mark.parametrize("n", [2, 3, 50, 200])
def test_the_edges_are_scipys(n):
    distances = distance_matrix(np.random.default_rng(n).normal(size=(n, 3)))
    expected = minimum_spanning_tree(distances).tocoo()
    pairs = {tuple(sorted(edge)) for edge in zip(expected.row.tolist(), expected.col.tolist(), strict=True)}
    assert {tuple(sorted(edge)) for edge in spanning_tree(distances).tolist()} == pairs


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_the_lengths_are_those_of_the_edges(n):
    points = np.repeat(np.random.default_rng(n).normal(size=(n, 3)), 2, axis=0)  # half of the edges are of length 0
    distances = distance_matrix(points)
    lengths = spanning_tree_lengths(distances)
    np.testing.assert_array_equal(lengths, distances[tuple(spanning_tree(distances).T)])
    assert (lengths == 0).sum() == n


def test_equal_points_are_joined_to_each_other():
    distances = distance_matrix(np.array([0.0, 4.0, 0.0, 4.0, 9.0]))
    edges = spanning_tree(distances)
    assert sorted(distances[tuple(edges.T)].tolist()) == pytest.approx([0, 0, 4, 5])


@pytest.mark.parametrize("n", [0, 1])
def test_one_point_has_no_edge(n):
    assert spanning_tree(np.zeros((n, n))).shape == (0, 2)
