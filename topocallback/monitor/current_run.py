"""Which run a Trainer is in: a new one, or one that goes on where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from topocallback.analysis.options import AnalysisOptions
from topocallback.monitor.disks import Disks
from topocallback.monitor.reports import Reports
from topocallback.monitor.run import Run
from topocallback.records.archive import new_folder
from topocallback.records.snapshot import Snapshot

__all__ = ["CurrentRun"]


class CurrentRun:
    """The run that snapshots belong to, from one call of ``fit`` to the next."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._directory: Path | None = None
        self._continues = False
        self._has_begun = False
        self._last_step = -1

    @property
    def history(self) -> Sequence[Snapshot]:
        """The run's snapshots; none before its first step."""
        return () if self._run is None else self._run.history

    def begin(self, *, continues: bool, archive: bool) -> None:
        """Say that a run begins.

        Args:
            continues: Whether it goes on where an earlier one stopped.
            archive: Whether snapshots are kept on disk.
        """
        self._continues = continues
        self._has_begun = True
        # A run may go on from before its last snapshots: it reads again from the archive what came before.
        if archive or not continues:
            self._run = None
            self._last_step = -1

    def begin_training(self, *, continues: bool, archive: bool) -> None:
        """Say that training begins: with it the run, unless a sanity check has begun the same one already.

        Args:
            continues: Whether the run goes on where an earlier one stopped.
            archive: Whether snapshots are kept on disk.
        """
        if continues or not self._has_begun:
            self.begin(continues=continues, archive=archive)
        self._has_begun = False  # for the next call of `fit`

    def run(
        self, directory: Path, options: AnalysisOptions, *, archive: bool, figures: bool, disks: Disks | None = None
    ) -> Run:
        """The run, which is made with its first step.

        Args:
            directory: Its log directory. Another one than before makes another run.
            options: What to measure.
            archive: Whether to keep snapshots on disk.
            figures: Whether to draw pictures.
            disks: Knows whether there is room for the archive.
        """
        if self._run is None or self._directory != directory:
            folder = new_folder(directory, self._continues) if archive else None
            self._run = Run(folder, options, figures=figures, continues=self._continues, disks=disks)
            self._directory = directory
        return self._run

    def report_replaced(self, step: int, reports: Reports) -> None:
        """Say where a step's snapshot takes the place of the last one in the archive; the step is then the last one.

        Args:
            step: The logger's step.
            reports: Where to say it.
        """
        if step == self._last_step and self._run is not None and self._run.folder is not None:
            reports.warn(f"Lightning logs two validations at step {step}: the later snapshot replaces the earlier one.")
        self._last_step = step
