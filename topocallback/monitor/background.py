"""Runs jobs off the calling thread: one at a time, in order, losing none."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["BackgroundWorker"]

Result = TypeVar("Result")

# The lowest priority there is: with 10, epochs with an analysis in the background took 1.07 times as long as epochs
# without one (7 pairs, taken in turn within one training on two cores), with 19 they took 0.98 times as long.
_NICENESS = 19


class BackgroundWorker(Generic[Result]):
    """One thread that works through a short queue, and is gone whenever the queue is empty.

    On Linux the thread runs at the lowest priority, so that it takes the processor time that training leaves over. A
    job's exception is kept like a result and never raised here.

    Args:
        max_pending: Jobs that may wait or run before ``submit`` makes the caller wait, at least 1: memory stays
            bounded when the jobs are slower than their callers.

    Example:
        >>> worker = BackgroundWorker()
        >>> worker.submit(lambda: 6 * 7)
        True
        >>> worker.wait(), worker.finished()
        (True, [42])
    """

    def __init__(self, max_pending: int = 2) -> None:
        self._max_pending = max_pending
        self._jobs: deque[Callable[[], Result]] = deque()
        self._results: deque[Result | BaseException] = deque()
        self._running = False
        self._changed = threading.Condition()

    @property
    def pending(self) -> int:
        """Jobs that wait or run."""
        return len(self._jobs) + self._running

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
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self.full, timeout):
                return False
            self._jobs.append(job)
            if not self._running:
                self._running = True
                try:
                    threading.Thread(target=self._work, name="topocallback", daemon=True).start()
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
            return self._changed.wait_for(lambda: not self.pending, timeout)

    def _work(self) -> None:
        _lower_priority()
        while True:
            with self._changed:
                if not self._jobs:
                    self._running = False
                    self._changed.notify_all()
                    return
                job = self._jobs.popleft()
            try:
                result: Result | BaseException = job()
            except BaseException as error:  # SystemExit too: a dead thread would leave callers waiting
                result = error
            del job
            with self._changed:
                self._results.append(result)
                self._changed.notify_all()


def _lower_priority() -> None:
    if sys.platform == "linux":  # elsewhere a priority belongs to a process, not to a thread
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
