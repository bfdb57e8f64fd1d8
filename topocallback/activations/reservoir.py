"""A bounded sample of a stream of vectors, chosen by what the vectors hold.

Where samples have no index, a row's own values give it a hashed priority; the sample is the k different rows of
smallest priority. As with the bottom k of sample indices, the choice does not depend on order, batch size or number of
processes, and it merges: the bottom k of the union of several parts is the bottom k of the parts' own bottom k.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from topocallback.hashing import sample_priorities

__all__ = ["EMPTY", "keep_smallest", "row_priorities", "sample_rows"]

EMPTY = torch.iinfo(torch.int64).max
"""The priority of a place that holds no row: after that of every row."""

_CHUNK = 1 << 22
# The constants of splitmix64, as the signed numbers that torch can multiply.
_INCREMENT, _FIRST_FACTOR, _SECOND_FACTOR = (
    int(np.uint64(constant).astype(np.int64))
    for constant in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


def row_priorities(rows: Tensor, seed: int) -> Tensor:
    """A 64-bit hash of each row's values in single precision: the same on every device.

    Every value is hashed together with its column, the hashes are added, and the sum is hashed again. All of it is
    integer arithmetic modulo 2 to the 64, in which the order of a sum does not matter.

    Args:
        rows: (n, d) real numbers of any dtype. Rows that are equal in single precision, where -0.0 is 0.0, have equal
            priorities.
        seed: Any integer.

    Returns:
        (n,) int64 priorities on the rows' device, below ``EMPTY``. Two different rows have the same one with a
        probability of about 2 to the -64.

    References:
        The mixing function of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).

    Example:
        >>> first, second, third = row_priorities(torch.tensor([[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0]]), seed=0)
        >>> bool(first == third), bool(first == second)
        (True, False)
    """
    keys = torch.from_numpy(sample_priorities(np.arange(rows.shape[1]), seed).view(np.int64)).to(rows.device)
    # In pieces, because the hashes of all values take several times the memory of the values.
    pieces = torch.split(rows.detach(), max(1, _CHUNK // max(1, rows.shape[1])))
    return torch.cat([_hash(piece, keys) for piece in pieces])


def _hash(rows: Tensor, keys: Tensor) -> Tensor:
    # Adding 0.0 turns -0.0 into 0.0.
    bits = (rows.float() + 0.0).view(torch.int32).long()
    return _mix_(_mix_(bits.add_(keys)).sum(dim=1)).clamp_(max=EMPTY - 1)


def _mix_(z: Tensor) -> Tensor:
    z.add_(_INCREMENT)
    z.bitwise_xor_(_shifted_right(z, 30)).mul_(_FIRST_FACTOR)
    z.bitwise_xor_(_shifted_right(z, 27)).mul_(_SECOND_FACTOR)
    return z.bitwise_xor_(_shifted_right(z, 31))


def _shifted_right(z: Tensor, places: int) -> Tensor:
    """Filled up with zeros on the left, where torch repeats the sign."""
    return (z >> places).bitwise_and_((1 << (64 - places)) - 1)


def keep_smallest(priorities: Tensor, tables: Sequence[Tensor], k: int) -> tuple[Tensor, list[Tensor]]:
    """The k different rows of smallest priority. Reads nothing back from the device.

    Args:
        priorities: (n,) int64; ``EMPTY`` marks a place without a row. Of rows with equal priorities one counts.
        tables: Tensors of shape (n, ...) whose rows belong to the priorities.
        k: How many places to keep.

    Returns:
        (min(n, k),) priorities, ascending, ``EMPTY`` where there are fewer different rows; and from each table the rows
        that belong to them, zeros where there is none. What comes out does not depend on the order of what went in.

    Example:
        >>> rows = torch.tensor([[5.0], [3.0], [5.0], [4.0]])
        >>> kept, (chosen,) = keep_smallest(torch.tensor([50, 30, 50, 40]), [rows], k=3)
        >>> kept.tolist(), chosen.flatten().tolist()
        ([30, 40, 50], [3.0, 4.0, 5.0])
    """
    ascending, order = priorities.sort()
    repeated = torch.zeros_like(ascending, dtype=torch.bool)
    repeated[1:] = ascending[1:] == ascending[:-1]
    kept, places = ascending.masked_fill_(repeated, EMPTY).sort()
    kept, chosen = kept[:k].clone(), order[places[:k]]
    free = kept == EMPTY
    return kept, [_rows_of(table, chosen, free) for table in tables]


def _rows_of(table: Tensor, chosen: Tensor, free: Tensor) -> Tensor:
    rows = table[chosen]
    return rows.masked_fill_(free.reshape(-1, *[1] * (rows.ndim - 1)), 0)


def sample_rows(rows: Tensor, k: int, seed: int) -> Tensor:
    """The k different rows of smallest priority.

    Args:
        rows: (n, d) real numbers.
        k: How many to keep.
        seed: Any integer.

    Returns:
        (at most k, d) rows, in the order of their priorities: fewer than k if there are fewer different ones.

    Example:
        >>> cloud = torch.arange(100.0)[:, None]
        >>> torch.equal(sample_rows(cloud, 5, seed=0), sample_rows(cloud.flip(0), 5, seed=0))
        True
    """
    priorities, (kept,) = keep_smallest(row_priorities(rows, seed), [rows.detach()], k)
    return kept[priorities != EMPTY]
