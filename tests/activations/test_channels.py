"""Where channels and samples are in a layer's output, by the layer's type and those of the layers in it."""

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.optim.swa_utils import AveragedModel

from topocallback.activations.channels import batch_first, channel_axis


class ConvNeXtBlock(nn.Module):
    """Images in, images out, with layers inside that want channels last."""

    def __init__(self):
        super().__init__()
        self.depthwise = nn.Conv2d(4, 4, 3)
        self.norm = nn.LayerNorm(4)
        self.pointwise = nn.Linear(4, 4)


class Activation(nn.Module):
    """A module without layers."""


@pytest.mark.parametrize(
    ("module", "ndim", "axis"),
    [
        (nn.Conv1d(2, 2, 1), 3, 1),
        (nn.Conv2d(2, 2, 1), 4, 1),
        (nn.Conv3d(2, 2, 1), 5, 1),
        (nn.ConvTranspose2d(2, 2, 1), 4, 1),
        (nn.BatchNorm1d(2), 3, 1),
        (nn.BatchNorm2d(2), 4, 1),
        (nn.InstanceNorm2d(2), 4, 1),
        (nn.GroupNorm(1, 2), 3, 1),
        (nn.MaxPool1d(2), 3, 1),
        (nn.MaxPool2d(2), 4, 1),
        (nn.AvgPool2d(2), 4, 1),
        (nn.AdaptiveAvgPool1d(1), 3, 1),
        (nn.AdaptiveMaxPool2d(1), 4, 1),
        (nn.Upsample(scale_factor=2), 3, 1),
        (nn.PixelShuffle(2), 4, 1),
        (nn.ReLU(), 4, 1),
        (nn.ReLU(), 3, -1),
        (Activation(), 5, 1),
        (nn.Linear(2, 2), 3, -1),
        (nn.Linear(2, 2), 4, -1),
        (nn.LayerNorm(2), 4, -1),
        (nn.RMSNorm(2), 4, -1),
        (nn.Embedding(2, 2), 3, -1),
        (nn.LSTM(2, 2), 3, -1),
        (nn.GRU(2, 2, batch_first=True), 3, -1),
        (nn.MultiheadAttention(2, 1), 3, -1),
        (nn.TransformerEncoderLayer(2, 1, 2), 3, -1),
        (nn.TransformerEncoder(nn.TransformerEncoderLayer(2, 1, 2), 1, enable_nested_tensor=False), 3, -1),
        (nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU()), 4, 1),
        (nn.Sequential(nn.Conv1d(2, 2, 1), nn.ReLU()), 3, 1),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), 3, -1),
        (nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 2)), 4, -1),
        (nn.Sequential(nn.Conv2d(2, 2, 1), nn.Flatten(2), nn.Linear(2, 2)), 3, -1),
        (ConvNeXtBlock(), 4, 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_channels_are_where_the_layer_puts_them(module, ndim, axis):
    assert channel_axis(module, (5, 3, 7, 7, 7)[:ndim]).axis == axis


@pytest.mark.parametrize("wrap", [nn.DataParallel, AveragedModel, checkpoint_wrapper, torch.compile])
def test_channels_and_samples_are_where_a_wrapped_layer_puts_them(wrap):
    assert channel_axis(wrap(nn.Conv1d(2, 2, 1)), (5, 2, 7)) == (1, True)
    assert channel_axis(wrap(ConvNeXtBlock()), (5, 4, 7, 7)) == (1, True)
    assert channel_axis(wrap(nn.Linear(2, 2)), (5, 7, 7, 2)) == (-1, True)
    assert batch_first(wrap(nn.Linear(2, 2)))
    assert not batch_first(wrap(nn.LSTM(2, 2)))


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.Linear(2, 2), True),
        (nn.Conv2d(2, 2, 1), True),
        (nn.LSTM(2, 2), False),
        (nn.LSTM(2, 2, batch_first=True), True),
        (nn.RNN(2, 2), False),
        (nn.GRU(2, 2, batch_first=True), True),
        (nn.MultiheadAttention(2, 1), False),
        (nn.MultiheadAttention(2, 1, batch_first=True), True),
        (nn.TransformerEncoderLayer(2, 1, 2), False),
        (nn.TransformerEncoderLayer(2, 1, 2, batch_first=True), True),
        (nn.TransformerEncoder(nn.TransformerEncoderLayer(2, 1, 2), 1, enable_nested_tensor=False), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_samples_come_first_unless_attention_or_recurrence_says_otherwise(module, expected):
    assert batch_first(module) is expected
