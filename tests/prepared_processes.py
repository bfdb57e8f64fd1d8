"""Processes in which what most tests need is imported already: they are forked from one that does nothing else.

Importing PyTorch and Lightning takes 7 to 10 s of processor time, which is more than most of what is done there.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import torch.multiprocessing as mp

__all__ = ["start_processes"]

_IMPORTED = ["lightning.pytorch", "topocallback.monitor.callback", "topocallback.metrics.persistence_distance"]


def start_processes(work: Callable[..., None], args: tuple[Any, ...] = (), *, count: int = 2, join: bool = True) -> Any:
    """Run ``work(rank, *args)`` in new processes, with ranks from 0 on, as ``torch.multiprocessing.spawn`` does.

    Args:
        work: A function that can be pickled.
        args: What it gets behind its rank.
        count: How many processes.
        join: Whether to wait for their ends, and raise here what is raised in one of them.
    """
    multiprocessing.set_forkserver_preload(_IMPORTED)
    return mp.start_processes(work, args, nprocs=count, join=join, start_method="forkserver")
