"""Measuring one model: loaded, recorded and analysed, on the same samples as every other one."""

from __future__ import annotations

import dataclasses
import gc
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from topocallback.activations.checkpoint_file import CheckpointError
from topocallback.activations.generators import forked_generators, seed_generators
from topocallback.analysis.analyse import analyse
from topocallback.compare.contents import CannotBeSeenError, digest_of
from topocallback.compare.environment import environment
from topocallback.compare.options import CompareOptions
from topocallback.compare.passes import batches_of_trainer
from topocallback.compare.random_draws import RandomDraws
from topocallback.compare.recording import ValidationData, record_clouds, validates_itself
from topocallback.compare.store import fingerprint
from topocallback.records.comparison import Checkpoint
from topocallback.records.point_clouds import PointClouds
from topocallback.records.snapshot import Snapshot

__all__ = ["MadeAtRandomError", "Measurement", "Measuring", "Subject"]

_MOST_LEFT_BEHIND = 64_000_000  # bytes


class MadeAtRandomError(ValueError):
    """A model whose weights are drawn when it is made: the same ones only in the process that has the generators."""

    def __init__(self) -> None:
        super().__init__("it is made at random")


@dataclass(frozen=True)
class Subject:
    """One model that is to be measured."""

    checkpoint: Checkpoint
    load: Callable[[Any], tuple[nn.Module, int, int]]  # of what all are made of: the model, its step and its epoch
    may_be_random: bool = False  # whether what it draws meanwhile may be in the model

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.checkpoint.path or self.checkpoint.name


@dataclass
class Measurement:
    """What is known so far of one model.

    Attributes:
        key: Under what it is kept; ``None`` keeps nothing.
        step: Its step.
        epoch: Its epoch.
        is_kept: Whether it was measured before, and nothing was recorded.
        unkept: Why it cannot be kept.
        shapes: (n, d) of every cloud.
        clouds: What was recorded.
        snapshot: What was measured.
    """

    key: str | None
    step: int
    epoch: int
    is_kept: bool = False
    unkept: str | None = None
    shapes: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    clouds: PointClouds | None = None
    snapshot: Snapshot | None = None


@dataclass
class Measuring:
    """Measures models on the same samples, in whatever process it is.

    Args:
        asked: How they are compared.
        data: The data.
        source: What models are made of, which every subject's ``load`` is given.
    """

    asked: CompareOptions
    data: ValidationData
    source: Any = None

    def __post_init__(self) -> None:
        self.options = self.asked.analysis
        self.recording = self.asked.recording
        self.left_behind = 0.0  # bytes of models that are not needed any more

    @property
    def needs_clouds(self) -> bool:
        """Whether what is kept of a layer, its diagrams, is not enough for a distance."""
        return not all(distance.from_diagrams for distance in self.options.distances)

    def recorded(self, subject: Subject, is_kept: Callable[[str], bool], *, has_generators: bool = True) -> Measurement:
        """A model as it is kept, or recorded.

        Args:
            subject: Which model.
            is_kept: Whether there is something under a key.
            has_generators: Whether the random generators are those of the process that was asked.

        Raises:
            CheckpointError: Whatever a file or a user's own code does, which must not cost the others.
            MadeAtRandomError: If it has not, and the model is drawn from them.
        """
        try:
            making = RandomDraws()
            making.start()
            model, step, epoch = subject.load(self.source)
            making.stop()
            if making.found and subject.may_be_random and not has_generators:
                raise MadeAtRandomError
            self.left_behind += _size(model)
            return self._recorded(model, step, epoch, subject, is_kept)
        except (CheckpointError, MadeAtRandomError):
            self.left_behind = math.inf
            raise
        except Exception as error:
            self.left_behind = math.inf
            raise CheckpointError(f"{subject.name}: {type(error).__name__}: {error}") from error

    def free_models(self) -> None:
        """Before the next one is loaded: a Trainer and its model keep each other alive until they are looked for.

        To look takes 0.4 s, as much as a small model takes in all.
        """
        if self.left_behind > _MOST_LEFT_BEHIND:
            gc.collect()
            self.left_behind = 0.0

    def analyse(self, found: Measurement) -> None:
        """Make a snapshot of what was recorded."""
        if found.clouds is not None:
            found.snapshot = analyse(found.clouds, self.options, step=found.step, epoch=found.epoch)

    def _recorded(
        self, model: nn.Module, step: int, epoch: int, subject: Subject, is_kept: Callable[[str], bool]
    ) -> Measurement:
        found = Measurement(None, step, epoch)
        if self.asked.folder is not None:
            try:
                found.key = self._key(model, step, epoch)
            except CannotBeSeenError as error:
                found.unkept = str(error)
        if found.key is not None and not self.needs_clouds and is_kept(found.key):
            found.is_kept = True
            return found
        draws = RandomDraws()
        found.clouds = self._clouds(model, subject, draws)
        if draws.only_of_python:  # a model does it again
            draws = RandomDraws()
            found.clouds = self._clouds(model, subject, draws)
        found.shapes = [(len(cloud), cloud.shape[1]) for cloud in found.clouds.values()]
        if draws.found and found.key is not None:
            found.key, found.unkept = None, "the model draws from a random generator when it validates"
        return found

    def _key(self, model: nn.Module, step: int, epoch: int) -> str:
        """A hash of all that a snapshot depends on."""
        asked = {name: _by_name(getattr(self, name)) for name in ("options", "recording")}
        of_trainer = self.recording.trainer_options if validates_itself(model, self.recording) else {}
        return fingerprint(
            {
                "model": digest_of(model, "model"),
                "place": (step, epoch),
                "asked": digest_of({**asked, "described": self.options.describe()}, "options"),
                "data": self.data.fingerprint(batches_of_trainer(of_trainer, self.data.recorded)),
                "environment": environment(),
            }
        )

    def _clouds(self, model: nn.Module, subject: Subject, draws: RandomDraws) -> PointClouds:
        try:
            # What a model or its data draw is then the same after whatever model, and in whatever process.
            with forked_generators(self.data.recorded):
                seed_generators(self.recording.seed)
                clouds = record_clouds(model, self.data, self.recording, draws, self.options.needs)
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


def _by_name(options: Any) -> dict[str, Any]:
    """Options without what they have computed of themselves."""
    return {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
