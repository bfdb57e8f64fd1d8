"""Recording the same samples through one model after the other, as the monitor does during validation."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader
from typing_extensions import override

from topocallback.activations.indices import BatchIndices, flatten_loaders
from topocallback.activations.options import ValidationOptions, by_name
from topocallback.activations.trainer_batches import number_of_batches, start_batch
from topocallback.activations.validation import ValidationRecorder
from topocallback.compare.contents import digest_of
from topocallback.compare.passes import digest_of_pass
from topocallback.compare.random_draws import RandomDraws
from topocallback.compare.store import fingerprint
from topocallback.records.point_clouds import PointClouds

__all__ = ["RecordingOptions", "ValidationData", "record_clouds", "validates_itself"]

Data = DataLoader[Any] | pl.LightningDataModule
_HOOKS = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
_LOGGERS = ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda")


@dataclass(frozen=True)
class RecordingOptions(ValidationOptions):
    """What to record of every model, and how to run it.

    Args:
        layers: Which layers; see ``ValidationOptions`` for this and the following.
        pooling: How a layer's positions become one vector per sample.
        n_samples: How many samples, at least 2.
        dataloader_idx: Which validation data loader.
        labels: Where a batch has its labels.
        seed: Seed of the choice of samples.
        mask: Where a batch says which positions are padding.
        calls: Which output of a layer that runs several times in a batch.
        channels: Where channels are.
        select: Takes the tensor out of a layer's output.
        trainer_options: Arguments of the Trainer that runs the validation, such as ``precision`` and ``accelerator``.
        forward: What to call for a batch in place of the model's own validation step: a function of model and batch.

    Raises:
        ValueError: If an option is not one of those allowed.
    """

    n_samples: int = 1000
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    forward: Callable[[nn.Module, Any], Any] | None = None

    def describe(self) -> dict[str, Any]:
        """The options as JSON can hold them; functions by their names."""
        trainer_options = {key: str(value) for key, value in self.trainer_options.items()}
        return super().describe() | {"trainer_options": trainer_options, "forward": by_name(self.forward)}


class ValidationData(pl.LightningDataModule):
    """Validation data that is set up once, so that every model sees the same samples.

    A data module that splits at random in ``setup`` would otherwise give each model others.

    Args:
        data: A data loader, or a data module, whose validation data loaders are used.
        dataloader_idx: Which of them is recorded.

    Raises:
        TypeError: If ``data`` is neither.
        ValueError: If the data loader shuffles, or there is no such data loader.
    """

    def __init__(self, data: Data, dataloader_idx: int = 0) -> None:
        super().__init__()
        if not isinstance(data, (DataLoader, pl.LightningDataModule)):
            raise TypeError(f"Expected `data` to be a DataLoader or a LightningDataModule, got {type(data).__name__}.")
        self._hooks = data if isinstance(data, pl.LightningDataModule) else pl.LightningDataModule()
        self._loaders: Any = data
        if isinstance(data, pl.LightningDataModule):
            data.prepare_data()
            data.setup("validate")
            self._loaders = data.val_dataloader()
        loaders = self._loaders if isinstance(self._loaders, (list, tuple)) else [self._loaders]
        if dataloader_idx >= len(loaders):
            raise ValueError(f"Expected `dataloader_idx` to be below {len(loaders)}, got {dataloader_idx}.")
        self.recorded = loaders[dataloader_idx]
        self.fingerprints: dict[float, str] = {}  # by the number of batches
        indices = BatchIndices(self.recorded)
        self.length = indices.length
        if indices.shuffled:
            raise ValueError(
                f"Expected `data` not to shuffle, or every model would see other samples, but {indices.unidentified}. "
                "Give the data loader `shuffle=False`, `in_order=True`, and a sampler that draws nothing at random."
            )

    @override
    def val_dataloader(self) -> Any:
        return self._loaders

    @override
    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return self._hooks.on_before_batch_transfer(batch, dataloader_idx)

    @override
    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return self._hooks.transfer_batch_to_device(batch, device, dataloader_idx)

    @override
    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return self._hooks.on_after_batch_transfer(batch, dataloader_idx)

    def fingerprint(self, most_batches: float = float("inf")) -> str:
        """A hash of every batch, as a model is given it, and of which samples are in it.

        Args:
            most_batches: How many batches a model is given.

        Raises:
            CannotBeSeenError: If the data differ from pass to pass, or hold something of which no hash can be made.
        """
        if most_batches not in self.fingerprints:
            digests = [digest_of_pass(self.recorded, most_batches)]
            digests += [digest_of(getattr(self._hooks, name), f"data.{name}") for name in self._changes_of_batches()]
            self.fingerprints[most_batches] = fingerprint({"batches": digests, "length": self.length})
        return self.fingerprints[most_batches]

    def _changes_of_batches(self) -> list[str]:
        """The hooks of the data module that change a batch after it has left the data loader."""
        return [name for name in _HOOKS if is_overridden(name, self._hooks, pl.LightningDataModule)]


def validates_itself(model: nn.Module, options: RecordingOptions) -> bool:
    """Whether a Trainer validates a model, and otherwise it is called on each batch."""
    own_step = isinstance(model, pl.LightningModule) and is_overridden("validation_step", model, pl.LightningModule)
    return own_step and options.forward is None


def record_clouds(
    model: nn.Module,
    data: ValidationData,
    options: RecordingOptions,
    draws: RandomDraws | None = None,
    needs: Collection[str] = (),
) -> PointClouds:
    """One point cloud per layer, recorded while the model validates.

    A LightningModule with a ``validation_step`` is validated by a Trainer, as during training, so that the clouds are
    those that ``TopologyMonitor`` records with the same weights. Any other module is called on each batch, or on its
    first element, in evaluation mode and without gradients.

    Args:
        model: The model.
        data: The data.
        options: What to record.
        draws: Notes whether the model draws at random.
        needs: What measures need besides clouds; see ``ValidationRecorder``.

    Returns:
        The clouds; layers with problems are named in ``problems``.

    Raises:
        ValueError: If ``layers`` matches nothing in the model, or ``labels`` nothing in a batch.
    """
    draws = draws or RandomDraws()
    if isinstance(model, pl.LightningModule) and validates_itself(model, options):
        return _validate(model, data, options, draws, needs)
    return _run_through(model, data, options, draws, needs)


def _validate(
    model: pl.LightningModule,
    data: ValidationData,
    options: RecordingOptions,
    draws: RandomDraws,
    needs: Collection[str],
) -> PointClouds:
    """A Trainer calls the model's own validation step."""
    recording = _RecordValidation(options, draws, needs)
    with _quietly():
        trainer = pl.Trainer(
            **{"devices": 1, "barebones": False, "num_sanity_val_steps": 0, **options.trainer_options},
            callbacks=[recording],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        try:
            trainer.validate(model, datamodule=data, verbose=False)
        finally:
            # Trainer, data and model would keep each other, and the next model's memory would come on top.
            data.trainer = model.trainer = None
    assert recording.recorder is not None
    return _told(recording.recorder)


class _RecordValidation(Callback):
    """Records during one validation; nothing that goes wrong is kept quiet."""

    def __init__(self, options: RecordingOptions, draws: RandomDraws, needs: Collection[str]) -> None:
        self.recorder: ValidationRecorder | None = None
        self._options = options
        self._draws = draws
        self._needs = needs

    @override
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        idx = self._options.dataloader_idx
        indices = BatchIndices(flatten_loaders(trainer.val_dataloaders)[idx], number_of_batches(trainer, idx))
        self.recorder = ValidationRecorder(pl_module, self._options, indices, needs=self._needs)
        self.recorder.attach()

    @override
    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self.recorder is not None:
            start_batch(self.recorder, trainer, batch, dataloader_idx, self._options.dataloader_idx)
            self._draws.start()

    @override
    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self.recorder is not None:
            self._draws.stop()
            self.recorder.end_batch()

    @override
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.recorder is not None:
            self.recorder.detach()

    @override
    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if self.recorder is not None:
            self.recorder.detach()


def _run_through(
    model: nn.Module,
    data: ValidationData,
    options: RecordingOptions,
    draws: RandomDraws,
    needs: Collection[str],
) -> PointClouds:
    """Every batch through the model, in evaluation mode and without gradients."""
    device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
    training = {module: module.training for module in model.modules()}
    recorder = ValidationRecorder(model, options, BatchIndices(data.recorded), needs=needs)
    forward = options.forward or _call
    try:
        model.eval()
        with recorder, torch.no_grad():
            for batch in data.recorded:
                moved = data.transfer_batch_to_device(batch, device, 0)
                recorder.start_batch(moved, options.dataloader_idx)
                draws.start()
                forward(model, moved)
                draws.stop()
                recorder.end_batch()
    finally:
        for module, mode in training.items():
            module.training = mode
    return _told(recorder)


def _told(recorder: ValidationRecorder) -> PointClouds:
    """What was recorded, after what is to be known of it has been said."""
    recording = recorder.recording()
    for note in recorder.notes():
        warnings.warn(note, UserWarning, stacklevel=2)
    return recording.to_point_clouds(hand_over=True)


def _call(model: nn.Module, batch: Any) -> Any:
    if isinstance(batch, Mapping):
        return model(**batch)
    is_several = isinstance(batch, (tuple, list)) and not isinstance(batch, PackedSequence)
    return model(batch[0] if is_several else batch)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what Lightning says at the start of every validation."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning 2.6 under torch 2.13
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
