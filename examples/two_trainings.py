"""Two trainings that no loss curve tells apart: in one of them two blocks of the network do nothing.

    python examples/two_trainings.py

A residual network on scikit-learn's 1,797 images of handwritten digits. Its blocks begin as the identity, as is usual:
the last norm of each starts at zero. The optimiser gets a learning rate for every part of the network, by a list of
names; when two stages got a second block, nobody added these to the list. So they stay what they were at the start, and
pass on what they are given. Validation loss and accuracy do not show it; the training loss ends somewhat higher, which
takes a training of the same seed without the mistake to be seen.

Trains five seeds of either, a few minutes on one core without any download, says what came out, and draws
``two_trainings.png``.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loggers import CSVLogger
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import Snapshot, TopologyMonitor, load_history

LAYERS = ("stem", "block1", "block2", "down1", "block3", "block4", "down2", "block5", "block6", "head")
FORGOTTEN = ("block2", "block4")
BLOCKS = [layer for layer in LAYERS if layer.startswith("block")]
HEALTHY, FAULTY = "#8a94a3", "#d1495b"


class Block(nn.Module):
    """Two 3x3 convolutions beside the identity, which is all there is at the start (Goyal et al. 2017)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W), which stays so."""
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(x + self.norm2(self.conv2(y)))


def convolution(in_channels: int, channels: int, stride: int) -> nn.Sequential:
    """A 3x3 convolution, a norm and a ReLU."""
    conv = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())


class Classifier(pl.LightningModule):
    """Three stages of two blocks, trained with AdamW.

    Args:
        trained: The parts of the network that the optimiser gets.
        width: Channels of the first stage.
    """

    def __init__(self, trained: Sequence[str] = LAYERS, width: int = 8) -> None:
        super().__init__()
        self.trained = trained
        self.stem = convolution(1, width, 1)
        self.block1, self.block2 = Block(width), Block(width)
        self.down1 = convolution(width, 2 * width, 2)
        self.block3, self.block4 = Block(2 * width), Block(2 * width)
        self.down2 = convolution(2 * width, 4 * width, 2)
        self.block5, self.block6 = Block(4 * width), Block(4 * width)
        self.head = nn.Linear(16 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, 8, 8) images to (N, 10) logits."""
        for layer in LAYERS[:-1]:
            x = self.get_submodule(layer)(x)
        logits: Tensor = self.head(x.flatten(1))
        return logits

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        """Log loss and accuracy of one batch."""
        logits = self(batch[0])
        self.log("val_loss", nn.functional.cross_entropy(logits, batch[1]))
        self.log("val_accuracy", (logits.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW; the head learns faster than what is before it."""
        groups = [
            {"params": list(self.get_submodule(layer).parameters()), "lr": 6e-3 if layer == "head" else 3e-3}
            for layer in self.trained
        ]
        return torch.optim.AdamW(groups, weight_decay=0.05)


def digit_loaders() -> tuple[DataLoader[Any], DataLoader[Any]]:
    """1,437 images to train on and 360 to validate on, (1, 8, 8) in [0, 1], split by a fixed permutation."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    inputs = torch.from_numpy(images[order].reshape(-1, 1, 8, 8) / 16).float()
    data = TensorDataset(inputs, torch.from_numpy(labels[order]).long())
    train, validation = (torch.utils.data.Subset(data, part) for part in (range(1437), range(1437, len(labels))))
    return DataLoader(train, 64, shuffle=True), DataLoader(validation, 360)


class Curves(pl.Callback):
    """Keeps what a logger would plot, one row an epoch: training loss, validation loss, validation accuracy."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Read the epoch's numbers."""
        self.rows.append([float(trainer.callback_metrics[name]) for name in ("train_loss", "val_loss", "val_accuracy")])


@dataclass(frozen=True)
class Run:
    """What came of one training.

    Attributes:
        curves: (epochs, 3) training loss, validation loss, validation accuracy.
        folder: Where its snapshots are.
        last: The last snapshot.
    """

    curves: NDArray[np.float64]
    folder: str
    last: Snapshot

    def changed(self, block: str) -> float:
        """How much a block changes who is near whom: 0 if all images keep their nearest ones, 1 if none keeps any."""
        row = self.last.layers.index(block)
        return float(self.last.distances["knn_overlap"].matrix[row - 1, row])


def train(seed: int, trained: Sequence[str], epochs: int, folder: Path) -> Run:
    """Train one seed under a monitor."""
    pl.seed_everything(seed, verbose=False)
    curves = Curves()
    measures = ("sliced_wasserstein", "knn_overlap")
    # The untrained network's validation, that of the first epoch, and that of the last.
    monitor = TopologyMonitor(
        list(LAYERS), measures=measures, every_n_validations=max(1, epochs - 1), mapper=False, figures=False
    )
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[monitor, curves],
        logger=CSVLogger(folder, name=f"seed={seed}"),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=-1,  # all of the validation data: the first snapshot is that of the untrained network
    )
    trainer.fit(Classifier(trained), *digit_loaders())
    return Run(np.array(curves.rows), str(trainer.log_dir), load_history(str(trainer.log_dir))[-1])


def compare_losses(healthy: Sequence[Run], faulty: Sequence[Run]) -> list[str]:
    """Both kinds' numbers: at the end with a test, and how often the faulty ones are in the range of the others.

    One more seed of n lies between the smallest and the largest of the others in (n - 1) / (n + 1) of cases.
    """
    expected = (len(healthy) - 1) / (len(healthy) + 1)
    said = []
    for i, name in enumerate(("training loss", "validation loss", "validation accuracy")):
        curves, others = (np.array([run.curves[:, i] for run in runs]) for runs in (healthy, faulty))
        ranges = [f"{found[:, -1].min():.4f} to {found[:, -1].max():.4f}" for found in (curves, others)]
        p = mannwhitneyu(curves[:, -1], others[:, -1]).pvalue
        inside = ((others >= curves.min(axis=0)) & (others <= curves.max(axis=0))).mean()
        said.append(
            f"{name}: {ranges[0]}, with the mistake {ranges[1]} (p = {p:.2f}, Mann-Whitney); over all epochs "
            f"{inside:.0%} are in the range of the healthy seeds, of one more healthy seed it would be {expected:.0%}"
        )
    return said


def compare_blocks(healthy: Sequence[Run], faulty: Sequence[Run]) -> list[str]:
    """How much every block changes who is near whom, over the seeds."""
    said = []
    for block in BLOCKS:
        ranges = [[run.changed(block) for run in runs] for runs in (healthy, faulty)]
        shown = [f"{min(values):.2f} to {max(values):.2f}" for values in ranges]
        said.append(f"{block}: changes neighbours by {shown[0]}, with the mistake {shown[1]}")
    return said


# -- The picture ------------------------------------------------------------------------------------------------------


def draw(healthy: Sequence[Run], faulty: Sequence[Run], path: Path) -> None:
    """The curves on top of each other, and beside them what the monitor says."""
    figure = Figure(figsize=(10.4, 4.2), layout="constrained", dpi=160)
    losses, blocks = figure.subplots(1, 2, width_ratios=(1, 1.15))
    draw_losses(losses, healthy, faulty)
    draw_blocks(blocks, healthy, faulty)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1, wspace=0.06)  # type: ignore[union-attr, call-arg]
    figure.savefig(path, facecolor="white")


