"""From what was recorded to point clouds: copied, or handed over."""

import numpy as np
import pytest
import torch

from topocallback.activations.positions import Positions
from topocallback.activations.recording import Recording


def recording(ids=(10, 20, 30), **kwargs):
    return Recording(np.array(ids), {"a": torch.arange(6.0).reshape(3, 2), "b": torch.ones(3, 5)}, **kwargs)


@pytest.mark.parametrize("ids", [(10, 20, 30), (30, 10, 20), (-1, 4, 2)], ids=["in order", "out of order", "not full"])
@pytest.mark.parametrize("positions", [None, Positions(1)], ids=["vectors", "positions"])
def test_clouds_that_are_handed_over_are_those_that_are_copied(ids, positions):
    def fresh():
        made = recording(ids, positions=positions)
        made.vectors["a"][:, 0] = made.vectors["b"][:, 0] = 1
        return made

    copied, handed = fresh().to_point_clouds(), fresh().to_point_clouds(hand_over=True)
    assert copied.layers == handed.layers
    for layer in copied.layers:
        np.testing.assert_array_equal(copied[layer], handed[layer])
        np.testing.assert_array_equal(copied.owners_of(layer), handed.owners_of(layer))


def test_what_is_handed_over_is_not_copied_where_it_is_in_its_order():
    whole, mixed = recording(), recording((30, 10, 20))
    own, other = whole.vectors["a"].numpy(), mixed.vectors["a"].numpy()
    assert np.shares_memory(whole.to_point_clouds(hand_over=True)["a"], own)
    assert not np.shares_memory(mixed.to_point_clouds(hand_over=True)["a"], other)
    assert whole.vectors == mixed.vectors == {}


def test_what_is_not_handed_over_stays_as_it_is():
    made = recording()
    clouds = made.to_point_clouds()
    made.vectors["a"].zero_()
    assert list(made.vectors) == ["a", "b"]
    assert clouds["a"].tolist() == [[0, 1], [2, 3], [4, 5]]


def test_calls_together_stand_where_the_first_of_them_stood_with_the_layers_weights():
    made = recording(together={"block": ["block@0", "block@1"]})
    made.vectors |= {"block@0": torch.zeros(3, 2), "block@1": torch.ones(3, 2), "c": torch.ones(3, 1)}
    clouds = made.to_point_clouds(hand_over=True)
    assert clouds.layers == ("a", "b", "block", "c")
    assert clouds["block"].tolist() == [[0, 0], [1, 1]] * 3
    assert clouds.owners_of("block").tolist() == [0, 0, 1, 1, 2, 2]


def test_several_positions_of_several_calls_are_points_of_one_cloud():
    positions = Positions(2)
    packed = [positions.pack(torch.full((3, 2, 2), float(call)), -1, np.arange(3), 0) for call in (0, 1)]
    made = Recording(
        np.array([10, 20, 30]), {"block@0": packed[0], "block@1": packed[1]}, positions=positions,
        together={"block": ["block@0", "block@1"]},
    )  # fmt: skip
    clouds = made.to_point_clouds()
    assert clouds["block"][:, 0].tolist() == [0, 0, 1, 1] * 3
    assert clouds.owners_of("block").tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_calls_of_different_widths_cannot_be_together_and_it_is_said():
    made = recording(together={"block": ["block@0", "block@1"]})
    made.vectors |= {"block@0": torch.zeros(3, 2), "block@1": torch.ones(3, 4)}
    clouds = made.to_point_clouds()
    assert clouds.layers == ("a", "b")
    assert clouds.problems == {"block": "its calls give vectors of different lengths (2, 4)."}
