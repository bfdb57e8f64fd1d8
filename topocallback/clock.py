"""What work costs: processor time, by stage.

Not wall time: of a thread that waits for its turn on a busy machine, a clock on the wall measures the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Clock", "count_helpers", "processor_seconds"]

_of_helpers = threading.local()


def processor_seconds() -> float:
    """The processor time of the calling thread so far, and of the threads that have worked for it.

    Example:
        >>> start = processor_seconds()
        >>> _ = sum(range(100_000))
        >>> processor_seconds() > start
        True
    """
    return time.thread_time() + float(getattr(_of_helpers, "seconds", 0.0))


def count_helpers(seconds: float) -> None:
    """Say that other threads have worked for the calling one.

    Args:
        seconds: Their processor time.
    """
    _of_helpers.seconds = getattr(_of_helpers, "seconds", 0.0) + seconds


class Clock:
    """Adds up processor seconds per stage, over all threads.

    Attributes:
        seconds: Stage to seconds.

    Example:
        >>> clock = Clock()
        >>> with clock("adding"):
        ...     _ = sum(range(100_000))
        >>> clock.seconds["adding"] > 0
        True
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add what is done inside of ``with`` to a stage."""
        start = processor_seconds()
        try:
            yield
        finally:
            self.add(stage, processor_seconds() - start)

    def add(self, stage: str, seconds: float) -> None:
        """Add seconds to a stage."""
        with self._lock:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """As one that has not run yet, so that what holds it can travel to other processes."""
        return type(self), ()
