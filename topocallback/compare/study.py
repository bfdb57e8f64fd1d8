"""Measuring models on the same samples, one after the other or many at once, and comparing them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm.auto import tqdm

from topocallback.activations.checkpoint_file import CheckpointError
from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.compare.comparable import ComparableSnapshots, in_one_line
from topocallback.compare.jobs import WorkersLostError, are_elsewhere, run_jobs, workers
from topocallback.compare.measuring import Measurement, Measuring, Subject
from topocallback.compare.options import CompareOptions
from topocallback.compare.predicted import warn_of_cost
from topocallback.compare.recording import ValidationData
from topocallback.compare.sent import Sender, measure_sent, one_at_a_time
from topocallback.compare.store import Store
from topocallback.records.comparison import Checkpoint, Comparison
from topocallback.records.point_clouds import PointClouds
from topocallback.records.snapshot import Snapshot

__all__ = ["Study"]


@dataclass
class Study:
    """Measures models on the same samples, and compares them.

    Each is loaded and run in this process, one after the other; or by joblib's workers, where these are processes.

    Args:
        asked: How they are compared.
        data: The data.
        source: What the models are made of; see ``Measuring``.
    """

    asked: CompareOptions
    data: ValidationData
    source: Any = None

    def __post_init__(self) -> None:
        self.measuring = Measuring(self.asked, self.data, self.source)
        self.store = Store(self.asked.folder)
        self._to_measure = 0  # until it has been said what they will cost
        self._comparable = ComparableSnapshots()
        self._said: dict[Any, Any] = {}  # where Python notes what workers said, to say it once
        self._advance: Callable[[int], object] = int

    def compare(self, subjects: Sequence[Subject]) -> Comparison:
        """Measure what is not known yet, and compare everything.

        Raises:
            ValueError: If none can be measured.
            WorkersLostError: If the workers that joblib gave die over and over.
        """
        comparable = self._comparable
        options, recording = self.measuring.options, self.measuring.recording
        self._to_measure = len(subjects)
        if self.data.length is not None and self.data.length < recording.n_samples:
            message = f"Asked for {recording.n_samples} samples, the data have {self.data.length}: all are used."
            comparable.problems["data"] = message
            warnings.warn(message, UserWarning, stacklevel=3)
        sender = Sender.of(self.measuring) if are_elsewhere() else None
        with tqdm(total=len(subjects), desc="checkpoints", disable=not self.asked.progress) as bar:
            self._advance = bar.update
            if sender is None:
                self._measure_here(subjects)
            else:
                self._measure_elsewhere(subjects, sender)
        if not comparable.snapshots:
            raise ValueError(
                f"Expected at least one model that can be measured, got none. {in_one_line(comparable.left_out)}"
            )
        described = {**options.describe(), **recording.describe()}
        return comparable.compare(options, described, self.store, self.asked.n_jobs, self.asked.progress)

    def _measure_here(self, subjects: Sequence[Subject]) -> None:
        """As many as are analysed at once: loaded and recorded one by one, analysed together."""
        size = workers(self.asked.n_jobs)
        for start in range(0, len(subjects), size):
            batch = subjects[start : start + size]
            recorded = [(subject, found) for subject in batch if (found := self._recorded(subject)) is not None]
            new = [found for _, found in recorded if found.snapshot is None]
            self._warn_of_cost(new)
            arguments = ((each.clouds, self.measuring.options, each.step, each.epoch) for each in new)
            for each, analysed in zip(new, run_jobs(_analyse, arguments, self.asked.n_jobs), strict=True):
                each.snapshot = analysed
            for subject, found in recorded:
                self._take(subject, found)
            self._advance(len(batch))

    def _measure_elsewhere(self, subjects: Sequence[Subject], sender: Sender) -> None:
        """Loaded, recorded and analysed by joblib's workers, as many at once as there are."""
        done = 0
        jobs = (sender.job(subject, self.store.snapshot_keys()) for subject in subjects)
        try:
            for subject, back in zip(subjects, run_jobs(measure_sent, jobs, self.asked.n_jobs), strict=True):
                for each in back.said:
                    warnings.warn_explicit(*each, registry=self._said)
                if back.refused is not None:
                    sender.say_stays(subject.name, back.refused)
                    self._measure_one_here(subject)
                elif back.left_out is not None:
                    self._comparable.leave_out(subject.name, back.left_out)
                elif back.found is not None:
                    self._take_sent(subject, back.found)
                done += 1
                self._advance(1)
        except WorkersLostError as error:
            kept = f"What was measured is kept in {self.asked.folder}: the same call goes on from there."
            lost = "Nothing of it is kept: with `folder=`, the next call goes on from there."
            raise WorkersLostError(
                f"{error} {done} of {len(subjects)} models were measured, {subjects[done].name} would have been the "
                f"next. {lost if self.asked.folder is None else kept}"
            ) from error

    def _take_sent(self, subject: Subject, found: Measurement) -> None:
        self._warn_of_cost([found] if found.shapes else [])
        if found.is_kept:
            found.snapshot = self.store.snapshot(found.key)
        if found.snapshot is None:  # damaged
            self._measure_one_here(subject)
        else:
            self._take(subject, found)

    def _measure_one_here(self, subject: Subject) -> None:
        """While joblib is at work: in this thread."""
        found = self._recorded(subject)
        if found is not None:
            self._warn_of_cost([found])
            if found.snapshot is None:
                self.measuring.analyse(found)
            self._take(subject, found)

    def _recorded(self, subject: Subject) -> Measurement | None:
        """A model as it is kept, or recorded; ``None`` if it was left out."""
        kept: list[Snapshot] = []

        def is_kept(key: str) -> bool:
            found = self.store.snapshot(key)
            kept.extend([] if found is None else [found])
            return found is not None

        try:
            with one_at_a_time():
                found = self.measuring.recorded(subject, is_kept)
            found.snapshot = kept[0] if kept else None
        except CheckpointError as error:
            self._comparable.leave_out(subject.name, str(error))
            found = None
        self.measuring.free_models()
        return found

    def _take(self, subject: Subject, found: Measurement) -> None:
        known, snapshot = subject.checkpoint, found.snapshot
        if found.unkept is not None:
            self.store.say_unkept("snapshots", found.unkept)
        if snapshot is None:
            return
        if not found.is_kept:
            self.store.keep_snapshot(found.key, snapshot)
        where = Checkpoint(known.name, known.run, snapshot.step, snapshot.epoch, known.path)
        self._comparable.add(where, snapshot, found.clouds if self.measuring.needs_clouds else None)

    def _warn_of_cost(self, new: Sequence[Measurement]) -> None:
        """Once, when the first have been recorded."""
        if self._to_measure and new and new[0].shapes:
            n_at_once = max(len(new), workers(self.asked.n_jobs)) if are_elsewhere() else len(new)
            warn_of_cost(new[0].shapes, self._to_measure, self.asked, n_at_once=n_at_once)
            self._to_measure = 0


def _analyse(clouds: PointClouds, options: AnalysisOptions, step: int, epoch: int) -> Snapshot:
    return analyse(clouds, options, step=step, epoch=epoch)
