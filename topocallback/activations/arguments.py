"""What a call is given: its arguments by their names, and what they tell of samples and padding."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from topocallback.activations.graphs import node_counts
from topocallback.activations.masks import data_positions, told_size

__all__ = [
    "arguments_by_name",
    "counts_of_nodes",
    "mask_in",
    "mask_of_tokens",
    "packed_in",
    "says_its_size",
    "takes_padding",
    "told_of_padding",
]

_PADDING_ARGUMENTS = (
    "tgt_key_padding_mask", "src_key_padding_mask", "key_padding_mask", "padding_mask", "src_padding_mask", "pad_mask",
)  # fmt: skip
_TRANSFORMER_LAYERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)


def told_of_padding(root: nn.Module, layers: Iterable[nn.Module]) -> list[nn.Module]:
    """The modules that are told of padding, among those that have to do with some layers.

    These are the modules that hold one of the layers, or are one; attention inside of a layer; and embeddings that say
    which token pads. What is in a transformer's layer is left alone: without hooks it computes in another way.

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
    chosen = list(layers)
    own = {id(layer) for layer in chosen}
    inside = {id(inner) for layer in chosen for inner in layer.modules()} - _in_transformer_layers(root)
    return [
        module
        for module in root.modules()
        if _padding_token(module) is not None
        or (takes_padding(module) and (id(module) in inside or any(id(inner) in own for inner in module.modules())))
    ]


def _in_transformer_layers(root: nn.Module) -> set[int]:
    layers = [module for module in root.modules() if isinstance(module, _TRANSFORMER_LAYERS)]
    return {id(inner) for layer in layers for inner in layer.modules()}


def _padding_token(module: nn.Module) -> int | None:
    """The token that pads, if a module is an embedding that says it."""
    return module.padding_idx if isinstance(module, nn.Embedding) else None


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
        return any(name in _PADDING_ARGUMENTS for name in inspect.signature(forward).parameters)
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


def mask_in(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], size: int) -> Tensor | None:
    """Which positions of a batch are no padding, as a module is told.

    Args:
        module: The module.
        args: Its positional arguments.
        kwargs: Its named ones.
        size: Number of samples in the batch.

    Returns:
        (size, positions) true where there is data; ``None`` if it is told nothing of this form, or only of the keys of
        an attention to something else.
    """
    named = arguments_by_name(module, args, kwargs) if len(args) > 1 and takes_padding(module) else kwargs
    mask = next((named[name] for name in _PADDING_ARGUMENTS if named.get(name) is not None), None)
    is_of_keys = "query" in named and named.get("key") is not named["query"]
    if not isinstance(mask, Tensor) or mask.ndim != 2 or len(mask) != size or is_of_keys:
        return None
    return data_positions(mask, true_is_padding=True)


def mask_of_tokens(
    module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], size: int, *, transposed: bool = False
) -> Tensor | None:
    """Which positions of a batch are no padding, as an embedding says that knows which token pads.

    Args:
        module: The module.
        args: Its positional arguments.
        kwargs: Its named ones.
        size: Number of samples in the batch.
        transposed: Whether the samples are in the second axis.

    Returns:
        (size, positions) true where there is data; ``None`` if it is no such embedding, or its tokens are not one row
        per sample.

    Example:
        >>> import torch
        >>> mask_of_tokens(nn.Embedding(9, 4, padding_idx=0), (torch.tensor([[5, 0], [3, 2]]),), {}, 2)
        tensor([[ True, False],
                [ True,  True]])
    """
    token = _padding_token(module)
    tokens = args[0] if args else kwargs.get("input")
    if token is None or not isinstance(tokens, Tensor) or tokens.is_nested or tokens.ndim != 2:
        return None
    tokens = tokens.detach().T if transposed else tokens.detach()
    return tokens != token if len(tokens) == size else None


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
