"""One run's line of snapshots: each is analysed against the earlier ones, archived, drawn and packed for the tab."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.records.archive import History, archive_path, save_inputs
from topocallback.records.point_clouds import PointClouds, SampledInputs
from topocallback.records.recorded import HowRecorded, Recorded, differences, told
from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import Picture
from topocallback.views.figures import Ranges
from topocallback.views.payload import encode
from topocallback.views.pictures import Pictures
from topocallback.views.sprite import Sprite, make_sprite

__all__ = ["MeasuredStep", "Run"]

_MOST_IN_MEMORY = 100


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
        folder: Where the archive is; ``None`` keeps the last 100 snapshots in memory instead.
        options: What to measure.
        figures: Whether to draw pictures.
        continues: Whether snapshots that are in the folder already belong to this run: drift goes on from them.
    """

    def __init__(
        self, folder: Path | None, options: AnalysisOptions, *, figures: bool = True, continues: bool = False
    ) -> None:
        self.folder = folder
        self.options = options
        self.figures = figures
        self._first: Snapshot | None = None
        self._previous: Snapshot | None = None
        self._ranges = Ranges()
        self._pictures = Pictures()
        self._in_memory: deque[Snapshot] = deque(maxlen=_MOST_IN_MEMORY)
        self._earlier = History(folder) if continues and folder is not None else None

    @property
    def history(self) -> Sequence[Snapshot]:
        """The run's snapshots in the order of their steps, read lazily where there is an archive."""
        return list(self._in_memory) if self.folder is None else History(self.folder)

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
        if self.folder is None:
            self._in_memory.append(snapshot)
        else:
            with _collected(measured.errors):  # a full disk must not cost the numbers
                snapshot.save(archive_path(self.folder, step))
        if self.figures:
            measured.pictures = self._pictures.draw(snapshot, self._ranges.limits, measured.errors)
        with _collected(measured.errors):
            measured.payload = encode(snapshot)
        if inputs is not None:
            with _collected(measured.errors):
                measured.sprite = make_sprite(inputs)
                if self.folder is not None:
                    save_inputs(self.folder, measured.sprite.png, measured.sprite.facts)
        return measured

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


@contextmanager
def _collected(errors: list[Exception]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        errors.append(error)
