"""Where records lie on disk: folders and their versions, file names, and a run's snapshots one after the other.

A run's log directory holds its snapshots as ``topology/step=<n>.npz``, beside them the sampled inputs as one sheet of
pictures. Runs that are started anew in the same directory get ``topology-v1``, ``topology-v2``, and so on.
"""

from __future__ import annotations

import os
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import overload

from topocallback.records.files import write_atomically
from topocallback.records.recorded import HowRecorded, not_alike
from topocallback.records.schema import read_facts
from topocallback.records.sheet import check_sheet
from topocallback.records.snapshot import Snapshot

__all__ = [
    "History",
    "archive_folder",
    "archive_path",
    "comparison_path",
    "find_runs",
    "histories_below",
    "load_histories",
    "load_history",
    "load_inputs",
    "new_folder",
    "run_directory",
    "save_inputs",
]

PathLike = str | os.PathLike[str]

_FOLDER = "topology"
_VERSION = re.compile(rf"{_FOLDER}(?:-v(\d+))?")
_SNAPSHOT = re.compile(r"step=(\d+)\.npz")
_PICTURE, _PICTURE_FACTS = "inputs.png", "inputs.json"
_COMPARISON = "comparison.npz"


# -- Names -----------------------------------------------------------------------------------------------------------


def archive_folder(log_dir: PathLike, version: int = 0) -> Path:
    """Where a run keeps its snapshots: ``<log_dir>/topology``, or ``<log_dir>/topology-v<version>``."""
    return Path(log_dir) / (f"{_FOLDER}-v{version}" if version else _FOLDER)


def archive_path(folder: PathLike, step: int) -> Path:
    """The file of a step's snapshot in an archive: ``<folder>/step=<n>.npz``."""
    return Path(folder) / f"step={step}.npz"


def comparison_path(folder: PathLike) -> Path:
    """The file of a comparison in the folder of its results: ``<folder>/comparison.npz``."""
    return Path(folder) / _COMPARISON


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
    return Path(folder).parent if Path(folder).name == _FOLDER else Path(folder)


def new_folder(log_dir: PathLike, continues: bool) -> Path:
    """The folder for a run's archive: a new run does not mix its snapshots with those of an earlier one.

    Args:
        log_dir: The run's log directory.
        continues: Whether the run goes on where an earlier one stopped.

    Returns:
        For a run that continues the latest folder with snapshots, which is what ``load_history`` reads; for a new one
        the folder after it. ``topology`` where there is none.
    """
    versions = [_version(folder) for folder in _archives_in(Path(log_dir))]
    if not versions:
        return archive_folder(log_dir)
    return archive_folder(log_dir, max(versions) if continues else max(versions) + 1)


# -- The inputs ------------------------------------------------------------------------------------------------------


def save_inputs(folder: PathLike, png: bytes, facts: str) -> None:
    """Write the sheet of sampled inputs beside a run's snapshots: ``inputs.png`` and ``inputs.json``.

    Args:
        folder: The archive; missing folders are made.
        png: The sheet.
        facts: JSON text that says which sample is where.

    Raises:
        OSError: If a file cannot be written.
    """
    write_atomically(Path(folder) / _PICTURE, lambda file: file.write(png))
    write_atomically(Path(folder) / _PICTURE_FACTS, lambda file: file.write(facts.encode("utf-8")))


def load_inputs(folder: PathLike) -> tuple[bytes, str] | None:
    """The sheet of sampled inputs beside a run's snapshots.

    Args:
        folder: The archive.

    Returns:
        The sheet and its JSON text, or ``None`` if there is none or it cannot be read.

    Warns:
        UserWarning: If there is one that cannot be read.
    """
    try:
        facts = (Path(folder) / _PICTURE_FACTS).read_text(encoding="utf-8")
        check_sheet(facts)
        return (Path(folder) / _PICTURE).read_bytes(), facts
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        warnings.warn(f"Left out the sampled inputs in {folder}: {error}", UserWarning, stacklevel=2)
        return None


# -- Finding runs ----------------------------------------------------------------------------------------------------


def find_runs(path: PathLike) -> dict[str, Path]:
    """The archives of all runs in a folder; symbolic links are followed, each folder is looked at once.

    Args:
        path: A run's log directory, the ``topology`` folder in it, or a folder of several runs.

    Returns:
        The runs' names, which are their log directories' relative to ``path``, and where their snapshots are. A run
        that was started again in the same directory has its archive's name behind it.

    Raises:
        FileNotFoundError: If there is no snapshot below ``path``.
    """
    given = Path(path)
    if not given.is_dir():
        raise FileNotFoundError(
            f"Expected a folder of runs, a run's log directory or its topology folder, got {given}."
        )
    # A link may be called as it likes, and so may the folder that a link called `topology` leads to.
    for top in (Path(os.path.abspath(given)), given.resolve()):
        if _is_archive(top):
            return {_run_name(top, top.parent): top}
    top = given.resolve()
    folders = sorted(_archives_below(top), key=lambda folder: (folder.parent, _version(folder)))
    if folders:
        return {_run_name(folder, top): folder for folder in folders}
    if _holds_snapshots(top):  # an archive that somebody has renamed
        return {top.name: top}
    raise FileNotFoundError(f"Expected snapshots ({_FOLDER}/step=<n>.npz) below {given}, got none.")


def _run_name(archive: Path, top: Path) -> str:
    of_top = archive.parent == top  # then the run has no name below it, and is called as it is itself
    return run_directory(archive).relative_to(top.parent if of_top else top).as_posix()


