"""Items that say which they are, a recorder that keeps what it recorded of them, and what must hold of it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from small_trainings import our_warnings, trainer_for
from torch import nn
from torch.utils.data import Dataset

from topocallback.activations.indices import flatten_loaders
from topocallback.activations.options import ValidationOptions
from topocallback.activations.trainer_batches import start_batch
from topocallback.activations.validation import ValidationRecorder
from topocallback.monitor.recording import report_recording, start_recording
from topocallback.monitor.reports import Reports
from topocallback.monitor.steps import WatchedStep
from topocallback.monitor.trainer import is_distributed
from topocallback.records.point_clouds import PointClouds

N_SAMPLES = 12


class Items(Dataset):
    """Item i holds the value i, or so much more."""

    def __init__(self, length: int, first: int = 0) -> None:
        self.length = length
        self.first = first

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([float(range(self.first, self.first + self.length)[index])])


class Identity(pl.LightningModule):
    """Its only layer gives what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Linear(1, 1, bias=False)
        nn.init.ones_(self.value.weight)

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.value(batch)


class Fetches(Identity):
    """Fetches its batches itself."""

    def validation_step(self, dataloader_iter):
        batch, _, _ = next(dataloader_iter)
        self.value(batch)


class RunsBoth(Identity):
    """Runs its layer on the batches of both loaders."""

    order = (0, 1)

    def validation_step(self, batch, batch_idx):
        for i in self.order:
            if batch[i] is not None:
                self.value(batch[i])


class Records(pl.Callback):
    """Records every validation as the monitor does, and keeps what it recorded."""

    def __init__(self, dataloader_idx: int = 0) -> None:
        self.options = ValidationOptions("value", n_samples=N_SAMPLES, dataloader_idx=dataloader_idx)
        self.reports = Reports("warn")
        self.recorder: ValidationRecorder | None = None
        self.passes: list[tuple[PointClouds, Any]] = []

    def on_validation_start(self, trainer, pl_module):
        self.recorder = start_recording(trainer, pl_module, self.options, self.reports, inputs=False)

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        start_batch(self.recorder, trainer, batch, dataloader_idx, self.options.dataloader_idx)
        WatchedStep(self.recorder, trainer.strategy, self.reports)

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        self.recorder.end_batch()

    def on_validation_epoch_end(self, trainer, pl_module):
        self.recorder.detach()
        device = trainer.strategy.root_device if is_distributed(trainer) else None
        recording = self.recorder.recording(device)
        if trainer.is_global_zero:
            report_recording(self.reports, "value", self.recorder, recording)
            loader = flatten_loaders(trainer.val_dataloaders)[self.options.dataloader_idx]
            self.passes.append((recording.to_point_clouds(), loader))


def validate(
    folder: Path, loaders: Any, dataloader_idx: int = 0, model: type[Identity] = Identity, **options: Any
) -> tuple[Records, list[str]]:
    """Validate twice, so that whatever changes from pass to pass does so."""
    records = Records(dataloader_idx)
    trainer = trainer_for(folder, records, logger=False, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            trainer.validate(model(), loaders, verbose=False)
    return records, our_warnings(caught)


def why_unidentified(clouds: PointClouds) -> str | None:
    """What the recording says about its rows' identity."""
    said = clouds.recording["samples"]
    return None if said == "indices into the data set" else said


def assert_rows_are_their_items(records: Records, items: set[float]) -> None:
    """Every index leads to the item that its row is, and as many rows were kept as there are items, or were asked for.

    Args:
        items: The values that validation ran through.
    """
    for clouds, loader in records.passes:
        assert why_unidentified(clouds) is None
        rows = clouds.clouds["value"][:, 0].tolist()
        assert [float(loader.dataset[index]) for index in clouds.sample_ids.tolist()] == rows
        assert set(rows) <= items
        assert len(rows) == len(set(rows)) == min(N_SAMPLES, len(items))


def assert_it_is_said(records: Records, told: list[str], *, is_defect: bool) -> None:
    """No row is said to be an item, one warning says why where something is lost, and rows were kept all the same.

    Args:
        is_defect: Whether there should be a warning.
    """
    for clouds, _ in records.passes:
        assert why_unidentified(clouds)
        assert len(clouds.sample_ids) == N_SAMPLES
    assert ["which items of the data set" in message for message in told] == [True] * is_defect
