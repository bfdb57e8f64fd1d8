"""LayerWeights: what it accepts, what it says."""

import pickle

import numpy as np
import pytest

from topocallback.records.weights import LayerWeights


def test_it_says_how_many_units_and_weights_there_are_in_one_line():
    assert repr(LayerWeights(np.zeros((8, 3, 5, 5)))) == "LayerWeights(8 units of 75 weights)"
    assert repr(LayerWeights(np.zeros((0, 3)))) == "LayerWeights(0 units of 0 weights)"


def test_the_arrays_are_those_that_there_are_and_travel():
    weights = pickle.loads(pickle.dumps(LayerWeights(np.eye(2), outgoing=np.ones(2))))
    assert {name: values.tolist() for name, values in weights.arrays.items()} == {
        "weight": [[1, 0], [0, 1]],
        "outgoing": [1, 1],
    }


@pytest.mark.parametrize(("name", "shape"), [("weight", (3,)), ("bias", (2,)), ("outgoing", (3, 1))])
def test_arrays_that_do_not_fit_are_refused_by_name(name, shape):
    arrays = {"weight": np.zeros((3, 2)), name: np.zeros(shape)}
    with pytest.raises(ValueError, match=f"Expected `{name}` to be of shape"):
        LayerWeights(**arrays)
