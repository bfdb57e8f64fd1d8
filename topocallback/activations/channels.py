"""Where a layer's output has its channels and its samples, by what the layer is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from torch import nn

from topocallback.activations.wrappers import is_kind, unwrap

__all__ = ["ChannelAxis", "SampleAxes", "batch_first", "channel_axis", "sample_axes"]

_CHANNELS_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.GroupNorm,
    nn.Upsample,
    nn.PixelShuffle,
)
_CHANNELS_LAST = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.MultiheadAttention, nn.Embedding, nn.RNNBase)
# What a layer's module says about how many channels it gives.
_WIDTHS = ("out_channels", "out_features", "num_features", "num_channels", "embedding_dim", "embed_dim")


_ATTENTION_OR_RECURRENCE = (nn.MultiheadAttention, nn.RNNBase)
_TRANSFORMER_LAYERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
_TRANSFORMERS = (nn.TransformerEncoder, nn.TransformerDecoder, nn.Transformer, *_TRANSFORMER_LAYERS)


class ChannelAxis(NamedTuple):
    """Where channels are, 1 or -1, and whether nothing speaks for the other one."""

    axis: int
    is_certain: bool


def channel_axis(module: nn.Module, shape: Sequence[int], around: Sequence[nn.Module] = ()) -> ChannelAxis:
    """Where a layer's output has its channels.

    The type of a layer decides where it can (convolutions, batch norms and pooling: 1; linear layers, layer norms,
    attention and recurrent layers: -1). The output of a block has as many channels as some layer in it gives: of the
    first and the last axis it is the one that is as long, be the layers convolutions, linear layers or both. Where the
    lengths do not tell, the modules around the block are asked; and in the end the kinds of layers: four axes and more
    are images (1) if there is a convolution or nothing that puts channels last; three axes are sequences (-1) unless
    there are one-dimensional convolutions and nothing that puts channels last.

    Args:
        module: The layer.
        shape: Its output's shape, samples first.
        around: The modules that hold it, from the inside to the outside.

    Returns:
        1 or -1, and whether that is certain: not so where lengths allow both and the block has layers of both kinds.

    Example:
        >>> channel_axis(nn.Conv2d(1, 1, 1), (5, 1, 8, 8))
        ChannelAxis(axis=1, is_certain=True)
        >>> to_tokens = nn.Sequential(nn.Conv2d(3, 96, 4, 4), nn.LayerNorm(96))  # with a permutation between them
        >>> channel_axis(to_tokens, (5, 56, 56, 96)).axis
        -1
    """
    inner = unwrap(module)
    if len(shape) < 3 or is_kind(inner, _CHANNELS_LAST):
        return ChannelAxis(-1, True)
    if is_kind(inner, _CHANNELS_FIRST):
        return ChannelAxis(1, True)
    for asked in (inner, *around):
        widths = set(_widths(asked))
        first, last = shape[1] in widths, shape[-1] in widths
        if first != last:
            return ChannelAxis(1 if first else -1, True)
        if first:
            break  # whoever holds it has these widths, too
    kinds = {kind for layer in inner.modules() for kind in _kinds(layer)}
    return ChannelAxis(_by_kinds(inner, len(shape)), len(kinds) < 2)


def _widths(module: nn.Module) -> Iterator[int]:
    """How many channels the layers in a module give."""
    for layer in module.modules():
        yield from (width for name in _WIDTHS if isinstance(width := getattr(layer, name, None), int))
        if isinstance(layer, nn.LayerNorm | nn.RMSNorm):
            yield layer.normalized_shape[-1]
        if is_kind(layer, nn.RNNBase):
            recurrent: Any = layer
            yield (recurrent.proj_size or recurrent.hidden_size) * (2 if recurrent.bidirectional else 1)


def _kinds(layer: nn.Module) -> Iterator[int]:
    if is_kind(layer, _CHANNELS_FIRST):
        yield 1
    if is_kind(layer, _CHANNELS_LAST):
        yield -1


def _by_kinds(module: nn.Module, ndim: int) -> int:
    has_last = any(is_kind(layer, _CHANNELS_LAST) for layer in module.modules())
    convolutions = [layer for layer in module.modules() if is_kind(layer, nn.modules.conv._ConvNd)]
    if ndim >= 4:
        return 1 if convolutions or not has_last else -1
    return 1 if any(is_kind(layer, nn.Conv1d) for layer in convolutions) and not has_last else -1


def batch_first(module: nn.Module) -> bool:
    """Whether a layer's output has its samples in axis 0: not so for attention and recurrent layers by default.

    Args:
        module: The layer.

    Returns:
        ``False`` if the layer, or an attention or recurrent layer in it, says ``batch_first=False``.

    Example:
        >>> batch_first(nn.Linear(2, 2)), batch_first(nn.LSTM(2, 2))
        (True, False)
    """
    layers = (layer for layer in unwrap(module).modules() if is_kind(layer, _ATTENTION_OR_RECURRENCE))
    return all(layer.batch_first for layer in layers)


class SampleAxes(NamedTuple):
    """Where samples may be in an output of three axes and more, the likelier first, and whether that is certain."""

    axes: tuple[int, ...]
    is_certain: bool


def sample_axes(module: nn.Module, around: Sequence[nn.Module] = ()) -> SampleAxes:
    """Where a layer's output may have its samples.

    Attention and recurrent layers say it. What is beside one of those, or around it, may have its steps first, too.

    Args:
        module: The layer.
        around: The modules that hold it, from the inside to the outside.

    Returns:
        1 and 0, or 0 alone; not certain where nothing but the lengths of the axes can tell.

    Example:
        >>> sample_axes(nn.LSTM(2, 2)), sample_axes(nn.Linear(2, 2)).axes
        (SampleAxes(axes=(1, 0), is_certain=True), (0,))
        >>> layer = nn.TransformerEncoderLayer(4, 1)
        >>> sample_axes(layer.linear1, [layer])
        SampleAxes(axes=(1, 0), is_certain=True)
    """
    inner = unwrap(module)
    if not batch_first(inner):
        return SampleAxes((1, 0), is_kind(inner, (*_ATTENTION_OR_RECURRENCE, *_TRANSFORMERS)))
    if not is_kind(inner, _CHANNELS_FIRST):
        for holder in around:
            children = [child for child in holder.children() if is_kind(child, _ATTENTION_OR_RECURRENCE)]
            if not all(map(batch_first, children)):
                return SampleAxes((1, 0), isinstance(holder, _TRANSFORMER_LAYERS))
    return SampleAxes((0,), True)
