"""Clusters of points that are densely near each other: scikit-learn's DBSCAN."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.mapper.clusters import density_clusters
from topocallback.measures.mapper.neighbours import MatrixNeighbours


def neighbours_of(points):
    return MatrixNeighbours(distance_matrix(points))


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), radius=st.floats(0, 2), min_samples=st.integers(1, 8), grid=st.booleans())
def test_clusters_are_scikit_learns(seed, radius, min_samples, grid):
    points = np.random.default_rng(seed).normal(size=(50, 2))
    if grid:  # many equal points and equal distances
        points = np.round(points)
    expected = DBSCAN(eps=max(radius, 1e-12), min_samples=min_samples, metric="precomputed").fit_predict(
        distance_matrix(points)
    )
    np.testing.assert_array_equal(density_clusters(neighbours_of(points), radius, min_samples), expected)


def test_no_points_have_no_clusters():
    assert density_clusters(neighbours_of(np.empty((0, 2))), 1.0, 1).shape == (0,)
