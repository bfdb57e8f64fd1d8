"""The fluctuation of node strengths: against a matrix of the whole network, and cases that are known."""

import numpy as np
import pytest

from topocallback.measures import LayerFacts, NodeStrengthFluctuation
from topocallback.records.weights import LayerWeights

RNG = np.random.default_rng(0)
INTO, ON, BIAS = RNG.normal(size=(6, 4)), RNG.normal(size=(3, 6)), RNG.normal(size=6)


def test_strengths_are_the_sums_of_the_rows_of_the_whole_networks_matrix():
    network = np.zeros((13, 13))  # 4 inputs, 6 units, 3 units, each edge in both directions
    network[4:10, :4], network[10:, 4:10] = INTO, ON
    network += network.T
    expected = np.std(network.sum(axis=1)[4:10] + BIAS)
    assert NodeStrengthFluctuation()(INTO, BIAS, ON.sum(axis=0)) == pytest.approx(expected)


def test_what_is_not_known_is_left_out():
    assert NodeStrengthFluctuation()(INTO) == pytest.approx(np.std(INTO.sum(axis=1)))
    assert NodeStrengthFluctuation()(INTO, BIAS) == pytest.approx(np.std(INTO.sum(axis=1) + BIAS))


def test_all_places_of_a_kernel_count():
    kernel = RNG.normal(size=(5, 2, 3, 3))
    assert NodeStrengthFluctuation()(kernel) == pytest.approx(NodeStrengthFluctuation()(kernel.reshape(5, 18)))


def test_equal_units_do_not_fluctuate_and_the_order_does_not_matter():
    assert NodeStrengthFluctuation()(np.ones((4, 3)), np.ones(4)) == 0
    order = RNG.permutation(6)
    found = NodeStrengthFluctuation()(INTO[order], BIAS[order], ON.sum(axis=0)[order])
    assert found == pytest.approx(NodeStrengthFluctuation()(INTO, BIAS, ON.sum(axis=0)))


@pytest.mark.parametrize("weight", [np.empty((0, 3)), np.full((2, 3), np.nan), np.array([[np.inf, 0.0], [1.0, 1.0]])])
def test_without_units_or_finite_weights_there_is_no_number(weight):
    assert np.isnan(NodeStrengthFluctuation()(weight))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((np.ones(3),), r"Expected `weight` to be of shape \(units, inputs, ...\), got \(3,\)"),
        ((INTO, np.ones(4)), r"Expected `bias` to be of shape \(6,\), got \(4,\)"),
        ((INTO, None, np.ones((6, 1))), r"Expected `outgoing` to be of shape \(6,\), got \(6, 1\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        NodeStrengthFluctuation()(*arrays)


def test_a_layer_without_weights_has_no_number_and_no_sample_touches_it():
    cloud = RNG.normal(size=(40, 3))
    assert np.isnan(NodeStrengthFluctuation().value(LayerFacts(cloud)))
    facts = LayerFacts(cloud, weights=LayerWeights(INTO, BIAS))
    assert NodeStrengthFluctuation().value(facts.subset(np.arange(3))) == NodeStrengthFluctuation().value(facts)
