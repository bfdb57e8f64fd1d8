"""One activation tensor to one vector per sample.

A layer's output has one row per sample and, for images and sequences, channels at many positions. The ways to make one
vector of it are in ``POOLINGS``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from topocallback.activations.layers import unwrap
from topocallback.activations.positions import Positions
from topocallback.hashing import sample_priorities

__all__ = [
    "POOLINGS",
    "Pooling",
    "batch_first",
    "channel_axis",
    "densify",
    "first_tensor",
    "padded_shape",
    "take_rows",
    "to_vectors",
]

Pooling = str | Callable[[Tensor], Tensor]

POOLINGS = ("auto", "max_norm", "random", "mean", "flatten", "token", "rows")

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
# 1 GiB in single precision: what a copy may take, unless the activation itself takes more.
_MOST_VALUES = 1 << 28
_MAPPING_KEYS = ("last_hidden_state", "logits")
# Keeps the position drawn for a sample apart from the draw that chose the sample.
_POSITION_SEED = 0x706F736974696F6E


def first_tensor(output: Any) -> Tensor:
    """The tensor that a layer's output stands for.

    Args:
        output: A tensor; a tuple or list, of which the first tensor counts; a mapping or dataclass, of which
            ``last_hidden_state``, else ``logits``, else the first tensor counts. Nested as deep as it likes.

    Returns:
        The tensor.

    Raises:
        TypeError: If there is no tensor in it.

    Example:
        >>> first_tensor((None, {"hidden": torch.zeros(2, 3)})).shape
        torch.Size([2, 3])
    """
    found = _find_tensor(output)
    if found is None:
        raise TypeError(
            f"Expected a tensor, or a tuple, mapping or dataclass with one, got {type(output).__name__}. "
            "Pass `select=` to take the tensor out of the output."
        )
    return found


def _find_tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    parts: list[Any] = []
    if isinstance(output, Mapping):
        parts = [output[key] for key in _MAPPING_KEYS if key in output] + list(output.values())
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        fields = {field.name: getattr(output, field.name) for field in dataclasses.fields(output)}
        return _find_tensor(fields)
    elif isinstance(output, (tuple, list)):
        parts = list(output)
    return next((tensor for tensor in map(_find_tensor, parts) if tensor is not None), None)


def densify(tensor: Tensor) -> Tensor:
    """An activation as an ordinary dense tensor: the tensor itself, unless its layout is a special one.

    Args:
        tensor: A tensor of any layout.

    Returns:
        A dense tensor: sparse ones filled up with zeros, nested ones padded with zeros, quantised ones as real numbers.

    Raises:
        TypeError: If the tensor holds no data (device ``meta``).
        ValueError: If it would take more than 1 GiB, and more than the tensor itself.

    Example:
        >>> densify(torch.eye(2).to_sparse())
        tensor([[1., 0.],
                [0., 1.]])
    """
    if tensor.is_meta:
        raise TypeError("Expected an activation with data, got a tensor on the device 'meta'.")
    dense = tensor
    if tensor.is_nested or tensor.layout != torch.strided:
        shape = padded_shape(tensor)
        _check_size(math.prod(shape), f"a {tensor.layout} activation of shape {shape} as a dense one", tensor)
    if tensor.is_nested:
        dense = torch.nested.to_padded_tensor(tensor, 0.0)
    elif tensor.is_quantized:
        dense = torch.dequantize(tensor)
    elif tensor.layout != torch.strided:
        dense = tensor.to_dense()
    # Not before: a jagged tensor from outside of inference mode cannot be detached inside of it.
    return dense.detach()


def padded_shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape of a tensor; of a nested one, which has none, the shape that it would have if it were padded.

    Args:
        tensor: A tensor of any layout.

    Returns:
        The shape.

    Example:
        >>> padded_shape(torch.zeros(2, 3))
        (2, 3)
    """
    if not tensor.is_nested:
        return tuple(tensor.shape)
    parts = [part.shape for part in tensor.unbind()]
    return (len(parts), *map(max, zip(*parts, strict=True))) if parts else (0,) * tensor.dim()


def _check_size(count: int, what: str, tensor: Tensor) -> None:
    """A tensor may stand for far more values than it holds: expanded, sparse, or padded for one long sequence."""
    if count > _MOST_VALUES and count > _held(tensor):
        raise ValueError(f"Expected at most {max(_MOST_VALUES, _held(tensor))} values, got {what}: {count} values.")


def _held(tensor: Tensor) -> int:
    """How many values the tensor's memory holds."""
    if tensor.layout != torch.strided:
        return 0
    return tensor.untyped_storage().nbytes() // max(1, tensor.element_size())


