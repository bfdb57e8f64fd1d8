"""The batch that a real Trainer's validation step is about to get, in whatever way."""

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.utilities import CombinedLoader
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback.activations.indices import BatchIndices, flatten_loaders
from topocallback.activations.options import ValidationOptions
from topocallback.activations.trainer_batches import holds_several_loaders, start_batch
from topocallback.activations.validation import ValidationRecorder

N = 13


def data(seed):
    x = torch.randn(N, 3, generator=torch.Generator().manual_seed(seed))
    return TensorDataset(x, torch.arange(N) + 100 * seed)


def loader(seed=0):
    return DataLoader(data(seed), batch_size=4)


class Recording(pl.Callback):
    """Says batches to a recorder, as a monitor does."""

    def __init__(self, recorded_idx=0):
        self.recorded_idx = recorded_idx
        self.several = None

    def on_validation_start(self, trainer, pl_module):
        loaders = flatten_loaders(trainer.val_dataloaders)
        options = ValidationOptions("net.*", n_samples=99, dataloader_idx=self.recorded_idx)
        self.recorder = ValidationRecorder(pl_module, options, BatchIndices(loaders[self.recorded_idx]))
        self.recorder.attach()

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self.several = holds_several_loaders(trainer)
        start_batch(self.recorder, trainer, batch, dataloader_idx, self.recorded_idx)

    def on_validation_batch_end(self, *args, **kwargs):
        self.recorder.end_batch()

    def on_validation_end(self, trainer, pl_module):
        self.recorder.detach()


class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.net(batch[0])

    def configure_optimizers(self):
        return None


class Combined(Module):
    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        for part in batch.values() if isinstance(batch, dict) else batch:
            if part is not None:
                self.net(part[0])


class Fetching(Module):
    def validation_step(self, dataloader_iter):
        batch, *_ = next(dataloader_iter)
        self.net(batch[0])


class FetchingTwice(Module):
    def validation_step(self, dataloader_iter):
        next(dataloader_iter)
        batch, *_ = next(dataloader_iter)
        self.net(batch[0])


def validate(module, loaders, recorded_idx=0):
    callback = Recording(recorded_idx)
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, callbacks=[callback],
    )  # fmt: skip
    trainer.validate(module, loaders, verbose=False)
    return callback, callback.recorder.recording().to_point_clouds()


def assert_recorded(clouds, module, seed):
    x, y = data(seed).tensors
    assert clouds.problems == {}
    assert clouds.sample_ids.tolist() == list(range(N))
    assert clouds.labels.tolist() == y.tolist()
    np.testing.assert_allclose(clouds.clouds["net.1"], module.net(x).detach(), atol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("recorded_idx", [0, 1])
def test_of_loaders_one_after_the_other_only_the_recorded_one_counts(recorded_idx):
    module = Module()
    callback, clouds = validate(module, [loader(0), loader(1)], recorded_idx)
    assert callback.several is False
    assert_recorded(clouds, module, recorded_idx)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["max_size", "max_size_cycle", "min_size"])
@pytest.mark.parametrize("form", [list, lambda loaders: dict(zip("ab", loaders, strict=True))], ids=["list", "mapping"])
@pytest.mark.parametrize("recorded_idx", [0, 1])
def test_of_loaders_at_once_only_the_recorded_ones_samples_count(mode, form, recorded_idx):
    module = Combined()
    loaders = CombinedLoader(form([loader(0), loader(1)]), mode)
    callback, clouds = validate(module, loaders, recorded_idx)
    assert callback.several is True
    assert_recorded(clouds, module, recorded_idx)


@pytest.mark.filterwarnings("ignore")
def test_a_step_that_fetches_its_batches_is_recorded_as_any_other():
    module = Fetching()
    _, clouds = validate(module, loader(0))
    assert_recorded(clouds, module, 0)


@pytest.mark.filterwarnings("ignore")
def test_a_step_that_fetches_two_batches_is_not_recorded_and_that_is_said():
    callback, clouds = validate(FetchingTwice(), DataLoader(data(0), batch_size=2, drop_last=True))
    assert clouds.n_points == 0
    assert any("did not fetch one batch for each step" in note for note in callback.recorder.notes())
