"""Measuring one model after the other, on the same samples."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from torch import nn
from tqdm.auto import tqdm

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.compare.checkpoints import CheckpointError
from topocallback.compare.comparable import ComparableSnapshots, in_one_line
from topocallback.compare.jobs import run_jobs, workers
from topocallback.compare.options import CompareOptions
from topocallback.compare.predicted import warn_of_cost
from topocallback.compare.recording import ValidationData, record_clouds
from topocallback.compare.store import Store, fingerprint
from topocallback.records.comparison import Checkpoint, Comparison
from topocallback.records.point_clouds import PointClouds
from topocallback.records.snapshot import Snapshot

__all__ = ["Study", "Subject"]


@dataclass(frozen=True)
class Subject:
    """One model that is to be measured."""

    checkpoint: Checkpoint
    facts: Mapping[str, Any] | None  # tell it from all others, for what is kept on disk; None: nothing can be kept
    load: Callable[[], tuple[nn.Module, int, int]]  # the model, its step and its epoch


@dataclass
class Study:
    """Measures one model after the other, on the same samples, and compares them."""

    asked: CompareOptions
    data: ValidationData

    def __post_init__(self) -> None:
        self.options = self.asked.analysis
        self.recording = self.asked.recording
        self.store = Store(self.asked.folder)
        self._to_measure = 0  # until it has been said what they will cost
        # What is kept of a layer, its diagrams, is enough for distances between diagrams; others need it recorded anew.
        self._needs_clouds = not all(distance.from_diagrams for distance in self.options.distances)

    def compare(self, subjects: Sequence[Subject]) -> Comparison:
        """Measure what is not known yet, and compare everything.

        Raises:
            ValueError: If none can be measured.
        """
        comparable = ComparableSnapshots()
        self._to_measure = len(subjects)
        described = {**self.options.describe(), **self.recording.describe()}
        if self.data.length is not None and self.data.length < self.recording.n_samples:
            message = f"Asked for {self.recording.n_samples} samples, the data have {self.data.length}: all are used."
            comparable.problems["data"] = message
            warnings.warn(message, UserWarning, stacklevel=3)
        common = {**described, "data": self.data.fingerprint(), "version": version("topocallback")}
        size = workers(self.asked.n_jobs)
        with tqdm(total=len(subjects), desc="checkpoints", disable=not self.asked.progress) as bar:
            for start in range(0, len(subjects), size):
                batch = subjects[start : start + size]
                self._measure(batch, common, comparable)
                bar.update(len(batch))
        if not comparable.snapshots:
            raise ValueError(
                f"Expected at least one model that can be measured, got none. {in_one_line(comparable.left_out)}"
            )
        return comparable.compare(self.options, described, self.store, self.asked.n_jobs, self.asked.progress)

    def _measure(self, subjects: Sequence[Subject], common: Mapping[str, Any], comparable: ComparableSnapshots) -> None:
        """As many as are analysed at once: loaded and recorded one by one, analysed together."""
        # Where something that changes the result has no name, nothing that is kept can be known to be the same.
        named = self.options.are_named and self.recording.are_named and common["data"] is not None
        keys = [fingerprint({**common, **s.facts}) if named and s.facts else None for s in subjects]
        kept = [None if key is None or self._needs_clouds else self.store.snapshot(key) for key in keys]
        recorded: dict[int, tuple[PointClouds, int, int]] = {}
        for i, subject in enumerate(subjects):
            if kept[i] is None:
                name = subject.checkpoint.path or subject.checkpoint.name
                try:
                    recorded[i] = self._recorded(subject)
                except CheckpointError as error:
                    comparable.leave_out(name, str(error))
                except Exception as error:  # whatever a file or a user's own code does must not cost the others
                    comparable.leave_out(name, f"{name}: {type(error).__name__}: {error}")
                gc.collect()  # a Trainer and its model keep each other; before the next one is loaded
        if recorded and self._to_measure:
            warn_of_cost(next(iter(recorded.values()))[0], self._to_measure, self.asked, n_at_once=len(recorded))
            self._to_measure = 0
        arguments = ((clouds, self.options, step, epoch) for clouds, step, epoch in recorded.values())
        for i, snapshot in zip(recorded, run_jobs(_analyse, arguments, self.asked.n_jobs), strict=True):
            kept[i] = snapshot
            if (key := keys[i]) is not None:
                self.store.keep_snapshot(key, snapshot)
        for i, (subject, found) in enumerate(zip(subjects, kept, strict=True)):
            if found is not None:
                known = subject.checkpoint
                clouds = recorded[i][0] if self._needs_clouds else None
                comparable.add(Checkpoint(known.name, known.run, found.step, found.epoch, known.path), found, clouds)

    def _recorded(self, subject: Subject) -> tuple[PointClouds, int, int]:
        model, step, epoch = subject.load()
        return self._clouds(model, subject), step, epoch

    def _clouds(self, model: nn.Module, subject: Subject) -> PointClouds:
        name = subject.checkpoint.path or subject.checkpoint.name
        try:
            clouds = record_clouds(model, self.data, self.recording)
        except Exception as error:  # whatever a model's own code raises must not cost the others
            raise CheckpointError(f"{name}: {type(error).__name__} while validating: {error}") from error
        if not clouds.layers:
            raise CheckpointError(f"{name}: no layer could be recorded: {dict(clouds.problems)}.")
        return clouds


def _analyse(clouds: PointClouds, options: AnalysisOptions, step: int, epoch: int) -> Snapshot:
    return analyse(clouds, options, step=step, epoch=epoch)
