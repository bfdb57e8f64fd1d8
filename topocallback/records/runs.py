"""Finding runs: what is below a folder, and the history of a run by its log directory."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from topocallback.records.archive import (
    archive_folder,
    archives_in,
    has_archive_name,
    holds_snapshots,
    is_archive,
    run_directory,
    version_of,
)
from topocallback.records.history import History
from topocallback.records.paths import PathLike, as_path, entries, files_below, is_local
from topocallback.records.recorded import not_alike

__all__ = ["find_runs", "histories_below", "load_histories", "load_history"]


def find_runs(path: PathLike) -> dict[str, Path]:
    """The archives of all runs in a folder; symbolic links are followed, each run is there once.

    Args:
        path: A run's log directory, the ``topology`` folder in it, or a folder of several runs, on a disk or in a
            store.

    Returns:
        The runs' names, which are their log directories' relative to ``path`` as TensorBoard shows them, and where
        their snapshots are. A run that was started again in the same directory has its archive's name behind it.

    Raises:
        FileNotFoundError: If there is no snapshot below ``path``.
    """
    given = as_path(path)
    if not given.is_dir():
        raise FileNotFoundError(
            f"Expected a folder of runs, a run's log directory or its topology folder, got {given}."
        )
    # A link may be called as it likes, and so may the folder that a link called `topology` leads to.
    tops = (Path(os.path.abspath(given)), given.resolve()) if is_local(given) else (given,)
    for top in tops:
        if is_archive(top):
            return {_run_name(top, top.parent): top}
    top = tops[-1]
    folders = sorted(_archives_below(top), key=lambda folder: (folder.parent, version_of(folder)))
    if folders:
        return {_run_name(folder, top): folder for folder in folders}
    if holds_snapshots(top):  # an archive that somebody has renamed
        return {top.name: top}
    raise FileNotFoundError(f"Expected snapshots (topology/step=<n>.npz) below {given}, got none.")


def _run_name(archive: Path, top: Path) -> str:
    of_top = archive.parent == top  # then the run has no name below it, and is called as it is itself
    return run_directory(archive).relative_to(top.parent if of_top else top).as_posix()


def _archives_below(top: Path) -> list[Path]:
    if is_local(top):
        return _archives_on_disk(top)
    folders = dict.fromkeys(file.parent for file in files_below(top) if has_archive_name(file.parent))
    return [folder for folder in folders if holds_snapshots(folder)]


def _archives_on_disk(top: Path) -> list[Path]:
    """Each archive once, under the name that TensorBoard shows where several log directories link to it."""
    found: dict[tuple[int, int], list[Path]] = {}
    for log_dir in _folders_below(top):
        for archive in archives_in(log_dir):
            found.setdefault(_identity(archive), []).append(archive)
    return [max(names, key=_is_shown) for names in found.values()]


def _folders_below(top: Path) -> Iterator[Path]:
    """Folders themselves come before links to them, so that a link like `latest` does not give a run its name."""
    seen: set[tuple[int, int]] = set()
    waiting = deque([str(top)])
    while waiting:
        for folder, inner, _ in os.walk(waiting.popleft()):
            try:
                identity = _identity(Path(folder))
            except OSError:  # gone meanwhile
                inner.clear()
                continue
            if identity in seen:
                inner.clear()
                continue
            seen.add(identity)
            inner.sort()
            waiting.extend(link for name in inner if os.path.islink(link := os.path.join(folder, name)))
            yield Path(folder)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_shown(archive: Path) -> tuple[bool, bool]:
    """Whether TensorBoard shows its log directory, and whether it lies there itself."""
    return any("tfevents" in file.name for file in entries(archive.parent)), not archive.is_symlink()


def load_history(path: PathLike) -> History:
    """The snapshots that a run left on disk.

    Args:
        path: A run's log directory, or the ``topology`` folder in it. In a log directory that several runs have used,
            such as a ``trainer.validate`` before ``trainer.fit``, each has a folder of its own (``topology``,
            ``topology-v1``, ...), and the last one counts.

    Returns:
        A sequence of ``Snapshot``, read lazily.

    Raises:
        FileNotFoundError: If there is no snapshot at ``path``; the message says what is there instead.

    Example:
        >>> load_history("no/such/run")
        Traceback (most recent call last):
        FileNotFoundError: Expected a run's log directory or its topology folder, got no/such/run: no such folder.
    """
    given = as_path(path)
    if archives := [folder for folder in (given, *archives_in(given)) if holds_snapshots(folder)]:
        return History(max(archives, key=version_of))
    if not given.is_dir():
        raise FileNotFoundError(f"Expected a run's log directory or its topology folder, got {given}: no such folder.")
    try:
        below = list(dict.fromkeys(str(folder.parent) for folder in find_runs(given).values()))
        hint = f"There are runs below it: {below[:5]}."
    except FileNotFoundError:
        hint = "There are none below it either."
    raise FileNotFoundError(
        f"Expected snapshots (step=<n>.npz) in {given} or {archive_folder(given)}, got none. {hint}"
    )


def load_histories(path: PathLike) -> list[History]:
    """The snapshots of a run, or of every run in a folder of runs.

    Args:
        path: What ``load_history`` takes, or a folder of such log directories, however deep.

    Returns:
        One history for each log directory, in the order of their names.

    Raises:
        FileNotFoundError: If there is no snapshot at or below ``path``.

    Warns:
        UserWarning: For runs that were not recorded alike: what their numbers mean, or the samples, differ.
    """
    histories = histories_below(path)
    recorded = {str(run_directory(each.folder)): how for each in histories if (how := each.how_recorded) is not None}
    if difference := not_alike(recorded):
        warnings.warn(f"Runs below {path} were not recorded alike: {difference}.", UserWarning, stacklevel=2)
    return histories


def histories_below(path: PathLike) -> list[History]:
    """The same as ``load_histories`` for whoever holds them against each other and says himself what differs.

    Args:
        path: As in ``load_histories``.

    Returns:
        One history for each log directory, in the order of their names.

    Raises:
        FileNotFoundError: If there is no snapshot at or below ``path``.
    """
    given = as_path(path)
    if holds_snapshots(given) or archives_in(given) or not given.is_dir():
        return [load_history(given)]
    of_log_dirs = dict.fromkeys(folder.parent for folder in find_runs(given).values())
    return [load_history(log_dir) for log_dir in of_log_dirs]
