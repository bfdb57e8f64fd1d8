"""Layers that run several times, calls that do not go through the model, and what is not certain of a batch."""

import numpy as np
import pytest
import torch
from recording_tools import generator
from torch import nn

from topocallback.activations.recorder import ActivationRecorder

X = torch.randn(12, 4, generator=generator(0))


class Weighted(nn.Module):
    """Runs one block as often as it is told."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.block = nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x, times=3):
        for _ in range(times):
            x = torch.tanh(self.block(x))
        return self.head(x)


def outputs_of_block(model, x, times):
    outputs = []
    handle = model.block.register_forward_hook(lambda module, args, output: outputs.append(output.detach().numpy()))
    model(x, times)
    handle.remove()
    return outputs


def record(model, calls, times=3, n_samples=9):
    with ActivationRecorder(model, "*", calls=calls, n_samples=n_samples) as recorder, torch.no_grad():
        for batch in X.split(5):
            model(batch, times)
    return recorder


@pytest.mark.parametrize(("calls", "place"), [("first", 0), ("last", -1)])
def test_one_of_several_calls_is_recorded(calls, place):
    model = Weighted()
    recorder = record(model, calls)
    clouds = recorder.point_clouds()
    assert clouds.layers == ("block", "head")
    expected = outputs_of_block(model, X, 3)[place][clouds.sample_ids]
    np.testing.assert_allclose(clouds.clouds["block"], expected, atol=1e-6)
    assert any("ran several times" in note for note in recorder.notes()) is (calls == "first")


def test_calls_together_are_one_cloud_with_as_many_points_of_each_sample():
    model = Weighted()
    clouds = record(model, "together").point_clouds()
    assert clouds.layers == ("block", "head")
    expected = np.stack(outputs_of_block(model, X, 3), axis=1)[clouds.sample_ids]
    np.testing.assert_allclose(clouds["block"].reshape(9, 3, 4), expected, atol=1e-6)
    np.testing.assert_array_equal(clouds.owners_of("block"), np.repeat(np.arange(9), 3))
    assert "head" not in clouds.owners


def test_each_call_is_a_cloud_of_its_own():
    model = Weighted()
    clouds = record(model, "each").point_clouds()
    assert clouds.layers == ("block@0", "block@1", "block@2", "head")
    for call, expected in enumerate(outputs_of_block(model, X, 3)):
        np.testing.assert_allclose(clouds.clouds[f"block@{call}"], expected[clouds.sample_ids], atol=1e-6)


def test_a_call_that_not_every_batch_has_is_a_problem_of_its_own():
    model = Weighted()
    with ActivationRecorder(model, "*", calls="each", n_samples=99) as recorder, torch.no_grad():
        model(X[:5], 1)
        model(X[5:], 2)
    clouds = recorder.point_clouds()
    assert clouds.layers == ("block@0", "head")
    assert clouds.problems == {"block@1": "it did not run for 5 of 12 samples."}


def test_parts_of_a_model_are_recorded_between_the_beginning_and_the_end_of_a_batch():
    model = Weighted()
    with ActivationRecorder(model, "*", n_samples=99) as recorder, torch.no_grad():
        for batch in X.split(5):
            recorder.start_batch(len(batch))
            model.head(model.block(batch))
            recorder.end_batch()
    clouds = recorder.point_clouds()
    assert clouds.problems == {}
    np.testing.assert_allclose(clouds.clouds["head"], model.head(model.block(X)).detach(), atol=1e-6)


def test_parts_that_run_apart_from_any_batch_are_named_with_the_reason():
    model = Weighted()
    with ActivationRecorder(model, "*") as recorder:
        model.head(model.block(X))
    problems = recorder.point_clouds().problems
    assert set(problems) == {"block", "head"}
    assert problems["block"].startswith("it ran 1 times, but apart from a batch.")
    assert "`start_batch`" in problems["block"]


def test_a_call_on_samples_of_another_loader_is_named_as_that():
    model, other = Weighted(), torch.randn(5, 4)
    with ActivationRecorder(model, "*") as recorder:
        recorder.start_batch(5, batch=X[:5], others=[other])
        model(other)
    assert "on samples of another data loader" in recorder.point_clouds().problems["head"]


def test_a_call_of_which_parts_disagree_says_so():
    class Pair(Weighted):
        def forward(self, x, y):
            return self.head(self.block(x)) + y.sum()

    with ActivationRecorder(Pair(), "*") as recorder:
        recorder.module(X, torch.zeros(3))
    assert recorder.point_clouds().n_points == 12
    assert "a batch is taken to have 12 samples, and could as well have 3." in recorder.notes()


def test_a_call_that_cannot_be_read_is_left_out_and_that_is_said():
    class Unreadable:
        def keys(self):
            raise RuntimeError("mine")

    class Odd(Weighted):
        def forward(self, x, more=None):
            return self.head(self.block(x))

    model = Odd()
    with ActivationRecorder(model, "*", n_samples=99) as recorder:
        model(X[:5])
        model(X[5:], Unreadable())
    assert recorder.point_clouds().n_points == 5
    assert any("a call was left out, because RuntimeError: mine" in note for note in recorder.notes())


# -- Steps first -------------------------------------------------------------------------------------------------------


class TimeMajor(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, x):
        return self.encoder(x.transpose(0, 1)).transpose(0, 1)


@pytest.mark.parametrize("length", [3, 5, 7], ids=["short", "as long as the batch", "long"])
def test_every_part_of_a_layer_with_steps_first_gives_its_samples(length):
    model = TimeMajor()
    x = torch.randn(5, length, 4, generator=generator(3))
    layers = ["encoder.layers.0", "encoder.layers.0.linear1", "encoder.layers.0.norm1"]

    def run(batch_size):
        with ActivationRecorder(model, layers, pooling="flatten", n_samples=5) as recorder, torch.no_grad():
            for batch in x.split(batch_size):
                recorder.start_batch(len(batch))
                model(batch)
        return recorder

    recorder, single = run(5), run(1)
    assert recorder.point_clouds().problems == {}
    for name in layers:
        np.testing.assert_allclose(recorder.point_clouds().clouds[name], single.point_clouds().clouds[name], atol=1e-5)


def test_where_nothing_but_lengths_tells_steps_from_samples_and_they_are_equal_it_is_said():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.lstm(x)[0])

    for length, expected in ((6, []), (5, ["layer 'head' may have samples in the first axis or in the second"])):
        with ActivationRecorder(Beside(), "*") as recorder:
            recorder.start_batch(5)
            recorder.module(torch.randn(length, 5, 4))
        assert recorder.point_clouds().n_points == 5
        assert [note[: len(e)] for note, e in zip(recorder.notes(), expected, strict=True)] == expected
