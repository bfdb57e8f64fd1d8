"""Room on the disks that a run writes to: the last of it is the run's own."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from topocallback.records.paths import is_local

__all__ = ["Disks"]

_RESERVE = 200_000_000  # bytes
_SHARE = 0.1  # of a disk, where that is less
_FEWEST_FILES = 100  # that there must be room for, where a file system counts them

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Disks:
    """Whether a monitor may write: not where a run, and other programs, would be left without room.

    A logger that cannot write fails in the run's own ``log``: TensorBoard's writer dies at the first event for which
    there is no room, whoever wrote it. So below a reserve of 200 MB, or a tenth of a smaller disk, a monitor writes
    nothing. Where there is more room again, it writes again. Where a write of its own has failed for want of room,
    as that of a quota does, of which nothing can be known beforehand, it writes nothing for the rest of the run.

    One object may be asked from several threads.

    Example:
        >>> import tempfile
        >>> disks = Disks()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = disks.note_failure(Path(folder), OSError(errno.EDQUOT, "Disk quota exceeded"))
        ...     disks.refusal(Path(folder), 1).split(":")[0]
        'a write failed for want of room'
    """

    def __init__(self) -> None:
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._full: dict[int, str] = {}
        self._given: dict[int, int] = {}

    def __reduce__(self) -> tuple[type[Disks], tuple[()]]:
        """Without its lock: other processes may have other disks."""
        return Disks, ()

    def begin(self) -> None:
        """Say that a run begins: failures of an earlier one count no longer."""
        self._start_anew()

    def refusal(self, directory: Path, size: int) -> str | None:
        """Why nothing may be written now, or ``None``.

        Args:
            directory: Where to; it need not exist yet.
            size: How many bytes. They count once more at the next call, for they may still wait to be written.

        Returns:
            A sentence that is the same for every step. ``None`` also where nothing can be known of the disk.
        """
        disk = _disk_of(directory)
        if disk is None:
            return None
        folder, device = disk
        with self._lock:
            if device in self._full:
                return self._full[device]
            waiting = self._given.get(device, 0)
            if not _has_room(folder, size + waiting):
                return (
                    f"there is so little room left on the disk of {directory} that the monitor leaves it to the run, "
                    "and writes nothing there until there is more."
                )
            self._given[device] = size
        return None

    def note_failure(self, directory: Path, error: OSError) -> str | None:
        """Say that a write has failed.

        Args:
            directory: Where to.
            error: How.

        Returns:
            Why nothing is written on that disk any more, if it failed for want of room; else ``None``.
        """
        disk = _disk_of(directory)
        if error.errno not in _FULL or disk is None:
            return None
        refusal = (
            f"a write failed for want of room: {error.strerror or error}; so the monitor writes nothing more on the "
            f"disk of {directory} in this run."
        )
        with self._lock:
            self._full[disk[1]] = refusal
        return refusal


def _disk_of(directory: Path) -> tuple[Path, int] | None:
    """The nearest folder that there is, and its device; ``None`` for what is on no disk of this machine."""
    if not is_local(directory):
        return None
    directory = directory.absolute()
    try:
        folder = next(each for each in (directory, *directory.parents) if each.exists())
        return folder, os.stat(folder).st_dev
    except (OSError, StopIteration):  # it may go away in between
        return None


def _has_room(folder: Path, size: int) -> bool:
    """Whether there is; also where the system cannot say."""
    if not hasattr(os, "statvfs"):
        return True
    try:
        disk = os.statvfs(folder)
    except OSError:
        return True
    reserve = min(_RESERVE, _SHARE * disk.f_blocks * disk.f_frsize)
    counts_files = disk.f_files > 0
    return disk.f_bavail * disk.f_frsize >= reserve + size and (not counts_files or disk.f_favail >= _FEWEST_FILES)
