"""Many independent pieces of work, which joblib runs.

joblib decides where a job runs: in threads of this process by default, or wherever
``joblib.parallel_config(backend=...)`` says (other processes, a Dask or a Ray cluster). A job is a function of plain
values, so that its result is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import joblib

from topocallback.measures.parallel import available_threads

__all__ = ["run_jobs", "workers"]

Result = TypeVar("Result")


def workers(n_jobs: int | None) -> int:
    """How many jobs run at once.

    Args:
        n_jobs: As in joblib. ``None``: what ``joblib.parallel_config`` says; where that says nothing, as many threads
            as the process has cores, at most 4.
    """
    if n_jobs is not None:
        return int(joblib.effective_n_jobs(n_jobs))
    configured = int(joblib.effective_n_jobs(None))
    return configured if configured > 1 else available_threads()


def run_jobs(
    function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], n_jobs: int | None = None
) -> Iterator[Result]:
    """``function(*arguments)`` of each, in their order, as they come.

    Args:
        function: A function that can be pickled.
        arguments: Its arguments, read as they are needed.
        n_jobs: How many at once; see ``workers``.

    Yields:
        The results.

    Example:
        >>> list(run_jobs(divmod, [(7, 2), (9, 4)]))
        [(3, 1), (2, 1)]
    """
    parallel = joblib.Parallel(n_jobs=workers(n_jobs), prefer="threads", return_as="generator")
    yield from parallel(joblib.delayed(function)(*each) for each in arguments)
