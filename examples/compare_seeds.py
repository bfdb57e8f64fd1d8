"""Train three seeds of a narrow ResNet-18 on MNIST, compare all their checkpoints, and repeat the paper's tests.

    python examples/compare_seeds.py

Compares from the command line, in one go: is the same layer of other seeds nearer than other layers, and when did each
layer settle? Then takes principal components out of two layers: how many have to go before topology notices?
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import matplotlib
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from matplotlib.figure import Figure
from mnist_resnet import Classifier, mnist_loaders
from torch.utils.data import DataLoader

from topocallback import ActivationRecorder, Comparison
from topocallback.cli import main as topocallback
from topocallback.compare.experiments import Sensitivity, cross_heatmap, sensitivity
from topocallback.records.results import LEVEL


class Mnist(pl.LightningDataModule):
    """The demo's images."""

    def train_dataloader(self) -> DataLoader[Any]:
        """4,000 images."""
        return mnist_loaders()[0]

    def val_dataloader(self) -> DataLoader[Any]:
        """1,000 images."""
        return mnist_loaders()[1]


def train(seed: int, epochs: int, width: int, folder: Path) -> None:
    """Train one seed and keep a checkpoint per epoch in ``<folder>/seed=<seed>/checkpoints``."""
    pl.seed_everything(seed, verbose=False)
    checkpoints = ModelCheckpoint(folder / f"seed={seed}" / "checkpoints", filename="{epoch}", save_top_k=-1)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[checkpoints],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(width), datamodule=Mnist())
    print(f"seed {seed}: validation accuracy {float(trainer.callback_metrics['val_accuracy']):.3f}", flush=True)


def sensitivity_curves(checkpoint: Path, width: int, layers: list[str], samples: int) -> dict[str, Sensitivity]:
    """The paper's sensitivity test on some layers of one checkpoint."""
    model = Classifier(width)
    model.load_state_dict(torch.load(checkpoint, weights_only=True)["state_dict"])
    recorder = ActivationRecorder(model.net.eval(), layers, pooling="max_norm", n_samples=samples, length=1000)
    with recorder, torch.no_grad():
        for images, _ in Mnist().val_dataloader():
            model.net(images)
    return {layer: sensitivity(cloud) for layer, cloud in recorder.point_clouds().clouds.items()}


def draw_sensitivity(curves: dict[str, Sensitivity], path: Path) -> None:
    """One line per layer, relative to its largest distance; filled: told apart from the full cloud; dotted: noise."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axis = figure.add_subplot()
    for number, (layer, curve) in enumerate(curves.items()):
        largest = curve.distances.max()
        axis.plot(curve.share, curve.distances / largest, "-o", ms=4, mfc="white", color=f"C{number}", label=layer)
        told_apart = curve.p_values <= LEVEL
        axis.plot(curve.share[told_apart], curve.distances[told_apart] / largest, "o", ms=4, color=f"C{number}")
        axis.axhline(curve.noise / largest, ls=":", lw=1, color=f"C{number}")
    axis.set_xlabel("share of principal components removed")
    axis.set_ylabel("distance from the full cloud / largest")
    axis.set_ylim(bottom=0)
    axis.set_title("Sensitivity (filled: told apart at 5 %; dotted: the layer's own noise)", fontsize=10)
    axis.legend(frameon=False)
    figure.savefig(path, dpi=110)


def draw_cross(comparison: Comparison, path: Path) -> None:
    """The paper's cross heatmap: the layers of one seed's last checkpoint against those of every seed's."""
    last = [comparison.specificity().checkpoints[i] for i in range(len(comparison.runs))]
    matrix = cross_heatmap(comparison, last[0], last)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axis = figure.add_subplot()
    image = axis.imshow(matrix, cmap=matplotlib.colormaps["viridis"], aspect="auto")
    axis.set_yticks(range(len(matrix)), comparison.layers, fontsize=7)
    count = len(comparison.layers)
    axis.set_xticks(np.arange(len(last)) * count + (count - 1) / 2, last, fontsize=7)
    for edge in range(1, len(last)):
        axis.axvline(edge * count - 0.5, color="white")
    axis.set_title(f"Layers of {last[0]} against all layers of every seed", fontsize=10)
    figure.colorbar(image, ax=axis, label="scaled distance")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Train, compare and test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--width", type=int, default=8, help="channels of the first stage")
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--out", type=Path, default=Path("runs/compare_seeds"))
    options = parser.parse_args()

    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # 28 x 28 images in memory need none
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning 2.6 under torch 2.13
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    for seed in range(options.seeds):
        train(seed, options.epochs, options.width, options.out)

    results = options.out / "comparison"
    command = [
        "compare",
        *("--model", "mnist_resnet.Classifier", "--model.width", str(options.width)),
        *("--data", "compare_seeds.Mnist"),
        *("--checkpoints", str(options.out / "seed=*" / "checkpoints" / f"epoch=[0-{options.epochs - 1}].ckpt")),
        *("--n_samples", str(options.samples), "-o", str(results)),
    ]
    print(f"\ntopocallback {' '.join(command)}", flush=True)
    code = topocallback(command)
    if code:
        sys.exit(code)
    draw_cross(Comparison.load(results), results / "cross.png")

    last = options.out / "seed=0" / "checkpoints" / f"epoch={options.epochs - 1}.ckpt"
    curves = sensitivity_curves(last, options.width, ["blocks.3", "blocks.7"], options.samples)
    draw_sensitivity(curves, results / "sensitivity.png")
    print("\nSensitivity: distance from the full cloud, with a share of the principal components removed.")
    for layer, curve in curves.items():
        shown = ", ".join(f"{share:.0%} {away:.2f}" for share, away in zip(curve.share, curve.distances, strict=True))
        print(f"{layer} (noise {curve.noise:.2f}): {shown}. Told apart from {curve.detected:.0%} on.")


if __name__ == "__main__":
    main()
