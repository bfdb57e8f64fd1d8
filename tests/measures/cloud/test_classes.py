"""Whether nearest neighbours name the class: against scikit-learn's classifier."""

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from topocallback.measures import NeighbourAccuracy


@pytest.mark.parametrize("k", [1, 10])
def test_it_is_scikit_learns_accuracy_where_each_sample_is_left_out(reference_clouds, reference_labels, k):
    cloud = reference_clouds["08_block8"][:150].astype(np.float64)
    scores = cross_val_score(KNeighborsClassifier(k), cloud, reference_labels[:150], cv=LeaveOneOut())
    assert NeighbourAccuracy(k=k)(cloud, reference_labels[:150]) == pytest.approx(scores.mean(), abs=1e-12)


def test_labels_may_be_anything_that_names_classes():
    cloud = np.concatenate([np.zeros((20, 2)), np.ones((20, 2))])
    assert NeighbourAccuracy()(cloud, ["cat"] * 20 + ["dog"] * 20) == 1
    assert NeighbourAccuracy()(cloud, np.zeros(40)) == 1


def test_what_it_needs_is_said():
    with pytest.raises(ValueError, match="Expected `labels` for knn_accuracy"):
        NeighbourAccuracy()(np.eye(20))
    with pytest.raises(ValueError, match="Expected more than k=10 points for knn_accuracy, got 5"):
        NeighbourAccuracy()(np.eye(5), np.arange(5))
    with pytest.raises(ValueError, match="Expected `k` of knn_accuracy to be an integer of at least 1"):
        NeighbourAccuracy(k=0)
