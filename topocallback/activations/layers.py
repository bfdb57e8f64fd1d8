"""Choosing layers of a model by name, glob, class or automatically; canonical names."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.utils.parametrize import is_parametrized
from torch.optim.swa_utils import AveragedModel

__all__ = ["LayerSpec", "choose_layers", "layer_names", "unwrap"]

LayerSpec = str | type | Sequence[str | type]

# Wrappers that put one more segment into their child's name: compile, FSDP, activation checkpointing, DDP and kin.
_WRAPPED_ATTRIBUTES = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_WRAPPERS_WITH_MODULE = (nn.parallel.DistributedDataParallel, nn.DataParallel, AveragedModel)
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def layer_names(module: nn.Module) -> list[str]:
    """The names of all layers that can be recorded, in the order in which the model registers them.

    Names are canonical: what ``torch.compile``, FSDP, DDP and activation checkpointing add to them is stripped, so a
    layer has the same name however the model is run.

    Args:
        module: The model.

    Returns:
        Dotted names, without the model itself.

    Example:
        >>> layer_names(nn.Sequential(nn.Linear(4, 8), nn.ReLU()))
        ['0', '1']
    """
    return list(_named_layers(module))


def choose_layers(module: nn.Module, layers: LayerSpec = "auto") -> dict[str, nn.Module]:
    """The layers that a specification selects.

    Args:
        module: The model.
        layers: One of the following, or a sequence of them, whose selections add up:

            - a layer's name (``"net.blocks.3"``);
            - a glob over names (``"net.blocks.*"``; ``*`` also matches dots);
            - a module class (``nn.Conv2d``), or its name (``"Conv2d"``), subclasses included;
            - any of the string forms behind ``"!"``, which takes layers out again (``["Conv2d", "!*shortcut*"]``);
            - ``"auto"``: the model's repeated blocks (residual blocks, transformer layers) together with the first and
              the last layer with parameters outside of them; in a model without repeated blocks, every leaf layer
              with parameters.

    Returns:
        Canonical name to module, in the model's order. A wrapped layer gives its outermost wrapper, which is what a
        forward pass calls.

    Raises:
        ValueError: If a part of the specification matches nothing; the message lists the closest names.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> list(choose_layers(model)), list(choose_layers(model, ["ReLU", "0"]))
        (['0', '2'], ['0', '1'])
    """
    named = _named_layers(module)
    items = [layers] if isinstance(layers, (str, type)) else list(layers)
    excluded = [item[1:] for item in items if isinstance(item, str) and item.startswith("!")]
    selected: set[str] = set()
    for item in items:
        if not (isinstance(item, str) and item.startswith("!")):
            selected |= _select(named, item, module)
    for item in excluded:
        selected -= _matches(named, item)
    if not selected:
        raise ValueError(f"`layers={layers!r}` selects no layer of {type(unwrap(module)).__name__}. {_how_to_list()}")
    return {name: layer for name, layer in named.items() if name in selected}


def unwrap(module: nn.Module) -> nn.Module:
    """The user's own module inside compile, FSDP, DDP, checkpoint and averaging wrappers.

    Args:
        module: Any module.

    Returns:
        The innermost wrapped module, or ``module`` itself.

    Example:
        >>> type(unwrap(nn.DataParallel(nn.Linear(1, 1)))).__name__
        'Linear'
    """
    while True:
        inside = [child for name, child in module.named_children() if _is_transparent(module, name)]
        if not inside:
            return module
        module = inside[0]


def _named_layers(root: nn.Module) -> dict[str, nn.Module]:
    found: dict[str, nn.Module] = {}
    for name, layer in _walk(root, "", {id(root)}):
        found.setdefault(name, layer)
    found.pop("", None)
    return found


def _walk(module: nn.Module, name: str, seen: set[int]) -> Iterator[tuple[str, nn.Module]]:
    yield name, module
    for child_name, child in _children(module).items():
        if id(child) not in seen:
            seen.add(id(child))
            path = name if _is_transparent(module, child_name) else f"{name}.{child_name}".lstrip(".")
            yield from _walk(child, path, seen)


def _children(module: nn.Module) -> dict[str, nn.Module]:
    """The module's children without its parametrisations (weight norm and kin), whose outputs are weights."""
    children = dict(module.named_children())
    if is_parametrized(module):
        children.pop("parametrizations")
    return children


def _is_transparent(parent: nn.Module, child_name: str) -> bool:
    return child_name in _WRAPPED_ATTRIBUTES or (child_name == "module" and isinstance(parent, _WRAPPERS_WITH_MODULE))


def _select(named: dict[str, nn.Module], item: str | type, root: nn.Module) -> set[str]:
    if item == "auto":
        return _automatic(named)
    matches = _matches(named, item)
    if not matches:
        raise ValueError(_no_match(named, item, root))
    return matches


def _matches(named: dict[str, nn.Module], item: str | type) -> set[str]:
    if isinstance(item, type):
        return {name for name, layer in named.items() if isinstance(unwrap(layer), item)}
    by_name = {name for name in named if name == item or fnmatchcase(name, item)}
    return by_name or {
        name for name, layer in named.items() if item in (base.__name__ for base in type(unwrap(layer)).__mro__)
    }


def _automatic(named: dict[str, nn.Module]) -> set[str]:
    blocks = _repeated_blocks(named)
    leaves = [name for name in _leaves(named) if not any(name.startswith(f"{block}.") for block in blocks)]
    return set(blocks) | ({leaves[0], leaves[-1]} if blocks and leaves else set(leaves))


def _repeated_blocks(named: dict[str, nn.Module]) -> list[str]:
    """Layers with children and parameters whose class occurs at least twice, outermost first."""
    candidates = {
        name: unwrap(layer)
        for name, layer in named.items()
        if not isinstance(unwrap(layer), (*_CONTAINERS, nn.MultiheadAttention))
        and _children(unwrap(layer))
        and any(True for _ in layer.parameters())
    }
    counts = Counter(type(layer) for layer in candidates.values())
    blocks: list[str] = []
    for name, layer in candidates.items():
        if counts[type(layer)] > 1 and not any(name.startswith(f"{block}.") for block in blocks):
            blocks.append(name)
    return blocks


def _leaves(named: dict[str, nn.Module]) -> list[str]:
    leaves: list[str] = []
    for name, layer in named.items():
        inner = unwrap(layer)
        # Attention uses its output projection's weight without calling the projection, so it counts as one leaf.
        is_leaf = isinstance(inner, nn.MultiheadAttention) or not _children(inner)
        inside = any(name.startswith(f"{leaf}.") for leaf in leaves[-1:])
        if is_leaf and not inside and any(True for _ in inner.parameters()):
            leaves.append(name)
    return leaves


def _no_match(named: dict[str, nn.Module], item: str | type, root: nn.Module) -> str:
    model = type(unwrap(root)).__name__
    if isinstance(item, type):
        return f"`layers={item.__name__}` matches no layer of {model}. {_how_to_list()}"
    by_ending = [name for name in named if name.endswith(f".{item}")]
    closest = by_ending[:3] or difflib.get_close_matches(item, list(named), n=3, cutoff=0.3) or list(named)[:3]
    return f"`layers={item!r}` matches no layer of {model}. Closest names: {closest}. {_how_to_list()}"


def _how_to_list() -> str:
    return "`print(topocallback.layer_names(model))` shows all of them."
