"""Where a layer's output has its channels and its samples, by the layer's type."""

from __future__ import annotations

from torch import nn

from topocallback.activations.layers import unwrap

__all__ = ["batch_first", "channel_axis"]

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


def channel_axis(module: nn.Module, ndim: int) -> int:
    """Where a layer's output has its channels: 1 or -1.

    The layer's own type decides (convolutions, batch norms and pooling: 1; linear layers, layer norms, attention and
    recurrent layers: -1). A block takes after the layers in it: four axes and more are images (1) if there is a
    convolution or nothing that puts channels last; three axes are sequences (-1) unless it holds one-dimensional
    convolutions and nothing that puts channels last.

    Args:
        module: The layer.
        ndim: Number of axes of its output.

    Returns:
        1 or -1.

    Example:
        >>> channel_axis(nn.Conv2d(1, 1, 1), 4), channel_axis(nn.LayerNorm(8), 3)
        (1, -1)
    """
    inner = unwrap(module)
    if isinstance(inner, _CHANNELS_FIRST):
        return 1
    if isinstance(inner, _CHANNELS_LAST):
        return -1
    has_last = any(isinstance(layer, _CHANNELS_LAST) for layer in inner.modules())
    convolutions = [layer for layer in inner.modules() if isinstance(layer, nn.modules.conv._ConvNd)]
    if ndim >= 4:
        return 1 if convolutions or not has_last else -1
    return 1 if any(isinstance(layer, nn.Conv1d) for layer in convolutions) and not has_last else -1


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
    kinds = (nn.MultiheadAttention, nn.RNNBase)
    return all(layer.batch_first for layer in unwrap(module).modules() if isinstance(layer, kinds))
