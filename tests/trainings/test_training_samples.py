"""Training samples beside validation in trainings of every kind: overfit ones, compiled ones, in two processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import Net, data, fit, in_two_processes, loader, trainer_for, watch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor, load_history
from topocallback.hashing import sample_priorities
from topocallback.measures.cloud.classes import NeighbourAccuracy

pytestmark = pytest.mark.long

N = 30


# -- What it is for ---------------------------------------------------------------------------------------------------


class Wide(Net):
    """Wide enough to learn by heart."""

    def __init__(self) -> None:
        super().__init__(width=64)
        self.dropout = nn.Identity()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


def labelled(n: int, seed: int, *, by_chance: bool) -> DataLoader:
    """Points whose labels are those of their quarter of the plane, or of none."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=generator)
    y = torch.randint(3, (n,), generator=generator) if by_chance else (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    return DataLoader(TensorDataset(x, y), 60)


@pytest.mark.scenario("a training that learns random labels by heart")
def test_a_training_that_learns_by_heart_has_a_gap_in_its_last_layer(tmp_path):
    gaps = {}
    for by_chance in (True, False):
        train, val = (labelled(60, seed, by_chance=by_chance) for seed in (1, 2))
        monitor = TopologyMonitor(
            ("stem", "head"), measures=["sliced_wasserstein", NeighbourAccuracy(k=3)], train_samples=60, mapper=False,
            figures=False, every_n_validations=100, on_error="raise",
        )  # fmt: skip
        fit(tmp_path, monitor, model=Wide(), train=train, val=val, max_epochs=101)
        gaps[by_chance] = monitor.history[-1].statistics["train_gap_knn_accuracy(k=3)"].values
    assert gaps[True][1] > 0.3  # classes are apart in training data, and at chance in validation data
    assert gaps[True][1] > gaps[False][1] + 0.2
    assert abs(gaps[True][0]) < 0.2  # what the first layer sees has no classes on either side


# -- Compiled models --------------------------------------------------------------------------------------------------


@pytest.mark.scenario("training samples of compiled models")
@pytest.mark.parametrize("whole", [True, False])
def test_compiled_models_are_watched_on_training_samples(tmp_path, whole):
    def train(*callbacks):
        model = Net()
        if whole:
            model = torch.compile(model, backend="eager")
        else:
            model.blocks = torch.compile(model.blocks, backend="eager")
        return fit(tmp_path, *callbacks, model=model, max_epochs=1)

    options = {"layers": ("stem", "head"), "train_samples": N, "n_samples": N, "mapper": False, "on_error": "raise"}
    watched = watch(train, counted=False, **options)
    assert np.isfinite(watched.monitor.history[-1].statistics["train_gap_bars", 0].values).all()


# -- Several processes ------------------------------------------------------------------------------------------------


class Exchanges(Net):
    """A validation step that exchanges something with the other processes."""

    def validation_step(self, batch, batch_idx):
        loss = self.all_gather(self.loss(batch)).mean()
        self.log("val_loss", loss, sync_dist=True)


def train_in_every_process(folder: Path) -> None:
    options = {"layers": ("stem", "head"), "n_samples": N, "mapper": False, "figures": False, "pooling": "flatten"}
    monitor = TopologyMonitor(train_samples=N, on_error="raise", **options)
    taken = []
    take = monitor._watch._training.take
    monitor._watch._training.take = lambda: taken.append(take()) or taken[-1]
    trainer = trainer_for(folder, monitor, strategy="ddp", devices=2, max_epochs=1, logger=False)
    torch.manual_seed(0)
    trainer.fit(Exchanges(), DataLoader(data(100, seed=9), 8, shuffle=True), loader())
    if trainer.is_global_zero:
        (clouds,) = taken
        ids = np.argsort(sample_priorities(np.arange(100), 0))[:N]
        np.testing.assert_array_equal(clouds.sample_ids, np.sort(ids))
        (snapshot,) = load_history(folder)
        assert np.isfinite(snapshot.statistics["train_gap_bars", 0].values).all()
    else:
        assert taken == []


@pytest.mark.scenario("two processes: training samples of a step that exchanges tensors")
def test_two_processes_run_the_training_samples_together(tmp_path):
    in_two_processes(train_in_every_process, tmp_path)
