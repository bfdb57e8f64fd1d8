"""The tensor in a layer's output, dense and in single precision: only the rows that are kept are copied."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

__all__ = ["check_is_plain", "densify", "first_tensor", "join_parts", "padded_shape", "signed", "take_rows"]

# 1 GiB in single precision: what a copy may take, unless the activation itself takes more.
_MOST_VALUES = 1 << 28
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
_MAPPING_KEYS = ("last_hidden_state", "logits")


def signed(values: Tensor) -> Tensor:
    """Values of a type with which torch can do little as int64; all others as they are.

    Example:
        >>> signed(torch.tensor([1, 2]).to(torch.uint64)).dtype
        torch.int64
    """
    return values.to(torch.int64) if values.dtype in _UNSIGNED else values


def first_tensor(output: Any) -> Tensor | PackedSequence:
    """The tensor that a layer's output stands for.

    Args:
        output: A tensor; a tuple or list, of which the first tensor counts; a mapping or dataclass, of which
            ``last_hidden_state``, else ``logits``, else the first tensor counts. Nested as deep as it likes.

    Returns:
        The tensor, or the packed sequences, which are no more than a tuple to Python.

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


def _find_tensor(output: Any) -> Tensor | PackedSequence | None:
    if isinstance(output, (Tensor, PackedSequence)):
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


def check_is_plain(tensor: Any) -> None:
    """Refuse what is no activation with data: no tensor, one on the device ``meta``, one inside of a transformation.

    Args:
        tensor: What a layer gave, or ``select`` took out of it.

    Raises:
        TypeError: If it is none.

    Example:
        >>> check_is_plain(torch.zeros(2))
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"Expected `select` to give a tensor, got {type(tensor).__name__}.")
    if tensor.is_meta:
        raise TypeError("Expected an activation with data, got a tensor on the device 'meta'.")
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        raise TypeError("Expected an activation with data, got one inside of `torch.func.vmap` or `grad`.")


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
