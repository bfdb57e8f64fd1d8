"""Where classes lie: against scikit-learn's classifier and silhouette, and ripser's bars."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ripser import ripser
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import silhouette_score
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import MinMaxScaler

from topocallback.measures import ClassPersistence, LayerFacts, NeighbourAccuracy, Silhouette
from topocallback.measures.euclidean import distance_matrix


@pytest.mark.parametrize("k", [1, 10])
def test_it_is_scikit_learns_accuracy_where_each_sample_is_left_out(reference_clouds, reference_labels, k):
    cloud = reference_clouds["08_block8"][:150].astype(np.float64)
    scores = cross_val_score(KNeighborsClassifier(k), cloud, reference_labels[:150], cv=LeaveOneOut())
    assert NeighbourAccuracy(k=k)(cloud, reference_labels[:150]) == pytest.approx(scores.mean(), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(4, 90), k=st.integers(1, 3), n_values=st.integers(1, 6), seed=st.integers(0, 1000))
def test_of_neighbours_that_are_equally_far_the_first_count(n, k, n_values, seed):
    generator = np.random.default_rng(seed)
    cloud, labels = generator.integers(n_values, size=(n, 2)).astype(float), generator.integers(3, size=n)
    distances = distance_matrix(cloud) + np.diag(np.full(n, np.inf))
    nearest = labels[np.argsort(distances, axis=1, kind="stable")[:, :k]]
    named = [np.bincount(each).argmax() for each in nearest]
    assert NeighbourAccuracy(k=k)(cloud, labels) == np.mean(named == labels)


def test_labels_may_be_anything_that_names_classes():
    cloud = np.concatenate([np.zeros((20, 2)), np.ones((20, 2))])
    assert NeighbourAccuracy()(cloud, ["cat"] * 20 + ["dog"] * 20) == 1
    assert NeighbourAccuracy()(cloud, np.zeros(40)) == 1


def test_its_error_is_that_of_a_share_of_samples_however_many_points_these_have():
    points, samples = LayerFacts(np.eye(100)), LayerFacts(np.eye(100), sample_ids=np.arange(100) // 4)
    assert NeighbourAccuracy().own_error(points, 0.2) == pytest.approx(0.04)
    assert NeighbourAccuracy().own_error(samples, 0.2) == pytest.approx(0.08)


def test_its_error_is_not_nothing_where_all_samples_are_right():
    for share in (0.0, 1.0):
        assert NeighbourAccuracy().own_error(LayerFacts(np.eye(50)), share) == pytest.approx(0.02)


def test_what_it_needs_is_said():
    with pytest.raises(ValueError, match="Expected `labels` for knn_accuracy"):
        NeighbourAccuracy()(np.eye(20))
    with pytest.raises(ValueError, match="Expected more than k=10 points for knn_accuracy, got 5"):
        NeighbourAccuracy()(np.eye(5), np.arange(5))
    with pytest.raises(ValueError, match="Expected `k` of knn_accuracy to be an integer of at least 1"):
        NeighbourAccuracy(k=0)


# -- Silhouette ------------------------------------------------------------------------------------------------------


def test_silhouette_is_scikit_learns(reference_clouds, reference_labels):
    for layer in ("02_block2", "09_avgpool"):
        cloud = reference_clouds[layer].astype(np.float64)
        expected = silhouette_score(cloud, reference_labels)
        assert Silhouette()(cloud, reference_labels) == pytest.approx(expected, abs=1e-9)


def test_silhouette_with_classes_of_one_sample_and_equal_points_is_scikit_learns():
    random = np.random.default_rng(0)
    cloud = np.repeat(random.normal(size=(12, 3)), 2, axis=0)
    labels = np.array([0, *([1] * 9), *([2] * 6), *([3] * 8)])
    expected = silhouette_score(squareform(pdist(cloud)), labels, metric="precomputed")
    assert Silhouette()(cloud, labels) == pytest.approx(expected, abs=1e-12)
    assert Silhouette()(np.zeros((6, 2)), [0, 0, 0, 1, 1, 1]) == 0


def test_silhouette_depends_neither_on_order_nor_on_rotation_nor_on_one_factor():
    random = np.random.default_rng(0)
    cloud, labels = random.normal(size=(60, 4)), random.integers(3, size=60)
    rotation, order = np.linalg.qr(random.normal(size=(4, 4)))[0], random.permutation(60)
    expected = Silhouette()(cloud, labels)
    assert Silhouette()(9 * (cloud @ rotation)[order] + 1, labels[order]) == pytest.approx(expected, abs=1e-9)


def test_silhouette_of_one_class_is_not_known():
    assert np.isnan(Silhouette()(np.eye(4), np.zeros(4)))
    assert np.isnan(Silhouette()(np.eye(1), [0]))
    assert np.isnan(Silhouette()(np.empty((0, 2)), []))
    assert np.isnan(Silhouette().value(LayerFacts(np.eye(4))))
    with pytest.raises(ValueError, match="Expected `labels` for silhouette"):
        Silhouette()(np.eye(4))


# -- Persistence of each class ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"alpha": 0.5}, {"homology_dim": 1}, {"homology_dim": 1, "alpha": 2.0}])
def test_class_persistence_is_half_of_ripsers_lifetimes_of_scaled_classes(reference_clouds, reference_labels, options):
    cloud = MinMaxScaler().fit_transform(reference_clouds["08_block8"].astype(np.float64))
    dim, found = options.get("homology_dim", 0), []
    for label in np.unique(reference_labels):
        apart = squareform(pdist(cloud[reference_labels == label]))
        bars = ripser(apart, maxdim=dim, distance_matrix=True)["dgms"][dim]
        lengths = (bars[:, 1] - bars[:, 0])[np.isfinite(bars[:, 1])]
        found.append((lengths ** options.get("alpha", 1)).sum() / 2)
    measure = ClassPersistence(**options)
    assert measure(reference_clouds["08_block8"], reference_labels) == pytest.approx(np.mean(found), rel=1e-6)


def test_a_square_has_three_edges_and_one_loop():
    square = [[0.0, 0.0], [0.0, 5.0], [2.0, 0.0], [2.0, 5.0]]  # a unit square, once its sides are brought to [0, 1]
    assert ClassPersistence()(square, ["a"] * 4) == pytest.approx(1.5, rel=1e-6)
    loop = (np.sqrt(2) - 1) / 2
    assert ClassPersistence(homology_dim=1)(square, ["a"] * 4) == pytest.approx(loop, rel=1e-6)
    assert ClassPersistence()(square, ["a", "a", "a", "b"]) == pytest.approx(1, rel=1e-6)  # b has one point only


def test_of_a_large_class_three_hundred_samples_count_whatever_their_order():
    random = np.random.default_rng(0)
    cloud, ids, order = random.random((400, 3)), np.arange(100, 500), random.permutation(400)
    labels = np.zeros(400)
    measure = ClassPersistence()
    found = measure(cloud, labels, ids)
    assert measure(cloud[order], labels[order], ids[order]) == pytest.approx(found, rel=1e-6)
    fewer = [measure(cloud[:count], labels[:count]) for count in (150, 300)]
    assert fewer[0] < 0.8 * fewer[1]
    assert found == pytest.approx(fewer[1], rel=0.05)


def test_class_persistence_does_not_depend_on_a_factor_and_a_shift_of_each_unit():
    random = np.random.default_rng(0)
    cloud, labels = random.normal(size=(60, 4)), random.integers(3, size=60)
    changed = cloud * [1, 20, 3e-3, 7] - [0, 5, 1, 2]
    assert ClassPersistence()(changed, labels) == pytest.approx(ClassPersistence()(cloud, labels), rel=1e-6)


def test_class_persistence_of_points_that_are_alone_is_not_known_and_of_equal_ones_0():
    assert np.isnan(ClassPersistence()(np.eye(3), list("abc")))
    assert np.isnan(ClassPersistence()(np.empty((0, 3)), []))
    assert np.isnan(ClassPersistence().value(LayerFacts(np.eye(4))))
    assert ClassPersistence()(np.ones((6, 3)), [0, 0, 0, 1, 1, 1]) == 0


@pytest.mark.parametrize("options", [{"alpha": 0}, {"homology_dim": -1}, {"homology_dim": "all"}])
def test_options_of_class_persistence_out_of_their_range_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"Expected `{name}` of class_persistence to be"):
        ClassPersistence(**options)
