"""Layers keep their names and types whatever is put around or into them, and what is hooked is what is called."""

import pytest
import torch
from lightning.fabric import Fabric
from torch import nn
from torch.fx import GraphModule, Tracer, symbolic_trace

from topocallback.activations.layers import choose_layers, layer_names, unwrap
from topocallback.activations.recorder import ActivationRecorder

# Of what torch deprecates, and of observers that torch itself sets up so.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Please use quant_min:UserWarning")


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(3)
        self.relu = nn.ReLU()

    def forward(self, x):
        return x + self.relu(self.bn1(self.conv1(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 3, 3)
        self.stage = nn.Sequential(Block(), Block())
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.stage(self.stem(x)).mean(dim=(2, 3)))


AUTOMATIC = ["stem", "stage.0", "stage.1", "head"]


def names(model, layers="auto"):
    return list(choose_layers(model, layers))


def called(model, layers="auto", shape=(2, 1, 8, 8)):
    """The chosen layers whose hooks fired."""
    found = []
    handles = [
        layer.register_forward_hook(lambda module, args, output, name=name: found.append(name))
        for name, layer in choose_layers(model, layers).items()
    ]
    with torch.no_grad():
        model.eval()(torch.ones(*shape))
    for handle in handles:
        handle.remove()
    return found


# -- Graphs of torch.fx -----------------------------------------------------------------------------------------------


def traced(leaf=None):
    """What torchvision's ``create_feature_extractor`` makes: a graph whose containers are never called."""
    net = Net().eval()

    class OwnTracer(Tracer):
        def is_leaf_module(self, module, name):
            return isinstance(module, leaf) if leaf else super().is_leaf_module(module, name)

    return GraphModule(net, OwnTracer().trace(net))


def test_a_graph_calls_the_modules_that_its_nodes_name_and_nothing_else_has_a_name():
    graph = traced()
    assert any(name == "stage.0" for name, _ in graph.named_modules())  # which is never called
    expected = [name for name in layer_names(Net()) if name not in ("stage", "stage.0", "stage.1")]
    assert layer_names(graph) == expected
    assert names(graph) == called(graph) == [name for name in expected if not name.endswith("relu")]
    assert called(graph, "**") == expected
    with pytest.raises(ValueError, match="matches no layer"):
        choose_layers(graph, "stage.0")


def test_a_module_that_a_graph_calls_as_a_whole_keeps_its_inside():
    graph = traced(leaf=(Block, nn.Conv2d, nn.Linear))
    assert layer_names(graph) == [name for name in layer_names(Net()) if name != "stage"]
    assert called(graph) == AUTOMATIC
    assert called(nn.Sequential(graph)) == [f"0.{name}" for name in AUTOMATIC]


def test_a_module_that_is_in_a_graph_no_longer_is_no_layer():
    graph = symbolic_trace(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)))
    (last,) = (node for node in graph.graph.nodes if node.target == "2")
    last.replace_all_uses_with(last.args[0])
    graph.graph.erase_node(last)
    graph.recompile()
    assert called(graph, shape=(2, 4)) == ["0"]


# -- Scripted modules -------------------------------------------------------------------------------------------------


def test_a_scripted_layer_is_one_layer():
    model = nn.Sequential(torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU())), nn.Linear(4, 2))
    assert layer_names(model) == names(model) == ["0", "1"]


@pytest.mark.parametrize("script", [torch.jit.script, lambda net: torch.jit.trace(net, torch.ones(1, 1, 8, 8))])
def test_a_scripted_model_says_that_nothing_inside_can_be_recorded(script):
    with pytest.raises(ValueError, match="A scripted module runs no hooks inside of it"):
        choose_layers(script(Net().eval()))


