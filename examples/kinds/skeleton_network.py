"""Train a spatio-temporal graph network on moving skeletons, input (N, C, T, V), under a TopologyMonitor.

    python examples/kinds/skeleton_network.py

Blocks as in ST-GCN (Yan et al. 2018): a graph convolution over the V joints, then a convolution over the T frames.
"""

from __future__ import annotations

import argparse
import math
from itertools import pairwise
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor
from topocallback.findings.report import write_report

BONES = [(0, 1), (1, 2), (1, 3), (3, 4), (4, 5), (1, 6), (6, 7), (7, 8), (0, 9), (9, 10), (0, 11), (11, 12)]
"""Hip, chest, head, left and right arm of three joints, left and right leg of two."""
JOINTS = 13
ACTIONS = {"wave": (4, 5), "clap": (4, 5, 7, 8), "walk": (9, 10, 11, 12), "nod": (2,)}
"""Which joints move."""


def make_skeletons(count: int, frames: int = 24, seed: int = 0) -> TensorDataset:
    """(count, 2, frames, JOINTS) positions in the plane, and (count,) which action it is."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % len(ACTIONS)
    moves = torch.zeros(len(ACTIONS), JOINTS)
    for row, joints in zip(moves, ACTIONS.values(), strict=True):
        row[list(joints)] = 1
    time = torch.linspace(0, 4 * math.pi, frames)
    phase = 2 * math.pi * torch.rand(count, 1, generator=generator)
    swing = torch.stack([torch.sin(time + phase), torch.cos(time + phase)], dim=1)  # (count, 2, frames)
    stance = torch.randn(2, JOINTS, generator=torch.Generator().manual_seed(1))
    still = stance[None, :, None] + 0.5 * torch.randn(count, 2, frames, JOINTS, generator=generator)
    return TensorDataset(still + swing[..., None] * moves[labels][:, None, None], labels)


def neighbours() -> Tensor:
    """(JOINTS, JOINTS) the normalised adjacency of the joints."""
    adjacency = torch.eye(JOINTS)
    for i, j in BONES:
        adjacency[i, j] = adjacency[j, i] = 1
    return adjacency / adjacency.sum(dim=0)


class SkeletonBlock(nn.Module):
    """Over the joints, then over the frames, and a shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(in_channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        self.temporal = nn.Conv2d(channels, channels, (5, 1), (stride, 1), padding=(2, 0))
        self.shortcut = nn.Conv2d(in_channels, channels, 1, (stride, 1))

    def forward(self, x: Tensor, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        """(N, in_channels, T, V) to (N, channels, T / stride, V), and the adjacency for the next block."""
        y = torch.einsum("nctv,vw->nctw", self.spatial(x), adjacency)
        return torch.relu(self.temporal(torch.relu(self.norm(y))) + self.shortcut(x)), adjacency


class SkeletonNet(pl.LightningModule):
    """Three blocks on normalised coordinates, and a head on the mean over frames and joints."""

    adjacency: Tensor

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.data_norm = nn.BatchNorm1d(2 * JOINTS)
        widths = [2, width, 2 * width, 4 * width]
        self.blocks = nn.ModuleList(SkeletonBlock(a, b, 1 + (a > 2)) for a, b in pairwise(widths))
        self.head = nn.Linear(widths[-1], len(ACTIONS))
        self.register_buffer("adjacency", neighbours())

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2, T, V) to (N, actions) logits."""
        n, c, t, v = x.shape
        x = self.data_norm(x.permute(0, 1, 3, 2).reshape(n, c * v, t)).reshape(n, c, v, t).permute(0, 1, 3, 2)
        for block in self.blocks:
            x, _ = block(x, self.adjacency)
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """The accuracy of one batch."""
        self.log("val_accuracy", (self(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at a constant rate."""
        return torch.optim.Adam(self.parameters(), lr=3e-3)


def main(epochs: int = 5, samples: int = 800, out: str = "runs") -> TopologyMonitor:
    """Train, and say what was seen."""
    pl.seed_everything(0, verbose=False)
    # The channels of the joint and the frame where they are strongest; "mean" would be of all of them.
    monitor = TopologyMonitor(n_samples=256, pooling="max_norm", measures=("sliced_wasserstein", "knn_accuracy"))
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(out, name="skeleton_network"),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=-1,  # all of the validation data: the first snapshot is that of the untrained network
    )
    train = DataLoader(make_skeletons(samples), 32, shuffle=True)
    trainer.fit(SkeletonNet(), train, DataLoader(make_skeletons(max(samples // 3, 8), seed=2), 64))
    first, last = monitor.history[0], monitor.history[-1]
    print(f"Validation accuracy {float(trainer.callback_metrics['val_accuracy']):.2f}.")
    moved = last.distances.choose().drift_from_reference / last.distances.choose().noise
    for i, layer in enumerate(last.layers):
        before, now = (each.statistics["knn_accuracy"].values[i] for each in (first, last))
        print(f"  {layer}: moved {moved[i]:.1f} x noise; neighbours of one action {before:.2f} before, {now:.2f} now")
    folder = Path(trainer.log_dir or out)
    print(f"Report: {write_report(folder, folder / 'report.html')}")
    return monitor


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--samples", type=int, default=800, help="skeletons to train on")
    parser.add_argument("--out", default="runs", help="folder for the logs")
    main(**vars(parser.parse_args()))
