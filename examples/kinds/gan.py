"""Train a GAN on 8 x 8 digits under a TopologyMonitor: the discriminator's layers on real images, and on made ones.

    python examples/kinds/gan.py

The validation step runs the discriminator twice: first on the real images of the batch, then on as many made ones. With
``calls="each"`` every layer of it is two clouds, of which ``@0`` is real and ``@1`` made; the default ``calls="first"``
records the real ones alone.
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


class GAN(pl.LightningModule):
    """A small DCGAN with the loss that does not saturate, by manual optimisation."""

    def __init__(self, code: int = 16, width: int = 32) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.code = code
        self.generator = nn.Sequential(
            nn.Linear(code, 8 * width), nn.Unflatten(1, (2 * width, 2, 2)), nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, 2, padding=1), nn.Sigmoid(),
        )  # fmt: skip
        self.discriminator = nn.Sequential(
            nn.Conv2d(1, width, 3, 2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 3, 2, padding=1), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(8 * width, 1),
        )  # fmt: skip

    def training_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """A step of each."""
        for_generator, for_discriminator = self.optimizers()  # type: ignore[attr-defined]
        made = self.generator(torch.randn(len(batch[0]), self.code, device=self.device))
        self._step(
            for_discriminator, _loss(self.discriminator(batch[0]), 1) + _loss(self.discriminator(made.detach()), 0)
        )
        self._step(for_generator, _loss(self.discriminator(made), 1))

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """How often the discriminator is right. The codes are the same in every validation: drift is of the network."""
        codes = torch.Generator().manual_seed(batch_idx)
        real = self.discriminator(batch[0])
        made = self.discriminator(self.generator(torch.randn(len(real), self.code, generator=codes).to(self.device)))
        self.log("val_right", ((real > 0).float().mean() + (made < 0).float().mean()) / 2, batch_size=len(real))

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam for each."""
        return [torch.optim.Adam(part.parameters(), 1e-3, (0.5, 0.99)) for part in (self.generator, self.discriminator)]


def _loss(logits: Tensor, is_real: float) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, is_real))


def digit_loaders(count: int = 1797) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Three quarters of the images to train on and one to validate on."""
    digits = load_digits()
    images, labels = (
        torch.from_numpy(digits.images[:count]).float()[:, None] / 16,
        torch.from_numpy(digits.target[:count]),
    )
    split = count * 3 // 4
    train = DataLoader(TensorDataset(images[:split], labels[:split]), 64, shuffle=True)
    return train, DataLoader(TensorDataset(images[split:], labels[split:]), 64)


def main(epochs: int = 15, images: int = 1797, out: str = "runs") -> TopologyMonitor:
    """Train, and say what was seen."""
    pl.seed_everything(0, verbose=False)
    monitor = TopologyMonitor(
        ["discriminator.0", "discriminator.2", "discriminator.5"],
        n_samples=256,
        calls="each",
        measures=("sliced_wasserstein", "rankme", "knn_accuracy"),
    )
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(out, name="gan"),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=-1,  # all of the validation data: the first snapshot is that of the untrained network
    )
    trainer.fit(GAN(), *digit_loaders(images))
    print(f"The discriminator is right in {float(trainer.callback_metrics['val_right']):.0%} of cases.")
    first, last = monitor.history[0], monitor.history[-1]
    of_layer = {name: last.layers.index(name) for name in last.layers}
    for layer in ("discriminator.0", "discriminator.2"):
        pair = of_layer[f"{layer}@0"], of_layer[f"{layer}@1"]
        before, now = (each.distances.choose().matrix[pair] for each in (first, last))
        print(f"  {layer}: real from made images {before:.3f} before training, now {now:.3f}", end="; ")
        print("RankMe real {:.1f}, made {:.1f}".format(*(last.statistics["rankme"].values[i] for i in pair)))
    folder = Path(trainer.log_dir or out)
    print(f"Report: {write_report(folder, folder / 'report.html')}")
    return monitor


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--images", type=int, default=1797, help="images to train and validate on")
    parser.add_argument("--out", default="runs", help="folder for the logs")
    main(**vars(parser.parse_args()))
