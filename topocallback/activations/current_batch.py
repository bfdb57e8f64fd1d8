"""The batch that is running: its samples, and what is known of the rows that layers give for them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from topocallback.activations.arguments import counts_of_nodes, mask_in, mask_of_tokens, packed_in
from topocallback.activations.batches import tensors_in
from topocallback.activations.layer_output import WaitingOutputs
from topocallback.activations.outputs import RowsOfBatch
from topocallback.activations.samples import Sample
from topocallback.activations.views import find_arrangement, is_reordered, is_transposed

__all__ = ["Arrangements", "CurrentBatch"]


@dataclass
class Arrangements:
    """What was found of calls in earlier batches: finding it reads values, which a device has to be waited for.

    Attributes:
        views: By called module, rows per sample, and whether there was one sample, how several rows per sample were
            arranged.
        transposed: By called module and number of axes, whether samples were in the second one.
        reordered: By called module and the number of the call within the batch, whether it was given the batch's rows
            in another order.
    """

    views: dict[tuple[int, int, bool], str | None] = field(default_factory=dict)
    transposed: dict[tuple[int, int], bool] = field(default_factory=dict)
    reordered: dict[tuple[int, int], bool] = field(default_factory=dict)


class CurrentBatch:
    """The batch that is running.

    Args:
        content: What the data loader gave, or the arguments of a call by their names.
        mask: (samples, positions...) which positions are no padding.
        others: Tensors of other data loaders in the same batch.
        labels: (samples,) labels.
        arrangements: What was found of calls in earlier batches.

    Attributes:
        ids: (samples,) their indices; ``None`` as long as nothing tells how many samples there are.
        kept: (n,) which of them are kept.
        slots: (n,) the slots of those.
        rows: What is known of the rows that layers give.
        content: What the data loader gave.
        waiting: Outputs that came before anything told of padding.
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
        self.content = content
        self.waiting = WaitingOutputs()
        self._mask = mask
        self._others = others
        self._found = arrangements
        self._known: dict[int, set[str]] = {}
        self._told: Tensor | None = None
        self._calls: Counter[int] = Counter()

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
            counts = None if rows_are_samples else counts_of_nodes(self.content, len(ids))
            self.rows = RowsOfBatch(len(ids), self._mask, counts, next(packed_in(self.content), None))

    def owns(self, args: tuple[Any, ...]) -> bool:
        """Whether a call is given this batch's samples, where there are other loaders' samples beside them."""
        if not self._others:
            return True
        given = {tensor.data_ptr() for tensor in tensors_in(args)}
        own = given & {tensor.data_ptr() for tensor in tensors_in(self.content)}
        return bool(own) and not given & {tensor.data_ptr() for tensor in self._others}

    def look_at_call(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """See what a call is given: packed sequences, or several rows per sample.

        Args:
            module: What is called.
            args: Its positional arguments.

        Raises:
            ValueError: If it is given the batch's rows in another order.
        """
        self.rows.views, self.rows.arrangement, self.rows.transposed = 1, None, False
        packed = next(packed_in(args), None)
        given = next(iter(tensors_in(args)), None)
        if packed is not None:
            self.rows.packed = packed
            return
        if given is None or given.is_nested or given.layout != torch.strided or not given.dim() or not self.rows.size:
            return
        self.rows.transposed = self._is_transposed(module, given)
        self._check_order(module, given)
        views, rest = divmod(len(given), self.rows.size)
        if views > 1 and not rest and self.rows.node_counts is None and not self.rows.transposed:
            key = id(module), views, self.rows.size == 1  # of one sample, the order does not matter
            if key not in self._found.views:
                self._found.views[key] = find_arrangement(given, tensors_in(self.content), self.rows.size)
            self.rows.views, self.rows.arrangement = views, self._as_before(views, self._found.views[key])

    def _check_order(self, module: nn.Module, given: Tensor) -> None:
        key = id(module), self._calls[id(module)]
        self._calls[id(module)] += 1
        if key not in self._found.reordered:
            self._found.reordered[key] = is_reordered(given, tensors_in(self.content), self.rows.size)
        if self._found.reordered[key]:
            raise ValueError("the rows of the batch in another order, so that nothing tells which row is whose")

    def _is_transposed(self, module: nn.Module, given: Tensor) -> bool:
        key = id(module), given.ndim
        if key not in self._found.transposed:
            self._found.transposed[key] = is_transposed(given, tensors_in(self.content), self.rows.size)
        return self._found.transposed[key]

    def _as_before(self, views: int, found: str | None) -> str | None:
        """The arrangement of a call's rows: a call on what an earlier one gave has none of the batch's own rows."""
        known = self._known.setdefault(views, set())
        if found is not None:
            known.add(found)
            return found
        return next(iter(known)) if len(known) == 1 else None

    def look_at_layer(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """See what a layer is told about padding: it holds for the whole batch, unless the batch itself says something.

        Args:
            module: The layer.
            args: Its positional arguments.
            kwargs: Its named ones.
        """
        self.rows.packed = next(packed_in(args), self.rows.packed)
        self._told = mask_in(module, args, kwargs, self.rows.size)
        if self.rows.inside is None:
            self.rows.inside = self._told

    def look_at_input(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """See what a module is told about padding before the layers in it run.

        Args:
            module: The module.
            args: Its positional arguments.
            kwargs: Its named ones.
        """
        with contextlib.suppress(Exception):  # a forward pass must never fail because it is watched
            if self.rows.inside is None:
                self.rows.inside = mask_in(module, args, kwargs, self.rows.size)
            if self.rows.inside is None:
                transposed = self.rows.transposed
                self.rows.inside = mask_of_tokens(module, args, kwargs, self.rows.size, transposed=transposed)

    @property
    def masks(self) -> list[Tensor]:
        """(samples, positions...) what the layer that gives an output is told, and what holds for the batch."""
        return [mask for mask in (self._told, self.rows.inside) if mask is not None]
