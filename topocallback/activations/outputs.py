"""Which rows of a layer's output are whose: from what a layer gave to one row per sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from topocallback.activations.graphs import nodes_by_graph
from topocallback.activations.sequences import packed_lengths, repack, unpack
from topocallback.activations.tensors import padded_shape
from topocallback.activations.views import split_views

__all__ = ["Arranged", "RowsOfBatch", "arrange"]


@dataclass
class RowsOfBatch:
    """What is known of the rows that layers give in one batch.

    Attributes:
        size: Number of samples.
        inside: (size, positions...) which positions are no padding, if that is known.
        node_counts: (size,) how many nodes each sample's graph has, if samples are graphs.
        packed: Packed sequences of which the samples are, if they are.
        views: How many rows per sample the model was given.
        arrangement: How these are arranged; see ``find_arrangement``.
        transposed: Whether the model was given positions in the first axis, and samples in the second.
    """

    size: int
    inside: Tensor | None = None
    node_counts: Tensor | None = None
    packed: PackedSequence | None = None
    views: int = 1
    arrangement: str | None = None
    transposed: bool = False


@dataclass
class Arranged:
    """A layer's output with one row per sample.

    Attributes:
        values: The output.
        samples_axis: Which axis the samples are in, 0 or 1.
        inside: (samples, positions) which positions there are, where samples have different numbers of them.
    """

    values: Tensor
    samples_axis: int = 0
    inside: Tensor | None = None


def arrange(
    output: Tensor | PackedSequence, rows: RowsOfBatch, axes: Sequence[int], earlier: int | None
) -> list[Arranged]:
    """A layer's output as one row per sample, once per view of the samples.

    Args:
        output: What the layer gave.
        rows: What is known of the batch.
        axes: Where the samples may be, the likelier one first: 1 and 0, or 0.
        earlier: Where they were in an earlier batch.

    Returns:
        One output, or one for each view where the model was given several rows per sample.

    Raises:
        ValueError: If the output does not have one row per sample.

    Example:
        >>> rows = RowsOfBatch(size=2, node_counts=torch.tensor([1, 2]))
        >>> [graphs] = arrange(torch.tensor([[1.0], [2.0], [3.0]]), rows, (0,), None)
        >>> graphs.values.shape, graphs.inside.tolist()
        (torch.Size([2, 2, 1]), [[True, False], [True, True]])
    """
    if isinstance(output, PackedSequence):
        return [_unpacked(output, rows)]
    shape = padded_shape(output)
    if not shape:
        raise ValueError("Expected one row per sample, got a single number.")
    fitting = [axis for axis in axes if shape[axis] == rows.size]
    if fitting:
        # With as many positions as samples the shape does not tell; then an earlier batch does.
        return [Arranged(output, earlier if len(fitting) > 1 and earlier is not None else fitting[0])]
    if rows.node_counts is not None and shape[0] == int(rows.node_counts.sum()):
        values, inside = nodes_by_graph(output, rows.node_counts)
        return [Arranged(values, 0, inside)]
    if rows.packed is not None and shape[0] == len(rows.packed.data):
        return [_unpacked(repack(output, rows.packed), rows)]
    if rows.views > 1 and shape[0] == rows.views * rows.size:
        if rows.arrangement is None:
            raise ValueError(
                f"Expected to know which of {shape[0]} rows is which of the batch's {rows.size} samples, got no row of "
                "the batch among what the model was given. Pass `select=` to take one row per sample, in their order."
            )
        return [Arranged(part) for part in split_views(output, rows.size, rows.arrangement)]
    raise ValueError(
        f"Expected one row for each of the batch's {rows.size} samples, got an output of shape {shape}. "
        "Pass `select=` to bring it into that form, or `pooling='rows'` where every row is a sample of its own."
    )


def _unpacked(output: PackedSequence, rows: RowsOfBatch) -> Arranged:
    with torch.no_grad():
        values, inside = unpack(output)
    if len(values) != rows.size:
        raise ValueError(
            f"Expected one row for each of the batch's {rows.size} samples, got {len(values)} packed sequences."
        )
    _check_packed_order(output, rows)
    return Arranged(values, 0, inside)


def _check_packed_order(output: PackedSequence, rows: RowsOfBatch) -> None:
    """Refuse sequences that were sorted by length before they were packed, where the batch's lengths show it."""
    if rows.inside is None or rows.inside.ndim != 2 or len(rows.inside) != rows.size:
        return
    packed, lengths = packed_lengths(output).tolist(), rows.inside.sum(dim=1).tolist()
    if packed != lengths and sorted(packed) == sorted(lengths):
        raise ValueError(
            "Expected packed sequences in the order of the batch, got them sorted by length. Sort them where the batch "
            "is made, or leave that to `pack_padded_sequence`, which puts them back."
        )
