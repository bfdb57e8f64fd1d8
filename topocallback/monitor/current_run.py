"""Which run a Trainer is in: a new one, or one that goes on where it stopped."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from topocallback.analysis.options import AnalysisOptions
from topocallback.monitor.disks import Disks
from topocallback.monitor.reference import FIRST
from topocallback.monitor.reports import Reports
from topocallback.monitor.run import MeasuredStep, Run
from topocallback.records.claims import Claim, claim_folder, hold
from topocallback.records.finding import Finding
from topocallback.records.snapshot import Snapshot

__all__ = ["CurrentRun"]


class CurrentRun:
    """The run that snapshots belong to, from one call of ``fit`` to the next."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._directory: str | None = None
        self._claim: Claim | None = None
        self._notes: list[str] = []
        self._continues = False
        self._has_begun = False
        self._until: int | None = None
        self._cannot_claim = False
        self._last_step = -1

    @property
    def history(self) -> Sequence[Snapshot]:
        """The run's snapshots; none before its first step."""
        return () if self._run is None else self._run.history

    @property
    def findings(self) -> list[Finding]:
        """What has been found until the run's last step."""
        return [] if self._run is None else list(self._run.findings)

    @property
    def folder(self) -> Path | None:
        """Where its snapshots are; ``None`` where they are in memory."""
        return None if self._run is None else self._run.archive.folder

    def begin(self, *, continues: bool, archive: bool, until: int | None = None) -> None:
        """Say that a run begins.

        Args:
            continues: Whether it goes on where an earlier one stopped.
            archive: Whether snapshots are kept on disk.
            until: The last step before the place where it goes on, where that is known: snapshots of later steps are of
                a branch that was left.
        """
        self.end()
        self._continues = continues
        self._until = until
        self._has_begun = True
        # A run may go on from before its last snapshots: it reads again from the archive what came before.
        if archive or not continues:
            self._run = None
        elif self._run is not None:
            self._run.go_on(until)
        self._last_step = -1

    def begin_training(self, *, continues: bool, archive: bool, until: int | None = None) -> None:
        """Say that training begins: with it the run, unless a sanity check has begun the same one already.

        Args:
            continues: Whether the run goes on where an earlier one stopped.
            archive: Whether snapshots are kept on disk.
            until: As in ``begin``.
        """
        if continues or not self._has_begun:
            self.begin(continues=continues, archive=archive, until=until)
        self._has_begun = False  # for the next call of `fit`

    def end(self) -> None:
        """Say that nothing more is written for now, so that another process may continue the run."""
        if self._claim is not None:
            self._claim.release()

    def run(
        self,
        directory: str | os.PathLike[str],
        options: AnalysisOptions,
        *,
        archive: bool,
        figures: bool | float,
        reference: str = FIRST,
        disks: Disks | None = None,
    ) -> Run:
        """The run, which is made with its first step.

        Args:
            directory: Its log directory. Another one than before makes another run.
            options: What to measure.
            archive: Whether to keep snapshots on disk.
            figures: Whether, and how often, to draw pictures.
            reference: What ``drift_from_reference`` is measured from.
            disks: Knows whether there is room for the archive.
        """
        if self._run is None or self._directory != str(directory) or not self._is_still_its_own():
            self._claim = self._claimed(directory, continues=self._continues) if archive else None
            folder = self._claim.folder if self._claim else None
            self._run = Run(folder, options, figures=figures, reference=reference, disks=disks)
            self._directory = str(directory)
            if self._continues:
                self._run.go_on(self._until)
        elif archive and self._claim is None:  # what it continues cannot be known any more
            self._claim = self._claimed(directory, continues=False)
            self._run.archive.folder = self._claim.folder if self._claim else None
        return self._run

    def draw_last(self) -> MeasuredStep | None:
        """The pictures of the run's last snapshot, where there are none yet."""
        return None if self._run is None else self._run.draw_last()

    def report(self, step: int, reports: Reports) -> None:
        """Say what is unusual about where a step's snapshot is kept; the step is then the last one.

        Args:
            step: The logger's step.
            reports: Where to say it.
        """
        for note in self._notes:
            reports.warn(note)
        self._notes.clear()
        if step == self._last_step and self._run is not None and self._run.archive.folder is not None:
            reports.warn(f"Lightning logs two validations at step {step}: the later snapshot replaces the earlier one.")
        self._last_step = step

    def _claimed(self, directory: str | os.PathLike[str], *, continues: bool) -> Claim | None:
        """A folder for the run; without one the run goes on, and asks again with its next step."""
        try:
            claim = claim_folder(directory, continues=continues)
        except Exception as error:  # of a store, any
            if not self._cannot_claim:  # else it has been said
                self._notes.append(
                    f"{type(error).__name__} while making an archive in {directory}: {error}. Until one can be made, "
                    "the last 100 snapshots are kept in memory."
                )
            self._cannot_claim = True
            return None
        self._cannot_claim = False
        self._notes += [claim.note] if claim.note else []
        return claim

    def _is_still_its_own(self) -> bool:
        """Whether the run's folder is nobody else's: after its end another run may have gone on in it."""
        if self._claim is None or self._claim.is_held:
            return True
        with contextlib.suppress(Exception):  # which is said where a snapshot cannot be written
            if (again := hold(self._claim.folder)) is None:
                return False
            self._claim = again
        return True
