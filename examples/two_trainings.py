"""Two trainings that no loss curve tells apart: in one of them a block of the network does nothing.

    python examples/two_trainings.py

A residual network on scikit-learn's 1,797 images of handwritten digits. Its blocks begin as the identity, as is usual:
the last norm of each starts at zero. The optimiser gets a learning rate for every part of the network, by a list of
names; when the first stage got a third block, nobody added it to the list. So it stays what it was at the start, and
passes on what it is given. Loss and accuracy do not show it; the monitor says so in a sentence.

Trains eight seeds of either, a few minutes on one core without any download, says what came out and what the monitor
found, and draws ``two_trainings.png``.
"""

from __future__ import annotations

import argparse
import logging
import textwrap
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
from matplotlib.ticker import MultipleLocator, PercentFormatter
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, wilcoxon
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import Finding, Snapshot, TopologyMonitor, findings_of, load_history

STAGES = (
    ("stem", "block1", "block2", "block3"),
    ("down1", "block4", "block5", "block6"),
    ("down2", "block7", "block8"),
)
LAYERS = (*STAGES[0], *STAGES[1], *STAGES[2], "head")
FORGOTTEN = "block3"
BLOCKS = [layer for layer in LAYERS if layer.startswith("block")]
TELLING = ("frozen", "redundant")
"""The kinds of findings that tell of such a block."""
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
    """Three stages of blocks, trained with AdamW.

    Args:
        trained: The parts of the network that the optimiser gets.
        width: Channels of the first stage.
    """

    def __init__(self, trained: Sequence[str] = LAYERS, width: int = 8) -> None:
        super().__init__()
        self.trained = trained
        channels = 1
        for i, (entry, *blocks) in enumerate(STAGES):
            self.add_module(entry, convolution(channels, width * 2**i, 1 if i == 0 else 2))
            channels = width * 2**i
            for block in blocks:
                self.add_module(block, Block(channels))
        self.head = nn.Linear(4 * channels, 10)

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
        last: The last snapshot.
        findings: What the monitor found.
    """

    curves: NDArray[np.float64]
    last: Snapshot
    findings: list[Finding]

    @classmethod
    def read(cls, curves: Sequence[Sequence[float]], folder: str) -> Run:
        """The run whose snapshots are in a folder."""
        history = load_history(folder)
        return cls(np.array(curves), history[-1], findings_of(history))

    def changed(self, block: str) -> float:
        """The share of an image's ten nearest ones that are others behind a block than before it, on average."""
        nearest, before = self.last.nearest, LAYERS[LAYERS.index(block) - 1]
        return 1 - nearest[before].shared_with(nearest[block])

    def named(self, kind: str) -> set[str]:
        """The layers of which the findings of a kind speak; of those on two layers, the second, which does nothing."""
        named = [finding.layers for finding in self.findings if finding.kind == kind]
        return {layer for layers in named for layer in (layers[1:] if kind == "redundant" else layers)}


def train(seed: int, trained: Sequence[str], epochs: int, folder: Path) -> Run:
    """Train one seed under a monitor."""
    pl.seed_everything(seed, verbose=False)
    curves = Curves()
    # The untrained network's validation, that of the first epoch, and that of the last.
    every = max(1, epochs - 1)
    monitor = TopologyMonitor(LAYERS, every_n_validations=every, mapper=False, figures=False, print_findings=False)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[monitor, curves],
        logger=CSVLogger(folder, name=f"seed={seed}"),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=10,
        num_sanity_val_steps=-1,  # all of the validation data: the first snapshot is that of the untrained network
    )
    trainer.fit(Classifier(trained), *digit_loaders())
    return Run.read(curves.rows, str(trainer.log_dir))


def p_at_the_end(healthy: Sequence[Run], faulty: Sequence[Run], column: int) -> float:
    """Of the test of Mann and Whitney that one curve ends alike in both kinds."""
    ends = ([run.curves[-1, column] for run in runs] for runs in (healthy, faulty))
    return float(mannwhitneyu(*ends).pvalue)


