"""Train a multilayer perceptron on a table with a continuous target, and watch its layers straighten the target out.

    python examples/kinds/tabular_regression.py

Ten measurements of 442 patients, and how far their diabetes had progressed a year later (Efron et al. 2004); the data
come with scikit-learn. A regression has no classes: nodes of Mapper graphs are coloured by the target's value.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from sklearn.datasets import load_diabetes
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor


class Regression(pl.LightningModule):
    """Three linear layers with ReLUs and dropout between them."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(10, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
        )

    def forward(self, table: Tensor) -> Tensor:
        """(N, 10) rows to (N,) predictions."""
        predictions: Tensor = self.net(table)[:, 0]
        return predictions

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        """Log the mean squared error of one batch, of a target whose variance is 1."""
        self.log("val_loss", nn.functional.mse_loss(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW at a constant rate."""
        return torch.optim.AdamW(self.parameters(), lr=2e-3, weight_decay=0.1)


def loaders() -> tuple[DataLoader[Any], DataLoader[Any]]:
    """221 patients to train on and 221 to validate on; every column and the target are standardised."""
    table, target = load_diabetes(return_X_y=True, scaled=False)
    columns = np.column_stack([table, target])
    rows = torch.from_numpy((columns - columns.mean(axis=0)) / columns.std(axis=0)).float()
    rows = rows[torch.from_numpy(np.random.default_rng(0).permutation(len(rows)))]
    train, validation = (TensorDataset(half[:, :10], half[:, 10]) for half in (rows[:221], rows[221:]))
    return DataLoader(train, 32, shuffle=True), DataLoader(validation, 221)


def main(arguments: Sequence[str] | None = None) -> TopologyMonitor:
    """Train, and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--samples", type=int, default=221)
    parser.add_argument("--out", default="runs")
    options = parser.parse_args(arguments)

    pl.seed_everything(0)
    monitor = TopologyMonitor(
        n_samples=options.samples, every_n_validations=5, measures=["sliced_wasserstein", "participation_ratio"]
    )
    trainer = pl.Trainer(
        max_epochs=options.epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(options.out, name="tabular_regression"),
        num_sanity_val_steps=-1,  # the untrained network is the first snapshot
        enable_progress_bar=False,
    )
    trainer.fit(Regression(), *loaders())

    first, last = monitor.history[0], monitor.history[-1]
    print(f"Mean squared error {float(trainer.callback_metrics['val_loss']):.2f} of a variance of 1.")
    print("Dimensions that each layer's variance fills (participation ratio), before training and now:")
    for i, layer in enumerate(last.layers):
        before, now = (snapshot.statistics["participation_ratio"].values[i] for snapshot in (first, last))
        print(f"  {layer:18} {before:5.1f}  {now:5.1f}")
    print(f"tensorboard --logdir {options.out}")
    return monitor


if __name__ == "__main__":
    main()
