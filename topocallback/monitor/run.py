"""One run's line of snapshots: each is analysed against the earlier ones, archived, drawn and packed for the tab."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.monitor.disks import Disks
from topocallback.monitor.kept import KeptSnapshots
from topocallback.records.archive import History, archive_path, save_inputs
from topocallback.records.point_clouds import PointClouds, SampledInputs
from topocallback.records.recorded import HowRecorded, Recorded, differences, told
from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import Picture, render
from topocallback.views.figures import Ranges, diagrams_figure, heatmap_figure
from topocallback.views.mapper_figure import mapper_figure
from topocallback.views.payload import encode
from topocallback.views.sprite import Sprite, make_sprite

__all__ = ["MeasuredStep", "Run"]

_MOST_IN_MEMORY = 100
_IN_MEMORY = f"The last {_MOST_IN_MEMORY} snapshots that cannot be archived stay in memory, where `history` has them."


@dataclass
class MeasuredStep:
    """What one step gave: the snapshot, how it is shown, and what went wrong on the way without losing them."""

    snapshot: Snapshot
    pictures: list[Picture] = field(default_factory=list)
    payload: bytes | None = None
    sprite: Sprite | None = None
    errors: list[Exception] = field(default_factory=list)


class Run:
    """Turns the point clouds of one step after the other into snapshots.

    Args:
        folder: Where the archive is; ``None`` keeps the last 100 snapshots in memory instead. What cannot be written
            there is kept in memory as well.
        options: What to measure.
        figures: Whether to draw pictures.
        continues: Whether snapshots that are in the folder already belong to this run: drift goes on from them.
        disks: Knows whether there is room for the archive.
    """

    def __init__(
        self,
        folder: Path | None,
        options: AnalysisOptions,
        *,
        figures: bool = True,
        continues: bool = False,
        disks: Disks | None = None,
    ) -> None:
        self.folder = folder
        self.options = options
        self.figures = figures
        self._first: Snapshot | None = None
        self._previous: Snapshot | None = None
        self._ranges = Ranges()
        self._in_memory: dict[int, Snapshot] = {}
        self._disks = Disks() if disks is None else disks
        self._earlier = History(folder) if continues and folder is not None else None

    @property
    def history(self) -> Sequence[Snapshot]:
        """The run's snapshots in the order of their steps, read lazily where they are in the archive."""
        in_memory = dict(self._in_memory)
        if self.folder is None:
            return list(in_memory.values())
        archived = History(self.folder)
        return KeptSnapshots(archived, in_memory) if in_memory else archived

    def measure(
        self,
        clouds: PointClouds,
        *,
        step: int,
        epoch: int,
        n_threads: int = 1,
        inputs: SampledInputs | None = None,
    ) -> MeasuredStep:
        """Analyse, archive and draw one step. Steps have to come in their order.

        Args:
            clouds: The step's point clouds.
            step: The logger's step.
            epoch: The trainer's epoch.
            n_threads: Threads for the analysis.
            inputs: The samples' own images, once per run: they are kept beside the archive.

        Returns:
            The snapshot, its pictures and what the tab reads. A failure to archive or draw is in ``errors`` and loses
            nothing else.

        Raises:
            ValueError: If the clouds cannot be analysed.
        """
        if self._earlier is not None:
            self._catch_up(self._earlier, step)
            self._earlier = None
        anew = self._recorded_otherwise(HowRecorded(clouds.recording, self.options.describe()), step)
        snapshot = analyse(
            clouds,
            self.options,
            step=step,
            epoch=epoch,
            previous=None if anew else self._previous,
            first=None if anew else self._first,
            n_threads=n_threads,
        )
        if anew:
            snapshot = dataclasses.replace(snapshot, problems={**snapshot.problems, "drift": anew})
        self._remember(snapshot)
        measured = MeasuredStep(snapshot)
        self._keep(measured)
        if self.figures:
            with _collected(measured.errors):  # nor must a picture
                measured.pictures = self._draw(snapshot)
        with _collected(measured.errors):
            measured.payload = encode(snapshot)
        if inputs is not None:
            with _collected(measured.errors):
                measured.sprite = sprite = make_sprite(inputs)
                if self.folder is not None:
                    self._write(len(sprite.png), lambda folder: save_inputs(folder, sprite.png, sprite.facts))
        return measured

    def _keep(self, measured: MeasuredStep) -> None:
        """Archive a snapshot; in memory, where there is no archive or it cannot be written, the last ones stay."""
        snapshot = measured.snapshot
        self._in_memory.pop(snapshot.step, None)
        if self.folder is not None:
            with _collected(measured.errors):  # a full disk must not cost the numbers
                self._write(_size(snapshot), lambda folder: snapshot.save(archive_path(folder, snapshot.step)))
                return
        self._in_memory[snapshot.step] = snapshot
        while len(self._in_memory) > _MOST_IN_MEMORY:
            del self._in_memory[next(iter(self._in_memory))]

    def _write(self, size: int, write: Callable[[Path], object]) -> None:
        """Write to the archive, if there is room for it.

        Raises:
            OSError: If there is none, or the write fails.
        """
        assert self.folder is not None
        if (refusal := self._disks.refusal(self.folder, size)) is not None:
            raise OSError(errno.ENOSPC, f"{refusal} {_IN_MEMORY}")
        try:
            write(self.folder)
        except OSError as error:
            why = self._disks.note_failure(self.folder, error)
            why = why or f"{error.strerror or error}: {self.folder} cannot be written."
            raise OSError(error.errno, f"{why} {_IN_MEMORY}") from error

    def _catch_up(self, earlier: History, step: int) -> None:
        """Take in what was measured before a step: a resumed run goes on from its checkpoint, not from its end."""
        for _, snapshot in earlier.readable(before=step):
            self._remember(snapshot)

    def _recorded_otherwise(self, recorded: Recorded, step: int) -> str:
        """What keeps a step from being compared with the one before it, or an empty text.

        A distance between the two would not be the network's change, but that of what is looked at.
        """
        if self._previous is None:
            return ""
        found = differences(self._previous, recorded)
        if not (different := {**found.meaning, **found.samples}):
            return ""
        return (
            f"Drift starts anew at step {step}, for earlier snapshots were recorded otherwise: "
            f"{told(different, f'step {self._previous.step}', f'step {step}')}."
        )

    def _remember(self, snapshot: Snapshot) -> None:
        if self._first is None or self._recorded_otherwise(snapshot, snapshot.step):
            self._first = snapshot
        self._previous = snapshot
        self._ranges.include(snapshot)

    def _draw(self, snapshot: Snapshot) -> list[Picture]:
        limits = self._ranges.limits
        pictures = [
            render("layer_distance", heatmap_figure(snapshot, limits)),
            render("persistence_diagrams", diagrams_figure(snapshot, limits)),
        ]
        return pictures + ([render("mapper", mapper_figure(snapshot))] if snapshot.mappers else [])


def _size(value: Any) -> int:
    """How many bytes the arrays in a record have: its file, which is compressed, is smaller in most cases."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value))
    return sum(map(_size, vars(value).values())) if dataclasses.is_dataclass(value) else 0


@contextmanager
def _collected(errors: list[Exception]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        errors.append(error)
