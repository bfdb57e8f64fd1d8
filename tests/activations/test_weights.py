"""Copies of layers' own weights."""

import copy

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import distribute_tensor
from torch.nn.utils import parametrizations, prune

from topocallback.activations.weights import weights_of_layers


def weights_of(root, *names):
    found, unread = weights_of_layers(root, {name: root.get_submodule(name) for name in names})
    assert unread == {}
    return [found.get(name) for name in names]


def response(layer, shape):
    """(units, inputs...) what every unit of a layer gives for every input alone, without its bias."""
    size = int(np.prod(shape))
    with torch.no_grad():
        given = layer(torch.eye(size).reshape(size, *shape)) - layer(torch.zeros(1, *shape))
    return given.flatten(1).T.numpy()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(3, 5), (3,)),
        (nn.Conv1d(4, 6, 3), (4, 3)),
        (nn.Conv2d(4, 6, (2, 3), groups=2), (4, 2, 3)),
        (nn.ConvTranspose1d(4, 6, 1), (4, 1)),
        (nn.ConvTranspose1d(4, 6, 1, groups=2), (4, 1)),
    ],
    ids=repr,
)
def test_a_units_weights_are_what_it_gives_for_every_input(layer, shape):
    (found,) = weights_of(nn.Sequential(layer), "0")
    given = response(layer, shape)
    assert found.weight.shape[0] == found.bias.shape[0] == len(given)
    groups = getattr(layer, "groups", 1)
    for unit, own in enumerate(found.weight):
        group = unit // (len(given) // groups)
        inputs = given[unit].reshape(groups, -1)
        np.testing.assert_allclose(own.ravel(), inputs[group], atol=1e-6)
        assert np.abs(np.delete(inputs, group, axis=0)).sum() < 1e-5
    np.testing.assert_array_equal(found.bias, layer.bias.detach())


def test_the_units_of_an_embedding_are_the_coordinates_of_its_vectors():
    model = nn.Sequential(nn.Embedding(7, 3))
    (found,) = weights_of(model, "0")
    np.testing.assert_array_equal(found.weight, model[0].weight.detach().T)
    assert found.bias is None


class InputsFirst(nn.Module):
    """As GPT-2's layers hold their weights."""

    def __init__(self, inputs, units):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(inputs, units)), nn.Parameter(torch.zeros(units))


def test_the_bias_says_which_axis_is_that_of_the_units():
    model = nn.Sequential(InputsFirst(3, 5), InputsFirst(4, 4))
    found = weights_of(model, "0", "1")
    np.testing.assert_array_equal(found[0].weight, model[0].weight.detach().T)
    np.testing.assert_array_equal(found[1].weight, model[1].weight.detach())


class Computes(nn.Module):
    """Has a weight that is none of its parameters."""

    @property
    def weight(self):
        raise RuntimeError("made when it is asked for")


def quantised():
    layer = nn.Linear(3, 3)
    layer._parameters["weight"] = None
    layer.__dict__["weight"] = torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8)
    return layer


def freed():
    layer = nn.Linear(3, 3)
    layer.weight.untyped_storage().resize_(0)
    return layer


def packed():
    layer = nn.Linear(3, 3)
    layer.weight = nn.Parameter(torch.zeros(3, 3, dtype=torch.uint8), requires_grad=False)
    return layer


WITHOUT = {
    "an activation function": nn.ReLU,
    "a batch norm": lambda: nn.BatchNorm1d(3),
    "a layer norm of two axes": lambda: nn.LayerNorm((3, 4)),
    "a block": lambda: nn.Sequential(nn.Linear(3, 3)),
    "an attention": lambda: nn.MultiheadAttention(4, 2),
    "a recurrent layer": lambda: nn.LSTM(3, 3),
    "a lazy layer": lambda: nn.LazyLinear(3),
    "a layer without data": lambda: nn.Linear(3, 3, device="meta"),
    "quantised weights": quantised,
    "weights of integers": packed,
    "weights whose memory was given back": freed,
    "a dynamically quantised layer": lambda: torch.ao.nn.quantized.dynamic.Linear(3, 3),
    "a property": Computes,
}


@pytest.mark.filterwarnings("ignore:.*quantiz", "ignore:Lazy modules")
@pytest.mark.parametrize("what", WITHOUT)
def test_what_has_no_weights_of_its_own_has_none_and_is_not_spoken_of(what):
    assert weights_of_layers(nn.ModuleList([WITHOUT[what]()]), {}) == ({}, {})
    model = nn.ModuleList([WITHOUT[what]()])
    assert weights_of(model, "0") == [None]


def test_tied_weights_are_those_of_both_layers():
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 4), nn.Linear(4, 4))
    model[2].weight = model[1].weight
    _, second, third = weights_of(model, "0", "1", "2")
    np.testing.assert_array_equal(second.weight, third.weight)


