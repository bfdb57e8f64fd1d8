"""What a monitor records of a validation: its samples, and beside them training samples and the reference."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl

from topocallback.activations.hooks import RECORDING
from topocallback.activations.options import ValidationOptions
from topocallback.activations.trainer_batches import start_batch
from topocallback.activations.validation import ValidationRecorder
from topocallback.monitor.recording import finish_recording, start_recording
from topocallback.monitor.reference import RecordedReference
from topocallback.monitor.reference_samples import ReferenceSamples
from topocallback.monitor.reports import Reports
from topocallback.monitor.spent import Spent
from topocallback.monitor.steps import WatchedStep
from topocallback.monitor.training_samples import TrainingSamples
from topocallback.records.point_clouds import PointClouds, SampledInputs

__all__ = ["Watch", "WatchedValidation"]


@dataclass
class WatchedValidation:
    """What was recorded of one validation.

    Attributes:
        clouds: The layers on the validation's samples.
        inputs: The samples' own images, if they are kept.
        directory: The run's log directory.
        training: The layers on training samples.
        reference: The layers of the network that they are held against.
    """

    clouds: PointClouds
    inputs: SampledInputs | None
    directory: str
    training: PointClouds | None
    reference: RecordedReference | None

    @property
    def n_bytes(self) -> int:
        """What the clouds take that come with every validation."""
        return sum(each.nbytes for each in (self.clouds, self.training) if each)


class Watch:
    """Records one validation after the other.

    Args:
        options: How layers are recorded.
        needs: What measures need besides clouds; see ``ValidationRecorder``.
        train_samples: On how many training samples, 0 for none.
        reference: What ``check_reference`` gives.
        inputs: Whether to keep the samples' own images, once per run.
        reports: Where to say what went wrong.
        spent: Takes the time.

    Raises:
        ValueError: If ``train_samples`` is neither 0 nor an integer of at least 2.
    """

    def __init__(
        self,
        options: ValidationOptions,
        needs: Collection[str],
        train_samples: int,
        reference: str,
        *,
        inputs: bool,
        reports: Reports,
        spent: Spent,
    ) -> None:
        self._options = options
        self._needs = needs
        self._keeps_inputs = self._inputs_due = inputs
        self._reports = reports
        self._spent = spent
        self._training = TrainingSamples(train_samples, options, reports)
        self._reference = ReferenceSamples(reference, options, reports)
        self._recorder: ValidationRecorder | None = None
        self._step: WatchedStep | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without hooks, so that it can travel to other processes."""
        return self.__dict__ | {"_recorder": None, "_step": None}

    @property
    def is_on(self) -> bool:
        """Whether a validation is being recorded."""
        return self._recorder is not None

    @property
    def has_inputs(self) -> bool:
        """Whether the samples' own images are being kept."""
        return getattr(self._recorder, "inputs", None) is not None

    def begin(self) -> None:
        """Say that a call of ``fit`` begins."""
        self._inputs_due = self._keeps_inputs
        self._training.begin()
        self._reference.begin()

    def before_training(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take what there is of the network only before its first step.

        Args:
            trainer: The Trainer, when a checkpoint's step has been restored.
            pl_module: Its model.
        """
        with self._reports.guarded("keeping the untrained network's weights"), self._spent(RECORDING):
            self._reference.take_weights(trainer, pl_module)

    def start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record the validation that starts."""
        with self._spent(RECORDING):
            inputs = self._inputs_due
            self._recorder = start_recording(
                trainer, pl_module, self._options, self._reports, inputs=inputs, needs=self._needs
            )

    def start_batch(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, dataloader_idx: int) -> None:
        """Record the batch that starts."""
        if self._recorder is not None:
            with self._reports.guarded("reading a batch", self.stop), self._spent(RECORDING):
                self._training.take_copy(trainer, pl_module)
                self._reference.take_copy(trainer, pl_module)
                start_batch(self._recorder, trainer, batch, dataloader_idx, self._options.dataloader_idx)
                self._step = WatchedStep(self._recorder, trainer.strategy, self._reports)

    def end_batch(self) -> None:
        """Record no more until the next batch."""
        if self._recorder is not None:
            with self._reports.guarded("ending a batch", self.stop), self._spent(RECORDING):
                self._recorder.end_batch()

    def finish(self, trainer: pl.Trainer, *, inputs: bool) -> WatchedValidation | None:
        """What was recorded. All processes must call this with the same ``inputs``.

        Args:
            trainer: The Trainer, at the end of a validation that all of its processes have recorded.
            inputs: Whether all of them have kept the samples' own images.

        Returns:
            On the first process the recording, if there is one.
        """
        assert self._recorder is not None
        self._inputs_due &= not self.has_inputs
        with self._spent(RECORDING):
            found = finish_recording(trainer, self._recorder, self._options.layers, self._reports, inputs=inputs)
            self._training.record(trainer)
            self._reference.record(trainer)
        self._spent.count(self._recorder.clock)
        return None if found is None else WatchedValidation(*found, self._training.take(), self._reference.take())

    def stop(self) -> None:
        """Record no longer, and let go of everything. Doing so twice changes nothing."""
        if self._step is not None:
            self._step.end()
        if self._recorder is not None:
            self._recorder.let_go()
        self._training.let_go()
        self._reference.let_go()
        self._recorder = self._step = None
