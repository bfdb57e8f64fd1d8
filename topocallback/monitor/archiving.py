"""Where a run's snapshots are kept: in the archive, and in memory where they cannot be archived."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from topocallback.monitor.disks import Disks
from topocallback.records.archive import REFERENCE, REFERENCE_CLOUDS, archive_path, snapshot_files
from topocallback.records.history import History
from topocallback.records.inputs import save_inputs
from topocallback.records.kept_clouds import KeptClouds
from topocallback.records.set_aside import set_aside
from topocallback.records.snapshot import Snapshot

__all__ = ["RunArchive"]

_MOST_IN_MEMORY = 100
_IN_MEMORY = (
    f"The last {_MOST_IN_MEMORY} snapshots that cannot be archived stay in memory, where `history` has them, and are "
    "written with the first step at which they can be."
)


class RunArchive:
    """One run's snapshots: on disk, and in memory what is not there.

    Args:
        folder: The archive; ``None`` keeps the last 100 snapshots in memory.
        disks: Knows whether there is room for the archive.
    """

    def __init__(self, folder: Path | None, disks: Disks) -> None:
        self.folder = folder
        self._disks = disks
        self._in_memory: dict[int, Snapshot] = {}

    @property
    def history(self) -> Sequence[Snapshot]:
        """The snapshots in the order of their steps, read lazily where they are in the archive."""
        in_memory = dict(self._in_memory)
        if self.folder is None:
            return [in_memory[step] for step in sorted(in_memory)]
        return History(self.folder, in_memory)

    def keep(self, snapshot: Snapshot) -> None:
        """Archive a snapshot, and those before it for which there was no room.

        Raises:
            OSError: If one cannot be written. They stay in memory, as long as they are not too many.
        """
        self._in_memory.pop(snapshot.step, None)  # the later one is the last one
        self._in_memory[snapshot.step] = snapshot
        try:
            if self.folder is not None:
                for step, kept in list(self._in_memory.items()):
                    self._write(_size(kept), archive_path(self.folder, step), kept.save)
                    del self._in_memory[step]
        finally:
            while len(self._in_memory) > _MOST_IN_MEMORY:
                del self._in_memory[next(iter(self._in_memory))]

    def keep_inputs(self, png: bytes, facts: str) -> None:
        """Put the sheet of sampled inputs beside the archive, where there is one.

        Raises:
            OSError: If it cannot be written.
        """
        if self.folder is not None:
            self._write(len(png), self.folder, lambda folder: save_inputs(folder, png, facts))

    def keep_clouds(self, name: str, kept: KeptClouds) -> None:
        """Put the clouds of a step beside the archive, where there is one.

        Args:
            name: Whose they are: ``LAST_CLOUDS`` or ``REFERENCE_CLOUDS``.
            kept: The clouds.

        Raises:
            OSError: If they cannot be written.
        """
        if self.folder is not None:
            self._write(kept.n_bytes, self.folder / name, kept.save)

    def clouds(self, name: str) -> KeptClouds | None:
        """What ``keep_clouds`` kept; ``None`` where there is nothing.

        Raises:
            ValueError: If it cannot be read.
            OSError: If it cannot be opened.
        """
        there = self.folder is not None and (self.folder / name).exists()
        return KeptClouds.load(self.folder / name) if self.folder is not None and there else None

    def keep_reference(self, snapshot: Snapshot, clouds: KeptClouds | None) -> None:
        """Put another network's snapshot beside the archive, where there is one, for when the run is gone on with.

        Args:
            snapshot: The snapshot, whose ``reference`` says what network that is.
            clouds: Its clouds, where distances need them.

        Raises:
            OSError: If it cannot be written.
        """
        if self.folder is not None:
            if clouds is not None:
                self.keep_clouds(REFERENCE_CLOUDS, clouds)
            self._write(_size(snapshot), self.folder / REFERENCE, snapshot.save)

    def reference_name(self) -> str:
        """Of what network ``keep_reference`` kept a snapshot; empty where there is none that can be read."""
        try:
            return self.reference().reference
        except (OSError, ValueError):
            return ""

    def reference(self) -> Snapshot:
        """The snapshot that ``keep_reference`` kept.

        Raises:
            ValueError: If it cannot be read.
            OSError: If there is none.
        """
        if self.folder is None:
            raise FileNotFoundError("Nothing is kept on disk.")
        return Snapshot.load(self.folder / REFERENCE)

    def until(self, last: int) -> Iterator[Snapshot]:
        """The snapshots up to a step, but for those that cannot be read: of which a warning says so."""
        if self.folder is not None:
            yield from (snapshot for _, snapshot in History(self.folder).readable(before=last + 1))
        yield from (self._in_memory[step] for step in sorted(self._in_memory) if step <= last)

    def steps_after(self, last: int) -> list[int]:
        """The steps after one that there are snapshots of, ascending."""
        archived = () if self.folder is None else snapshot_files(self.folder)
        return sorted(step for step in {*archived, *self._in_memory} if step > last)

    def put_aside(self, steps: Sequence[int], step: int) -> str:
        """Take out what was measured on a branch that the run was set back from.

        Args:
            steps: The branch's steps.
            step: The first step after it was left.

        Returns:
            A sentence that says where it is.

        Raises:
            OSError: If the files cannot be moved.
        """
        about = f"The run was set back: what it had measured at steps {steps[0]} to {steps[-1]} "
        for each in steps:
            self._in_memory.pop(each, None)
        archived = [each for each in steps if self.folder is not None and each in snapshot_files(self.folder)]
        if self.folder is None or not archived:
            return f"{about}is dropped from memory at step {step}."
        return f"{about}is in {set_aside(self.folder, archived)} from step {step} on; `load_history` reads it there."

    def _write(self, size: int, path: Path, write: Callable[[Path], object]) -> None:
        """Write to the archive, if there is room for it.

        Raises:
            OSError: If there is none, or the write fails.
        """
        assert self.folder is not None
        if (refusal := self._disks.refusal(self.folder, size)) is not None:
            raise OSError(errno.ENOSPC, f"{refusal} {_IN_MEMORY}")
        try:
            write(path)
        except OSError as error:
            why = self._disks.note_failure(self.folder, error)
            why = why or f"{error.strerror or error}: {self.folder} cannot be written."
            raise OSError(error.errno, f"{why} {_IN_MEMORY}") from error


def _size(value: Any) -> int:
    """How many bytes the arrays in a record have: its file, which is compressed, is smaller in most cases."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value))
    return sum(map(_size, vars(value).values())) if dataclasses.is_dataclass(value) else 0
