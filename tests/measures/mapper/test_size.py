"""How fine a graph is: what suits the number of points, and how far nine in ten of them are from others."""

import numpy as np
import pytest

from topocallback.measures.mapper.size import core_radius, intervals_for


@pytest.mark.parametrize(
    ("n_points", "expected"), [(0, 1), (1, 1), (2, 2), (8, 2), (512, 10), (1000, 12), (50_000, 44)]
)
def test_intervals_grow_with_the_cube_root(n_points, expected):
    assert intervals_for(n_points) == expected


@pytest.mark.parametrize("n", [1, 2, 10, 11, 300])
def test_within_the_radius_are_nine_in_ten(n):
    distances = np.random.default_rng(n).exponential(size=n)
    radius = core_radius(distances)
    assert radius == np.quantile(distances, 0.9)
    assert (distances <= radius).mean() >= 0.9 * (n - 1) / n


def test_one_distance_in_ten_may_be_any():
    distances = np.ones(100)
    distances[:9] = 1e6
    assert core_radius(distances) == 1


def test_without_distances_and_of_equal_points_the_radius_is_0():
    assert core_radius([]) == 0
    assert core_radius(np.zeros(7)) == 0