def compare_losses(healthy: Sequence[Run], faulty: Sequence[Run]) -> list[str]:
    """Both kinds' numbers: at the end with two tests, and how often the faulty ones are in the range of the others.

    One more seed of n lies between the smallest and the largest of the others in (n - 1) / (n + 1) of cases. Trainings
    of one seed begin with the same weights and see the same batches, so they are also compared pair by pair.
    """
    expected = (len(healthy) - 1) / (len(healthy) + 1)
    said = []
    for i, name in enumerate(("training loss", "validation loss", "validation accuracy")):
        curves, others = (np.array([run.curves[:, i] for run in runs]) for runs in (healthy, faulty))
        ranges = [f"{found[:, -1].min():.4f} to {found[:, -1].max():.4f}" for found in (curves, others)]
        p = p_at_the_end(healthy, faulty, i)
        higher = others[:, -1] > curves[:, -1]
        p_of_pairs = wilcoxon(curves[:, -1], others[:, -1], zero_method="zsplit").pvalue
        inside = ((others >= curves.min(axis=0)) & (others <= curves.max(axis=0))).mean()
        said.append(
            f"{name}: {ranges[0]}, with the mistake {ranges[1]} (p = {p:.2f}, Mann-Whitney); higher with it in "
            f"{higher.sum()} of {len(higher)} seeds (p = {p_of_pairs:.2f}, Wilcoxon); over all epochs {inside:.0%} are "
            f"in the range of the healthy seeds, of one more healthy seed it would be {expected:.0%}"
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


def count_findings(healthy: Sequence[Run], faulty: Sequence[Run]) -> list[str]:
    """In how many trainings the findings name the block that was forgotten, and in how many any other layer."""
    said = []
    for kind in TELLING:
        right = sum(FORGOTTEN in run.named(kind) for run in faulty)
        wrong = [bool(run.named(kind)) for run in healthy] + [bool(run.named(kind) - {FORGOTTEN}) for run in faulty]
        said.append(
            f"{kind}: {FORGOTTEN} named in {right} of {len(faulty)} trainings with the mistake; "
            f"a layer that trains in {sum(wrong)} of {len(wrong)}"
        )
    return said


# -- The picture ------------------------------------------------------------------------------------------------------


def draw(healthy: Sequence[Run], faulty: Sequence[Run], path: Path) -> None:
    """The curves on top of each other, and beside them what the monitor measured and said."""
    figure = Figure(figsize=(10.4, 5), layout="constrained", dpi=160)
    axes = figure.subplot_mosaic(
        [["losses", "blocks"], ["losses", "said"]], width_ratios=(1, 1.15), height_ratios=(3.4, 1.25)
    )
    draw_losses(axes["losses"], healthy, faulty)
    draw_blocks(axes["blocks"], healthy, faulty)
    draw_said(axes["said"], healthy, faulty)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1, wspace=0.06)  # type: ignore[union-attr, call-arg]
    figure.savefig(path, facecolor="white")


def draw_losses(axis: Axes, healthy: Sequence[Run], faulty: Sequence[Run]) -> None:
    """Validation and training loss over epochs on a logarithmic scale, a line a seed."""
    for runs, colour, name in ((healthy, HEALTHY, "as intended"), (faulty, FAULTY, f"{FORGOTTEN} forgotten")):
        axis.plot([], [], color=colour, lw=2, label=f"{name} ({len(runs)} seeds)")
        for run in runs:
            epochs = np.arange(1, len(run.curves) + 1)
            axis.plot(epochs, run.curves[:, 1], color=colour, lw=1.3, alpha=0.8)
            axis.plot(epochs, run.curves[:, 0], color=colour, lw=1, ls=(0, (3, 2)), alpha=0.8)
    for column, name in ((1, "validation"), (0, "training")):
        middle = np.exp(np.mean([np.log(run.curves[-1, column]) for run in (*healthy, *faulty)]))
        end = len(healthy[0].curves)
        axis.annotate(name, (end, middle), (6, 0), textcoords="offset points", color="0.3", va="center")
    p_values = [p_at_the_end(healthy, faulty, column) for column in (1, 0)]
    tested = "both kinds at the end, Mann-Whitney:\np = {:.2f} (validation), {:.2f} (training)".format(*p_values)
    axis.text(0.03, 0.04, tested, transform=axis.transAxes, fontsize=9, color="0.4", linespacing=1.45)
    axis.set_yscale("log")
    axis.set_xlabel("epoch")
    axis.set_xticks(range(1, len(healthy[0].curves) + 1))
    tidy(axis, "What the loss says", "loss")
    axis.legend(frameon=False)


