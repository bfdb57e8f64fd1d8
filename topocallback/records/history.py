"""One run's snapshots, one after the other."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

from topocallback.records.archive import archive_path, snapshot_files
from topocallback.records.left_out import LeftOutWarning
from topocallback.records.paths import PathLike, as_path
from topocallback.records.recorded import HowRecorded
from topocallback.records.schema import read_facts
from topocallback.records.snapshot import Snapshot

__all__ = ["History"]


class History(Sequence[Snapshot]):
    """The snapshots of one run in the order of their steps, read from disk when they are asked for.

    Files that are damaged or not snapshots are left out with a warning that names them. What is wrong inside of a file
    shows only when it is read: from then on it is left out as well, with a warning, and ``len``, ``steps`` and
    ``paths`` are without it. So ``list(history)``, a slice and ``history[-1]`` hold what can be read, and no index
    leads to a file that cannot.

    Args:
        folder: A folder of ``step=<n>.npz`` files, on a disk or in a store; it may be empty or missing.
        in_memory: Step to snapshot, for those that could not be written there; of a step that is in both, this one
            counts.

    Warns:
        UserWarning: For every file left out.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> from topocallback.records.archive import archive_path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for step in (9, 10):
        ...         _ = analyse(PointClouds({"stem": np.eye(5)}), step=step).save(archive_path(folder, step))
        ...     history = History(folder)
        ...     len(history), history.steps, history[-1].step
        (2, (9, 10), 10)
    """

    def __init__(self, folder: PathLike, in_memory: Mapping[int, Snapshot] | None = None) -> None:
        self.folder = as_path(folder)
        self._in_memory = dict(in_memory or {})
        archived = {step: path for step, path in snapshot_files(self.folder).items() if _is_readable(path, step)}
        to_be = {step: archive_path(self.folder, step) for step in self._in_memory}
        self._paths = dict(sorted({**archived, **to_be}.items()))

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of the snapshots, ascending."""
        return tuple(self._paths)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of the snapshots, in the order of their steps; also those in which a snapshot has yet to be."""
        return tuple(self._paths.values())

    @property
    def how_recorded(self) -> HowRecorded | None:
        """How its last snapshot was recorded and analysed; ``None`` without any that can be read."""
        for path in reversed(self.paths):
            try:
                facts = read_facts(path, "a snapshot")
            except Exception:  # which is said by whoever reads it to its end
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
        for step, path in tuple(self._paths.items()):
            if before is not None and step >= before:
                return
            if (snapshot := self._read(step, left_out)) is not None:
                yield path, snapshot

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Snapshot: ...

    @overload
    def __getitem__(self, index: slice) -> list[Snapshot]: ...

    def __getitem__(self, index: int | slice) -> Snapshot | list[Snapshot]:
        if isinstance(index, slice):
            return self._slice(index)
        while (snapshot := self._read(self.steps[index])) is None:
            pass  # without that one, another has its place
        return snapshot

    def __iter__(self) -> Iterator[Snapshot]:
        return self._each(self.steps)

    def __reversed__(self) -> Iterator[Snapshot]:
        return self._each(self.steps[::-1])

    def _each(self, steps: Iterable[int]) -> Iterator[Snapshot]:
        for step in steps:
            if (snapshot := self._read(step)) is not None:
                yield snapshot

    def _slice(self, index: slice) -> list[Snapshot]:
        found: dict[int, Snapshot | None] = {}
        while missing := [step for step in self.steps[index] if step not in found]:
            found |= {step: self._read(step) for step in missing}
        return [snapshot for step in self.steps[index] if (snapshot := found[step]) is not None]

    def _read(self, step: int, left_out: Callable[[Path, Exception], object] | None = None) -> Snapshot | None:
        """A step's snapshot. One that cannot be read is no part of the history any more."""
        if step in self._in_memory:
            return self._in_memory[step]
        if (path := self._paths.get(step)) is None:  # another iteration has found it damaged
            return None
        try:
            return Snapshot.load(path)
        except Exception as error:  # whatever a damaged file comes to
            self._paths.pop(step, None)
            if left_out is None:
                warnings.warn(f"Left out {path}: {error}", LeftOutWarning, stacklevel=3)
            else:
                left_out(path, error)
        return None

    def __repr__(self) -> str:
        unsaved = f", {len(self._in_memory)} of them in memory" if self._in_memory else ""
        return f"History({str(self.folder)!r}: {len(self)} snapshots{unsaved}, steps {list(self.steps)})"


def _is_readable(path: Path, step: int) -> bool:
    """Whether the file is the whole snapshot of a step, judged by its table of contents and its JSON text alone."""
    try:
        if (told := read_facts(path, "a snapshot").get("step")) != step:
            raise ValueError(f"Expected the snapshot of step {step}, got that of step {told}.")
    except Exception as error:
        warnings.warn(f"Left out {path}, which is no readable snapshot: {error}", LeftOutWarning, stacklevel=3)
        return False
    return True
