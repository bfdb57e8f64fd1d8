import numpy as np
import pytest
from record_tools import assert_equal

from topocallback.records.nearest import NearestSamples

POSITIONS = np.array([[1, 2], [0, 2], [1, 0], [-1, -1]])
DISTANCES = np.array([[1, 1, 2], [1, 1, 1.5], [1.5, 1.5, 2], [np.nan] * 3])


def test_neighbours_of_finite_points_stand_where_their_samples_do():
    rows = np.array([0, 1, 3])
    found = NearestSamples.of_points(np.array([[1], [2], [0]]), np.array([[1.0], [2], [3]]), rows, 4)
    assert found.positions.ravel().tolist() == [1, 3, -1, 0]
    np.testing.assert_array_equal(found.distances[:, 2], [1, 2, np.nan, 3])
    assert found.is_known.tolist() == [True, True, False, True]


def test_of_ten_distances_those_to_the_nearest_the_middle_one_and_the_furthest_are_kept():
    distances = np.array([[1.0, 2, 4], [1, 5, 6]])
    found = NearestSamples.of_points(np.array([[1, 0, 1], [0, 1, 0]]), distances, np.arange(2), 2)
    assert found.distances.tolist() == [[1, 2, 4], [1, 5, 6]]


def test_neighbours_come_back_equal():
    nearest = NearestSamples(POSITIONS, DISTANCES)
    assert_equal(NearestSamples.from_arrays(nearest.to_arrays(), 4), nearest)


@pytest.mark.parametrize(
    ("name", "array", "n_samples"),
    [
        ("positions", POSITIONS, 5),
        ("positions", POSITIONS + 2, 4),
        ("positions", POSITIONS - 1, 4),
        ("distances", DISTANCES[:, :1], 4),
        ("distances", -DISTANCES, 4),
        ("distances", np.ones((4, 3), dtype=np.int64), 4),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(name, array, n_samples):
    arrays = NearestSamples(POSITIONS, DISTANCES).to_arrays()
    with pytest.raises(ValueError, match="its"):
        NearestSamples.from_arrays({**arrays, name: array}, n_samples)


def test_the_share_of_common_neighbours_counts_samples_that_have_some_in_both_layers():
    other = NearestSamples(np.array([[2, 1], [3, 2], [-1, -1], [0, 1]]), np.ones((4, 2)))
    assert NearestSamples(POSITIONS, DISTANCES).shared_with(other) == (1 + 0.5) / 2
    nobody = NearestSamples(np.full((4, 2), -1), np.full((4, 2), np.nan))
    assert np.isnan(nobody.shared_with(other))
    with pytest.raises(ValueError, match="the same 4 samples, got 3"):
        other.shared_with(NearestSamples(POSITIONS[:3], DISTANCES[:3]))
