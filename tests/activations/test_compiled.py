"""Compiled models: every hook fires, nothing is compiled anew, and compiled code runs again afterwards."""

import pytest
import torch
from recording_tools import assert_same, generator, record, record_and_fail, with_whole_weights
from torch import nn
from torch._dynamo.testing import CompileCounter

from topocallback.activations.recorder import ActivationRecorder


@pytest.fixture(autouse=True)
def _fresh_compiler():
    yield
    torch.compiler.set_stance("default")
    torch._dynamo.reset()


class CountingBackend(CompileCounter):
    """Counts the frames that are compiled and the runs of compiled code."""

    def __init__(self):
        super().__init__()
        self.runs = 0

    def __call__(self, graph, inputs):
        compiled = super().__call__(graph, inputs)

        def run(*args):
            self.runs += 1
            return compiled(*args)

        return run


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, x):
        return self.linear(x).relu()


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 6)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def compile_whole(model, backend):
    return torch.compile(model, backend=backend)


def compile_whole_in_place(model, backend):
    model.compile(backend=backend)
    return model


def compile_blocks(model, backend):
    model.blocks = nn.ModuleList([torch.compile(block, backend=backend) for block in model.blocks])
    return model


def compile_blocks_in_place(model, backend):
    for block in model.blocks:
        block.compile(backend=backend)
    return model


COMPILATIONS = [compile_whole, compile_whole_in_place, compile_blocks, compile_blocks_in_place]
DEEP_LAYERS = ["stem", "blocks.?", "blocks.?.linear", "head"]


@pytest.mark.parametrize("compilation", COMPILATIONS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("warm", [True, False], ids=["run before", "not run before"])
def test_compiled_models_are_recorded_without_compiling_anything_anew(compilation, warm):
    model, data = with_whole_weights(Deep()), torch.randint(-4, 5, (20, 4), generator=generator(0)).float()
    expected = record(model, data, batch_size=10, layers=DEEP_LAYERS)
    output = model(data).detach()
    backend = CountingBackend()
    model = compilation(model, backend)
    with torch.no_grad():
        if warm:
            model(data[:10])
            assert backend.runs > 0
        frames, runs = backend.frame_count, backend.runs
        assert_same(record(model, data, batch_size=10, layers=DEEP_LAYERS), expected)
        assert (backend.frame_count, backend.runs) == (frames, runs)
        assert torch.equal(model(data[:10]), output[:10])
    assert backend.runs > runs
    if warm:
        assert backend.frame_count == frames


def test_compiled_code_runs_again_after_an_exception_inside_of_with():
    model, data = Deep(), torch.ones(5, 4)
    backend = CountingBackend()
    compiled = torch.compile(model, backend=backend)
    with torch.no_grad():
        compiled(data)
        with pytest.raises(KeyError, match="mine"):
            record_and_fail(compiled, data)
        assert (backend.frame_count, backend.runs) == (1, 1)
        compiled(data)
        assert (backend.frame_count, backend.runs) == (1, 2)


def test_a_model_compiled_behind_the_recorders_back_is_a_problem_and_no_silence():
    model, data = Deep(), torch.ones(5, 4)
    compiled = torch.compile(model, backend="eager")
    with torch.no_grad():
        compiled(data)
        with ActivationRecorder(model) as recorder:  # the model, not its compiled form
            compiled(data)
    clouds = recorder.point_clouds()
    assert clouds.layers == ()
    assert set(clouds.problems) == set(recorder.layers)
    assert all("it ran 1 times, but apart from a batch" in problem for problem in clouds.problems.values())


def test_a_model_that_is_not_compiled_leaves_other_compiled_code_as_it_is(net, images):
    backend = CountingBackend()
    double = torch.compile(lambda x: x * 2, backend=backend)
    with ActivationRecorder(net), torch.no_grad():
        net(double(images))
    assert backend.runs == 1


@pytest.mark.parametrize("first_off", [0, 1])
def test_overlapping_recorders_of_a_compiled_model_leave_it_compiled(first_off):
    model, data = Deep(), torch.ones(5, 4)
    backend = CountingBackend()
    compiled = torch.compile(model, backend=backend)
    recorders = [ActivationRecorder(compiled), ActivationRecorder(compiled)]
    with torch.no_grad():
        compiled(data)
        for recorder in recorders:
            recorder.attach()
        compiled(data)
        recorders.pop(first_off).detach()
        compiled(data)
        recorders[0].detach()
        assert (backend.frame_count, backend.runs) == (1, 1)
        compiled(data)
    assert (backend.frame_count, backend.runs) == (1, 2)
    assert recorders[0].point_clouds().n_points == 10


def test_a_stance_of_the_user_is_there_again_after_the_recording():
    model, data = Deep(), torch.ones(5, 4)
    backend = CountingBackend()
    compiled = torch.compile(model, backend=backend)
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        with ActivationRecorder(compiled):
            compiled(data)
        compiled(data)
    assert backend.runs == 0
