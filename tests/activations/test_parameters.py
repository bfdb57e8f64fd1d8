import pytest
import torch
from torch import nn

from topocallback.activations.parameters import parameter_digests


def network():
    return nn.Sequential(nn.Linear(300, 200), nn.ReLU(), nn.Sequential(nn.Linear(200, 4), nn.BatchNorm1d(4)))


def digests(model):
    return parameter_digests(dict(model.named_modules()))


def test_what_is_changed_changes_the_digests_of_the_modules_that_hold_it_and_no_others():
    model = network()
    before = digests(model)
    with torch.no_grad():
        model[2][0].bias[0] += 1e-6
    after = digests(model)
    assert before.keys() == {"", "0", "2", "2.0", "2.1"}  # a ReLU has no parameters
    assert {name for name in before if before[name] != after[name]} == {"", "2", "2.0"}


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_one_step_of_an_optimiser_changes_the_digest_of_a_large_layer(optimiser):
    model = network()
    before = digests(model)
    model(torch.randn(8, 300)).square().sum().backward()
    optimiser([*model[0].parameters()], lr=1e-3).step()
    after = digests(model)
    assert before["0"] != after["0"]
    assert before["2"] == after["2"]


def test_running_means_are_no_parameters():
    model = network()
    before = digests(model)
    model(torch.randn(8, 300))
    assert digests(model) == before


def test_parameters_can_still_be_resized_as_whoever_shards_them_does():
    layer = nn.Linear(3, 3)
    parameter_digests({"layer": layer})
    layer.weight.untyped_storage().resize_(0)
    assert not layer.weight.untyped_storage().size()


def test_parameters_that_are_not_there_have_no_digest():
    lazy, meta = nn.LazyLinear(3), nn.Linear(3, 3, device="meta")
    freed = nn.Linear(3, 3)
    freed.weight.untyped_storage().resize_(0)
    emptied = nn.Linear(3, 3)
    emptied.weight.data = torch.empty(0)
    assert parameter_digests({"lazy": lazy, "meta": meta, "freed": freed, "emptied": emptied}) == {}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.complex64])
def test_parameters_of_any_type_have_a_digest(dtype):
    layer = nn.Linear(3, 3, dtype=dtype)
    assert parameter_digests({"layer": layer}).keys() == {"layer"}


def test_parameters_in_any_order_of_memory_and_of_no_axis_have_a_digest():
    layer = nn.Linear(40, 40)
    layer.weight = nn.Parameter(layer.weight.detach().T)
    layer.scale = nn.Parameter(torch.tensor(1.0))
    before = parameter_digests({"layer": layer})
    with torch.no_grad():
        layer.scale += 1
    assert before != parameter_digests({"layer": layer}) != {}
