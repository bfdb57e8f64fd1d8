"""Recording models for a comparison: by a Trainer or by calling them, from the data loader that was asked for."""

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningDataModule
from small_trainings import LAYERS, ExactNet, data, hooks_of
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from topocallback.compare.recording import RecordingOptions, ValidationData, record_clouds


class Stream(IterableDataset):
    """The samples of a data set, of which nobody knows how many there are."""

    def __init__(self, seed):
        self.seed = seed

    def __iter__(self):
        samples = data(40, self.seed)
        return iter([samples[index] for index in range(40)])


class TwoLoaders(LightningDataModule):
    def __init__(self, streamed):
        super().__init__()
        self.streamed = streamed

    def val_dataloader(self):
        return [DataLoader(Stream(seed) if self.streamed else data(40, seed), batch_size=7) for seed in (1, 2)]


def truth(model, seed, ids):
    with torch.no_grad():
        return model(data(40, seed).tensors[0][ids]).numpy()


@pytest.mark.parametrize("how", ["validation step", "function"])
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("dataloader_idx", [0, 1])
def test_samples_are_those_of_the_loader_that_was_asked_for(how, streamed, dataloader_idx):
    model = ExactNet().eval()
    forward = (lambda module, batch: module(batch[0])) if how == "function" else None
    options = RecordingOptions(n_samples=15, dataloader_idx=dataloader_idx, forward=forward)
    clouds = record_clouds(model, ValidationData(TwoLoaders(streamed), dataloader_idx), options)
    assert clouds.problems == {}
    assert clouds.layers == LAYERS
    assert clouds.n_points == 15
    np.testing.assert_array_equal(clouds.clouds["head"], truth(model, dataloader_idx + 1, clouds.sample_ids))
    np.testing.assert_array_equal(clouds.labels, clouds.sample_ids % 3)
    assert hooks_of(model) == 0


def test_a_plain_module_is_called_in_evaluation_mode_and_left_in_its_own():
    model = nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.9))
    model[0].eval()
    options = RecordingOptions(["0", "1"], n_samples=15)
    clouds = record_clouds(model, ValidationData(DataLoader(data(40, 1), batch_size=7)), options)
    assert clouds.layers == ("0", "1")
    np.testing.assert_array_equal(clouds.clouds["1"], clouds.clouds["0"])
    assert [module.training for module in (model, model[0], model[1])] == [True, False, True]


@pytest.mark.parametrize("forward", [None, lambda module, batch: module(batch[0])])
def test_labels_that_are_missing_raise_and_leave_no_hook(forward):
    model = ExactNet()
    options = RecordingOptions(n_samples=15, labels="digit", forward=forward)
    with pytest.raises(ValueError, match="Expected `labels='digit'` to be in the batch"):
        record_clouds(model, ValidationData(DataLoader(data(40, 1), batch_size=7)), options)
    assert hooks_of(model) == 0


def test_the_options_of_recording_are_checked_here_too():
    with pytest.raises(ValueError, match="`n_samples` to be an integer of at least 2, got 1"):
        RecordingOptions(n_samples=1)
    assert RecordingOptions().n_samples == 1000


class Repeats(nn.Module):
    """A block that runs three times on padded sequences."""

    def __init__(self):
        super().__init__()
        self.block = nn.Linear(4, 4)

    def forward(self, x):
        for _ in range(3):
            x = self.block(x)
        return x


def padded_sequences(longest):
    generator = torch.Generator().manual_seed(0)
    sequences = [torch.randn(1 + i % 5, 4, generator=generator) for i in range(30)]

    def collate(samples):
        lengths = torch.tensor([len(sample) for sample in samples])
        padding = [torch.zeros(longest - len(sample), 4) for sample in samples]
        return torch.stack([torch.cat(pair) for pair in zip(samples, padding, strict=True)]), lengths

    return DataLoader(sequences, batch_size=8, collate_fn=collate)


def test_calls_masks_and_selection_are_those_of_a_monitor():
    model = Repeats().eval()
    options = RecordingOptions("block", n_samples=30, calls="each", select=lambda output: 2 * output)
    short, long = (record_clouds(model, ValidationData(padded_sequences(n)), options) for n in (5, 40))
    assert short.layers == long.layers == ("block@0", "block@1", "block@2")
    assert short.labels is None  # the second part of a batch are lengths
    for layer in short.layers:
        np.testing.assert_allclose(short.clouds[layer], long.clouds[layer], atol=1e-6)
    alone = padded_sequences(5).dataset[7]
    with torch.no_grad():
        np.testing.assert_allclose(short.clouds["block@0"][7], 2 * model.block(alone).mean(dim=0), atol=1e-6)


def test_what_is_not_certain_is_said_before_clouds_are_given():
    options = RecordingOptions("block", n_samples=30)
    with pytest.warns(UserWarning, match="layer 'block' ran several times in one batch, and the first output"):
        record_clouds(Repeats().eval(), ValidationData(padded_sequences(5)), options)
