"""Several rows per sample in one call: which row is which sample's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["VIEWS_FIRST", "find_arrangement", "is_reordered", "is_transposed", "split_views"]

VIEWS_FIRST, SAMPLES_FIRST = "views first", "samples first"


def find_arrangement(given: Tensor, tensors: Sequence[Tensor], size: int) -> str | None:
    """How the rows that a model was given are those of a batch's samples, each of which gives several.

    Shapes do not tell: two views that were joined have all first views first, and the frames of videos that were
    flattened have all frames of the first video first. A few rows are compared with the batch's own.

    Args:
        given: (k * size, ...) what the model was called with.
        tensors: The batch's tensors.
        size: Number of samples in the batch.

    Returns:
        ``"views first"`` or ``"samples first"``; ``None`` where the batch does not have these rows, or both would do
        for several samples.

    Example:
        >>> first, second = torch.rand(2, 4, 3).unbind()
        >>> find_arrangement(torch.cat([first, second]), [first, second], 4)
        'views first'
        >>> videos = torch.rand(4, 2, 3)
        >>> find_arrangement(videos.flatten(0, 1), [videos], 4)
        'samples first'
    """
    if size == 1:
        return VIEWS_FIRST  # all rows are the only sample's
    k = len(given) // size
    one = given.shape[1:]
    alike = _comparable(given, tensors)
    views = [tensor for tensor in alike if tensor.shape == (size, *one)]
    stacks = [tensor for tensor in alike if tensor.shape == (size, k, *one)]
    stacks += [tensor.transpose(0, 1) for tensor in alike if tensor.shape == (k, size, *one) and k != size]
    rows = sorted({0, 1, size - 1} & set(range(size)))

    def match(row_of: Callable[[int, int], int], expected: Callable[[int, int], Sequence[Tensor]]) -> bool:
        return all(
            any(torch.equal(given[row_of(row, view)], one.to(given.dtype)) for one in expected(row, view))
            for row in rows
            for view in range(k)
        )

    def of_stacks(row: int, view: int) -> list[Tensor]:
        return [stack[row, view] for stack in stacks]

    def of_views(row: int, view: int) -> list[Tensor]:
        return [own[row] for own in views]

    views_first = match(lambda row, view: view * size + row, of_views)
    views_first = views_first or match(lambda row, view: view * size + row, of_stacks)
    samples_first = match(lambda row, view: row * k + view, of_views)
    samples_first = samples_first or match(lambda row, view: row * k + view, of_stacks)
    if views_first == samples_first:
        return None
    return VIEWS_FIRST if views_first else SAMPLES_FIRST


def is_reordered(given: Tensor, tensors: Sequence[Tensor], size: int) -> bool:
    """Whether a call is given a batch's rows in another order than the batch has them in.

    Values are read only where the batch has a tensor of this form, and none is the same memory.

    Args:
        given: (size, ...) what the model was called with.
        tensors: The batch's tensors.
        size: Number of samples.

    Returns:
        Whether a row is another sample's, and none of its own; ``False`` for rows that the batch does not have.

    Example:
        >>> rows = torch.rand(4, 3)
        >>> is_reordered(rows.flip(0), [rows], 4), is_reordered(rows + 1, [rows], 4), is_reordered(rows, [rows], 4)
        (True, False, False)
    """
    alike = [own for own in _comparable(given, tensors) if own.shape == given.shape and own.dtype == given.dtype]
    if len(given) != size or any(own.data_ptr() == given.data_ptr() for own in alike):
        return False
    for row in sorted({0, 1, size - 1} & set(range(size))) if given.numel() else ():
        there = [(own == given[row]).reshape(size, -1).all(dim=1) for own in alike]
        if any(bool(one.any()) for one in there) and not any(bool(one[row]) for one in there):
            return True
    return False


def is_transposed(given: Tensor, tensors: Sequence[Tensor], size: int) -> bool:
    """Whether a call is given a batch's tensor with its first two axes exchanged: positions first, then samples.

    Values are read only where the batch has a tensor of such a form, and neither is the same memory.

    Args:
        given: What the model was called with.
        tensors: The batch's tensors.
        size: Number of samples.

    Returns:
        Whether the samples are in the second axis.

    Example:
        >>> steps = torch.rand(4, 4, 3)
        >>> is_transposed(steps.transpose(0, 1), [steps], 4), is_transposed(steps, [steps], 4)
        (True, False)
    """
    if given.ndim < 2 or given.shape[1] != size:
        return False
    shape = (size, len(given), *given.shape[2:])
    alike = [own for own in _comparable(given, tensors) if own.shape == shape]
    if any(own.data_ptr() == given.data_ptr() and own.stride() == given.stride() for own in alike):
        return False
    if len(given) != size:
        return any(torch.equal(own.transpose(0, 1), given) for own in alike)
    return any(torch.equal(own.transpose(0, 1), given) and not torch.equal(own, given) for own in alike)


def split_views(output: Tensor, size: int, arrangement: str) -> list[Tensor]:
    """A layer's output, one part per view with one row for each sample.

    Args:
        output: (k * size, ...).
        size: Number of samples.
        arrangement: What ``find_arrangement`` gave.

    Returns:
        k tensors of shape (size, ...).

    Example:
        >>> [part.tolist() for part in split_views(torch.arange(6), 3, "samples first")]
        [[0, 2, 4], [1, 3, 5]]
    """
    if arrangement == VIEWS_FIRST:
        return list(output.reshape(-1, size, *output.shape[1:]).unbind(0))
    return list(output.reshape(size, -1, *output.shape[1:]).unbind(1))


def _comparable(given: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors whose rows can be held against those of another one: not sparse or nested, and on its device."""
    dense = (own for own in tensors if not own.is_nested and own.layout == torch.strided)
    return [own for own in dense if own.device == given.device]
