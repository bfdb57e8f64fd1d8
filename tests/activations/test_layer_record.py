"""What one hooked layer has given so far, and what is not certain about it."""

import numpy as np
import pytest
import torch
from torch import nn

from topocallback.activations.layer_record import LayerRecord, cloud_names, holders_in, layer_notes
from topocallback.activations.outputs import Arranged


def layer(module=None, around=()):
    return LayerRecord(module or nn.Linear(4, 4), list(around), n_slots=3)


def test_the_axis_of_channels_is_decided_by_the_first_output_of_each_number_of_axes():
    own = layer(nn.Sequential(nn.Conv1d(4, 6, 1), nn.Linear(5, 7)))
    assert own.axes_of(Arranged(torch.zeros(2, 6, 3)), None) == (1, (3,))
    assert own.axes_of(Arranged(torch.zeros(2, 9, 7)), None) == (1, (7,))
    assert own.axes_of(Arranged(torch.zeros(2, 9, 7)), -1) == (-1, (9,))
    assert own.doubt is None


def test_an_axis_that_could_be_another_is_remembered():
    own = layer(nn.Sequential(nn.Conv1d(4, 6, 1), nn.Linear(5, 7)))
    own.axes_of(Arranged(torch.zeros(2, 6, 7)), None)
    assert own.doubt == (2, 6, 7)
    assert "may have channels in the second axis or in the last one" in layer_notes({"a": own}, takes_first=True)[0]


def test_the_first_mask_with_the_positions_of_an_output_counts():
    own, output = layer(), Arranged(torch.zeros(2, 5, 4))
    wrong, right = torch.zeros(2, 6).bool(), torch.ones(2, 5).bool()
    assert own.mask_of(output, (5,), [wrong, right]) is not None
    assert own.mask_of(Arranged(torch.zeros(2, 4, 1, 5)), (1, 5), [right]).shape == (2, 1, 5)
    assert own.mask_of(output, (5,), [right[:, None, None]]).shape == (2, 5)
    assert not own.counts_positions
    assert own.mask_of(output, (5,), [wrong]) is None
    assert own.counts_positions
    assert "padding may have entered the clouds of" in layer_notes({"a": own}, takes_first=True)[0]


def test_what_has_one_position_needs_no_mask():
    own = layer()
    assert own.mask_of(Arranged(torch.zeros(2, 4)), (), [torch.ones(2, 5).bool()]) is None
    assert not own.counts_positions
    assert layer_notes({"a": own}, takes_first=True) == []


def test_samples_of_a_layer_beside_recurrence_may_be_in_either_axis():
    recurrent = nn.ModuleDict({"lstm": nn.LSTM(4, 4), "head": nn.Linear(4, 4)})
    own = layer(recurrent["head"], [recurrent])
    assert own.sample_axes(torch.zeros(7, 3, 4), 3) == (1, 0)
    assert not own.doubts_samples
    assert own.sample_axes(torch.zeros(3, 3, 4), 3) == (1, 0)
    assert own.doubts_samples
    assert "may have samples in the first axis or in the second" in layer_notes({"a": own}, takes_first=True)[0]
    assert own.sample_axes(torch.zeros(7, 4), 7) == (0,)
    assert layer(recurrent["head"], [recurrent]).sample_axes(torch.zeros(7, 3, 4), None) == (0,)


def test_vectors_of_another_length_are_refused():
    own = layer()
    own.write(0, np.array([0]), np.array([5]), torch.zeros(1, 4))
    with pytest.raises(ValueError, match="vectors of one length, got 4 and 5"):
        own.write(0, np.array([1]), np.array([6]), torch.zeros(1, 5))


def test_why_a_layer_is_not_complete_is_said():
    ids = np.array([4, 5, -1])
    own = layer()
    assert "never fired" in own.incomplete(0, ids, "apart from a batch")
    own.calls_outside = 2
    assert "it ran 2 times, but apart from a batch" in own.incomplete(0, ids, "apart from a batch")
    own.calls = 1
    assert own.incomplete(0, ids, "") == "it did not run for 2 of 2 samples."
    own.write(0, np.array([0, 1]), ids[:2], torch.zeros(2, 4))
    assert own.incomplete(0, ids, "") is None
    assert own.incomplete(1, ids, "") == "it did not run for 2 of 2 samples."


def test_clouds_of_several_calls_are_numbered():
    assert cloud_names({"a": 0, "b": 1, "c": 2}) == [("a", "a", 0), ("b", "b", 0), ("c", "c@0", 0), ("c", "c@1", 1)]


def test_modules_are_held_from_the_inside_to_the_outside():
    model = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
    holders = holders_in(model)
    assert holders(model[0][0]) == [model[0], model]
    assert holders(model) == holders(nn.ReLU()) == []
