"""A model's layers under the names that its author gave them, whatever has been put around, into or under them since.

Wrappers (compile, FSDP, DDP, activation checkpointing, averaging, Lightning Fabric, quantisation, adapters) are seen
through: the layer keeps its name and its type, and the outermost wrapper, which is what a forward pass calls, is what
is hooked. Wrappers of packages that need not be installed are known by their class's name, or by what they hold.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized
from torch.optim.swa_utils import AveragedModel

__all__ = [
    "changes_nothing",
    "has_weights",
    "inner_layers",
    "is_kind",
    "is_quantiser",
    "named_layers",
    "unwrap",
    "wrapped",
]

# What compile, FSDP, activation checkpointing and Lightning Fabric call what they wrap.
_WRAPPED_ATTRIBUTES = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module")
_WRAPPERS_WITH_MODULE = (nn.parallel.DistributedDataParallel, nn.DataParallel, AveragedModel)
# Of torch.ao and torchao: those that watch or round what passes between layers, or their weights.
_QUANTISERS = {"ObserverBase", "FakeQuantizeBase"}
# Where quantised layers of torch.ao keep their weights, which are no parameters, and no layers that are called.
_PACKED_WEIGHTS = ("_packed_params", "_all_weight_values")
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_FORWARDS_THAT_CHANGE_NOTHING = {kind.forward for kind in (nn.Identity, *_DROPOUTS)}
# Of torchvision, timm and torch.ao.
_CHANGE_NOTHING = {"StochasticDepth", "DropPath", "DropBlock2d", "DropBlock3d", "QuantStub", "DeQuantStub"}


def named_layers(root: nn.Module) -> dict[str, nn.Module]:
    """Canonical name to module, for all that a forward pass can call, in the order in which the model registers them.

    Args:
        root: The model.

    Returns:
        The layers without the model itself; a wrapped one is its outermost wrapper. One that is there twice has its
        first name.

    Example:
        >>> list(named_layers(nn.DataParallel(nn.Sequential(nn.Linear(1, 1), nn.ReLU()))))
        ['0', '1']
    """
    found: dict[str, nn.Module] = {}
    for name, layer in _walk(root, "", {id(root)}):
        found.setdefault(name, layer)
    found.pop("", None)
    return found


def unwrap(module: nn.Module) -> nn.Module:
    """The user's own module inside of all wrappers.

    Args:
        module: Any module.

    Returns:
        The innermost wrapped module, or ``module`` itself.

    Example:
        >>> type(unwrap(nn.DataParallel(nn.Linear(1, 1)))).__name__
        'Linear'
    """
    while (inner := wrapped(module)) is not None:
        module = inner
    return module


def wrapped(module: nn.Module) -> nn.Module | None:
    """What a wrapper wraps; ``None`` for a module that is none.

    Example:
        >>> linear = nn.Linear(1, 1)
        >>> wrapped(nn.DataParallel(linear)) is linear, wrapped(linear)
        (True, None)
    """
    if isinstance(module, torch.jit.ScriptModule):
        return None
    children = module._modules
    for attribute in _WRAPPED_ATTRIBUTES:
        if children.get(attribute) is not None:
            return children[attribute]
    if isinstance(module, _WRAPPERS_WITH_MODULE) or _is_called(module, {"QuantWrapper"}):
        return children.get("module")
    if _is_adapter(module):
        return children.get("base_layer")
    if children.get("modules_to_save") is not None:  # the copy that peft trains of a whole layer
        return children.get("original_module")
    return _inside_peft(module)


def inner_layers(module: nn.Module) -> dict[str, nn.Module]:
    """A module's children that a forward pass can call: name to module, dotted where what is between is not called.

    Without parametrisations (weight norm and kin), whose outputs are weights, without the weights of quantised layers,
    and without what is in a scripted module, which runs no hooks. A graph of ``torch.fx`` calls those of its modules
    that its nodes name.

    Example:
        >>> list(inner_layers(nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(1, 1)))))
        ['0']
    """
    if isinstance(module, torch.jit.ScriptModule):
        return {}
    if isinstance(module, torch.fx.GraphModule):
        called = {node.target for node in module.graph.nodes if node.op == "call_module"}
        return {name: layer for name, layer in module.named_modules() if name in called}
    children = {name: child for name, child in module.named_children() if name not in _PACKED_WEIGHTS}
    if is_parametrized(module):
        children.pop("parametrizations")
    return children


def is_kind(module: nn.Module, kinds: type | tuple[type, ...]) -> bool:
    """Whether a layer is of some classes, or what quantisation has put in the place of one that was.

    Example:
        >>> is_kind(nn.Linear(1, 1), nn.Linear), is_kind(nn.ReLU(), (nn.Linear, nn.LSTM))
        (True, False)
    """
    stands_for = getattr(type(module), "_FLOAT_MODULE", ())  # of torch.ao: a class, or several
    floats = stands_for if isinstance(stands_for, tuple) else (stands_for,)
    return isinstance(module, kinds) or any(isinstance(kind, type) and issubclass(kind, kinds) for kind in floats)


def has_weights(module: nn.Module) -> bool:
    """Whether a layer has parameters, or weights that quantisation has packed or made buffers of.

    Example:
        >>> has_weights(nn.Linear(1, 1)), has_weights(nn.BatchNorm1d(1, affine=False))
        (True, False)
    """
    if any(True for _ in module.parameters()):
        return True
    holds_packed = any(hasattr(layer, name) for layer in module.modules() for name in _PACKED_WEIGHTS)
    return holds_packed or any("weight" in name.rpartition(".")[2] for name, _ in module.named_buffers())


def is_quantiser(module: nn.Module) -> bool:
    """Whether it is an observer or a fake quantiser, which make no container of the layer that holds them."""
    return _is_called(module, _QUANTISERS)


def changes_nothing(module: nn.Module) -> bool:
    """Whether its output in evaluation is its input, or another layer's as quantisation leaves it.

    Dropout of all kinds, identities, stochastic depth, observers and fake quantisers. A class of the user's own with a
    ``forward`` of its own is no such layer, whatever it is derived from.

    Example:
        >>> [changes_nothing(layer) for layer in (nn.Dropout2d(), nn.Identity(), nn.ReLU())]
        [True, True, False]
    """
    inner = unwrap(module)
    return (
        getattr(type(inner), "forward", None) in _FORWARDS_THAT_CHANGE_NOTHING
        or _is_called(inner, _CHANGE_NOTHING)
        or is_quantiser(inner)
    )


def _walk(module: nn.Module, name: str, seen: set[int]) -> Iterator[tuple[str, nn.Module]]:
    yield name, module
    inner = wrapped(module)
    # What else a wrapper holds, such as an adapter's own layers, is no layer of the user's.
    below = inner_layers(module) if inner is None else {"": inner}
    for child_name, child in below.items():
        if id(child) not in seen:
            seen.add(id(child))
            yield from _walk(child, f"{name}.{child_name}".strip("."), seen)


def _is_called(module: nn.Module, names: set[str]) -> bool:
    return any(base.__name__ in names for base in type(module).__mro__)


def _is_adapter(module: nn.Module) -> bool:
    """Whether it is a layer with an adapter (LoRA and kin), as peft makes them."""
    if module._modules.get("base_layer") is None:
        return False
    return hasattr(module, "adapter_layer_names") or any(
        name.startswith("lora_") for name in (*module._modules, *module._parameters)
    )


def _inside_peft(module: nn.Module) -> nn.Module | None:
    """The user's model in the one or two that peft puts around it: ``base_model.model``."""
    children = dict(module.named_children())
    if _is_called(module, {"BaseTuner"}) or (set(children) == {"model"} and hasattr(module, "peft_config")):
        return children.get("model")
    tuner = children.get("base_model")
    if tuner is None or set(tuner._modules) != {"model"}:
        return None
    is_peft = _is_called(module, {"PeftModel"}) or hasattr(module, "peft_config")
    return tuner._modules["model"] if is_peft or any(map(_is_adapter, tuner.modules())) else None