def draw_losses(axis: Axes, healthy: Sequence[Run], faulty: Sequence[Run]) -> None:
    """Validation and training loss over epochs on a logarithmic scale, a line a seed."""
    for runs, colour, name in ((healthy, HEALTHY, "as intended"), (faulty, FAULTY, "two blocks forgotten")):
        axis.plot([], [], color=colour, lw=2, label=f"{name} ({len(runs)} seeds)")
        for run in runs:
            epochs = np.arange(1, len(run.curves) + 1)
            axis.plot(epochs, run.curves[:, 1], color=colour, lw=1.3, alpha=0.8)
            axis.plot(epochs, run.curves[:, 0], color=colour, lw=1, ls=(0, (3, 2)), alpha=0.8)
    for column, name in ((1, "validation"), (0, "training")):
        middle = np.exp(np.mean([np.log(run.curves[-1, column]) for run in (*healthy, *faulty)]))
        end = len(healthy[0].curves)
        axis.annotate(name, (end, middle), (6, 0), textcoords="offset points", color="0.3", va="center")
    axis.set_yscale("log")
    axis.set_xlabel("epoch")
    axis.set_xticks(range(1, len(healthy[0].curves) + 1))
    tidy(axis, "What the loss says", "loss")
    axis.legend(frameon=False)


def draw_blocks(axis: Axes, healthy: Sequence[Run], faulty: Sequence[Run]) -> None:
    """How much each block changes who is near whom, a dot a seed."""
    for runs, colour, shift in ((healthy, HEALTHY, -0.13), (faulty, FAULTY, 0.13)):
        for i, run in enumerate(runs):
            places = np.arange(len(BLOCKS)) + shift + 0.03 * (i - (len(runs) - 1) / 2)
            values = [run.changed(block) for block in BLOCKS]
            axis.plot(places, values, "o", ms=6, color=colour, mec="white", mew=0.7, zorder=3, clip_on=False)
    for block in (block for block in BLOCKS if all(run.changed(block) == 0 for run in faulty)):
        axis.annotate(
            "does nothing",
            (BLOCKS.index(block) + 0.13, 0),
            (0, 9),
            textcoords="offset points",
            color=FAULTY,
            ha="center",
        )
    axis.set_xticks(range(len(BLOCKS)), BLOCKS)
    axis.set_xlim(-0.5, len(BLOCKS) - 0.5)
    axis.set_ylim(bottom=-0.02)
    tidy(axis, "What the monitor says", "other neighbours behind the block (0 none, 1 all)")


def tidy(axis: Axes, title: str, quantity: str) -> None:
    """No more lines than needed."""
    axis.set_title(title, loc="left", fontsize=13, fontweight="bold")
    axis.set_ylabel(quantity)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="0.92", lw=0.8)
    axis.set_axisbelow(True)


def main() -> None:
    """Train both, compare them, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("runs/two_trainings"))
    options = parser.parse_args()

    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # images in memory need none
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning 2.6 under torch 2.13
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    healthy, faulty = [], []
    for seed in range(options.seeds):
        healthy.append(train(seed, LAYERS, options.epochs, options.out / "as_intended"))
        listed = [layer for layer in LAYERS if layer not in FORGOTTEN]
        faulty.append(train(seed, listed, options.epochs, options.out / "with_the_mistake"))
        losses = [run[-1].curves[-1, 1] for run in (healthy, faulty)]
        print(f"seed {seed}: validation loss {losses[0]:.4f}, with the mistake {losses[1]:.4f}", flush=True)
    print("\nAt the end, over the seeds:")
    print("\n".join([*compare_losses(healthy, faulty), "", *compare_blocks(healthy, faulty)]))
    draw(healthy, faulty, options.out / "two_trainings.png")
    print(f"\nPicture: {options.out / 'two_trainings.png'}")


if __name__ == "__main__":
    main()
