"""Choosing layers: what each form of specification selects, and names that survive every wrapper."""

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.optim.swa_utils import AveragedModel

from topocallback.activations.layers import choose_layers, layer_names, unwrap


class Net(nn.Module):
    """A stem, three blocks and a head that run one after the other."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 8)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(3)])
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


NET_NAMES = [
    "stem",
    "blocks",
    "blocks.0",
    "blocks.0.0",
    "blocks.0.1",
    "blocks.1",
    "blocks.1.0",
    "blocks.1.1",
    "blocks.2",
    "blocks.2.0",
    "blocks.2.1",
    "head",
]


class FullyShardedLike(nn.Module):
    """Names its child as FSDP does."""

    def __init__(self, module):
        super().__init__()
        self._fsdp_wrapped_module = module

    def forward(self, *args):
        return self._fsdp_wrapped_module(*args)


def compiled(module):
    return torch.compile(module, backend="eager")


def compiled_in_place(module):
    module.compile(backend="eager")
    return module


def with_blocks(wrapper):
    def wrap(net):
        net.blocks = nn.ModuleList([wrapper(block) for block in net.blocks])
        return net

    return wrap


WRAPPERS = {
    "compiled": compiled,
    "compiled in place": compiled_in_place,
    "blocks compiled": with_blocks(compiled),
    "blocks compiled in place": with_blocks(compiled_in_place),
    "averaged": AveragedModel,
    "data parallel": nn.DataParallel,
    "fully sharded": FullyShardedLike,
    "blocks fully sharded": with_blocks(FullyShardedLike),
    "checkpointed": checkpoint_wrapper,
    "blocks checkpointed": with_blocks(checkpoint_wrapper),
    "all at once": lambda net: compiled(
        nn.DataParallel(FullyShardedLike(AveragedModel(with_blocks(lambda b: compiled(checkpoint_wrapper(b)))(net))))
    ),
}


@pytest.fixture
def process_group(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture(autouse=True)
def _fresh_compiler():
    yield
    torch._dynamo.reset()


def names(model, layers="auto"):
    return list(choose_layers(model, layers))


# -- Names ------------------------------------------------------------------------------------------------------------


def test_layer_names_are_those_of_named_modules_without_the_model():
    net = Net()
    assert layer_names(net) == [name for name, _ in net.named_modules() if name] == NET_NAMES


def test_a_model_without_layers_has_no_names():
    assert layer_names(nn.Linear(2, 2)) == []


def test_a_layer_used_under_two_names_has_the_first():
    net = Net()
    net.copy = net.stem
    assert layer_names(net) == NET_NAMES


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrappers_leave_the_names_as_they_are(wrap):
    assert layer_names(wrap(Net())) == NET_NAMES


def test_distributed_data_parallel_leaves_the_names_as_they_are(process_group):
    assert layer_names(nn.parallel.DistributedDataParallel(Net())) == NET_NAMES


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("layers", ["auto", "blocks.?", "stem", "Sequential", nn.Linear], ids=str)
def test_wrappers_leave_the_choice_as_it_is(wrap, layers):
    assert names(wrap(Net()), layers) == names(Net(), layers)


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapped_model_calls_the_layers_that_were_chosen(wrap):
    model = wrap(Net())
    called = []
    for name, layer in choose_layers(model, ["stem", "blocks.?", "head"]).items():
        layer.register_forward_hook(lambda module, args, output, name=name: called.append(name))
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        model(torch.ones(2, 4))
    assert called == ["stem", "blocks.0", "blocks.1", "blocks.2", "head"]


@pytest.mark.parametrize("wrapper", [compiled, FullyShardedLike, checkpoint_wrapper, nn.DataParallel])
def test_a_wrapped_layer_is_its_outermost_wrapper(wrapper):
    net = with_blocks(wrapper)(Net())
    chosen = choose_layers(net, "blocks.?")
    assert list(chosen) == ["blocks.0", "blocks.1", "blocks.2"]
    assert [chosen[name] for name in chosen] == list(net.blocks)
    assert not any(isinstance(layer, nn.Sequential) for layer in chosen.values())


def test_a_layer_that_the_user_calls_module_keeps_its_name():
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = nn.Sequential(nn.Linear(2, 2))
            self.other = nn.Linear(2, 2)

    assert layer_names(Holder()) == ["module", "module.0", "other"]
    assert layer_names(nn.DataParallel(Holder())) == ["module", "module.0", "other"]


@pytest.mark.parametrize("outer", [compiled, AveragedModel, nn.DataParallel, FullyShardedLike, checkpoint_wrapper])
@pytest.mark.parametrize("inner", [nn.Identity, AveragedModel, nn.DataParallel, FullyShardedLike, checkpoint_wrapper])
def test_unwrap_finds_the_users_module(outer, inner):
    linear = nn.Linear(2, 2)
    wrapped = outer(linear if inner is nn.Identity else inner(linear))
    assert type(wrapped) is not nn.Linear
    assert type(unwrap(wrapped)) is nn.Linear


def test_unwrap_leaves_an_unwrapped_module_as_it_is():
    model = nn.Sequential(nn.Linear(2, 2))
    assert unwrap(model) is model


# -- Specifications ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("stem", ["stem"]),
        ("blocks.1.0", ["blocks.1.0"]),
        (["head", "stem"], ["stem", "head"]),
        (("head", "head"), ["head"]),
        ("blocks.?", ["blocks.0", "blocks.1", "blocks.2"]),
        ("blocks.*", ["blocks.0", "blocks.1", "blocks.2"]),
        ("blocks.**", NET_NAMES[2:-1]),
        ("blocks*", ["blocks"]),
        ("b*.?", ["blocks.0", "blocks.1", "blocks.2"]),
        ("*.0", ["blocks.0"]),
        ("*.*.0", ["blocks.0.0", "blocks.1.0", "blocks.2.0"]),
        ("**.0", ["blocks.0", "blocks.0.0", "blocks.1.0", "blocks.2.0"]),
        ("**.stem", ["stem"]),
        ("blocks.**.1", ["blocks.0.1", "blocks.1", "blocks.1.1", "blocks.2.1"]),
        ("**ks.2**", ["blocks.2", "blocks.2.0", "blocks.2.1"]),
        ("blocks?0", None),
        ("blocks[!x]0", None),
        ("blocks.[!0].0", ["blocks.1.0", "blocks.2.0"]),
        ("blocks.[12]", ["blocks.1", "blocks.2"]),
        ("**", NET_NAMES),
        ("*", ["stem", "blocks", "head"]),
        (nn.Linear, ["stem", "blocks.0.0", "blocks.1.0", "blocks.2.0", "head"]),
        ("Linear", ["stem", "blocks.0.0", "blocks.1.0", "blocks.2.0", "head"]),
        ([nn.ReLU, "stem"], ["stem", "blocks.0.1", "blocks.1.1", "blocks.2.1"]),
        (["Linear", "!blocks.**"], ["stem", "head"]),
        (["!blocks.**", "Linear"], ["stem", "head"]),
        (["**", "!Linear", "!blocks", "!blocks.?"], ["blocks.0.1", "blocks.1.1", "blocks.2.1"]),
        (
            ["blocks.**", "!blocks.1**"],
            ["blocks.0", "blocks.0.0", "blocks.0.1", "blocks.2", "blocks.2.0", "blocks.2.1"],
        ),
        (["Linear", "!**shortcut**"], ["stem", "blocks.0.0", "blocks.1.0", "blocks.2.0", "head"]),
        (["auto", "blocks.0.1"], ["stem", "blocks.0.0", "blocks.0.1", "blocks.1.0", "blocks.2.0", "head"]),
        (["auto", "!head"], ["stem", "blocks.0.0", "blocks.1.0", "blocks.2.0"]),
    ],
    ids=str,
)
def test_a_specification_selects_in_the_models_order(layers, expected):
    if expected is None:
        with pytest.raises(ValueError, match="matches no layer of Net"):
            names(Net(), layers)
    else:
        assert names(Net(), layers) == expected


def test_the_chosen_modules_are_those_of_the_model():
    net = Net()
    chosen = choose_layers(net, ["head", "blocks.2.0"])
    assert chosen["head"] is net.head
    assert chosen["blocks.2.0"] is net.blocks[2][0]


def test_classes_select_their_subclasses_too():
    class MyLinear(nn.Linear):
        pass

    model = nn.Sequential(MyLinear(2, 2), nn.Linear(2, 2))
    assert names(model, "Linear") == names(model, nn.Linear) == ["0", "1"]
    assert names(model, "MyLinear") == names(model, MyLinear) == ["0"]


def test_only_layers_that_match_by_name_are_taken_if_there_are_any():
    model = nn.ModuleDict({"ReLU": nn.Linear(2, 2), "other": nn.ReLU()})
    assert names(model, "ReLU") == ["ReLU"]


def test_a_name_with_glob_characters_is_found_as_it_is():
    model = nn.ModuleDict({"a[0]": nn.Linear(2, 2), "a0": nn.Linear(2, 2)})
    assert "a[0]" in names(model, "a[0]")


def test_an_unknown_name_is_answered_with_the_closest_ones():
    with pytest.raises(ValueError, match=r"`layers='blocks.1.O'` matches no layer of Net") as error:
        choose_layers(Net(), "blocks.1.O")
    assert "'blocks.1.0'" in str(error.value)
    assert "layer_names(model)" in str(error.value)


def test_a_name_without_its_beginning_is_answered_with_the_full_one():
    model = nn.ModuleDict({"encoder": nn.ModuleDict({"projection": nn.Linear(2, 2)}), "prediction": nn.Linear(2, 2)})
    with pytest.raises(ValueError, match=r"Closest names: \['encoder.projection'\]"):
        choose_layers(model, "projection")


def test_an_unknown_name_in_a_wrapped_model_is_answered_with_the_users_class():
    with pytest.raises(ValueError, match="no layer of Net"):
        choose_layers(compiled(Net()), "nothing like it")


@pytest.mark.parametrize("layers", ["Conv2d", nn.Conv2d, ["stem", nn.Conv2d], ["stem", "conv*"]], ids=str)
def test_every_part_of_a_specification_has_to_match(layers):
    with pytest.raises(ValueError, match=r"(?i)conv.*matches no layer of Net.*layer_names\(model\)"):
        choose_layers(Net(), layers)


@pytest.mark.parametrize("layers", [[], ["stem", "!stem"], "!stem", ["Linear", "!**"]], ids=str)
def test_an_empty_selection_is_an_error(layers):
    with pytest.raises(ValueError, match=r"selects no layer of Net.*layer_names\(model\)"):
        choose_layers(Net(), layers)


@pytest.mark.parametrize("model", [nn.Sequential(), nn.Sequential(nn.ReLU(), nn.Flatten())], ids=["empty", "functions"])
def test_a_model_without_parameters_has_no_automatic_layers(model):
    with pytest.raises(ValueError, match="`layers='auto'` selects no layer of Sequential"):
        choose_layers(model)


@pytest.mark.parametrize(("glob", "deeper"), [("*.0.1", "**.0.1"), ("*bl*0", "**bl**0"), ("*ks*.1", "**ks**.1")])
def test_a_glob_that_stops_at_dots_too_early_is_answered_with_the_one_that_does_not(glob, deeper):
    for layers, said in ((glob, glob), (["Linear", f"!{glob}"], f"!{glob}")):
        with pytest.raises(ValueError, match="matches no layer of Sequential") as error:
            choose_layers(nn.Sequential(Net()), layers)
        assert f"`layers={said!r}`" in str(error.value)
        assert f"`*` stops at dots: {deeper!r} matches " in str(error.value)
    assert names(nn.Sequential(Net()), deeper)


def test_a_glob_that_no_regular_expression_can_be_made_of_is_refused():
    with pytest.raises(
        ValueError, match=r"Expected 'blocks.\[2-0\]' in `layers` to be a glob, got bad character range"
    ):
        choose_layers(Net(), "blocks.[2-0]")
    model = nn.ModuleDict({"a[0": nn.Linear(2, 2), "b+": nn.ReLU(), "^c": nn.ReLU()})
    assert names(model, "a[*") == ["a[0"]
    assert names(model, "?+") == ["b+"]
    assert names(model, "[^]c") == ["^c"]


# -- Layers that change nothing ---------------------------------------------------------------------------------------


class StochasticDepth(nn.Module):
    """Called as torchvision's is, which need not be installed."""

    def forward(self, x):
        return x


