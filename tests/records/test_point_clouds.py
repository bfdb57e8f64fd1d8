"""PointClouds: what it accepts, what it derives, what it refuses."""

import dataclasses

import numpy as np
import pytest

from topocallback.records.point_clouds import PointClouds
from topocallback.records.weights import LayerWeights


def test_layers_may_have_different_widths_and_keep_their_order():
    clouds = PointClouds({"b": np.zeros((4, 2)), "a": np.zeros((4, 7))})
    assert clouds.layers == ("b", "a")
    assert clouds.n_points == 4


def test_samples_without_ids_are_numbered_from_zero():
    clouds = PointClouds({"a": np.zeros((3, 2))})
    assert clouds.sample_ids.tolist() == [0, 1, 2]
    assert clouds.sample_ids.dtype == np.int64
    assert clouds.labels is None
    assert clouds.problems == {}


def test_given_ids_labels_and_problems_are_kept():
    clouds = PointClouds(
        {"a": np.zeros((2, 2))}, np.array([5, 9]), np.array([0.5, 1.5]), {"b": "its forward hook never fired."}
    )
    assert clouds.sample_ids.tolist() == [5, 9]
    assert clouds.labels.tolist() == [0.5, 1.5]
    assert clouds.problems == {"b": "its forward hook never fired."}


def test_nothing_recorded_is_no_layer_and_no_point():
    clouds = PointClouds({})
    assert clouds.layers == ()
    assert clouds.n_points == 0


def test_layers_that_all_failed_leave_the_ids():
    clouds = PointClouds({}, np.array([3, 4]), problems={"a": "failed", "b": "failed"})
    assert clouds.n_points == 2
    assert clouds.layers == ()


def test_clouds_of_no_points_are_allowed():
    assert PointClouds({"a": np.zeros((0, 3))}).n_points == 0


@pytest.mark.parametrize("shape", [(4,), (4, 2, 2), ()])
def test_a_cloud_that_is_no_matrix_is_refused_by_name(shape):
    with pytest.raises(ValueError, match=r"layer 'bad' to be of shape \(n, d\)"):
        PointClouds({"good": np.zeros((4, 2)), "bad": np.zeros(shape)})


def test_clouds_of_different_lengths_are_refused_by_name():
    with pytest.raises(ValueError, match=r"Expected 4 rows, one per sample id, got \{'bad': 3\}"):
        PointClouds({"good": np.zeros((4, 2)), "bad": np.zeros((3, 2))})


def test_ids_that_do_not_fit_the_clouds_are_refused():
    with pytest.raises(ValueError, match=r"Expected 5 rows, one per sample id, got \{'a': 4\}"):
        PointClouds({"a": np.zeros((4, 2))}, np.arange(5))


def test_labels_that_do_not_fit_the_clouds_are_refused():
    with pytest.raises(ValueError, match=r"got \{'labels': 3\}"):
        PointClouds({"a": np.zeros((4, 2))}, labels=np.arange(3))


def test_labels_without_samples_are_refused():
    with pytest.raises(ValueError, match=r"Expected 0 rows, one per sample id, got \{'labels': 3\}"):
        PointClouds({}, labels=np.arange(3))


def test_it_cannot_be_changed():
    clouds = PointClouds({"a": np.zeros((3, 2))})
    with pytest.raises(dataclasses.FrozenInstanceError):
        clouds.labels = np.arange(3)


def test_labels_may_be_as_people_have_them():
    clouds = PointClouds({"a": np.zeros((3, 2))}, labels=["b", None, "a"])
    assert clouds.labels.tolist() == ["b", None, "a"]
    assert clouds.labels[np.array([2, 0])].tolist() == ["a", "b"]
    one_hot = PointClouds({"a": np.zeros((3, 2))}, labels=np.eye(3)[[2, 0, 1]])
    assert (one_hot.labels.tolist(), one_hot.classes) == ([2, 0, 1], ("0", "1", "2"))
    with pytest.raises(ValueError, match="Expected `labels` of shape"):
        PointClouds({"a": np.zeros((3, 2))}, labels=np.full((3, 2), 0.5))


def test_weights_and_edges_are_kept_where_they_fit():
    weights = LayerWeights(np.zeros((7, 3), dtype=np.float32), outgoing=np.zeros(7))
    clouds = PointClouds({"a": np.zeros((4, 2)), "b": np.zeros((4, 2))}, weights={"a": weights}, edges=[[0, 3], [3, 1]])
    assert clouds.weights["a"] is weights
    assert clouds.edges.tolist() == [[0, 3], [3, 1]]
    assert clouds.nbytes == 2 * 4 * 2 * 8 + 7 * 3 * 4 + 7 * 8
    assert PointClouds({"a": np.zeros((4, 2))}, edges=np.empty((0, 2))).edges.shape == (0, 2)


def test_weights_of_a_layer_that_has_no_cloud_are_refused_by_name():
    with pytest.raises(ValueError, match=r"Expected `weights` of layers that have a cloud, got \['b'\] as well"):
        PointClouds({"a": np.zeros((4, 2))}, weights={"b": LayerWeights(np.zeros((1, 1)))})


@pytest.mark.parametrize("edges", [[[0, 4]], [[-1, 0]], [[0.5, 1]], [0, 1], [[0], [1]]])
def test_edges_that_are_no_pairs_of_samples_are_refused(edges):
    with pytest.raises(ValueError, match="Expected `edges` to be"):
        PointClouds({"a": np.zeros((4, 2))}, edges=edges)
