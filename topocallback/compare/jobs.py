"""Many independent pieces of work, which joblib runs.

joblib decides where a job runs: in threads of this process by default, or wherever
``joblib.parallel_config(backend=...)`` says (other processes, a Dask or a Ray cluster). A job is a function of plain
values, so that its result is the same everywhere, and one whose worker died can be done again.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError
from typing import Any, TypeVar

import joblib
from joblib.parallel import BACKENDS, get_active_backend

from topocallback.measures.parallel import available_threads

__all__ = ["WorkersLostError", "are_elsewhere", "run_jobs", "workers"]

Result = TypeVar("Result")
Arguments = tuple[Any, ...]

_MOST_LOSSES = 3  # in a row, without a result between them


class WorkersLostError(RuntimeError):
    """Workers died over and over; the message says of what."""


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


def are_elsewhere() -> bool:
    """Whether jobs run in other processes, each of which started as a process of its own.

    joblib's ``"multiprocessing"`` forks this one: torch may hang in a fork, so that models have to stay here.

    Example:
        >>> are_elsewhere()
        False
        >>> with joblib.parallel_config(backend="loky"):
        ...     are_elsewhere()
        True
    """
    backend, _ = get_active_backend(prefer="threads")
    return not getattr(backend, "supports_sharedmem", False) and type(backend) is not BACKENDS.get("multiprocessing")


def run_jobs(
    function: Callable[..., Result], arguments: Iterable[Arguments], n_jobs: int | None = None
) -> Iterator[Result]:
    """``function(*arguments)`` of each, in their order, as they come.

    What was under way when a worker died is done again.

    Args:
        function: A function that can be pickled.
        arguments: Its arguments, read as they are needed.
        n_jobs: How many at once; see ``workers``.

    Yields:
        The results.

    Raises:
        WorkersLostError: If workers die over and over.

    Example:
        >>> list(run_jobs(divmod, [(7, 2), (9, 4)]))
        [(3, 1), (2, 1)]
    """
    handed_out = _HandedOut(arguments)
    losses = _Losses()
    while True:
        with losses:
            for result in _results(function, handed_out.again(), n_jobs):
                handed_out.came_back()
                losses.in_a_row = 0
                yield result
            return


class _HandedOut:
    """Arguments in their order, and which of them have no result yet."""

    def __init__(self, arguments: Iterable[Arguments]) -> None:
        self._rest = iter(arguments)
        self._without_result: deque[Arguments] = deque()
        self._round = 0
        self._lock = threading.Lock()  # joblib reads on in threads of its own

    def again(self) -> Iterator[Arguments]:
        """Those that have no result, and then the others; whoever reads an earlier iterator gets nothing more."""
        with self._lock:
            self._round += 1
            return itertools.chain(tuple(self._without_result), self._others(self._round))

    def came_back(self) -> None:
        """The first one that had no result has one."""
        self._without_result.popleft()

    def _others(self, of_round: int) -> Iterator[Arguments]:
        while True:
            with self._lock:
                following = next(self._rest, None) if of_round == self._round else None
                if following is None:
                    return
                self._without_result.append(following)
            yield following


def _results(function: Callable[..., Result], arguments: Iterator[Arguments], n_jobs: int | None) -> Iterator[Result]:
    backend, _ = get_active_backend(prefer="threads")
    size = workers(n_jobs)
    jobs = (joblib.delayed(function)(*each) for each in arguments)
    if size == 1 or backend.supports_return_generator:
        yield from joblib.Parallel(n_jobs=size, prefer="threads", return_as="generator")(jobs)
        return
    # Ray's gives results all together: as many jobs at a time as there are workers, which stay.
    with joblib.Parallel(n_jobs=size, prefer="threads") as parallel:
        while batch := list(itertools.islice(jobs, size)):
            yield from parallel(batch)


class _Losses:
    """Forgives that workers die, as long as there are results between."""

    def __init__(self) -> None:
        self.in_a_row = 0

    def __enter__(self) -> None:
        """Nothing is needed."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        """Whether it is forgiven."""
        if not isinstance(error, Exception) or not _is_loss(error):
            return False
        self.in_a_row += 1
        if self.in_a_row == _MOST_LOSSES or type(error).__name__ == "KilledWorker":  # Dask has tried it four times
            raise WorkersLostError(
                f"Workers that joblib was told to use died over and over ({type(error).__name__}: {error}). They may "
                "have too little memory."
            ) from error
        return True


def _is_loss(error: Exception) -> bool:
    """Whether it is a worker that failed, and not the job."""
    if isinstance(error, (BrokenExecutor, CancelledError)):  # loky's, and of data that a Dask worker held
        return True
    kinds = type(error).__mro__
    if any(kind.__name__ == "RayTaskError" for kind in kinds):
        return False
    return any(kind.__module__.split(".")[0] in ("distributed", "ray") for kind in kinds)
