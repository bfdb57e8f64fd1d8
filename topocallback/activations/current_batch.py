"""The batch that is running: its samples, and what is known of the rows that layers give for them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from topocallback.activations.batches import tensors_in
from topocallback.activations.graphs import node_counts
from topocallback.activations.masks import data_positions, told_size
from topocallback.activations.outputs import RowsOfBatch
from topocallback.activations.samples import Sample
from topocallback.activations.views import find_arrangement

__all__ = ["Arrangements", "CurrentBatch", "arguments_by_name", "counts_of_nodes", "says_its_size", "told_of_padding"]

_PADDING_ARGUMENTS = ("tgt_key_padding_mask", "src_key_padding_mask", "key_padding_mask", "padding_mask")

Arrangements = dict[tuple[int, int], str | None]


class CurrentBatch:
    """The batch that is running.

    Args:
        content: What the data loader gave, or the arguments of a call by their names.
        mask: (samples, positions...) which positions are no padding.
        others: Tensors of other data loaders in the same batch.
        labels: (samples,) labels.
        arrangements: How several rows per sample were arranged in earlier batches, by called module and their number.

    Attributes:
        ids: (samples,) their indices; ``None`` as long as nothing tells how many samples there are.
        kept: (n,) which of them are kept.
        slots: (n,) the slots of those.
        rows: What is known of the rows that layers give.
    """

    def __init__(
        self,
        content: Any,
        mask: Tensor | None,
        others: Sequence[Tensor],
        labels: Tensor | None,
        arrangements: Arrangements,
    ) -> None:
        self.labels = labels
        self.ids: NDArray[np.int64] | None = None
        self.kept = self.slots = np.empty(0, dtype=np.intp)
        self.rows = RowsOfBatch(0)
        self._content = content
        self._mask = mask
        self._others = others
        self._arrangements = arrangements
        self._told: Tensor | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it is known that none of its samples is kept."""
        return self.ids is not None and len(self.kept) == 0

    def admit(self, sample: Sample, ids: NDArray[np.int64], *, rows_are_samples: bool) -> None:
        """Say which samples it has.

        Args:
            sample: Says which of them are kept.
            ids: (samples,) their indices.
            rows_are_samples: Whether every row of a layer is a sample of its own.
        """
        self.ids = ids
        self.kept, self.slots = sample.admit(ids)
        if len(self.kept):
            counts = None if rows_are_samples else counts_of_nodes(self._content, len(ids))
            self.rows = RowsOfBatch(len(ids), self._mask, counts, next(_packed_in(self._content), None))

    def owns(self, args: tuple[Any, ...]) -> bool:
        """Whether a call is given this batch's samples, where there are other loaders' samples beside them."""
        if not self._others:
            return True
        given = {tensor.data_ptr() for tensor in tensors_in(args)}
        own = given & {tensor.data_ptr() for tensor in tensors_in(self._content)}
        return bool(own) and not given & {tensor.data_ptr() for tensor in self._others}

    def look_at_call(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """See what a call is given: packed sequences, or several rows per sample.

        Args:
            module: What is called.
            args: Its positional arguments.
        """
        self.rows.views, self.rows.arrangement = 1, None
        packed = next(_packed_in(args), None)
        given = next(iter(tensors_in(args)), None)
        if packed is not None:
            self.rows.packed = packed
            return
        if given is None or given.is_nested or not given.dim() or not self.rows.size:
            return
        views, rest = divmod(len(given), self.rows.size)
        if views > 1 and not rest and self.rows.node_counts is None:
            key = id(module), views
            if key not in self._arrangements:
                self._arrangements[key] = find_arrangement(given, tensors_in(self._content), self.rows.size)
            self.rows.views, self.rows.arrangement = views, self._arrangements[key]

    def look_at_layer(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """See what a layer is told about padding: it holds for the whole batch, unless the batch itself says something.

        Args:
            module: The layer.
            args: Its positional arguments.
            kwargs: Its named ones.
        """
        self.rows.packed = next(_packed_in(args), self.rows.packed)
        self._told = self._mask_told(module, args, kwargs)
        if self.rows.inside is None:
            self.rows.inside = self._told

    def look_at_input(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """See what a module is told about padding before the layers in it run.

        Args:
            module: The module.
            args: Its positional arguments.
            kwargs: Its named ones.
        """
        if self.rows.inside is None:
            self.rows.inside = self._mask_told(module, args, kwargs)

    def _mask_told(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
        named = arguments_by_name(module, args, kwargs) if len(args) > 1 else kwargs
        mask = next((named[name] for name in _PADDING_ARGUMENTS if named.get(name) is not None), None)
        is_of_keys = "query" in named and named.get("key") is not named["query"]
        if not isinstance(mask, Tensor) or mask.ndim != 2 or len(mask) != self.rows.size or is_of_keys:
            return None
        return data_positions(mask, true_is_padding=True)

    @property
    def masks(self) -> list[Tensor]:
        """(samples, positions...) what the layer that gives an output is told, and what holds for the batch."""
        return [mask for mask in (self._told, self.rows.inside) if mask is not None]


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
    asked = (module for module in root.modules() if _takes_padding(module))
    return [module for module in asked if any(id(inner) in chosen for inner in module.modules())]


def _takes_padding(module: nn.Module) -> bool:
    try:
        return any(name in _PADDING_ARGUMENTS for name in inspect.signature(module.forward).parameters)
    except (TypeError, ValueError, AttributeError, NotImplementedError, RuntimeError):
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
    is_packed = next(_packed_in(arguments), None) is not None
    return is_packed or any(node_counts(part) is not None for part in (arguments, *arguments.values()))


def _packed_in(content: Any) -> Iterator[PackedSequence]:
    if isinstance(content, PackedSequence):
        yield content
    elif isinstance(content, (tuple, list, Mapping)):
        for part in content.values() if isinstance(content, Mapping) else content:
            yield from _packed_in(part)


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
