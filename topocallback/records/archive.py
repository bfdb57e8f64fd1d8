"""Where records lie on disk: the names of folders and files, and which of them are there.

A run's log directory holds its snapshots as ``topology/step=<n>.npz``, beside them the sampled inputs as one sheet of
pictures and, where distances need them, the clouds of the last snapshot and of the reference. Runs that are started
anew in the same directory get ``topology-v1``, ``topology-v2``, and so on.
"""

from __future__ import annotations

import re
from pathlib import Path

from topocallback.records.paths import PathLike, as_path, entries

__all__ = [
    "LAST_CLOUDS",
    "REFERENCE",
    "REFERENCE_CLOUDS",
    "archive_folder",
    "archive_path",
    "archives_in",
    "comparison_path",
    "has_archive_name",
    "holds_snapshots",
    "is_archive",
    "run_directory",
    "snapshot_files",
    "version_of",
]

_FOLDER = "topology"
_VERSION = re.compile(rf"{_FOLDER}(?:-v(\d+))?")
_SNAPSHOT = re.compile(r"step=(\d+)\.npz")
_COMPARISON = "comparison.npz"

REFERENCE = "reference.npz"
"""The snapshot of another network that a run's layers are held against."""

REFERENCE_CLOUDS, LAST_CLOUDS = "reference_clouds.npz", "last_clouds.npz"
"""The clouds of the reference, and of the last snapshot."""


def archive_folder(log_dir: PathLike, version: int = 0) -> Path:
    """Where a run keeps its snapshots: ``<log_dir>/topology``, or ``<log_dir>/topology-v<version>``."""
    return as_path(log_dir) / (f"{_FOLDER}-v{version}" if version else _FOLDER)


def archive_path(folder: PathLike, step: int) -> Path:
    """The file of a step's snapshot in an archive: ``<folder>/step=<n>.npz``."""
    return as_path(folder) / f"step={step}.npz"


def comparison_path(folder: PathLike) -> Path:
    """The file of a comparison in the folder of its results: ``<folder>/comparison.npz``."""
    return as_path(folder) / _COMPARISON


def run_directory(folder: PathLike) -> Path:
    """The path that a run is called by, from its archive's.

    Args:
        folder: An archive.

    Returns:
        The log directory; for a run that was started anew in it, with the archive's name behind it.

    Example:
        >>> run_directory("logs/seed=0/topology").as_posix(), run_directory("logs/seed=0/topology-v2").as_posix()
        ('logs/seed=0', 'logs/seed=0/topology-v2')
    """
    path = as_path(folder)
    return path.parent if path.name == _FOLDER else path


def snapshot_files(folder: Path) -> dict[int, Path]:
    """The files of the snapshots in a folder, by their steps, ascending; none if it is no folder."""
    found = {int(match[1]): path for path in entries(folder) if (match := _SNAPSHOT.fullmatch(path.name))}
    return dict(sorted(found.items()))


def holds_snapshots(folder: Path) -> bool:
    """Whether there is a snapshot in a folder, by the names of its files."""
    return any(_SNAPSHOT.fullmatch(file.name) for file in entries(folder))


def has_archive_name(folder: Path) -> bool:
    """Whether a folder is called as the archives of runs are."""
    return _VERSION.fullmatch(folder.name) is not None


def is_archive(folder: Path) -> bool:
    """Whether a folder is a run's archive: it is called so, and holds a snapshot."""
    return has_archive_name(folder) and holds_snapshots(folder)


def archives_in(log_dir: Path) -> list[Path]:
    """The archives in a log directory, the oldest first."""
    return sorted((folder for folder in entries(log_dir) if is_archive(folder)), key=version_of)


def version_of(archive: Path) -> int:
    """The place of an archive among those of one log directory; -1 for a folder of another name."""
    found = _VERSION.fullmatch(archive.name)
    return int(found[1] or 0) if found else -1
