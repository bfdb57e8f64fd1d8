"""Hooks that are there while a model is called, and of which nothing is left in copies."""

import copy
import io
import pickle
import subprocess
import sys

import pytest
import torch
from recording_tools import all_hooks_of
from torch import nn

from topocallback.activations.hooks import CallHooks, Hook
from topocallback.activations.recorder import ActivationRecorder


class Saving(nn.Module):
    """Does something to itself in the middle of its forward pass."""

    def __init__(self, action=lambda module: None):
        super().__init__()
        self.inner = nn.Linear(3, 2)
        self.last = nn.Tanh()
        object.__setattr__(self, "action", action)

    def forward(self, x):
        x = self.inner(x)
        self.action(self)
        return self.last(x)

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "action"}

    def __setstate__(self, state):
        super().__setstate__(state)
        object.__setattr__(self, "action", lambda module: None)


class Log:
    """What hooks have told."""

    def __init__(self, model, layers, **options):
        self.calls, self.outputs, self.inputs = [], [], []
        self.hooks = CallHooks(
            model,
            layers,
            on_call=lambda module, args: self.calls.append(module),
            on_output=lambda name, module, args, kwargs, output: self.outputs.append(name),
            on_input=lambda module, args, kwargs: self.inputs.append(sorted(kwargs)),
            **options,
        )
        self.hooks.attach()


@pytest.mark.parametrize("by_module", [True, False])
def test_a_call_from_outside_is_told_once_and_layers_inside_of_it(by_module):
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 2)), nn.Tanh())
    log = Log(model, {"linear": model[0][0], "tanh": model[1]}, by_module=by_module)
    model(torch.zeros(4, 3))
    model[0](torch.zeros(4, 3))
    model[1](torch.zeros(4, 3))
    assert log.calls == [model, model[0], model[1]]
    assert log.outputs == ["linear", "tanh", "linear", "tanh"]
    log.hooks.detach()
    model(torch.zeros(4, 3))
    assert len(log.calls) == 3
    assert all_hooks_of(model) == []


def test_modules_are_asked_for_their_arguments_before_the_layers_in_them():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 1, 4, batch_first=True), 1)
    layer = model.layers[0]
    log = Log(model, {"linear1": layer.linear1}, told=[layer, torch.jit.script(nn.Tanh())])
    model(torch.zeros(2, 3, 4), src_key_padding_mask=torch.zeros(2, 3).bool())
    assert log.inputs == [["is_causal", "src_key_padding_mask", "src_mask"]]
    assert log.outputs == ["linear1"]
    log.hooks.detach()


def test_other_models_are_not_watched():
    model, other = nn.Sequential(nn.Tanh()), nn.Sequential(nn.Tanh())
    log = Log(model, {"0": model[0]})
    other(torch.zeros(3))
    assert log.calls == log.outputs == []
    log.hooks.detach()


def test_a_module_that_calls_itself_is_one_call():
    class Tree(nn.Module):
        def __init__(self):
            super().__init__()
            self.leaf = nn.Linear(2, 2)

        def forward(self, x, depth=2):
            return self.leaf(x) if depth == 0 else self(x, depth - 1) + self(x, depth - 1)

    model = Tree()
    log = Log(model, {"leaf": model.leaf})
    model(torch.zeros(3, 2))
    assert log.calls == [model]
    assert log.outputs == ["leaf"] * 4
    assert all_hooks_of(model) == []
    log.hooks.detach()


def test_scripted_layers_are_watched_as_others_are_and_cost_nothing_else():
    scripted = torch.jit.script(nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    model = nn.Sequential(nn.Linear(3, 3), scripted, nn.Tanh())
    with ActivationRecorder(model, ["0", "1", "2"]) as recorder:
        recorder.start_batch(5)
        model(torch.randn(5, 3))
    clouds = recorder.point_clouds()
    assert {"0", "2"} <= set(clouds.layers)
    assert set(clouds.layers) | set(clouds.problems) == {"0", "1", "2"}


def test_a_scripted_module_beside_the_model_costs_nothing():
    model = Saving()
    model.score = torch.jit.script(nn.Linear(2, 1))
    with ActivationRecorder(model, ["inner", "last"]) as recorder:
        recorder.start_batch(5)
        model.score(model(torch.randn(5, 3)))
    assert recorder.point_clouds().layers == ("inner", "last")
    assert recorder.point_clouds().problems == {}


def test_vmap_costs_the_layer_inside_of_it_alone():
    class Mapped(Saving):
        def forward(self, x):
            return self.last(torch.vmap(self.inner)(x))

    model = Mapped()
    x = torch.randn(5, 3)
    expected = model(x)
    with ActivationRecorder(model, ["inner", "last"]) as recorder:
        recorder.start_batch(5)
        assert torch.equal(model(x), expected)
    clouds = recorder.point_clouds()
    assert clouds.layers == ("last",)
    assert "vmap" in clouds.problems["inner"]


def saved(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda module: pickle.loads(pickle.dumps(module)),
    "save": saved,
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("automatic", [True, False])
def test_a_copy_made_between_calls_has_no_hook_of_ours(how, automatic):
    model = Saving()
    with ActivationRecorder(model, "*", automatic_batches=automatic) as recorder:
        recorder.start_batch(5)
        model(torch.randn(5, 3))
        recorder.end_batch()
        copied = COPIES[how](model)
    hooks = all_hooks_of(copied)
    assert hooks == [] or automatic
    copied(torch.randn(5, 3))
    assert recorder.calls == {"inner": 1, "last": 1}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_made_during_a_call_works_and_tells_us_nothing(how):
    copies = []
    model = Saving(lambda module: copies.append(COPIES[how](module)))
    with ActivationRecorder(model, "*") as recorder:
        recorder.start_batch(5)
        model(torch.randn(5, 3))
    [copied] = copies
    x = torch.randn(5, 3)
    assert torch.equal(copied(x), Saving.forward(model, x) if how is None else copied.last(copied.inner(x)))
    assert recorder.calls == {"inner": 1, "last": 1}


def test_what_was_pickled_during_a_call_needs_nothing_of_ours(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    handle = model[1].register_forward_hook(Hook(print))
    torch.save(model, tmp_path / "model.pt")
    handle.remove()
    code = (
        "import sys, torch; sys.modules['topocallback'] = None\n"
        f"model = torch.load({str(tmp_path / 'model.pt')!r}, weights_only=False)\n"
        "print(model(torch.zeros(4, 3)).shape[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "2", done.stderr


def test_a_model_can_be_scripted_between_calls():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    with ActivationRecorder(model, "*", automatic_batches=False) as recorder:
        for _ in range(2):
            recorder.start_batch(5)
            model(torch.randn(5, 3))
            recorder.end_batch()
            scripted = torch.jit.script(model)
    x = torch.randn(5, 3)
    assert torch.equal(scripted(x), model(x))


def test_a_call_that_fails_leaves_no_hook_behind_the_end_of_its_batch():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    with ActivationRecorder(model, "*", automatic_batches=False) as recorder:
        recorder.start_batch(5)
        with pytest.raises(RuntimeError):
            model(torch.randn(5, 4))
        recorder.end_batch()
        assert all_hooks_of(model) == []
        recorder.start_batch(5)
        model(torch.randn(5, 3))
        recorder.end_batch()
    assert recorder.point_clouds().layers == ("0", "1")