def draw_blocks(axis: Axes, healthy: Sequence[Run], faulty: Sequence[Run]) -> None:
    """How much each block changes who is near whom, a dot a seed."""
    for runs, colour, shift in ((healthy, HEALTHY, -0.14), (faulty, FAULTY, 0.14)):
        for i, run in enumerate(runs):
            places = np.arange(len(BLOCKS)) + shift + 0.16 * (i / max(1, len(runs) - 1) - 0.5)
            values = [run.changed(block) for block in BLOCKS]
            axis.plot(places, values, "o", ms=5.5, color=colour, mec="white", mew=0.7, zorder=3, clip_on=False)
    axis.set_xticks(range(len(BLOCKS)), BLOCKS)
    axis.get_xticklabels()[BLOCKS.index(FORGOTTEN)].set(color=FAULTY, fontweight="bold")
    axis.set_xlim(-0.5, len(BLOCKS) - 0.5)
    axis.set_ylim(bottom=-0.02)
    axis.yaxis.set_major_locator(MultipleLocator(0.1))
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    tidy(axis, "What the monitor says", "neighbours that a block changes")


def draw_said(axis: Axes, healthy: Sequence[Run], faulty: Sequence[Run]) -> None:
    """What was found in the first training with the mistake, word by word, and in how many of the others."""
    statements = [finding.statement for finding in faulty[0].findings if finding.kind in TELLING]
    quoted = "\n".join(textwrap.fill(f"“{statement}”", 64) for statement in statements)
    axis.text(0.02, 0.5, quoted, fontsize=9, va="center", linespacing=1.45, in_layout=False)
    right = sum(all(FORGOTTEN in run.named(kind) for kind in TELLING) for run in faulty)
    wrong = sum(any(run.named(kind) for kind in TELLING) for run in healthy)
    counts = (
        f"said in {right} of {len(faulty)} trainings with {FORGOTTEN} forgotten, in {wrong} of {len(healthy)} others"
    )
    axis.set_xlabel(counts, loc="left", fontsize=9, color="0.4")
    axis.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[], facecolor="#fdf1f1")
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.spines["left"].set(color=FAULTY, linewidth=3)


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
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("runs/two_trainings"))
    options = parser.parse_args()

    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # images in memory need none
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning 2.6 under torch 2.13
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    healthy, faulty = [], []
    for seed in range(options.seeds):
        healthy.append(train(seed, LAYERS, options.epochs, options.out / "as_intended"))
        listed = [layer for layer in LAYERS if layer != FORGOTTEN]
        faulty.append(train(seed, listed, options.epochs, options.out / "with_the_mistake"))
        losses = [runs[-1].curves[-1, 1] for runs in (healthy, faulty)]
        print(f"seed {seed}: validation loss {losses[0]:.4f}, with the mistake {losses[1]:.4f}", flush=True)
    print("\nAt the end, over the seeds:")
    print("\n".join([*compare_losses(healthy, faulty), "", *compare_blocks(healthy, faulty)]))
    print("\nFindings, over the seeds:")
    print("\n".join(count_findings(healthy, faulty)))
    for name, run in (("As intended", healthy[0]), ("With the mistake", faulty[0])):
        print(f"\n{name}, seed 0:")
        print("\n".join(f"- {finding}" for finding in run.findings))
    draw(healthy, faulty, options.out / "two_trainings.png")
    print(f"\nPicture: {options.out / 'two_trainings.png'}")


if __name__ == "__main__":
    main()