def test_a_copy_stays_as_it_is_while_training_goes_on():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    before = copy.deepcopy(model)
    found = weights_of(model, "0")[0]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    np.testing.assert_array_equal(found.weight, before[0].weight.detach())
    np.testing.assert_array_equal(found.bias, before[0].bias.detach())
    np.testing.assert_allclose(found.outgoing, before[1].weight.detach().sum(dim=0), atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "kept"), [(torch.bfloat16, np.float32), (torch.float16, np.float32), (torch.float64, np.float64)]
)
def test_half_precision_becomes_single(dtype, kept):
    model = nn.Sequential(nn.Linear(3, 4, dtype=dtype))
    (found,) = weights_of(model, "0")
    assert found.weight.dtype == found.bias.dtype == kept
    np.testing.assert_array_equal(found.weight, model[0].weight.detach().double())


def test_pruned_weights_are_those_that_the_layer_uses():
    layer = prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5)
    (found,) = weights_of(nn.Sequential(layer), "0")
    assert (found.weight == 0).sum() == 8


class Noise(nn.Module):
    def forward(self, weight):
        return weight + torch.randn(weight.shape)


def noisy(layer):
    nn.utils.parametrize.register_parametrization(layer, "weight", Noise(), unsafe=True)
    return layer


@pytest.mark.parametrize("wrapped", [parametrizations.spectral_norm, parametrizations.weight_norm, noisy])
def test_parametrised_weights_are_read_without_moving_anything(wrapped):
    model = nn.Sequential(wrapped(nn.Linear(5, 4))).train()
    model(torch.randn(2, 5))
    state, generator = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    (found,) = weights_of(model, "0")
    assert found.weight.shape == (4, 5)
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    if wrapped is not noisy:
        np.testing.assert_array_equal(found.weight, model.eval()[0].weight.detach())


class Fails(nn.Module):
    def forward(self, weight):
        if torch.is_inference_mode_enabled():
            raise ArithmeticError("not today")
        return weight


def test_weights_that_cannot_be_read_are_named_and_cost_no_others():
    broken = nn.Linear(2, 2)
    nn.utils.parametrize.register_parametrization(broken, "weight", Fails(), unsafe=True)
    model = nn.ModuleDict({"good": nn.Linear(2, 2), "bad": broken})
    with torch.inference_mode():
        found, unread = weights_of_layers(model, dict(model.items()))
    assert list(found) == ["good"]
    assert unread == {"bad": "ArithmeticError: not today"}


# -- The next layer ---------------------------------------------------------------------------------------------------


def outgoing_of(model, name):
    return weights_of(model, name)[0].outgoing


def test_the_next_layer_of_a_chain_is_found_past_what_has_no_matrix():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(4, 6, 2))
    )
    np.testing.assert_allclose(outgoing_of(model, "0"), model[3][1].weight.detach().sum(dim=(0, 2, 3)), atol=1e-5)


def test_the_next_layer_is_found_behind_the_chain_that_a_layer_ends():
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), nn.Linear(4, 2))
    np.testing.assert_allclose(outgoing_of(model, "0.0"), model[1].weight.detach().sum(dim=0), atol=1e-6)


def test_into_groups_a_unit_sends_what_its_own_group_takes():
    model = nn.Sequential(nn.Conv1d(2, 4, 1), nn.Conv1d(4, 6, 1, groups=2))
    given = response(model[1], (4, 1))
    np.testing.assert_allclose(outgoing_of(model, "0"), given.sum(axis=0), atol=1e-5)


class OwnOrder(nn.Sequential):
    def forward(self, x):
        return self[1](self[0](x)) if self.training else x


class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)


twice = nn.Linear(3, 3)
UNKNOWN = {
    "the last layer": (nn.Sequential(nn.Linear(3, 3)), "0"),
    "no chain": (Holder(), "first"),
    "a chain with an order of its own": (OwnOrder(nn.Linear(3, 3), nn.Linear(3, 3)), "0"),
    "a block follows": (nn.Sequential(nn.Linear(3, 3), Holder(), nn.Linear(3, 3)), "0"),
    "positions are flattened": (nn.Sequential(nn.Conv1d(2, 3, 1), nn.Flatten(), nn.Linear(12, 2)), "0"),
    "the layer runs twice": (nn.Sequential(twice, nn.ReLU(), twice, nn.Linear(3, 2)), "0"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_next_layer_that_is_not_certain_is_not_known(case):
    assert outgoing_of(*UNKNOWN[case]) is None


def test_weights_that_are_spread_over_processes_are_named(tmp_path):
    layer = nn.Linear(3, 4)
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1)
    try:
        layer.weight = nn.Parameter(distribute_tensor(layer.weight.detach(), init_device_mesh("cpu", (1,))))
        assert weights_of_layers(layer, {"": layer}) == (
            {},
            {"": "ValueError: `weight` is spread over several processes"},
        )
    finally:
        dist.destroy_process_group()
