"""Train an autoencoder on 8 x 8 digits under a TopologyMonitor: where does it keep classes apart that it never saw?

    python examples/kinds/autoencoder.py
    python examples/kinds/autoencoder.py --unlabelled

The loss uses no labels. Where the batches have some, the monitor finds them, and says how the layers order them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor
from topocallback.findings.report import write_report


class Autoencoder(pl.LightningModule):
    """Two strided convolutions, a code of a few numbers, and the way back."""

    def __init__(self, code: int = 6, width: int = 16) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 3, 2, padding=1), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, 2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(8 * width, code),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(code, 8 * width), nn.ReLU(), nn.Unflatten(1, (2 * width, 2, 2)),
            nn.ConvTranspose2d(2 * width, width, 4, 2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, 2, padding=1),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 8, 8) to (N, 1, 8, 8)."""
        restored: Tensor = self.decoder(self.encoder(images))
        return restored

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return nn.functional.mse_loss(self(batch[0]), batch[0])

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """The error of one batch."""
        self.log("val_loss", nn.functional.mse_loss(self(batch[0]), batch[0]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at a constant rate."""
        return torch.optim.Adam(self.parameters(), lr=2e-3)


def digit_loaders(count: int = 1797, *, labelled: bool = True) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Three quarters of the images to train on and one to validate on, with labels or without."""
    digits = load_digits()
    images = torch.from_numpy(digits.images[:count]).float()[:, None] / 16
    parts = (images, torch.from_numpy(digits.target[:count])) if labelled else (images,)
    split = count * 3 // 4
    train = TensorDataset(*(part[:split] for part in parts))
    return DataLoader(train, 64, shuffle=True), DataLoader(TensorDataset(*(part[split:] for part in parts)), 64)


def main(epochs: int = 15, images: int = 1797, out: str = "runs", *, unlabelled: bool = False) -> TopologyMonitor:
    """Train, and say what was seen."""
    pl.seed_everything(0, verbose=False)
    measures = ["sliced_wasserstein", "cka", "participation_ratio", *([] if unlabelled else ["knn_accuracy"])]
    monitor = TopologyMonitor(n_samples=256, measures=measures)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(out, name="autoencoder"),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=-1,  # all of the validation data: the first snapshot is that of the untrained network
    )
    trainer.fit(Autoencoder(), *digit_loaders(images, labelled=not unlabelled))
    first, last = monitor.history[0], monitor.history[-1]
    print(f"Validation error {float(trainer.callback_metrics['val_loss']):.4f}.")
    for name in [table.about.key for table in last.statistics.values() if table.about.measure in measures[2:]]:
        for i, layer in enumerate(last.layers):
            before, now = (each.statistics[name].values[i] for each in (first, last))
            print(f"  {layer}: {last.statistics[name].about.label} {before:.2f} before training, now {now:.2f}")
    folder = Path(trainer.log_dir or out)
    print(f"Report: {write_report(folder, folder / 'report.html')}")
    return monitor


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--images", type=int, default=1797, help="images to train and validate on")
    parser.add_argument("--unlabelled", action="store_true", help="leave the labels out of the batches")
    parser.add_argument("--out", default="runs", help="folder for the logs")
    main(**vars(parser.parse_args()))
