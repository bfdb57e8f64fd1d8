"""A small model of exact arithmetic, how the tests record it, and what holds recordings against each other."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from topocallback.activations.recorder import ActivationRecorder

N = 250


class ConvNet(nn.Module):
    """Convolution, ReLU in place, linear head. With whole numbers for weights its arithmetic is exact."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 2, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(48, 5)

    def forward(self, x):
        return self.head(self.relu(self.conv(x)).flatten(1))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def activations(shape, seed=0):
    return torch.randn(shape, generator=generator(seed))


def with_whole_weights(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randint(-2, 3, parameter.shape, generator=generator(parameter.numel())))
    return model


def record(model, data, batch_size=64, layers="**", **options):
    with ActivationRecorder(model, layers, **options) as recorder, torch.no_grad():
        for batch in data.split(batch_size):
            model(batch)
    return recorder.point_clouds()


def record_and_fail(model, data):
    with ActivationRecorder(model, "**"):
        model(data)
        raise KeyError("mine")


def assert_same(clouds, expected):
    assert clouds.layers == expected.layers
    assert clouds.sample_ids.tolist() == expected.sample_ids.tolist()
    for layer in expected.layers:
        np.testing.assert_array_equal(clouds.clouds[layer], expected.clouds[layer])
    assert (clouds.labels is None) == (expected.labels is None)
    if expected.labels is not None:
        assert clouds.labels.tolist() == expected.labels.tolist()
        assert clouds.labels.dtype == expected.labels.dtype
    assert clouds.problems == expected.problems


def all_hooks_of(model):
    """Every hook on the model's layers, whoever put it there."""
    return [
        hook
        for module in model.modules()
        for hooks in (
            module._forward_hooks,
            module._forward_pre_hooks,
            module._backward_hooks,
            module._backward_pre_hooks,
            module._forward_hooks_with_kwargs,
            module._forward_pre_hooks_with_kwargs,
            module._forward_hooks_always_called,
        )
        for hook in hooks
    ]
