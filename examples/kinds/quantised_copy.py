"""Hold an int8 copy of a network against its float original: which layer did quantisation break?

    python examples/kinds/quantised_copy.py

One layer is made hard to quantise on purpose: a hidden value is made 300 times smaller, and the weights that read it as
many times larger. The float network computes what it did before, but one scale for all weights of that layer no longer
does for the others.
"""

from __future__ import annotations

import argparse
import copy
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import Comparison, TopologyMonitor, compare_models

HARD = "net.4"
"""The layer that is made hard to quantise."""


class Perceptron(pl.LightningModule):
    """Four linear layers on 8 x 8 digits."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        widths = [64, width, width, width]
        layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
        self.net = nn.Sequential(*layers, nn.Linear(width, 10))

    def forward(self, images: Tensor) -> Tensor:
        """(N, 64) to (N, 10) logits."""
        logits: Tensor = self.net(images)
        return logits

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """The accuracy of one batch."""
        self.log("val_accuracy", (self(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at a constant rate."""
        return torch.optim.Adam(self.parameters(), lr=2e-3)


def digit_loaders(count: int = 1797) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Three quarters of the images to train on and one to validate on."""
    pixels, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.from_numpy(pixels[:count]).float() / 16, torch.from_numpy(labels[:count]))
    train = torch.utils.data.Subset(data, range(count * 3 // 4))
    return DataLoader(train, 64, shuffle=True), DataLoader(TensorDataset(*data[count * 3 // 4 :]), 64)


@torch.no_grad()
def make_hard(model: Perceptron, factor: float = 300.0) -> None:
    """Make a layer hard to quantise without changing what the network computes."""
    number = int(HARD.rpartition(".")[2])
    before, hard = (model.get_submodule(f"net.{i}") for i in (number - 2, number))
    assert isinstance(before, nn.Linear) and isinstance(hard, nn.Linear)  # noqa: PT018
    before.weight[0] /= factor
    before.bias[0] /= factor
    hard.weight[:, 0] *= factor


def quantised(model: Perceptron) -> nn.Module:
    """A copy whose linear layers have int8 weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao tells of torchao, a package of its own
        quantise: Any = torch.ao.quantization.quantize_dynamic
        copied: nn.Module = quantise(copy.deepcopy(model), {nn.Linear}, dtype=torch.qint8)
    return copied


def decibels(comparison: Comparison) -> dict[str, float]:
    """The signal-to-quantisation-noise ratio of every layer, in the order of the network."""
    noise = np.diag(comparison.between("float", "int8", "sqnr"))
    return dict(zip(comparison.layers, -10 * np.log10(noise), strict=True))


def main(epochs: int = 15, images: int = 1797, out: str = "runs") -> Comparison:
    """Train, quantise, compare, and say which layer broke."""
    pl.seed_everything(0, verbose=False)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[TopologyMonitor(n_samples=256)],
        logger=TensorBoardLogger(out, name="quantised_copy"),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    model, (train, validation) = Perceptron(), digit_loaders(images)
    trainer.fit(model, train, validation)
    make_hard(model)
    measures = ("sliced_wasserstein", "sqnr", "cosine")
    comparison = compare_models(
        {"float": model.eval(), "int8": quantised(model)}, validation, n_samples=256, measures=measures
    )
    found = decibels(comparison)
    for layer, ratio in found.items():
        print(f"  {layer}: signal over quantisation noise {ratio:.1f} dB")
    falls = dict(zip(found, np.diff([*found.values()], prepend=max(found.values())), strict=True))
    print(f"Quantisation broke {min(falls, key=lambda layer: falls[layer])}; made hard was {HARD}.")
    path = comparison.save(Path(trainer.log_dir or out) / "comparison.npz")
    print(f"All distances: {path}  (topocallback.Comparison.load reads them)")
    return comparison


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--images", type=int, default=1797, help="images to train and validate on")
    parser.add_argument("--out", default="runs", help="folder for the logs")
    main(**vars(parser.parse_args()))