# -- Quantisation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False], ids=["fake quantisers", "observers"])
def test_layers_that_are_prepared_for_quantisation_are_those_that_they_were(training):
    net = Net()
    prepared = net.train(training)
    prepared.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
    prepare = torch.ao.quantization.prepare_qat if training else torch.ao.quantization.prepare
    if not training:
        prepared.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
    prepare(prepared, inplace=True)
    assert any("activation_post_process" in name for name in layer_names(prepared))  # by their exact names
    assert called(prepared) == AUTOMATIC
    assert names(prepared, "Conv2d") == ["stem", "stage.0.conv1", "stage.1.conv1"]
    assert not [name for name in names(prepared, "**") if "post_process" in name or "fake_quant" in name]


def test_layers_without_blocks_are_leaves_in_quantisation_as_well():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)).train()
    model.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
    assert called(torch.ao.quantization.prepare_qat(model)) == ["0", "2", "3"]
    fused = torch.ao.quantization.fuse_modules_qat(model.train(), [["2", "3"]])
    assert called(torch.ao.quantization.prepare_qat(fused)) == ["0", "2"]  # convolution and batch norm are one layer


def test_the_stubs_of_quantisation_have_no_part_in_names():
    wrapped = torch.ao.quantization.QuantWrapper(Net())
    assert layer_names(wrapped) == layer_names(Net())
    assert type(unwrap(wrapped)) is Net
    assert called(wrapped) == AUTOMATIC
    net = Net()
    net.stage[0] = torch.ao.quantization.QuantWrapper(net.stage[0])
    assert layer_names(net) == layer_names(Net())
    assert choose_layers(net, "stage.0")["stage.0"] is net.stage[0]
    assert called(net, [Block, "stem", "head"]) == AUTOMATIC


# -- Adapters ---------------------------------------------------------------------------------------------------------


class LoraLinear(nn.Module):
    """A linear layer with an adapter, of the same structure as those of peft."""

    def __init__(self, base_layer, rank=2):
        super().__init__()
        self.base_layer = base_layer
        self.lora_dropout = nn.ModuleDict({"default": nn.Identity()})
        self.lora_A = nn.ModuleDict({"default": nn.Linear(base_layer.in_features, rank, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(rank, base_layer.out_features, bias=False)})
        self.lora_embedding_A = nn.ParameterDict()

    def forward(self, x):
        dropped = self.lora_dropout["default"](x)
        return self.base_layer(x) + self.lora_B["default"](self.lora_A["default"](dropped))


class LoraModel(nn.Module):
    """As peft's tuner."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *args):
        return self.model(*args)


class AroundTuner(nn.Module):
    """As peft's own model."""

    def __init__(self, model):
        super().__init__()
        self.base_model = LoraModel(model)

    def forward(self, *args):
        return self.base_model(*args)


class ModulesToSaveWrapper(nn.Module):
    """As peft's, around a layer that is trained as a whole."""

    def __init__(self, module):
        super().__init__()
        self.original_module = module
        self.modules_to_save = nn.ModuleDict({"default": nn.Linear(module.in_features, module.out_features)})

    def forward(self, x):
        return self.modules_to_save["default"](x)


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(4, 4)
        self.value = nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(torch.relu(self.value(torch.relu(self.query(x)))))


def with_adapters():
    model = Text()
    model.query, model.value = LoraLinear(model.query), LoraLinear(model.value)
    model.head = ModulesToSaveWrapper(model.head)
    return model


@pytest.mark.parametrize("wrap", [lambda model: model, AroundTuner, lambda model: nn.Sequential(AroundTuner(model))])
def test_a_model_with_adapters_has_the_layers_of_the_one_without(wrap):
    plain, adapted = wrap(Text()), wrap(with_adapters())
    within = "0." if isinstance(plain, nn.Sequential) else ""
    expected = [f"{within}{name}" for name in ("query", "value", "head")]
    assert [name for name in layer_names(adapted) if name != "0"] == expected
    for layers in ("auto", nn.Linear, "Linear", [f"{within}{name}" for name in ("query", "value", "head")]):
        assert called(adapted, layers, (2, 4)) == expected


def test_the_layer_that_is_recorded_is_the_one_with_its_adapter():
    model = with_adapters()
    assert choose_layers(model, "query")["query"] is model.query
    x = torch.randn(6, 4)
    with ActivationRecorder(model, "query", n_samples=6) as recorder, torch.no_grad():
        model(x)
    expected = model.query(x).detach().numpy()
    assert abs(recorder.point_clouds()["query"] - expected).max() < 1e-6


def test_a_users_own_model_of_these_names_keeps_them():
    model = AroundTuner(Text())
    assert layer_names(model)[:3] == ["base_model", "base_model.model", "base_model.model.query"]
    model = nn.ModuleDict({"base_layer": nn.Linear(2, 2), "other": nn.Linear(2, 2)})
    assert layer_names(model) == ["base_layer", "other"]


# -- Lightning Fabric -------------------------------------------------------------------------------------------------


def test_a_model_that_fabric_has_set_up_has_the_names_of_its_author():
    fabric = Fabric(accelerator="cpu", devices=1)
    net = Net()
    model, _ = fabric.setup(net, torch.optim.SGD(net.parameters(), lr=0.1))
    assert layer_names(model) == layer_names(Net())
    assert unwrap(model) is net
    assert called(model) == AUTOMATIC
    assert names(model, "**.conv1") == ["stage.0.conv1", "stage.1.conv1"]


def test_a_recorder_takes_a_model_that_fabric_has_set_up():
    model = Fabric(accelerator="cpu", devices=1).setup(Net())
    with ActivationRecorder(model, n_samples=4) as recorder, torch.no_grad():
        model.eval()(torch.randn(4, 1, 8, 8))
    clouds = recorder.point_clouds()
    assert clouds.layers == tuple(AUTOMATIC)
    assert not clouds.problems


# -- Quantised by torch.ao ---------------------------------------------------------------------------------------------


def dynamically_quantised():
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)