def _archives_below(top: Path) -> Iterator[Path]:
    """Folders themselves come before links to them, so that a link like `latest` does not give a run its name."""
    seen: set[tuple[int, int]] = set()
    waiting = deque([str(top)])
    while waiting:
        for folder, inner, _ in os.walk(waiting.popleft()):
            identity = os.stat(folder)
            if (identity.st_dev, identity.st_ino) in seen:
                inner.clear()
                continue
            seen.add((identity.st_dev, identity.st_ino))
            inner.sort()
            waiting.extend(link for name in inner if os.path.islink(link := os.path.join(folder, name)))
            if _is_archive(Path(folder)):
                yield Path(folder)


def _is_archive(folder: Path) -> bool:
    return _VERSION.fullmatch(folder.name) is not None and _holds_snapshots(folder)


def _archives_in(log_dir: Path) -> list[Path]:
    return [folder for folder in log_dir.glob(f"{_FOLDER}*") if _is_archive(folder)]


def _holds_snapshots(folder: Path) -> bool:
    return any(_SNAPSHOT.fullmatch(file.name) for file in folder.glob("step=*.npz"))


def _version(archive: Path) -> int:
    """The place of an archive among those of one log directory; -1 for a folder of another name."""
    found = _VERSION.fullmatch(archive.name)
    return int(found[1] or 0) if found else -1


# -- A run's snapshots -----------------------------------------------------------------------------------------------


class History(Sequence[Snapshot]):
    """The snapshots of one run in the order of their steps, read from disk when they are asked for.

    Files that are damaged or not snapshots are left out with a warning that names them.

    Args:
        folder: A folder of ``step=<n>.npz`` files; it may be empty or missing.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for step in (9, 10):
        ...         _ = analyse(PointClouds({"stem": np.eye(5)}), step=step).save(archive_path(folder, step))
        ...     history = History(folder)
        ...     len(history), history.steps, history[-1].step
        (2, (9, 10), 10)
    """

    def __init__(self, folder: PathLike) -> None:
        self.folder = Path(folder)
        found = {int(match[1]): path for path in self.folder.glob("*.npz") if (match := _SNAPSHOT.fullmatch(path.name))}
        self._paths: dict[int, Path] = {}
        for step in sorted(found):
            if _is_readable(found[step], step):
                self._paths[step] = found[step]

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of the snapshots, ascending."""
        return tuple(self._paths)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of the snapshots, in the order of their steps."""
        return tuple(self._paths.values())

    @property
    def how_recorded(self) -> HowRecorded | None:
        """How its last snapshot was recorded and analysed; ``None`` without any that can be read."""
        for path in reversed(self.paths):
            try:
                facts = read_facts(path, "a snapshot")
            except (OSError, ValueError):  # which is said by whoever reads it to its end
                continue
            return HowRecorded(facts.get("recording", {}), facts.get("options", {}))
        return None

    def readable(
        self, *, before: int | None = None, left_out: Callable[[Path, Exception], object] | None = None
    ) -> Iterator[tuple[Path, Snapshot]]:
        """The snapshots one after the other, without those that turn out to be damaged when they are read to their end.

        Args:
            before: Only those of an earlier step than this one; by default all.
            left_out: Told of every file that cannot be read, and why; by default a warning says so.

        Yields:
            Each snapshot's file, and the snapshot.

        Warns:
            UserWarning: For every file left out, unless ``left_out`` is told of it.
        """
        for step, path in self._paths.items():
            if before is not None and step >= before:
                return
            try:
                snapshot = Snapshot.load(path)
            except (OSError, ValueError) as error:
                if left_out is None:
                    warnings.warn(f"Left out {path}: {error}", UserWarning, stacklevel=2)
                else:
                    left_out(path, error)
            else:
                yield path, snapshot

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Snapshot: ...

    @overload
    def __getitem__(self, index: slice) -> list[Snapshot]: ...

    def __getitem__(self, index: int | slice) -> Snapshot | list[Snapshot]:
        if isinstance(index, slice):
            return [Snapshot.load(path) for path in self.paths[index]]
        return Snapshot.load(self.paths[index])

    def __iter__(self) -> Iterator[Snapshot]:
        return map(Snapshot.load, self.paths)

    def __repr__(self) -> str:
        return f"History({str(self.folder)!r}: {len(self)} snapshots, steps {list(self.steps)})"


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
    given = Path(path)
    if archives := [folder for folder in (given, *_archives_in(given)) if _holds_snapshots(folder)]:
        return History(max(archives, key=_version))
    if not given.is_dir():
        raise FileNotFoundError(f"Expected a run's log directory or its topology folder, got {given}: no such folder.")
    try:
        below = list(dict.fromkeys(str(folder.parent) for folder in find_runs(given).values()))
        hint = f"There are runs below it: {below[:5]}."
    except FileNotFoundError:
        hint = "There are none below it either."
    raise FileNotFoundError(f"Expected snapshots (step=<n>.npz) in {given} or {given / _FOLDER}, got none. {hint}")


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
    given = Path(path)
    if _holds_snapshots(given) or _archives_in(given) or not given.is_dir():
        return [load_history(given)]
    of_log_dirs = dict.fromkeys(folder.parent for folder in find_runs(given).values())
    return [load_history(log_dir) for log_dir in of_log_dirs]


def _is_readable(path: Path, step: int) -> bool:
    """Whether the file is the whole snapshot of a step, judged by its table of contents and its JSON text alone."""
    try:
        if (told := read_facts(path, "a snapshot").get("step")) != step:
            raise ValueError(f"Expected the snapshot of step {step} in {path}, got that of step {told}.")
    except (OSError, ValueError) as error:
        warnings.warn(f"Left out {path}, which is no readable snapshot: {error}", UserWarning, stacklevel=3)
        return False
    return True
