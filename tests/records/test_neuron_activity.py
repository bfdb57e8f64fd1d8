"""Relative activity of units by class: against values by hand."""

import numpy as np
import pytest

from topocallback.records.neuron_activity import NeuronActivity, neuron_activity
from topocallback.records.point_clouds import PointClouds

CLOUD = np.array([[1.0, -4.0, 0.0], [1.0, 0.0, 0.0], [3.0, 0.0, -6.0]])


def test_a_units_sum_over_a_class_is_taken_relative_to_the_most_active_units():
    expected = [[0.5, 1, 0], [0.5, 0, 1]]
    np.testing.assert_allclose(neuron_activity(CLOUD, [0, 0, 1], 2), expected, atol=1e-12)
    np.testing.assert_allclose(neuron_activity(-7 * CLOUD, [0, 0, 1], 2), expected, atol=1e-12)


def test_it_is_the_definition_over_every_class_of_positive_activations():
    random = np.random.default_rng(0)
    cloud, codes = np.maximum(0, random.normal(size=(90, 20))), random.integers(4, size=90)
    for code, found in enumerate(neuron_activity(cloud, codes, 4)):
        sums = [sum(cloud[i, unit] for i in range(90) if codes[i] == code) for unit in range(20)]
        np.testing.assert_allclose(found, np.array(sums) / max(sums), rtol=1e-12)


def test_a_class_without_points_is_not_known_and_one_without_activation_at_0():
    found = neuron_activity(np.array([[0.0, 0.0], [1.0, 2.0]]), [0, 2], 3)
    np.testing.assert_array_equal(found, [[0, 0], [np.nan, np.nan], [0.5, 1]])
    assert neuron_activity(np.empty((3, 0)), [0, 0, 1], 2).shape == (2, 0)


def test_halves_are_added_up_in_double_precision():
    cloud = np.full((70_000, 2), 1.0, dtype=np.float16) * np.array([1, 2], dtype=np.float16)
    np.testing.assert_array_equal(neuron_activity(cloud, np.zeros(70_000), 1), [[0.5, 1]])


def test_classes_are_the_same_in_all_layers_in_the_order_that_they_come_with():
    clouds = PointClouds(
        {"pooled": CLOUD, "rows": np.array([[1.0], [1.0], [np.nan], [5.0]])},
        labels=["dog", "cat", "cat"],
        owners={"rows": np.array([0, 0, 1, 2])},
        classes=("dog", "cat"),
    )
    found = NeuronActivity.of(clouds)
    assert found.classes == ("dog", "cat")
    np.testing.assert_array_equal(found.layers["pooled"], [[0.25, 1, 0], [4 / 6, 0, 1]])
    np.testing.assert_array_equal(found.layers["rows"], [[1], [1]])


def test_points_that_are_not_finite_can_leave_a_class_unknown():
    clouds = PointClouds({"a": np.array([[1.0, 2.0], [np.inf, 0.0]])}, labels=[0, 1])
    np.testing.assert_array_equal(NeuronActivity.of(clouds).layers["a"], [[0.5, 1], [np.nan, np.nan]])


def test_without_labels_it_is_refused():
    with pytest.raises(ValueError, match="Expected `clouds` with labels, whose classes are compared, got none"):
        NeuronActivity.of(PointClouds({"a": CLOUD}))
