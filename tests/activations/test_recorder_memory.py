"""What recording costs and leaves alone: only kept rows are copied, memory is bounded, training is not touched."""

import math
import random

import numpy as np
import pytest
import torch
from recording_tools import N, generator
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.samples import bottom_k


def test_batches_without_kept_rows_are_not_looked_at(net, images):
    looks = []

    def select(output):
        looks.append(len(output))
        return output

    with ActivationRecorder(net, "conv", n_samples=4, length=N, select=select) as recorder, torch.no_grad():
        for batch in images.split(10):
            recorder.start_batch(len(batch))
            net(batch)
    with_kept_rows = {i // 10 for i in bottom_k(N, 4, seed=0)}
    assert len(looks) == len(with_kept_rows) < N // 10
    assert recorder.calls == {"conv": N // 10}
    assert recorder.point_clouds().n_points == 4


class Allocations(TorchDispatchMode):
    """Notes the number of elements of every tensor that an operation creates with memory of its own."""

    def __init__(self):
        super().__init__()
        self.sizes = [0]

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = {x.untyped_storage().data_ptr() for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)}
        self.sizes += [
            x.numel()
            for x in tree_leaves(result)
            if isinstance(x, torch.Tensor) and x.untyped_storage().data_ptr() not in given
        ]
        return result


@pytest.mark.parametrize("shape", [(3, 8, 8), (50,)], ids=["image", "vector"])
@pytest.mark.parametrize("pooling", ["max_norm", "mean", "flatten", "random"])
def test_only_kept_rows_are_ever_copied(shape, pooling):
    model = nn.Sequential(nn.Identity())  # so that every operation is the recorder's
    data = torch.randn(400, *shape, generator=generator(0))
    kept = np.bincount(bottom_k(400, 12, seed=0) // 100, minlength=4)
    allocations = Allocations()
    with ActivationRecorder(model, "0", n_samples=12, length=400, pooling=pooling, channels=1) as recorder, allocations:
        for batch in data.split(100):
            model(batch)
    assert recorder.point_clouds().n_points == 12
    buffer = recorder.recording().vectors["0"].numel()
    assert max(allocations.sizes) <= max(kept.max() * math.prod(shape), buffer) < 100 * math.prod(shape)


@pytest.mark.parametrize("length", [5000, None], ids=["known", "streamed"])
def test_memory_does_not_grow_with_the_data_set(length):
    model = nn.Sequential(nn.Linear(6, 3))
    with ActivationRecorder(model, n_samples=20, length=length) as recorder, torch.no_grad():
        for _ in range(50):
            model(torch.ones(100, 6))
    vectors = recorder.recording().vectors["0"]
    assert vectors.shape == (20, 3)
    assert vectors.untyped_storage().nbytes() == 20 * 3 * 4
    assert len(recorder.recording().ids) == 20


def test_what_was_recorded_keeps_no_graph_and_no_activation(net, images):
    with ActivationRecorder(net, "**", n_samples=40) as recorder:
        loss = net(images).sum()
    vectors = recorder.recording().vectors
    assert all(not values.requires_grad and values.grad_fn is None for values in vectors.values())
    before = {name: values.clone() for name, values in vectors.items()}
    loss.backward()
    torch.optim.SGD(net.parameters(), lr=1.0).step()
    assert all(torch.equal(vectors[name], before[name]) for name in before)


def test_recording_leaves_outputs_gradients_and_generators_alone(images):
    def train(recorded):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        model = nn.Sequential(nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(147, 2))
        length = N if recorded == "known" else None
        recorder = ActivationRecorder(model, ["**", "2"], n_samples=40, length=length, pooling="random")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        if recorded:
            recorder.attach()
        outputs = []
        for batch in images.split(100):
            outputs.append(model(batch))
            optimizer.zero_grad()
            outputs[-1].square().mean().backward()
            optimizer.step()
        recorder.detach()
        if recorded:
            assert recorder.point_clouds().layers == ("0", "1", "2", "3", "4")
        draws = (torch.rand(1).item(), np.random.random(), random.random())  # noqa: NPY002
        return [*outputs, *model.state_dict().values()], draws

    expected, draws = train(recorded=None)
    for recorded in ("known", "streamed"):
        tensors, own_draws = train(recorded)
        assert all(torch.equal(a, b) for a, b in zip(tensors, expected, strict=True))
        assert own_draws == draws
