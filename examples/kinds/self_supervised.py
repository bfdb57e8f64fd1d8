"""Train a SimSiam network on two views of 8 x 8 digits, without labels, and see whether it collapses.

    python examples/kinds/self_supervised.py
    python examples/kinds/self_supervised.py --collapse

A batch is two views of the same images. ``calls="each"`` makes a cloud of each view: ``encoder.0@0`` and
``encoder.0@1``. The second command leaves out the stop-gradient, without which all images come to one vector.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from topocallback import TopologyMonitor
from topocallback.findings.report import write_report


class TwoViews(Dataset[tuple[Tensor, Tensor]]):
    """Two views of each digit: shifted, and with noise of its own. The same ones whenever they are asked for."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(index)
        first, second = (self._view(self.images[index], generator) for _ in range(2))
        return first, second

    def _view(self, image: Tensor, generator: torch.Generator) -> Tensor:
        down, right = torch.randint(-1, 2, (2,), generator=generator).tolist()
        return image.roll((down, right), (1, 2)) + 0.1 * torch.randn(image.shape, generator=generator)


class SimSiam(pl.LightningModule):
    """An encoder on both views, and a predictor that makes each one's vector of the other's (Chen and He 2021)."""

    def __init__(self, width: int = 32, *, stop_gradient: bool = True) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, padding=1), nn.ReLU(), nn.Flatten(),
            nn.Linear(128, width),
        )  # fmt: skip
        # Without it a network of this size comes to one vector whatever the loss does.
        self.norm = nn.BatchNorm1d(width, affine=False) if stop_gradient else nn.Identity()
        self.predictor = nn.Sequential(nn.Linear(width, width // 4), nn.ReLU(), nn.Linear(width // 4, width))
        self.stop_gradient = stop_gradient

    def loss(self, views: tuple[Tensor, Tensor]) -> Tensor:
        """Minus the mean cosine of what is predicted and what is there."""
        first, second = (self.norm(self.encoder(view)) for view in views)
        return (self._unlike(first, second) + self._unlike(second, first)) / 2

    def _unlike(self, source: Tensor, target: Tensor) -> Tensor:
        target = target.detach() if self.stop_gradient else target
        return -nn.functional.cosine_similarity(self.predictor(source), target).mean()

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return self.loss(batch)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """The loss of one batch."""
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at a constant rate."""
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def view_loaders(count: int = 1797) -> tuple[DataLoader[tuple[Tensor, Tensor]], DataLoader[tuple[Tensor, Tensor]]]:
    """Three quarters of the images to train on and one to validate on."""
    images = torch.from_numpy(load_digits().images[:count]).float()[:, None] / 16
    split = count * 3 // 4
    train = DataLoader(TwoViews(images[:split]), 64, shuffle=True, drop_last=True)
    return train, DataLoader(TwoViews(images[split:]), 64)


def main(epochs: int = 10, images: int = 1797, out: str = "runs", *, collapse: bool = False) -> TopologyMonitor:
    """Train, and say what was seen."""
    pl.seed_everything(0, verbose=False)
    monitor = TopologyMonitor(
        n_samples=256, calls="each", labels=None, measures=("sliced_wasserstein", "cka", "rankme", "mean_cosine")
    )
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(out, name="self_supervised"),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=-1,  # all of the validation data: the first snapshot is that of the untrained network
    )
    trainer.fit(SimSiam(stop_gradient=not collapse), *view_loaders(images))
    last = monitor.history[-1]
    print(f"Loss {float(trainer.callback_metrics['val_loss']):.3f} (-1: the views' vectors are predicted).")
    for name in ("rankme", "mean_cosine"):
        before, now = (
            each.statistics[name].values[last.layers.index("encoder.5@0")]
            for each in monitor.history[:: len(monitor.history) - 1]
        )
        print(f"The encoder's {last.statistics[name].about.label}: {before:.2f} before training, now {now:.2f}.")
    cka = last.distances["cka"].matrix[last.layers.index("encoder.5@0"), last.layers.index("encoder.5@1")]
    print(f"CKA distance of the two views in encoder.5: {cka:.2f}.")
    folder = Path(trainer.log_dir or out)
    print(f"Report: {write_report(folder, folder / 'report.html')}")
    return monitor


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--images", type=int, default=1797, help="images to train and validate on")
    parser.add_argument("--collapse", action="store_true", help="leave out what keeps the vectors apart")
    parser.add_argument("--out", default="runs", help="folder for the logs")
    main(**vars(parser.parse_args()))
