"""What a call is given: its arguments by their names, and what they tell of samples and padding."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from topocallback.activations.graphs import node_counts
from topocallback.activations.masks import told_size

__all__ = [
    "PADDING_ARGUMENTS",
    "arguments_by_name",
    "counts_of_nodes",
    "packed_in",
    "says_its_size",
    "takes_padding",
    "told_of_padding",
]

PADDING_ARGUMENTS = ("tgt_key_padding_mask", "src_key_padding_mask", "key_padding_mask", "padding_mask")


def told_of_padding(root: nn.Module, layers: Iterable[nn.Module]) -> list[nn.Module]:
    """The modules that are told of padding and hold one of some layers, or are one.

    Others are left alone: a transformer's layer without hooks computes in another way.

    Args:
        root: The model.
        layers: The layers.

    Returns:
        The modules.

    Example:
        >>> layer = nn.TransformerEncoderLayer(4, 1)
        >>> [module is layer for module in told_of_padding(nn.Sequential(layer), [layer.linear1])]
        [True]
    """
    chosen = {id(layer) for layer in layers}
    asked = (module for module in root.modules() if takes_padding(module))
    return [module for module in asked if any(id(inner) in chosen for inner in module.modules())]


def takes_padding(module: nn.Module) -> bool:
    """Whether a module can be told of padding: by an argument under a usual name.

    Example:
        >>> takes_padding(nn.TransformerEncoderLayer(4, 1)), takes_padding(nn.Linear(4, 1))
        (True, False)
    """
    own = vars(module).get("forward")  # what someone has put in place of its class's
    kind: type = type(module)
    return _class_takes_padding(kind) if own is None else _names_padding(own)


@functools.cache  # a layer is asked in every batch
def _class_takes_padding(kind: type) -> bool:
    return _names_padding(getattr(kind, "forward", None))  # which scripted modules lack


def _names_padding(forward: Any) -> bool:
    try:
        return any(name in PADDING_ARGUMENTS for name in inspect.signature(forward).parameters)
    except (TypeError, ValueError):
        return False


def arguments_by_name(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by the names that the module's ``forward`` gives them.

    Example:
        >>> arguments_by_name(nn.LayerNorm(2), ("x",), {})
        {'input': 'x'}
    """
    try:
        return dict(inspect.signature(module.forward).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):  # of scripted modules, or of a call that is about to fail
        return {**{str(i): value for i, value in enumerate(args)}, **kwargs}


def says_its_size(arguments: Mapping[str, Any]) -> bool:
    """Whether there are packed sequences, graphs, lengths or a mask, which say how many samples they are.

    Args:
        arguments: The arguments of a call by their names.

    Returns:
        Whether one of them is there.

    Example:
        >>> import torch
        >>> says_its_size({"x": torch.zeros(7, 2, 3), "lengths": torch.tensor([7, 5])}), says_its_size({"x": 1})
        (True, False)
    """
    if told_size(arguments) is not None:
        return True
    is_packed = next(packed_in(arguments), None) is not None
    return is_packed or any(node_counts(part) is not None for part in (arguments, *arguments.values()))


def packed_in(content: Any) -> Iterator[PackedSequence]:
    """The packed sequences in a batch, or in the arguments of a call.

    Example:
        >>> import torch
        >>> from torch.nn.utils.rnn import pack_sequence
        >>> [len(packed.data) for packed in packed_in(({"x": pack_sequence([torch.zeros(3)])}, torch.zeros(1)))]
        [3]
    """
    if isinstance(content, PackedSequence):
        yield content
    elif isinstance(content, (tuple, list, Mapping)):
        for part in content.values() if isinstance(content, Mapping) else content:
            yield from packed_in(part)


def counts_of_nodes(content: Any, size: int | None) -> Tensor | None:
    """How many nodes each graph of a batch has.

    Args:
        content: What the data loader gave: a batch of graphs, or something with one among its parts.
        size: Number of samples in it.

    Returns:
        (size,) on the CPU, or ``None`` if the samples are no graphs.

    Example:
        >>> import torch
        >>> graphs = {"x": torch.zeros(3, 2), "batch": torch.tensor([0, 0, 1])}
        >>> counts_of_nodes((graphs, torch.zeros(2)), 2)
        tensor([2, 1])
    """
    parts = content.values() if isinstance(content, Mapping) else content if isinstance(content, (tuple, list)) else ()
    counts = (node_counts(part) for part in (content, *parts))
    return next((found.cpu() for found in counts if found is not None and len(found) == size), None)
