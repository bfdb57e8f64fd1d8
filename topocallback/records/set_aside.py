"""What a run measured before it was set back to an earlier checkpoint: put aside, not lost and not mixed in."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

from topocallback.records.archive import archive_path
from topocallback.records.paths import entries, is_local

__all__ = ["SET_ASIDE", "set_aside"]

SET_ASIDE = "set-aside"


def set_aside(folder: Path, steps: Iterable[int]) -> Path:
    """Move snapshots of an archive into a new folder inside of it, which ``load_history`` reads like any other.

    Args:
        folder: The archive.
        steps: Their steps; the last one is moved first, so that what is left is a run up to a step at any time.

    Returns:
        The new folder, ``set-aside`` or ``set-aside-v<n>``.

    Raises:
        OSError: If they cannot be moved.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as archive:
        ...     for step in (3, 7):
        ...         archive_path(archive, step).touch()
        ...     there = set_aside(Path(archive), [7])
        ...     there.name, [file.name for file in there.iterdir()]
        ('set-aside', ['step=7.npz'])
    """
    there = _new_folder(folder)
    for step in sorted(steps, reverse=True):
        archive_path(folder, step).rename(archive_path(there, step))
    return there


def _new_folder(archive: Path) -> Path:
    taken = {folder.name for folder in entries(archive)}
    names = (f"{SET_ASIDE}-v{n}" if n else SET_ASIDE for n in itertools.count())
    there = archive / next(name for name in names if name not in taken)
    if is_local(there):  # a store has no folders but those that its objects' names tell of
        there.mkdir()
    return there
