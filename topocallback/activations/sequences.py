"""Packed sequences: which values are whose."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

__all__ = ["packed_lengths", "repack", "unpack"]


def packed_lengths(packed: PackedSequence) -> Tensor:
    """(sequences,) the lengths of packed sequences, in the order in which they were given.

    Example:
        >>> from torch.nn.utils.rnn import pack_sequence
        >>> packed_lengths(pack_sequence([torch.zeros(1), torch.zeros(3)], enforce_sorted=False))
        tensor([1, 3])
    """
    count = int(packed.batch_sizes[0]) if len(packed.batch_sizes) else 0
    lengths = (packed.batch_sizes[:, None] > torch.arange(count)).sum(dim=0)
    return lengths if packed.unsorted_indices is None else lengths[packed.unsorted_indices.cpu()]


def unpack(packed: PackedSequence) -> tuple[Tensor, Tensor]:
    """Packed sequences one after the other, as positions of one sample each.

    Args:
        packed: Packed sequences.

    Returns:
        (sequences, longest, ...) values, zeros behind a sequence's end, and (sequences, longest) which are not.

    Example:
        >>> from torch.nn.utils.rnn import pack_sequence
        >>> unpack(pack_sequence([torch.tensor([1.0]), torch.tensor([2.0, 3.0])], enforce_sorted=False))[0].tolist()
        [[1.0, 0.0], [2.0, 3.0]]
    """
    values, lengths = pad_packed_sequence(packed, batch_first=True)
    return values, (torch.arange(values.shape[1]) < lengths[:, None]).to(values.device)


def repack(values: Tensor, packed: PackedSequence) -> PackedSequence:
    """Values that belong to packed sequences row by row, such as a linear layer's of their data.

    Example:
        >>> from torch.nn.utils.rnn import pack_sequence
        >>> packed = pack_sequence([torch.tensor([1.0, 2.0]), torch.tensor([3.0])])
        >>> repack(10 * packed.data, packed).data.tolist()
        [10.0, 30.0, 20.0]
    """
    return PackedSequence(values, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
