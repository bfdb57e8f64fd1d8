"""What a matrix of distances has to be, and what rounding may leave in one."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from topocallback.records.distance_matrix import as_distance_matrix

POINTS = np.random.default_rng(0).normal(size=(6, 2))
DISTANCES = cdist(POINTS, POINTS)
EYE = np.eye(6)


def test_a_matrix_of_distances_is_left_as_it_is():
    assert as_distance_matrix(DISTANCES) is DISTANCES
    np.testing.assert_array_equal(as_distance_matrix([[0, 1], [1, 0]]), [[0, 1], [1, 0]])
    assert as_distance_matrix(np.empty((0, 0))).shape == (0, 0)


@pytest.mark.parametrize("size", [1e-12, 1e-7, 1e-4])
def test_what_rounding_leaves_is_taken_out(size):
    noise = size * np.random.default_rng(1).uniform(-1, 1, (6, 6))
    before = DISTANCES + noise
    found = as_distance_matrix(before.copy())
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(found.diagonal(), 0)
    assert found.min() == 0
    np.testing.assert_allclose(found, DISTANCES, atol=size)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (np.triu(DISTANCES), r"to be symmetric, got .* Of one triangle T, T \+ T.T is the whole matrix"),
        (DISTANCES + 0.1 * EYE[[0]].T * EYE[[3]], r"to be symmetric, got .* at \(0, 3\) and .* at \(3, 0\)"),
        (-DISTANCES, "to be at least 0, got -"),
        (POINTS @ POINTS.T, "to be at least 0, got -"),
        (DISTANCES + EYE, r"to have a diagonal of 0, got 1.0 at \(0, 0\).*1 - s"),
        (np.exp(-DISTANCES), "to have a diagonal of 0, got 1.0"),
        (np.where(EYE, np.nan, DISTANCES), "to be finite, got NaN or infinity"),
        (DISTANCES[:5], "to be a square matrix, got shape"),
        (DISTANCES[np.triu_indices(6, 1)], "to be a square matrix, got shape"),
        (1j * DISTANCES, "to hold real numbers, got complex128"),
    ],
)
def test_what_is_no_matrix_of_distances_is_refused_by_name(matrix, said):
    with pytest.raises(ValueError, match=f"Expected `their_distances` {said}"):
        as_distance_matrix(matrix, "their_distances")


def test_what_the_error_says_of_a_triangle_works():
    triangle = np.triu(DISTANCES)
    np.testing.assert_array_equal(as_distance_matrix(triangle + triangle.T), DISTANCES)


def test_distances_that_are_not_known_may_be_allowed():
    matrix = DISTANCES.copy()
    matrix[1, 2] = matrix[2, 1] = np.nan
    np.testing.assert_array_equal(as_distance_matrix(matrix, known=False), matrix)
    with pytest.raises(ValueError, match="symmetric"):
        as_distance_matrix(np.triu(matrix), known=False)
