"""Measuring one model after the other, on the same samples."""

from __future__ import annotations

import dataclasses
import gc
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from tqdm.auto import tqdm

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.compare.checkpoints import CheckpointError
from topocallback.compare.comparable import ComparableSnapshots, in_one_line
from topocallback.compare.contents import CannotBeSeenError, digest_of
from topocallback.compare.environment import environment
from topocallback.compare.jobs import run_jobs, workers
from topocallback.compare.options import CompareOptions
from topocallback.compare.passes import batches_of_trainer
from topocallback.compare.predicted import warn_of_cost
from topocallback.compare.random_draws import RandomDraws
from topocallback.compare.recording import ValidationData, record_clouds, validates_itself
from topocallback.compare.store import Store, fingerprint
from topocallback.records.comparison import Checkpoint, Comparison
from topocallback.records.point_clouds import PointClouds
from topocallback.records.snapshot import Snapshot

__all__ = ["Study", "Subject"]

_MOST_LEFT_BEHIND = 64_000_000  # bytes


@dataclass(frozen=True)
class Subject:
    """One model that is to be measured."""

    checkpoint: Checkpoint
    load: Callable[[], tuple[nn.Module, int, int]]  # the model, its step and its epoch

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.checkpoint.path or self.checkpoint.name


@dataclass
class _Measurement:
    """One model's: where it is kept, and what is known so far."""

    subject: Subject
    key: str | None = None  # None: nothing is kept
    step: int = 0
    epoch: int = 0
    clouds: PointClouds | None = None
    snapshot: Snapshot | None = None


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
        self._left_behind = 0.0  # bytes of models that are not needed any more
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
        size = workers(self.asked.n_jobs)
        with tqdm(total=len(subjects), desc="checkpoints", disable=not self.asked.progress) as bar:
            for start in range(0, len(subjects), size):
                batch = subjects[start : start + size]
                self._measure(batch, comparable)
                bar.update(len(batch))
        if not comparable.snapshots:
            raise ValueError(
                f"Expected at least one model that can be measured, got none. {in_one_line(comparable.left_out)}"
            )
        return comparable.compare(self.options, described, self.store, self.asked.n_jobs, self.asked.progress)

    def _measure(self, subjects: Sequence[Subject], comparable: ComparableSnapshots) -> None:
        """As many as are analysed at once: loaded and recorded one by one, analysed together."""
        found: list[_Measurement] = []
        for subject in subjects:
            try:
                found.append(self._recorded(subject))
            except CheckpointError as error:
                self._left_behind = math.inf
                comparable.leave_out(subject.name, str(error))
            except Exception as error:  # whatever a file or a user's own code does must not cost the others
                self._left_behind = math.inf
                comparable.leave_out(subject.name, f"{subject.name}: {type(error).__name__}: {error}")
            self._free_models()
        new = [each for each in found if each.snapshot is None]
        if self._to_measure and new and new[0].clouds is not None:
            warn_of_cost(new[0].clouds, self._to_measure, self.asked, n_at_once=len(new))
            self._to_measure = 0
        arguments = ((each.clouds, self.options, each.step, each.epoch) for each in new)
        for each, analysed in zip(new, run_jobs(_analyse, arguments, self.asked.n_jobs), strict=True):
            each.snapshot = analysed
            self.store.keep_snapshot(each.key, analysed)
        for each in found:
            known, snapshot = each.subject.checkpoint, each.snapshot
            if snapshot is not None:
                where = Checkpoint(known.name, known.run, snapshot.step, snapshot.epoch, known.path)
                comparable.add(where, snapshot, each.clouds if self._needs_clouds else None)

    def _recorded(self, subject: Subject) -> _Measurement:
        """A model as it is kept, or recorded."""
        model, step, epoch = subject.load()
        self._left_behind += _size(model)
        key = self._key(model, step, epoch)
        found = _Measurement(subject, key, step, epoch)
        if not self._needs_clouds and (kept := self.store.snapshot(key)) is not None:
            found.snapshot = kept
            return found
        draws = RandomDraws()
        found.clouds = self._clouds(model, subject, draws)
        if draws.found and key is not None:
            found.key = None
            self.store.say_unkept("snapshots", "the model draws from a random generator when it validates")
        return found

    def _free_models(self) -> None:
        """Before the next one is loaded: a Trainer and its model keep each other alive until they are looked for.

        To look takes 0.4 s, as much as a small model takes in all.
        """
        if self._left_behind > _MOST_LEFT_BEHIND:
            gc.collect()
            self._left_behind = 0.0

    def _key(self, model: nn.Module, step: int, epoch: int) -> str | None:
        """A hash of all that a snapshot depends on; ``None``, which is said, if that cannot be known."""
        if self.store.folder is None:
            return None
        asked = {name: self._by_name(getattr(self, name)) for name in ("options", "recording")}
        of_trainer = self.recording.trainer_options if validates_itself(model, self.recording) else {}
        try:
            return fingerprint(
                {
                    "model": digest_of(model, "model"),
                    "place": (step, epoch),
                    "asked": digest_of({**asked, "described": self.options.describe()}, "options"),
                    "data": self.data.fingerprint(batches_of_trainer(of_trainer, self.data.recorded)),
                    "environment": environment(),
                }
            )
        except CannotBeSeenError as error:
            self.store.say_unkept("snapshots", error)
            return None

    @staticmethod
    def _by_name(options: Any) -> dict[str, Any]:
        """Options without what they have computed of themselves."""
        return {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}

    def _clouds(self, model: nn.Module, subject: Subject, draws: RandomDraws) -> PointClouds:
        try:
            clouds = record_clouds(model, self.data, self.recording, draws)
        except Exception as error:  # whatever a model's own code raises must not cost the others
            raise CheckpointError(f"{subject.name}: {type(error).__name__} while validating: {error}") from error
        if not clouds.layers:
            raise CheckpointError(f"{subject.name}: no layer could be recorded: {dict(clouds.problems)}.")
        return clouds


def _size(model: nn.Module) -> float:
    """Bytes of a model's weights; as many as can be where that cannot be known."""
    try:
        return float(sum(weight.numel() * weight.element_size() for weight in model.parameters()))
    except Exception:  # lazy ones have no size yet, and a user's own tensors need not tell theirs
        return math.inf


def _analyse(clouds: PointClouds, options: AnalysisOptions, step: int, epoch: int) -> Snapshot:
    return analyse(clouds, options, step=step, epoch=epoch)
