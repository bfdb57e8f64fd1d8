"""Which samples are near each other in two layers: against scikit-learn's neighbours."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from topocallback.measures import NeighbourOverlap


@pytest.mark.parametrize("k", [1, 10, 50])
def test_it_is_the_mean_jaccard_index_of_scikit_learns_neighbours(toy, k):
    of_both = [NearestNeighbors(n_neighbors=k).fit(cloud).kneighbors(return_distance=False) for cloud in toy]
    shares = [len(set(a) & set(b)) / len(set(a) | set(b)) for a, b in zip(*of_both, strict=True)]
    assert NeighbourOverlap(k=k)(*toy) == pytest.approx(1 - np.mean(shares), abs=1e-12)


def test_of_equally_near_samples_the_first_recorded_are_nearer():
    assert NeighbourOverlap(k=2)(np.zeros((6, 1)), np.zeros((6, 1))) == 0
    assert NeighbourOverlap(k=1)([[0.0], [0.0], [0.0]], [[0.0], [9.0], [1.0]]) == pytest.approx(2 / 3)


def test_k_has_to_be_a_count_below_that_of_the_points():
    for k in (0, 2.5, "many"):
        with pytest.raises(ValueError, match="Expected `k` of knn_overlap to be an integer of at least 1"):
            NeighbourOverlap(k=k)
    with pytest.raises(ValueError, match="Expected more than k=10 points for knn_overlap, got 10"):
        NeighbourOverlap()(np.eye(10), np.eye(10))
