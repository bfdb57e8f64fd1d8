"""Where channels and samples are in a layer's output, by the layer's type and those of the layers in it."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.optim.swa_utils import AveragedModel

from topocallback.activations.channels import batch_first, channel_axis, sample_axes
from topocallback.activations.layer_record import holders_in


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


# -- Evidence ----------------------------------------------------------------------------------------------------------


class Permute(nn.Module):
    def __init__(self, *order):
        super().__init__()
        self.order = order

    def forward(self, x):
        return x.permute(*self.order)


class ChannelsLastNorm(nn.Module):
    """Layer norm of images, as ConvNeXt has it."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class RealConvNeXtBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.act, self.narrow = nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)

    def forward(self, x):
        own = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + self.narrow(self.act(self.wide(own))).permute(0, 3, 1, 2)


class SpeechLayer(nn.Module):
    """Convolution and layer norm with transpositions, as wav2vec has them."""

    def __init__(self, n_in, width):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv1d(n_in, width, 3, 2), nn.LayerNorm(width), nn.GELU()

    def forward(self, x):
        return self.act(self.norm(self.conv(x).transpose(1, 2)).transpose(1, 2))


class MixerBlock(nn.Module):
    """Mixes tokens, then channels."""

    def __init__(self, n_tokens, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.tokens = nn.Sequential(nn.Linear(n_tokens, 10), nn.GELU(), nn.Linear(10, n_tokens))
        self.channels = nn.Sequential(nn.Linear(width, 14), nn.GELU(), nn.Linear(14, width))

    def forward(self, x):
        x = x + self.tokens(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm(x))


def axes_of_all(model, x):
    """Where the channels of every layer's output are, and whether that is certain."""
    holders, found = holders_in(model), {}

    def look(name, module, args, output):
        found[name] = channel_axis(module, output.shape, holders(module))

    handles = [module.register_forward_hook(partial(look, name)) for name, module in model.named_modules()]
    model(x)
    for handle in handles:
        handle.remove()
    return found


def test_the_stem_of_a_window_transformer_puts_channels_last():
    stem = nn.Sequential(nn.Conv2d(3, 6, 4, 4), Permute(0, 2, 3, 1), nn.LayerNorm(6), nn.Dropout(0.0))
    assert axes_of_all(stem, torch.zeros(2, 3, 32, 32)) == {
        "": (-1, True), "0": (1, True), "1": (-1, True), "2": (-1, True), "3": (-1, True),
    }  # fmt: skip


def test_blocks_of_convolutions_and_linear_layers_put_channels_first():
    model = nn.Sequential(nn.Conv2d(3, 6, 4, 4), ChannelsLastNorm(6), RealConvNeXtBlock(6), RealConvNeXtBlock(6))
    found = axes_of_all(model, torch.zeros(2, 3, 32, 32))
    for name in ("", "0", "1", "2", "2.depthwise", "3"):
        assert found[name] == (1, True)
    for name in ("2.norm", "2.wide", "2.act", "2.narrow", "1.norm"):
        assert found[name] == (-1, True)


def test_layers_of_speech_put_channels_first_and_say_so_wherever_they_can():
    model = nn.Sequential(SpeechLayer(1, 6), SpeechLayer(6, 6))
    found = axes_of_all(model, torch.zeros(2, 1, 60))
    for name in ("", "0", "0.conv", "0.act", "1"):
        assert found[name] == (1, True)
    assert found["0.norm"] == (-1, True)


def test_mixers_of_tokens_and_channels_are_certain_where_lengths_tell():
    found = axes_of_all(MixerBlock(n_tokens=9, width=6), torch.zeros(2, 9, 6))
    assert found["channels"] == (-1, True)
    assert found["norm"] == (-1, True)
    assert found[""].axis == -1


def test_an_output_that_could_be_either_is_not_certain():
    block = nn.Sequential(nn.Conv1d(4, 6, 1), nn.Linear(5, 6))
    assert channel_axis(block, (2, 6, 5)) == (1, True)
    assert channel_axis(block, (2, 9, 6)) == (-1, True)
    assert not channel_axis(block, (2, 6, 6)).is_certain
    assert not channel_axis(block, (2, 7, 8)).is_certain


def test_what_has_no_layers_of_its_own_asks_those_around_it():
    outer = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Identity())
    assert channel_axis(outer[1], (2, 5, 5, 8), [outer]) == (-1, True)
    assert channel_axis(outer[1], (2, 8, 5, 5), [outer]) == (1, True)


# -- Samples -----------------------------------------------------------------------------------------------------------


def test_samples_come_second_in_all_of_a_transformers_layer_that_says_so():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 1, 6), 1)
    holders = holders_in(model)
    layer = model.layers[0]
    for module in (model, layer, layer.self_attn, layer.linear1, layer.norm2, layer.dropout):
        assert sample_axes(module, holders(module)) == ((1, 0), True)


def test_samples_come_first_where_nothing_says_otherwise():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 1, 6, batch_first=True), 1)
    holders = holders_in(model)
    assert all(sample_axes(module, holders(module)) == ((0,), True) for module in model.modules())


def test_samples_beside_recurrence_may_come_first_or_second_but_not_of_convolutions():
    model = nn.ModuleList([nn.Conv1d(4, 4, 1), nn.LSTM(4, 4), nn.Linear(4, 4)])
    assert sample_axes(model[0], [model]) == ((0,), True)
    assert sample_axes(model[1], [model]) == ((1, 0), True)
    assert sample_axes(model[2], [model]) == ((1, 0), False)
    assert sample_axes(model) == ((1, 0), False)
