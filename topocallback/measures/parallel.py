"""Sharing independent pieces of work among threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["available_threads", "map_threads"]

_MOST_THREADS = 4

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_threads(function: Callable[[Item], Result], items: Iterable[Item], n_threads: int) -> list[Result]:
    """``[function(item) for item in items]``, shared among threads.

    Args:
        function: Releases Python's global lock for most of its time, or nothing is gained.
        items: Its arguments.
        n_threads: At least 1; 1 works in the calling thread.

    Returns:
        The results, in the order of the items.

    Example:
        >>> map_threads(abs, [-1, 2], n_threads=2)
        [1, 2]
    """
    if n_threads <= 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(function, items))


def available_threads() -> int:
    """How many threads a computation in the foreground should use: the process's cores, and at most 4."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST_THREADS, cores)
