"""What layers give: every form and type of output, layers that run never or twice, and outputs that are no vectors."""

import collections
import dataclasses
import math

import numpy as np
import pytest
import torch
from recording_tools import N, all_hooks_of, generator, record
from torch import nn

from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.samples import bottom_k


def test_an_activation_in_place_behind_a_layer_does_not_change_its_cloud(net, images):
    clouds = record(net, images, layers="conv", pooling="flatten")
    expected = net.conv(images).detach().flatten(1)
    assert (expected < 0).any()
    np.testing.assert_array_equal(clouds.clouds["conv"], expected)


class Switch(nn.Module):
    """Layers of which some run never, sometimes or twice."""

    def __init__(self):
        super().__init__()
        self.always = nn.Linear(2, 3)
        self.never = nn.Linear(2, 3)
        self.sometimes = nn.Linear(2, 3)
        self.twice = nn.Linear(3, 3)
        self.weight_only = nn.Linear(3, 3)
        self.blocks = nn.ModuleList([nn.Linear(3, 3)])

    def forward(self, x, sometimes=True):
        y = self.always(x)
        if sometimes:
            y = y + self.sometimes(x)
        y = self.blocks[0](self.twice(self.twice(y)))
        return nn.functional.linear(y, self.weight_only.weight)


def test_a_layer_that_never_runs_is_a_problem_of_its_own():
    model, data = Switch(), torch.randn(10, 2, generator=generator(0))
    clouds = record(model, data, batch_size=4)
    assert clouds.layers == ("always", "sometimes", "twice", "blocks.0")
    assert set(clouds.problems) == {"never", "weight_only", "blocks"}
    assert all("its forward hook never fired" in problem for problem in clouds.problems.values())


@pytest.mark.parametrize("length", [12, None], ids=["known", "streamed"])
@pytest.mark.parametrize("sometimes", [(True, False, True), (False, True, True), (True, True, False)], ids=str)
def test_a_layer_that_does_not_run_in_every_batch_is_a_problem(length, sometimes):
    model, data = Switch(), torch.randn(12, 2, generator=generator(0))
    with ActivationRecorder(model, ["always", "sometimes"], n_samples=100, length=length) as recorder:
        for batch, flag in zip(data.split(4), sometimes, strict=True):
            model(batch, flag)
    clouds = recorder.point_clouds()
    assert clouds.layers == ("always",)
    assert clouds.problems == {"sometimes": "it did not run for 4 of 12 samples."}
    assert recorder.calls == {"always": 3, "sometimes": 2}


