"""Reading the indices that a sampler is about to give, without disturbing it."""

from __future__ import annotations

import copy
import itertools
import operator
import re
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from topocallback.activations.generators import forked_generators, seed_generators

__all__ = ["UnknownOrderError", "describe_failure", "read_batches", "read_items", "read_set"]

Pass = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The items of one pass, and where in them each batch ends."""

_MOST_ITEMS = 10**8
# A sampler without a length may never end.
_MOST_WITHOUT_LENGTH = 1 << 24
# Few items may come in the same order by chance, many do not: short passes are repeated while that takes no time.
_MOST_PASSES = 32
_PATIENCE = 0.05  # seconds
_PLAIN = {list.__iter__, tuple.__iter__, range.__iter__, np.ndarray.__iter__, Tensor.__iter__}


class UnknownOrderError(Exception):
    """A sampler's indices cannot be known; the text is a clause that says why.

    Args:
        reason: The clause.
        shuffled: Whether the order differs from pass to pass.

    Example:
        >>> UnknownOrderError("the loader draws its order at random", shuffled=True).shuffled
        True
    """

    def __init__(self, reason: str, *, shuffled: bool = False) -> None:
        super().__init__(reason)
        self.shuffled = shuffled


def read_items(sampler: Any, data_set: Any, most: float) -> NDArray[np.int64]:
    """The indices that a sampler gives in its next pass.

    Lists, tuples, ranges, arrays and tensors are read as they are. Anything else is copied, and the copy runs several
    times, each time with other global random generators, which are put back afterwards: only what comes every time is
    what will come.

    Args:
        sampler: A sampler, or anything else that gives indices.
        data_set: The data set whose indices they are. It is not copied.
        most: How many are needed; ``inf`` for all.

    Returns:
        (n,) the indices.

    Raises:
        UnknownOrderError: If the indices differ from pass to pass, are no indices of the data set, or do not end; or if
            the sampler fails where it is copied or runs.

    Example:
        >>> read_items([3, 1, 2], range(10), float("inf")).tolist()
        [3, 1, 2]
    """
    with _failing_as_unknown():
        if _is_plain(sampler):
            return _checked(_one_pass(sampler, most), data_set)[0]
        return _repeatable(sampler, data_set, lambda copied: _one_pass(copied, most))[0]


def read_batches(sampler: Any, data_set: Any, most: float) -> Pass:
    """The indices that a batch sampler gives in its next pass; see ``read_items``.

    Args:
        sampler: A batch sampler, or anything else that gives groups of indices.
        data_set: The data set whose indices they are. It is not copied.
        most: How many batches are needed; ``inf`` for all.

    Returns:
        (n,) the indices of all batches, one batch after the other, and (batches,) where in them each batch ends.

    Raises:
        UnknownOrderError: As ``read_items`` does.

    Example:
        >>> items, ends = read_batches([[3, 1], [7]], range(10), float("inf"))
        >>> items.tolist(), ends.tolist()
        ([3, 1, 7], [2, 3])
    """
    with _failing_as_unknown():
        if _is_plain(sampler) and all(map(_is_plain, sampler)):
            return _checked(_one_pass_of_batches(sampler, most), data_set)
        return _repeatable(sampler, data_set, lambda copied: _one_pass_of_batches(copied, most))


def read_set(sampler: Any, data_set: Any, *, in_batches: bool) -> NDArray[np.int64]:
    """The indices that a sampler gives in every pass, in whatever order; see ``read_items``.

    Args:
        sampler: A sampler or a batch sampler.
        data_set: The data set whose indices they are. It is not copied.
        in_batches: Whether it gives groups of indices.

    Returns:
        (n,) ascending indices, each once.

    Raises:
        UnknownOrderError: As ``read_items`` does, and where one pass has other indices than another one.

    Example:
        >>> read_set([[3, 1], [7, 3]], range(10), in_batches=True).tolist()
        [1, 3, 7]
    """
    one_pass = _one_pass_of_batches if in_batches else _one_pass

    def as_set(copied: Any) -> Pass:
        return np.unique(one_pass(copied, float("inf"))[0]), np.empty(0, dtype=np.int64)

    with _failing_as_unknown():
        return _repeatable(sampler, data_set, as_set, differs="has other items")[0]


def describe_failure(error: Exception) -> str:
    """A clause that says what failed, in the same words in every epoch.

    Args:
        error: What a loader or its sampler raised.

    Returns:
        The clause.

    Example:
        >>> describe_failure(TypeError("cannot copy <object at 0x7f00>"))
        "the loader's sampler cannot be read (TypeError: cannot copy <object>)"
    """
    text = re.sub(r" at 0x[0-9a-f]+", "", f"{type(error).__name__}: {error}")
    return f"the loader's sampler cannot be read ({text.partition(chr(10))[0]})"


@contextmanager
def _failing_as_unknown() -> Iterator[None]:
    try:
        yield
    except UnknownOrderError:
        raise
    except Exception as error:  # a sampler may be anything
        raise UnknownOrderError(describe_failure(error)) from error


def _is_plain(sampler: Any) -> bool:
    """Whether looking through it changes nothing, and gives the same every time."""
    return getattr(type(sampler), "__iter__", None) in _PLAIN


# -- One pass ---------------------------------------------------------------------------------------------------------


def _one_pass(sampler: Any, most: float) -> Pass:
    bound = _bound(sampler)
    values = sampler.cpu().numpy() if isinstance(sampler, Tensor) else sampler
    wanted = itertools.islice(values, int(min(most, bound + 1)))
    items = np.fromiter(map(operator.index, wanted), dtype=np.int64)
    if len(items) > bound:
        raise _does_not_end(sampler)
    return items, np.arange(1, len(items) + 1)


def _one_pass_of_batches(sampler: Any, most: float) -> Pass:
    bound = _bound(sampler)
    items, ends = array("q"), array("q")  # a list of lists would take several times the memory
    for batch in itertools.islice(sampler, int(min(most, bound + 1))):
        items.extend(map(operator.index, batch))
        ends.append(len(items))
        if len(items) > _MOST_ITEMS:
            raise _does_not_end(sampler)
    if len(ends) > bound:
        raise _does_not_end(sampler)
    return np.array(items, dtype=np.int64), np.array(ends, dtype=np.int64)


def _bound(sampler: Any) -> int:
    try:
        length = len(sampler)
    except (TypeError, NotImplementedError):
        return _MOST_WITHOUT_LENGTH
    if length > _MOST_ITEMS:
        raise UnknownOrderError(f"the loader's sampler gives {length} items, too many to read")
    return length


def _does_not_end(sampler: Any) -> UnknownOrderError:
    return UnknownOrderError(
        f"the loader's sampler, a {type(sampler).__name__}, gives more than its length, or has no end"
    )


# -- Several passes ---------------------------------------------------------------------------------------------------


def _repeatable(
    sampler: Any, data_set: Any, one_pass: Callable[[Any], Pass], differs: str = "gives another order"
) -> Pass:
    """What a copy of the sampler gives every time."""
    name = type(sampler).__name__
    start = time.monotonic()
    with forked_generators(sampler):
        copied = copy.deepcopy(sampler, {id(shared): shared for shared in _data_sets(data_set)})
        first = one_pass(copied)
        for seed in range(1, _MOST_PASSES):
            seed_generators(seed)
            again = one_pass(copied)
            if not len(again[0]) and len(first[0]):
                raise UnknownOrderError(f"the loader's sampler, a {name}, can be read only once")
            if not all(map(np.array_equal, first, again)):
                raise UnknownOrderError(f"the loader's sampler, a {name}, {differs} in every pass", shuffled=True)
            if time.monotonic() - start > _PATIENCE:
                break
    return _checked(first, data_set)


def _checked(read: Pass, data_set: Any) -> Pass:
    items = read[0]
    try:
        length = len(data_set)
    except (TypeError, NotImplementedError):
        length = _MOST_ITEMS
    if len(items) and (items.min() < 0 or items.max() >= length):
        wrong = items.min() if items.min() < 0 else items.max()
        raise UnknownOrderError(f"the loader's sampler gives {wrong}, no index of a data set of {length} items")
    return read


def _data_sets(data_set: Any) -> Iterable[Any]:
    """A data set, and those it is made of: what a sampler may hold, and what is too large to copy."""
    found = {id(data_set): data_set}
    waiting = [data_set]
    while waiting:
        parts = list(getattr(waiting.pop(), "__dict__", {}).values())
        parts += itertools.chain.from_iterable(part for part in parts if isinstance(part, (list, tuple)))
        for part in parts:
            if isinstance(part, Dataset) and id(part) not in found:
                found[id(part)] = part
                waiting.append(part)
    return found.values()
