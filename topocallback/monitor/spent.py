"""What a monitor has taken of a run's processor time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager

from topocallback.clock import Clock

__all__ = ["Spent"]


class Spent:
    """Adds up what a run's snapshots take, in whatever thread, beside what the process takes in all.

    Attributes:
        n_snapshots: How many snapshots have been measured.
        n_saved: How many were left out because of what they would have taken.

    Example:
        >>> spent = Spent()
        >>> with spent("loggers"):
        ...     _ = sum(range(100_000))
        >>> spent.add({"diagrams": 2.0, "pictures": 1.0, "total": 3.5})
        >>> spent.in_words().startswith("1 snapshot took 3.5 s of processor time")
        True
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Say that a run begins."""
        self.n_snapshots = 0
        self.n_saved = 0
        self._clock = Clock()
        self._of_snapshots = 0.0
        self._elsewhere = 0.0  # in none of the stages
        self._started = time.process_time()

    def __call__(self, stage: str) -> AbstractContextManager[None]:
        """Count what is done inside of ``with``, in this thread."""
        return self._clock(stage)

    def count(self, clock: Clock) -> None:
        """Count what another clock has."""
        for stage, seconds in clock.seconds.items():
            self._clock.add(stage, seconds)

    def take(self, stage: str) -> dict[str, float]:
        """What has been counted of a stage, which belongs to the next snapshot from now on."""
        return {stage: self._clock.seconds.pop(stage, 0.0)}

    def add(self, seconds: Mapping[str, float]) -> None:
        """Count what a snapshot took.

        Args:
            seconds: Stage to processor seconds; ``"total"`` is at least the sum of those that it covers.
        """
        self.n_snapshots += 1
        stages = {stage: each for stage, each in seconds.items() if stage != "total"}
        for stage, each in stages.items():
            self._clock.add(stage, each)
        later = sum(each for stage, each in stages.items() if stage in ("archive", "tab"))
        in_all = max(seconds.get("total", 0.0) + later, sum(stages.values()))
        self._of_snapshots += in_all
        self._elsewhere += in_all - sum(stages.values())

    @property
    def seconds(self) -> dict[str, float]:
        """Stage to processor seconds."""
        return dict(self._clock.seconds)

    @property
    def total(self) -> float:
        """Processor seconds in all."""
        return sum(self._clock.seconds.values()) + self._elsewhere

    @property
    def share(self) -> float:
        """Of the processor time that the process has taken since the run began, the monitor's included."""
        return self.total / max(time.process_time() - self._started, self.total, 1e-9)

    def allows(self, share: float | None, pending: int) -> bool:
        """Whether one more snapshot keeps the monitor's share of the run's processor time under a bound.

        The first one of a run is always measured: without it nobody knows what one takes.

        Args:
            share: The bound; ``None`` for none.
            pending: How many snapshots are being measured.
        """
        if share is None:
            return True
        if not self.n_snapshots:
            return not pending
        more = (pending + 1) * self._of_snapshots / self.n_snapshots
        return self.total + more <= share * (time.process_time() - self._started + more)

    def in_words(self) -> str:
        """A sentence for the end of a run."""
        stage, most = max(self.seconds.items(), key=lambda each: each[1], default=("recording", 0.0))
        saved = f"{self.n_saved} more were left out to stay under `max_overhead`. " if self.n_saved else ""
        snapshots = "1 snapshot" if self.n_snapshots == 1 else f"{self.n_snapshots} snapshots"
        return (
            f"{snapshots} took {self.total:.1f} s of processor time, {100 * self.share:.1f} % of the run. "
            f"{saved}The largest part was {stage} ({most:.1f} s)."
        )
