"""Copies of layers' own weights: of the step that was recorded, whatever the training makes of them afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from topocallback.activations.generators import forked_generators
from topocallback.activations.layer_record import holders_in
from topocallback.activations.wrappers import unwrap
from topocallback.records.weights import LayerWeights

__all__ = ["weights_of_layers"]

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_BY_TOKEN = (nn.Embedding, nn.EmbeddingBag)
_OF_TORCH = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)
_NORMS = (nn.LayerNorm, nn.RMSNorm)


def weights_of_layers(
    root: nn.Module, layers: Mapping[str, nn.Module]
) -> tuple[dict[str, LayerWeights], dict[str, str]]:
    """The weights of those layers that have weights of their own.

    A layer's own weights are what stands under ``weight`` and ``bias`` in the module itself, not in modules that it
    holds, with one axis for units and one for inputs at least: so have linear layers, convolutions and embeddings,
    whose units are the coordinates of a token's vector. The gains of a norm, blocks, recurrent and attention layers
    have none, nor have weights that are quantised, not made yet, or not in this process's memory. Of a user's own
    module with a matrix, the axis that is as long as the bias is that of the units; the first one, if both are.

    Nothing of the model is changed, and no random generator moves: a parametrised weight, which is computed when it is
    read, is read in evaluation mode.

    Args:
        root: The model.
        layers: The layers by their names.

    Returns:
        Layer to its weights, none for a layer without any; and the layers whose weights could not be read, each with a
        clause that says why.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> found, unread = weights_of_layers(model, dict(model.named_children()))
        >>> found, unread
        ({'0': LayerWeights(8 units of 4 weights), '2': LayerWeights(2 units of 8 weights)}, {})
        >>> found["0"].outgoing.shape, found["2"].outgoing
        ((8,), None)
    """
    holders = holders_in(root)
    read = {name: _tried(layer, holders(layer)) for name, layer in layers.items()}
    found = {name: weights for name, weights in read.items() if isinstance(weights, LayerWeights)}
    return found, {name: reason for name, reason in read.items() if isinstance(reason, str)}


def _tried(layer: nn.Module, holders: Sequence[nn.Module]) -> LayerWeights | str | None:
    """A layer's weights, or why they could not be read."""
    try:
        with torch.no_grad():
            return _weights_of(layer, holders)
    except Exception as error:  # whatever a user's own parametrisation does: there is still everything else
        return f"{type(error).__name__}: {error}"


def _weights_of(layer: nn.Module, holders: Sequence[nn.Module]) -> LayerWeights | None:
    inner = unwrap(layer)
    weight = _matrix_of(inner)
    if weight is None:
        return None
    bias = _own(inner, "bias")
    has_bias = bias is not None and bias.shape == weight.shape[:1]
    outgoing = _outgoing(layer, holders, len(weight))
    return LayerWeights(
        _copied(weight),
        _copied(bias) if bias is not None and has_bias else None,
        None if outgoing is None else _copied(outgoing),
    )


def _matrix_of(layer: nn.Module) -> Tensor | None:
    """(units, inputs, kernel...) a layer's own weights as they are; ``None`` if it has none."""
    weight = None if isinstance(layer, _NORMS) else _own(layer, "weight")
    if weight is None or weight.ndim < 2:
        return None
    if isinstance(layer, _TRANSPOSED):  # (inputs, units of a group, kernel...), group after group
        groups = layer.groups
        by_group = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
        return by_group.transpose(1, 2).flatten(0, 1)
    if isinstance(layer, _BY_TOKEN) or (not isinstance(layer, _OF_TORCH) and _is_units_last(layer, weight)):
        return weight.T
    return weight


def _is_units_last(layer: nn.Module, weight: Tensor) -> bool:
    bias = _own(layer, "bias")
    return weight.ndim == 2 and bias is not None and len(weight) != weight.shape[1] and bias.shape == weight.shape[1:]


def _own(layer: nn.Module, name: str) -> Tensor | None:
    """A tensor of real numbers that a module holds itself and that is there.

    Raises:
        ValueError: If it is spread over several processes.
    """
    if parametrize.is_parametrized(layer, name):
        tensor: Any = _computed(layer, name)
    elif isinstance(layer, torch.jit.ScriptModule):
        tensor = getattr(layer, name, None)
    else:  # a property of the user's own may do anything
        places = (layer._parameters, layer._buffers, vars(layer))
        tensor = next((place[name] for place in places if place.get(name) is not None), None)
    if not isinstance(tensor, Tensor) or nn.parameter.is_lazy(tensor):
        return None
    if hasattr(tensor, "placements"):  # a `DTensor`: to bring it together, all processes would have to take part
        raise ValueError(f"`{name}` is spread over several processes")
    is_there = tensor.layout == torch.strided and not tensor.is_meta and not tensor.is_quantized
    if not is_there or not tensor.is_floating_point() or tensor.is_nested:
        return None
    if tensor.numel() and not tensor.untyped_storage().size():  # freed by whoever spreads it over processes
        return None
    return tensor


def _computed(layer: nn.Module, name: str) -> Tensor:
    """A parametrised tensor, in evaluation mode: in training mode a spectral norm goes on with its iteration."""
    parts = list(layer.parametrizations[name].modules())  # type: ignore[index, union-attr]
    modes = [part.training for part in parts]
    try:
        for part in parts:
            part.training = False
        with forked_generators():
            return getattr(layer, name)  # type: ignore[no-any-return]
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode


def _copied(tensor: Tensor) -> NDArray[np.floating]:
    values = tensor.detach().to("cpu", _at_least_single(tensor.dtype), copy=True)
    return np.asarray(values.contiguous().numpy())


def _at_least_single(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


# -- The next layer ----------------------------------------------------------------------------------------------------


def _outgoing(layer: nn.Module, holders: Sequence[nn.Module], units: int) -> Tensor | None:
    """(units,) the sums of the weights from each unit into the next layer, where it is known which one that is."""
    for following in map(unwrap, _after(layer, holders)):
        weight = _matrix_of(following)
        if weight is not None:
            groups = getattr(following, "groups", 1)
            if groups * weight.shape[1] != units:  # such as where positions were flattened between them
                return None
            by_group = weight.reshape(groups, len(weight) // groups, weight.shape[1], -1)
            return by_group.to(_at_least_single(weight.dtype)).sum(dim=(1, 3)).flatten()
        if any(parameter.ndim > 1 for parameter in following.parameters()):
            return None
    return None


def _after(layer: nn.Module, holders: Sequence[nn.Module]) -> Iterator[nn.Module]:
    """The modules that run after one, one after the other, as far as an ``nn.Sequential`` says so."""
    for holder in holders:
        parts = list(holder) if _is_chain(holder) else []  # type: ignore[call-overload]
        places = [place for place, part in enumerate(parts) if part is layer]
        if len(places) != 1:
            return
        for part in parts[places[0] + 1 :]:
            yield from _links(part)
        layer = holder


def _links(part: nn.Module) -> Iterator[nn.Module]:
    if not _is_chain(part):
        yield part
        return
    for inner in part:  # type: ignore[attr-defined]
        yield from _links(inner)


def _is_chain(module: nn.Module) -> bool:
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward
