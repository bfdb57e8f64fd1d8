"""Choosing layers of a model by name, glob, class or automatically; canonical names."""

from __future__ import annotations

import difflib
import functools
import re
from collections import Counter
from collections.abc import Collection, Sequence

import torch
from torch import nn

from topocallback.activations.wrappers import (
    changes_nothing,
    has_weights,
    inner_layers,
    is_kind,
    is_quantiser,
    named_layers,
    unwrap,
)

__all__ = ["LayerSpec", "choose_layers", "layer_names", "unwrap"]

LayerSpec = str | type | Sequence[str | type]

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# Attention uses its output projection's weight without calling the projection; what quantisation puts into
# convolutions and linear layers, such as a batch norm, is a part of them.
_OF_ONE_PIECE = (nn.MultiheadAttention, nn.Linear, nn.modules.conv._ConvNd)


def layer_names(module: nn.Module) -> list[str]:
    """The names of all layers that can be recorded, in the order in which the model registers them.

    Names are canonical: what ``torch.compile``, FSDP, DDP, activation checkpointing, Lightning Fabric, quantisation and
    adapters (LoRA) add to them is stripped, so a layer has the same name however the model is run. Layers that no
    forward pass calls, such as those inside of a scripted one, are not among them.

    Args:
        module: The model.

    Returns:
        Dotted names, without the model itself.

    Example:
        >>> layer_names(nn.Sequential(nn.Linear(4, 8), nn.ReLU()))
        ['0', '1']
    """
    return list(named_layers(module))


def choose_layers(module: nn.Module, layers: LayerSpec = "auto") -> dict[str, nn.Module]:
    """The layers that a specification selects.

    Args:
        module: The model.
        layers: One of the following, or a sequence of them, whose selections add up:

            - a layer's name (``"net.blocks.3"``);
            - a glob over names: as in those of files, ``*`` and ``?`` stop at dots and ``**`` does not
              (``"net.blocks.*"``: the blocks themselves; ``"**.conv1"``: all of that name, at any depth). Layers that
              change nothing in evaluation (dropout, identities, stochastic depth) are not chosen by globs, but by
              their exact name or their class;
            - a module class (``nn.Conv2d``), or its name (``"Conv2d"``), subclasses and quantised ones included;
            - any of the string forms behind ``"!"``, which takes layers out again (``["Conv2d", "!**shortcut**"]``);
            - ``"auto"``: the model's repeated blocks (residual blocks, transformer layers) together with the first and
              the last layer with parameters outside of them; in a model without repeated blocks, every leaf layer
              with parameters.

    Returns:
        Canonical name to module, in the model's order. A wrapped layer gives its outermost wrapper, which is what a
        forward pass calls.

    Raises:
        ValueError: If a part of the specification matches nothing; the message lists the closest names. If a glob
            behind ``"!"`` matches nothing, but would do so with ``**`` for ``*``.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> list(choose_layers(model)), list(choose_layers(model, ["ReLU", "0"]))
        (['0', '2'], ['0', '1'])
    """
    named = named_layers(module)
    items = [layers] if isinstance(layers, (str, type)) else list(layers)
    excluded = [item[1:] for item in items if isinstance(item, str) and item.startswith("!")]
    selected: set[str] = set()
    for item in items:
        if not (isinstance(item, str) and item.startswith("!")):
            selected |= _select(named, item, module)
    for item in excluded:
        matches = _matches(named, item, of_glob=named.keys())
        if not matches and (deeper := _deeper(named.keys(), item)):
            raise ValueError(f"`layers='!{item}'` matches no layer of {_name_of(module)}. {deeper}")
        selected -= matches
    if not selected:
        raise ValueError(f"`layers={layers!r}` selects no layer of {_name_of(module)}. {_how_to_list(module)}")
    return {name: layer for name, layer in named.items() if name in selected}


def _select(named: dict[str, nn.Module], item: str | type, root: nn.Module) -> set[str]:
    if item == "auto":
        return _automatic(named)
    matches = _matches(named, item)
    if not matches:
        raise ValueError(_no_match(named, item, root))
    return matches


def _matches(named: dict[str, nn.Module], item: str | type, of_glob: Collection[str] | None = None) -> set[str]:
    """The layers that one part of a specification stands for; a glob those of ``of_glob``."""
    if isinstance(item, type):
        return {name for name, layer in named.items() if is_kind(unwrap(layer), item)}
    if of_glob is None:
        of_glob = {name for name, layer in named.items() if not changes_nothing(layer)}
    by_name = {name for name in named if name == item or (name in of_glob and _as_pattern(item).fullmatch(name))}
    return by_name or {
        name for name, layer in named.items() if item in (base.__name__ for base in type(unwrap(layer)).__mro__)
    }


@functools.lru_cache(maxsize=64)
def _as_pattern(glob: str) -> re.Pattern[str]:
    """A glob over dotted names as a regular expression: ``*``, ``?`` and ``[...]`` stop at dots, ``**`` does not.

    ``**.`` at the beginning, or after a dot, also stands for nothing, as ``**/`` does in names of files.
    """
    pattern, rest = "", glob
    while rest:
        if rest.startswith("**"):
            before, after = glob[: len(glob) - len(rest)], rest.lstrip("*")
            is_whole = before[-1:] in ("", ".") and after.startswith(".")
            pattern += r"(?:.*\.)?" if is_whole else ".*"
            rest = after[1:] if is_whole else after
        elif brackets := re.match(r"\[(!?)(\]?[^\]]+|\])\]", rest):
            inside = "".join(letter if letter == "-" else re.escape(letter) for letter in brackets[2])
            pattern += f"(?!\\.)[{'^' if brackets[1] else ''}{inside}]"
            rest = rest[brackets.end() :]
        else:
            pattern += {"*": r"[^.]*", "?": r"[^.]"}.get(rest[0], re.escape(rest[0]))
            rest = rest[1:]
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"Expected {glob!r} in `layers` to be a glob, got {error}: write ranges as in '[0-9]'."
        ) from error


def _automatic(named: dict[str, nn.Module]) -> set[str]:
    blocks = _repeated_blocks(named)
    leaves = [name for name in _leaves(named) if not any(name.startswith(f"{block}.") for block in blocks)]
    return set(blocks) | ({leaves[0], leaves[-1]} if blocks and leaves else set(leaves))


def _repeated_blocks(named: dict[str, nn.Module]) -> list[str]:
    """Layers with children and parameters whose class occurs at least twice, outermost first."""
    candidates = {
        name: unwrap(layer)
        for name, layer in named.items()
        if not is_kind(unwrap(layer), (*_CONTAINERS, *_OF_ONE_PIECE))
        and _has_layers(unwrap(layer))
        and has_weights(layer)
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
        is_leaf = is_kind(inner, _OF_ONE_PIECE) or not _has_layers(inner)
        inside = any(name.startswith(f"{leaf}.") for leaf in leaves[-1:])
        if is_leaf and not inside and not changes_nothing(layer) and has_weights(inner):
            leaves.append(name)
    return leaves


def _has_layers(module: nn.Module) -> bool:
    return not all(map(is_quantiser, inner_layers(module).values()))


def _no_match(named: dict[str, nn.Module], item: str | type, root: nn.Module) -> str:
    what = f"`layers={item.__name__ if isinstance(item, type) else repr(item)}` matches no layer of {_name_of(root)}."
    if isinstance(item, type):
        return f"{what} {_how_to_list(root)}"
    if deeper := _deeper([name for name, layer in named.items() if not changes_nothing(layer)], item):
        return f"{what} {deeper} {_how_to_list(root)}"
    if passive := sorted(_matches(named, item, of_glob=named.keys())):
        return (
            f"{what} It matches only layers that change nothing in evaluation, which are chosen by their exact name or "
            f"their class: {passive[:3]}. {_how_to_list(root)}"
        )
    by_ending = [name for name in named if name.endswith(f".{item}")]
    closest = by_ending[:3] or difflib.get_close_matches(item, list(named), n=3, cutoff=0.3) or list(named)[:3]
    return f"{what} Closest names: {closest}. {_how_to_list(root)}"


def _deeper(names: Collection[str], glob: str) -> str:
    """What to say of a glob that matches nothing because its ``*`` stop at dots; nothing if that is not why."""
    across = re.sub(r"\*+", "**", glob)
    found = [name for name in names if "*" in glob and _as_pattern(across).fullmatch(name)]
    return f"`*` stops at dots: {across!r} matches {len(found)} layers, such as {found[0]!r}." if found else ""


def _name_of(root: nn.Module) -> str:
    return type(unwrap(root)).__name__


def _how_to_list(root: nn.Module) -> str:
    if isinstance(unwrap(root), torch.jit.ScriptModule):
        return "A scripted module runs no hooks inside of it: record the model that it was made of."
    return "`print(topocallback.layer_names(model))` shows all of them."
