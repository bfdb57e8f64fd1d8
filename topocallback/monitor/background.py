"""Runs jobs off the calling thread: one at a time, in order, losing none."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["BackgroundWorker"]

Result = TypeVar("Result")

# A tenth of a core where training keeps all of them busy. The demo on two cores: its first snapshot was there after 0.6
# epochs, and `fit` took 1.02 and 1.04 times as long as without a monitor. At the lowest priority, 19, it was there
# after 2.0 epochs (1.06 and 1.14 times), for such a thread gets under 2 % of a busy core; at 5 after 0.2 (1.17, 1.22).
_NICENESS = 10

_NAME = "topocallback"

_LOOK_EVERY = 0.1  # seconds, at whether a wait is to end

_LONGEST_IMPORT = 10.0  # seconds

_LONGEST_END = 2.0  # seconds


class BackgroundWorker(Generic[Result]):
    """One thread that works through a short queue, and is gone whenever the queue is empty.

    On Linux the thread runs at a low priority, so that it takes mostly the processor time that training leaves over. A
    job's exception is kept like a result and never raised here.

    Args:
        max_pending: Jobs that may wait or run before ``submit`` makes the caller wait, at least 1: memory stays
            bounded when the jobs are slower than their callers.
        is_urgent: Asked while a caller waits: whether to wait no longer.

    In a process that was forked there is neither the thread nor what it had to do: there a worker starts anew.

    Example:
        >>> worker = BackgroundWorker()
        >>> worker.submit(lambda: 6 * 7)
        True
        >>> worker.wait(), worker.finished()
        (True, [42])
    """

    def __init__(self, max_pending: int = 2, is_urgent: Callable[[], bool] = lambda: False) -> None:
        self._max_pending = max_pending
        self._is_urgent = is_urgent
        self._start_anew()
        _workers.add(self)

    def _start_anew(self) -> None:
        self._jobs: deque[Callable[[], Result]] = deque()
        self._results: deque[Result | BaseException] = deque()
        self._running = False  # whether there is a thread
        self._is_busy = False  # whether it is at a job
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    @property
    def pending(self) -> int:
        """Jobs that wait or run."""
        return len(self._jobs) + self._is_busy

    @property
    def full(self) -> bool:
        """Whether ``submit`` would wait."""
        return self.pending >= self._max_pending

    def submit(self, job: Callable[[], Result], timeout: float = 300.0) -> bool:
        """Queue a job.

        Args:
            job: A function without arguments.
            timeout: Longest wait for a place in the queue, in seconds.

        Returns:
            Whether the job was taken; ``False`` if there was no place in time.

        Raises:
            RuntimeError: If no thread can be started.
        """
        with self._changed:
            if not self._wait_until(lambda: not self.full, timeout):
                return False
            self._jobs.append(job)
            if not self._running:
                self._running = True
                self._thread = threading.Thread(target=self._work, name=_NAME, daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:
                    self._running = False
                    self._jobs.pop()
                    raise
        return True

    def finished(self) -> list[Result | BaseException]:
        """What jobs gave since the last call, in their order: results, and exceptions where they failed."""
        done = []
        while self._results:
            done.append(self._results.popleft())
        return done

    def wait(self, timeout: float = 300.0) -> bool:
        """Wait until all jobs are done.

        Args:
            timeout: Longest wait, in seconds.

        Returns:
            Whether they are.
        """
        with self._changed:
            return self._wait_until(lambda: not self.pending, timeout)

    def _wait_until(self, is_so: Callable[[], bool], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while not is_so():
            left = deadline - time.monotonic()
            if left <= 0 or self._is_urgent():
                return False
            self._changed.wait(min(left, _LOOK_EVERY))
        return True

    def _end(self, timeout: float) -> None:
        """Have the thread leave its job where it is, and wait until it has."""
        self._jobs.clear()
        if self._thread is not None and self._thread.is_alive():
            ident = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
            self._thread.join(timeout)

    def _work(self) -> None:
        _lower_priority()
        while True:
            with self._changed:
                if not self._jobs:
                    self._running = False
                    self._changed.notify_all()
                    return
                job = self._jobs.popleft()
                self._is_busy = True
            try:
                result: Result | BaseException = job()
            except BaseException as error:  # SystemExit too: a dead thread would leave callers waiting
                result = error
            del job
            with self._changed:
                self._results.append(result)
                self._is_busy = False
                self._changed.notify_all()


def _lower_priority() -> None:
    if sys.platform == "linux":  # elsewhere a priority belongs to a process, not to a thread
        with contextlib.suppress(OSError):
            own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), max(own, _NICENESS))


# -- Processes that are forked while the thread works, as those of a DataLoader are ----------------------------------

_workers: weakref.WeakSet[BackgroundWorker[Any]] = weakref.WeakSet()


def _start_all_anew() -> None:
    for worker in list(_workers):
        worker._start_anew()


def _let_imports_end() -> None:
    """Wait until no worker's thread is in the middle of an import.

    The child would have the module's lock without the thread that gives it back, and hang as soon as it imports the
    same module: of 6 trainings whose data loaders started their processes during an analysis, 4 hung. What this package
    imports it imports beforehand (see ``preparation``); what functions of the user's import cannot be known.
    """
    deadline = time.monotonic() + _LONGEST_IMPORT
    while time.monotonic() < deadline and any(map(_imports, threading.enumerate())):
        time.sleep(0.001)


def _imports(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0) if thread.name == _NAME else None
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_let_imports_end, after_in_child=_start_all_anew)


# -- Processes that end while the thread works, because nobody waits for it any more ----------------------------------


def _end_all() -> None:
    """End the threads before Python does.

    Python kills a thread that asks for its global lock while the interpreter ends. Where C++ asks for it, after a
    computation or where a tensor is freed, the process aborts: several interrupted trainings ended with SIGABRT, of
    five with this none.
    """
    deadline = time.monotonic() + _LONGEST_END
    for worker in list(_workers):
        worker._end(max(0.0, deadline - time.monotonic()))


atexit.register(_end_all)