def statically_quantised():
    model = Net().eval()
    model.qconfig = torch.ao.quantization.get_default_qconfig(torch.backends.quantized.engine)
    prepared = torch.ao.quantization.prepare(model)
    prepared(torch.randn(8, 1, 6, 6))
    return torch.ao.quantization.convert(prepared)


def test_quantised_layers_have_weights_and_what_packs_these_is_no_layer():
    model = dynamically_quantised()
    assert layer_names(model) == ["0", "1", "2"]
    assert list(choose_layers(model)) == list(choose_layers(model, nn.Linear)) == ["0", "2"]
    assert list(choose_layers(model, "Linear")) == ["0", "2"]


def test_a_statically_quantised_network_has_the_layers_of_its_original():
    model = statically_quantised()
    assert list(choose_layers(model)) == AUTOMATIC
    assert list(choose_layers(model, nn.Conv2d)) == ["stem", "stage.0.conv1", "stage.1.conv1"]


def test_a_layer_whose_weights_are_buffers_is_chosen_and_one_without_weights_is_not():
    class Rounded(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("weight_int8", torch.ones(2, 2, dtype=torch.int8))

        def forward(self, x):
            return x @ self.weight_int8.float()

    model = nn.Sequential(Rounded(), nn.BatchNorm1d(2, affine=False), Rounded())
    assert list(choose_layers(model)) == ["0", "2"]


def test_a_quantised_recurrent_layer_has_its_samples_where_its_original_has_them():
    model = nn.Sequential(nn.LSTM(3, 5))  # steps first
    quantised = torch.ao.quantization.quantize_dynamic(model, {nn.LSTM}, dtype=torch.qint8)
    x = torch.randn(4, 4, 3, generator=torch.Generator().manual_seed(0))
    found = []
    for one in (model, quantised):
        with ActivationRecorder(one, "0", pooling="last") as recorder, torch.no_grad():
            recorder.start_batch(4)
            outputs = one(x)[0]
            recorder.end_batch()
        cloud = torch.from_numpy(recorder.point_clouds().clouds["0"])
        assert torch.equal(cloud, outputs[-1])
        found.append(cloud)
    torch.testing.assert_close(*found, atol=0.05, rtol=0)
