"""A run's own folder: claimed before anything is written to it, so that no two runs mix their snapshots.

On a disk a folder is claimed by making it, which only one process can, and held by a lock on the file ``.claim`` in it
for as long as the run lives: the system gives the lock up when the process ends, however it ends. A store of objects
knows neither: there a run leaves an object ``.claim-<number>`` of its own, and has the folder if it is alone in it.
"""

from __future__ import annotations

import itertools
import os
import random
import time
import uuid
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topocallback.records.archive import archive_folder, archives_in, has_archive_name, holds_snapshots, version_of
from topocallback.records.inputs import INPUT_FILES
from topocallback.records.paths import PathLike, as_path, entries, is_local, write_whole
from topocallback.records.set_aside import SET_ASIDE

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["Claim", "claim_folder", "hold"]

_CLAIM = ".claim"
_MOST_JITTER = 0.2  # seconds

_locks: set[int] = set()


class _NoLocksError(OSError):
    """The file system, or the operating system, has no locks."""


@dataclass(eq=False)
class Claim:
    """A folder that is a run's own.

    Attributes:
        folder: The folder.
        note: What is unusual about it, in a sentence; else empty.
        lock: The descriptor of the lock; ``None`` where there are no locks.
    """

    folder: Path
    note: str = ""
    lock: int | None = None

    def __post_init__(self) -> None:
        self._release = weakref.finalize(self, _unlock, self.lock)

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the lock, which another process cannot be given."""
        return Claim, (self.folder, self.note)

    def release(self) -> None:
        """Let others continue the run."""
        self._release()

    @property
    def is_held(self) -> bool:
        """Whether others are kept out, as far as others can be."""
        return self._release.alive


def claim_folder(log_dir: PathLike, *, continues: bool) -> Claim:
    """Claim the folder for a run's archive: no two runs mix their snapshots, not even if they start at once.

    Args:
        log_dir: The run's log directory.
        continues: Whether the run goes on where an earlier one stopped.

    Returns:
        For a run that continues the latest folder, unless a living process holds it. For a new one the folder after
        those with snapshots, ``topology`` where there is none; one that was left empty by a run that died is taken.

    Raises:
        OSError: If no folder can be made.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as logs:
        ...     first, second = (claim_folder(logs, continues=False) for _ in range(2))
        ...     first.release()
        ...     first.folder.name, second.folder.name
        ('topology', 'topology-v1')
        >>> second.release()
    """
    path = as_path(log_dir)
    latest = max((folder for folder in entries(path) if _is_taken(folder)), key=version_of, default=None)
    if latest is None or not continues:
        return _new_folder(path, _first_free(path))
    if (claim := hold(latest)) is not None:
        return claim
    claim = _new_folder(path, version_of(latest) + 1)
    claim.note = (
        f"{latest} belongs to a run that is still alive in another process, or in another Trainer of this one. So what "
        f"is measured now is kept in {claim.folder}."
    )
    return claim


def hold(folder: Path) -> Claim | None:
    """Claim a folder that is there already, to go on in it.

    Args:
        folder: A run's archive.

    Returns:
        The claim, or ``None`` where another run holds the folder.

    Raises:
        OSError: If it cannot be looked into.
    """
    if not is_local(folder):
        return Claim(folder, _unknown(folder, "A store of objects"))
    try:
        lock = _lock(folder)
    except _NoLocksError as error:
        return Claim(folder, _unknown(folder, f"Its file system ({error.strerror})"))
    return None if lock is None else Claim(folder, lock=lock)


def _unknown(folder: Path, where: str) -> str:
    return (
        f"This run goes on in {folder}. {where} has no locks, so whether another run still writes there "
        "cannot be known: if one does, give this one a log directory of its own."
    )


def _is_taken(folder: Path) -> bool:
    """Whether a run has had a folder, also one that has written nothing yet."""
    if not has_archive_name(folder):
        return False
    return holds_snapshots(folder) or any(file.name.startswith(_CLAIM) for file in entries(folder))


def _first_free(log_dir: Path) -> int:
    return max((version_of(folder) for folder in archives_in(log_dir)), default=-1) + 1


def _new_folder(log_dir: Path, first: int) -> Claim:
    """The first folder that can be claimed. It ends where one can be made, or cannot for another reason."""
    claim = _claim_on_disk if is_local(log_dir) else _claim_in_store
    return next(found for version in itertools.count(first) if (found := claim(archive_folder(log_dir, version))))


# -- On a disk -------------------------------------------------------------------------------------------------------


def _claim_on_disk(folder: Path) -> Claim | None:
    """Make a folder, or take one that is empty; ``None`` if it is another run's."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
        made = True
    except FileExistsError:
        made = False
    try:
        lock = _lock(folder)
    except _NoLocksError:
        return Claim(folder) if made else None
    except OSError:  # a file, or a link that leads nowhere
        if made:
            raise
        return None
    if lock is None:
        return None
    if made or _is_vacant(folder):
        return Claim(folder, lock=lock)
    _unlock(lock)
    return None


def _is_vacant(folder: Path) -> bool:
    leftovers = any(file.name in INPUT_FILES or file.name.startswith(SET_ASIDE) for file in entries(folder))
    return not leftovers and not holds_snapshots(folder)


def _lock(folder: Path) -> int | None:
    """Lock a folder without waiting: the lock's descriptor, or ``None`` if somebody else has it."""
    if fcntl is None:
        raise _NoLocksError(0, "Windows")
    try:
        descriptor = os.open(folder / _CLAIM, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError as error:  # another user's
        raise _NoLocksError(error.errno, error.strerror) from error
    try:
        # Not `lockf`, whose lock is gone as soon as anything in the process has read the file, as a backup does.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise _NoLocksError(error.errno, error.strerror) from error
    _locks.add(descriptor)
    return descriptor


def _unlock(descriptor: int | None) -> None:
    if descriptor in _locks:
        _locks.discard(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # also for a process that is being forked right now
        os.close(descriptor)


def _leave_to_parent() -> None:
    """A forked process, such as a data loader's worker, must not hold the lock when its parent has died."""
    while _locks:
        os.close(_locks.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


# -- In a store ------------------------------------------------------------------------------------------------------


def _claim_in_store(folder: Path) -> Claim | None:
    """Of several that claim at once at most one is alone: who comes later sees who was there before."""
    if entries(folder):
        return None
    own = folder / f"{_CLAIM}-{uuid.uuid4().hex}"
    write_whole(own, b"")
    if [file.name for file in entries(folder)] == [own.name]:
        return Claim(folder)
    own.unlink()
    time.sleep(random.Random(own.name).uniform(0, _MOST_JITTER))  # else two could meet again and again
    return None