def take_rows(tensor: Tensor, rows: NDArray[np.intp]) -> Tensor:
    """A float32 copy of some rows of an activation: subsampled first, so that only what is kept is copied.

    Args:
        tensor: (N, ...) dense activation of any dtype; complex numbers become pairs of reals in a last axis.
        rows: (n,) row numbers.

    Returns:
        (n, ...) float32 on the activation's device, detached, sharing no memory with the activation.

    Raises:
        TypeError: If the activation is of a type that torch cannot turn into numbers.
        ValueError: If the rows would take more than 1 GiB, and more than the activation itself: an expanded tensor.

    Example:
        >>> take_rows(torch.arange(6).reshape(3, 2), np.array([2]))
        tensor([[4., 5.]])
    """
    count = len(rows) * math.prod(tensor.shape[1:])
    _check_size(count, f"{len(rows)} rows of an activation of shape {tuple(tensor.shape)}", tensor)
    index = torch.from_numpy(rows).to(tensor.device, non_blocking=True)
    try:
        kept = tensor.detach()[index]  # `index_select` lacks single columns of unsigned integers
        return torch.view_as_real(kept).float() if kept.is_complex() else kept.float()
    except NotImplementedError as error:  # types of a few bits
        raise TypeError(f"Expected an activation of numbers, got the type {tensor.dtype}.") from error


def join_parts(values: Tensor, axis: int) -> Tensor:
    """Real and imaginary parts, in a last axis of their own, as twice as many channels."""
    if axis == 1 and values.ndim > 3:
        return values.movedim(-1, 2).flatten(1, 2)
    return values.flatten(-2) if values.ndim > 2 else values


def to_vectors(values: Tensor, way: Pooling | Positions, axis: int, ids: NDArray[np.int64], seed: int = 0) -> Tensor:
    """One vector per sample.

    Args:
        values: (n, ...) float32 activations, one row per sample.
        way: How the positions of a sample become one vector. With C channels at P positions:

            - ``"max_norm"``: the channel vector at the position where its l2 norm is largest (Purvine et al. 2023);
            - ``"random"``: the channel vector at one position, drawn from the sample's own hash, hence the same for
              every layer of that size, step and batch size;
            - ``"mean"``: the mean channel vector;
            - ``"token"``: the channel vector at the first position;
            - ``"flatten"``: all C * P values;
            - ``"rows"``: the row as it is; every row of the layer's output counts as a sample of its own (graph nodes);
            - ``"auto"``: ``"max_norm"`` where channels come first (images), ``"mean"`` where they come last;
            - ``Positions``: several positions of a sample, packed into one row, to be points of their own;
            - a function of the (n, ...) activations that gives (n, d) vectors.
        axis: Where the channels are, as in ``channel_axis``.
        ids: (n,) sample indices, for ``"random"``.
        seed: Seed of the draws of ``"random"``.

    Returns:
        (n, d) float32: d is C, or C * P for ``"flatten"``.

    Raises:
        ValueError: If ``way`` is unknown, or a function gave something other than (n, d).

    Example:
        >>> image = torch.tensor([[[[3.0, 0.0]], [[4.0, 1.0]]]])  # one sample, two channels, 1 x 2 positions
        >>> to_vectors(image, "max_norm", axis=1, ids=np.array([0]))
        tensor([[3., 4.]])
    """
    if isinstance(way, Positions):
        return way.pack(values, axis, ids, seed)
    if not isinstance(way, str):
        return _checked(way(values), len(values), way)
    if way not in POOLINGS:
        raise ValueError(f"Expected `pooling` to be one of {POOLINGS} or a callable, got {way!r}.")
    if values.ndim <= 2 or way in ("flatten", "rows"):
        return values.reshape(len(values), values.numel() // max(1, len(values)))
    positions = values.movedim(axis, 1).flatten(2)  # (n, C, P)
    if way == "auto":
        way = "max_norm" if axis == 1 else "mean"
    if way == "mean":
        return positions.mean(dim=2)
    return _at(positions, _chosen_position(positions, way, ids, seed))


def _chosen_position(positions: Tensor, way: str, ids: NDArray[np.int64], seed: int) -> Tensor:
    if way == "max_norm":
        # The square has the same maximum, and `norm` over this axis is 50 times as slow on a CPU (10 ms to 0.2 ms).
        return positions.square().sum(dim=1).argmax(dim=1)
    if way == "token":
        return torch.zeros(len(positions), dtype=torch.long, device=positions.device)
    drawn = sample_priorities(ids, int(seed) ^ _POSITION_SEED) % np.uint64(positions.shape[2])
    return torch.from_numpy(drawn.astype(np.int64)).to(positions.device, non_blocking=True)


def _at(positions: Tensor, chosen: Tensor) -> Tensor:
    index = chosen[:, None, None].expand(-1, positions.shape[1], 1)
    return positions.gather(2, index)[:, :, 0]


def _checked(vectors: Any, count: int, way: Callable[[Tensor], Tensor]) -> Tensor:
    name = getattr(way, "__name__", type(way).__name__)
    if not isinstance(vectors, Tensor) or vectors.ndim != 2 or len(vectors) != count:
        got = tuple(vectors.shape) if isinstance(vectors, Tensor) else type(vectors).__name__
        raise ValueError(f"Expected `pooling={name}` to give a tensor of shape ({count}, d), got {got}.")
    return vectors.detach().float()


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