def test_a_layer_is_complete_if_it_ran_for_all_samples_that_are_kept():
    model, data = Switch(), torch.randn(40, 2, generator=generator(0))
    kept = {i // 4 for i in bottom_k(40, 3, seed=0)}
    with ActivationRecorder(model, ["always", "sometimes"], n_samples=3, length=40) as recorder:
        for number, batch in enumerate(data.split(4)):
            model(batch, sometimes=number in kept)
    assert recorder.point_clouds().layers == ("always", "sometimes")


def test_a_layer_that_runs_twice_gives_its_first_output():
    model, data = Switch(), torch.randn(10, 2, generator=generator(0))
    with ActivationRecorder(model, ["sometimes", "twice"]) as recorder, torch.no_grad():
        model(data)
    assert recorder.calls_per_batch == {"sometimes": 1, "twice": 2}
    assert recorder.calls == {"sometimes": 1, "twice": 2}
    with torch.no_grad():
        first = model.twice(model.always(data) + model.sometimes(data))
    np.testing.assert_array_equal(recorder.point_clouds().clouds["twice"], first)


class Give(nn.Module):
    """A layer that gives what a function makes of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Around(nn.Module):
    """A model whose middle layer may give anything; its own output is its input plus one."""

    def __init__(self, function):
        super().__init__()
        self.before = nn.Identity()
        self.middle = Give(function)
        self.after = nn.Identity()

    def forward(self, x):
        self.middle(self.before(x))
        return self.after(x + 1)


@dataclasses.dataclass
class Output:
    loss: torch.Tensor
    logits: torch.Tensor


FORMS = {
    "tuple": lambda x: (None, x, x + 1),
    "list": lambda x: [x, None],
    "dictionary": lambda x: {"a": None, "b": x},
    "hidden state": lambda x: {"a": x + 1, "last_hidden_state": x},
    "ordered dictionary": lambda x: collections.OrderedDict(a=x, b=x + 1),
    "dataclass": lambda x: Output(loss=x.mean(), logits=x),
    "nested": lambda x: ((None, {"a": [x]}), x + 1),
    "sparse": lambda x: x.to_sparse(),
    "double": lambda x: x.double(),
    "gradient": lambda x: x * torch.ones(3, requires_grad=True),
    "column-major": lambda x: x.t().contiguous().t(),
    "expanded": lambda x: x[:, :, None].expand(-1, -1, 1)[:, :, 0],
}


@pytest.mark.parametrize("function", FORMS.values(), ids=FORMS)
def test_outputs_of_every_form_are_recorded(function):
    data = torch.randn(10, 3, generator=generator(0))
    clouds = record(Around(function), data, batch_size=4, n_samples=6)
    assert clouds.problems == {}
    np.testing.assert_array_equal(clouds.clouds["middle"], data[clouds.sample_ids])


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float64, torch.bool, torch.int32], ids=lambda dtype: str(dtype)[6:]
)
def test_outputs_of_every_type_become_float32(dtype):
    data = torch.randn(10, 3, generator=generator(0))
    cloud = record(Around(lambda x: x.to(dtype)), data).clouds["middle"]
    assert cloud.dtype == np.float32
    np.testing.assert_array_equal(cloud, data.to(dtype).float())


def test_complex_vectors_keep_all_their_numbers():
    data = torch.randn(10, 6, generator=generator(0))
    cloud = record(Around(lambda x: torch.view_as_complex(x.reshape(-1, 3, 2))), data).clouds["middle"]
    assert cloud.shape == (10, 6)
    np.testing.assert_array_equal(np.sort(cloud), np.sort(data.numpy()))


FAULTS = {
    "nothing": (lambda x: None, "TypeError: Expected a tensor"),
    "text": (lambda x: "text", "got str. Pass `select=`"),
    "a number": (lambda x: x.sum(), "ValueError: Expected one row per sample, got a single number"),
    "too few rows": (lambda x: x[1:], r"Expected one row for each of the batch's 10 samples"),
    "too many rows": (lambda x: torch.cat([x, x]), "an output of shape (20, 3). Pass `select=`"),
    "samples second": (lambda x: x.t(), "an output of shape (3, 10)"),
    "no data": (lambda x: x.to("meta"), "TypeError: Expected an activation with data"),
}


@pytest.mark.parametrize(("function", "problem"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("told", [True, False], ids=["size", "no size"])
def test_an_output_that_is_no_vector_per_sample_is_a_problem_of_its_layer_alone(function, problem, told):
    model, data = Around(function), torch.randn(10, 3, generator=generator(0))
    with ActivationRecorder(model, ["before", "middle", "after"]) as recorder:
        if told:
            recorder.start_batch(10)
        output = model(data)
    clouds = recorder.point_clouds()
    assert torch.equal(output, data + 1)
    assert clouds.layers == ("before", "after")
    assert set(clouds.problems) == {"middle"}
    assert problem in clouds.problems["middle"]


def test_nan_and_infinity_pass_through():
    data = torch.tensor([[math.nan, 1.0], [2.0, math.inf], [-math.inf, 3.0]])
    clouds = record(nn.Sequential(nn.Identity()), data, layers="0")
    assert clouds.problems == {}
    np.testing.assert_array_equal(clouds.clouds["0"], data)


def test_widths_that_vary_are_a_problem_with_advice():
    model = nn.Sequential(nn.Conv2d(1, 2, 1))
    with ActivationRecorder(model, pooling="flatten") as recorder, torch.no_grad():
        model(torch.ones(3, 1, 4, 4))
        model(torch.ones(3, 1, 5, 5))
    problem = recorder.point_clouds().problems["0"]
    assert "vectors of one length, got 32 and 50" in problem
    assert "pooling='mean'" in problem


def test_sizes_that_vary_are_none_of_a_problem_for_one_vector_per_image():
    model = nn.Sequential(nn.Conv2d(1, 2, 1))
    with ActivationRecorder(model) as recorder, torch.no_grad():
        model(torch.ones(3, 1, 4, 4))
        model(torch.ones(2, 1, 5, 5))
    assert recorder.point_clouds().clouds["0"].shape == (5, 2)


def failing(*args):
    raise ZeroDivisionError("mine")


@pytest.mark.parametrize("options", [{"select": failing}, {"pooling": failing}], ids=["select", "pooling"])
def test_a_failing_function_of_the_user_never_reaches_the_forward_pass(net, images, options):
    with ActivationRecorder(net, "**", **options) as recorder:
        output = net(images)
    assert torch.equal(output, net(images))
    assert all_hooks_of(net) == []
    clouds = recorder.point_clouds()
    assert clouds.layers == ()
    assert clouds.problems == dict.fromkeys(("conv", "relu", "head"), "ZeroDivisionError: mine")


def test_a_function_that_fails_once_leaves_the_layer_out(net, images):
    calls = []

    def select(output):
        calls.append(output.shape)
        return failing() if len(calls) == 5 else output

    with ActivationRecorder(net, "**", select=select) as recorder:
        for batch in images.split(100):
            net(batch)
    clouds = recorder.point_clouds()
    assert clouds.layers == ("conv", "head")
    assert clouds.problems == {"relu": "ZeroDivisionError: mine"}
    assert clouds.n_points == N


def test_select_takes_the_tensor_out_of_any_output():
    data = torch.randn(10, 3, generator=generator(0))
    clouds = record(
        Around(lambda x: {"odd": {"x": x.t()}}), data, layers="middle", select=lambda out: out["odd"]["x"].t()
    )
    np.testing.assert_array_equal(clouds.clouds["middle"], data)


def test_a_select_that_gives_no_tensor_is_a_problem(net, images):
    clouds = record(net, images, layers="conv", select=lambda output: output.numpy())
    assert clouds.problems == {"conv": "TypeError: Expected `select` to give a tensor, got ndarray."}


def test_a_pooling_function_with_a_wrong_result_is_a_problem(net, images):
    clouds = record(net, images, batch_size=N, layers="conv", n_samples=40, pooling=lambda x: x)
    assert "Expected `pooling=<lambda>` to give a tensor of shape (40, d), got (40, 3, 4, 4)" in clouds.problems["conv"]
