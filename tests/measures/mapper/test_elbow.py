"""The elbow of the distances to the nearest neighbour: kneed's, rounded as in the paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kneed import KneeLocator
from sklearn.neighbors import NearestNeighbors

from topocallback.measures.mapper.elbow import elbow

REFERENCE = "mapper_l2norm_40_cubes_30_percent_dbscan5_elbow"


@given(st.lists(st.floats(0.01, 100), min_size=5, max_size=80))
def test_the_elbow_is_kneeds(distances):
    falling = np.sort(distances)[::-1]
    if falling[0] == falling[-1]:
        assert elbow(distances) == falling[0]
        return
    knee = KneeLocator(falling, np.linspace(0, 1, len(falling)), curve="convex", direction="decreasing").knee
    expected = np.median(falling) if knee is None else knee
    assert elbow(distances) == pytest.approx(expected, rel=0.01)


def test_the_elbow_of_real_activations_is_rounded_as_in_the_paper(reference, reference_clouds):
    for layer, cloud in reference_clouds.items():
        nearest = NearestNeighbors(n_neighbors=2).fit(cloud).kneighbors(cloud)[0][:, 1]
        assert elbow(nearest) == reference[REFERENCE][layer]["eps"]
    assert elbow([9e-4, 5e-4, 2e-4, 1.5e-4, 1.2e-4, 1e-4, 8e-5]) == 2e-4  # rounding would make it 0


def test_the_order_of_the_distances_does_not_matter():
    distances = np.random.default_rng(0).exponential(size=50)
    assert elbow(distances) == elbow(np.sort(distances)) == elbow(np.sort(distances)[::-1].tolist())


@pytest.mark.parametrize(("distances", "expected"), [([], 0), ([2.5], 2.5), ([0, 0, 0], 0), ([3.0, 1.0], 2.0)])
def test_where_there_is_no_elbow_it_is_the_median(distances, expected):
    assert elbow(distances) == expected
