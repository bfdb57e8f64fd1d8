"""A run's snapshots wherever they are: in the archive, and in memory where they could not be archived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import overload

from topocallback.records.archive import archive_path
from topocallback.records.history import History
from topocallback.records.snapshot import Snapshot

__all__ = ["KeptSnapshots"]


class KeptSnapshots(Sequence[Snapshot]):
    """The snapshots of one run in the order of their steps; those in the archive are read when they are asked for.

    Args:
        archived: Those in the archive.
        in_memory: Step to snapshot, for those that are not; of a step that is in both, the one in memory counts.

    Example:
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> snapshots = KeptSnapshots(History("no/such/run"), {9: analyse(PointClouds({"stem": np.eye(5)}), step=9)})
        >>> snapshots.steps, snapshots[-1].step
        ((9,), 9)
    """

    def __init__(self, archived: History, in_memory: Mapping[int, Snapshot]) -> None:
        self._archived = archived
        self._in_memory = dict(in_memory)
        self._steps = tuple(sorted({*archived.steps, *self._in_memory}))

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of the snapshots, ascending."""
        return self._steps

    def __len__(self) -> int:
        return len(self._steps)

    @overload
    def __getitem__(self, index: int) -> Snapshot: ...

    @overload
    def __getitem__(self, index: slice) -> list[Snapshot]: ...

    def __getitem__(self, index: int | slice) -> Snapshot | list[Snapshot]:
        if isinstance(index, slice):
            return [self._of(step) for step in self._steps[index]]
        return self._of(self._steps[index])

    def __repr__(self) -> str:
        where = f"{len(self._in_memory)} of them in memory, the others in {str(self._archived.folder)!r}"
        return f"KeptSnapshots({len(self)} snapshots, {where}, steps {list(self._steps)})"

    def _of(self, step: int) -> Snapshot:
        kept = self._in_memory.get(step)
        return Snapshot.load(archive_path(self._archived.folder, step)) if kept is None else kept