class DropPath(StochasticDepth):
    """Called as timm's is."""


class Tapped(nn.Identity):
    """The user's own, which does something."""

    def forward(self, x):
        return x + 1


def with_nothing():
    layers = [nn.Linear(4, 4), nn.Dropout(), nn.Dropout2d(), nn.AlphaDropout(), nn.Identity()]
    return nn.Sequential(*layers, StochasticDepth(), DropPath(), nn.ReLU(), Tapped(), nn.Linear(4, 2))


def test_globs_and_auto_choose_no_layers_that_change_nothing():
    assert names(with_nothing(), "**") == names(with_nothing(), "*") == ["0", "7", "8", "9"]
    assert names(nn.Sequential(nn.DataParallel(nn.Dropout()), nn.ReLU()), "?") == ["1"]
    assert names(with_nothing()) == ["0", "9"]


def test_layers_that_change_nothing_are_chosen_by_their_exact_name_and_by_their_class():
    assert names(with_nothing(), ["1", "5"]) == ["1", "5"]
    assert names(with_nothing(), "StochasticDepth") == ["5", "6"]
    assert names(with_nothing(), nn.Dropout) == names(with_nothing(), "Dropout") == ["1"]
    assert names(with_nothing(), ["*", "Identity"]) == ["0", "4", "7", "8", "9"]


def test_a_glob_that_matches_nothing_but_such_layers_says_so():
    model = nn.ModuleDict({"dropout1": nn.Dropout(), "dropout2": nn.Dropout(), "head": nn.Linear(2, 2)})
    with pytest.raises(ValueError, match=r"only layers that change nothing in evaluation.*\['dropout1', 'dropout2'\]"):
        choose_layers(model, "drop*")
    assert names(model, ["head", "dropout1", "!drop*"]) == ["head"]
    assert names(model, ["head", "dropout1"]) == ["dropout1", "head"]
