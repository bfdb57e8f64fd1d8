"""How much the monitor slows training: ``fit`` with and without it, in turn, and what it counts of its own cost.

Two trainings: the demo, and a small net of 30 epochs that takes a few seconds. Pairs of the same fit differ by some
percent among themselves on a shared machine; the counted share, which is the processor time that the monitor has spent
in whatever thread over that of the process, does not.

    python benchmarks/overhead.py
"""

from __future__ import annotations

import argparse
import itertools
import logging
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from topocallback import TopologyMonitor

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import Classifier, mnist_loaders

Parts = tuple[pl.LightningModule, DataLoader[Any], DataLoader[Any]]


class SmallNet(pl.LightningModule):
    """Four layers on 2,000 vectors: 30 epochs in two seconds."""

    def __init__(self) -> None:
        super().__init__()
        widths = (20, 64, 64, 32, 4)
        layers = [nn.Sequential(nn.Linear(*each), nn.ReLU()) for each in itertools.pairwise(widths)]
        self.net = nn.Sequential(*layers)

    def training_step(self, batch: list[Tensor]) -> Tensor:
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor]) -> None:
        self.log("val_loss", nn.functional.cross_entropy(self.net(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def demo() -> Parts:
    return (Classifier(), *mnist_loaders())


def small_net() -> Parts:
    points = torch.randn(3000, 20, generator=torch.Generator().manual_seed(0))
    data = TensorDataset(points, (points[:, :2] > 0).long() @ torch.tensor([2, 1]))
    train, validation = Subset(data, range(2000)), Subset(data, range(2000, 3000))
    return SmallNet(), DataLoader(train, batch_size=64, shuffle=True), DataLoader(validation, batch_size=250)


@dataclass(eq=False)
class FirstSnapshot(pl.Callback):
    """How many epochs after its validation a run's first snapshot was there; NaN if training had ended by then."""

    monitor: TopologyMonitor
    epochs: float = float("nan")

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *rest: Any) -> None:
        if self.epochs != self.epochs and len(self.monitor.history):
            batch = trainer.fit_loop.epoch_loop.batch_idx + 1
            began = self.monitor.history[0].epoch + 1
            self.epochs = trainer.current_epoch - began + batch / trainer.num_training_batches


def fit(make: Callable[[], Parts], epochs: int, *callbacks: pl.Callback) -> tuple[float, float]:
    """Wall and processor seconds."""
    pl.seed_everything(0, verbose=False)
    model, train, validation = make()
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            callbacks=list(callbacks),
            logger=TensorBoardLogger(folder),
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        start = time.perf_counter(), time.process_time()
        trainer.fit(model, train, validation)
        return time.perf_counter() - start[0], time.process_time() - start[1]


def measure(name: str, make: Callable[[], Parts], epochs: int, pairs: int) -> None:
    print(f"\n{name}, {epochs} epochs")
    fit(make, 1, TopologyMonitor())  # imports, caches
    wall, processor, shares = [], [], []
    stages: dict[str, list[float]] = {}
    for pair in range(pairs):
        monitor = TopologyMonitor()
        first = FirstSnapshot(monitor)
        runs: list[tuple[str, tuple[pl.Callback, ...]]] = [("without", ()), ("with", (monitor, first))]
        taken = {kind: fit(make, epochs, *callbacks) for kind, callbacks in (runs[::-1] if pair % 2 else runs)}
        wall.append(taken["with"][0] / taken["without"][0])
        processor.append(taken["with"][1] / taken["without"][1])
        shares.append(100 * monitor.spent.share)
        for stage, seconds in monitor.spent.seconds.items():
            stages.setdefault(stage, []).append(seconds)
        print(
            f"  without {taken['without'][0]:6.2f} s, with {taken['with'][0]:6.2f} s: {wall[-1]:.3f}, processor "
            f"{processor[-1]:.3f}, counted {shares[-1]:.1f} %; first snapshot after {first.epochs:.2f} epochs",
            flush=True,
        )
    medians = [statistics.median(values) for values in (wall, processor, shares)]
    print(f"  medians: wall {medians[0]:.3f}, processor {medians[1]:.3f}, counted {medians[2]:.1f} %")
    told = sorted(((statistics.median(seconds), stage) for stage, seconds in stages.items()), reverse=True)
    print(f"  processor seconds of a fit: {', '.join(f'{stage} {seconds:.2f}' for seconds, stage in told)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4, help="of the demo")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    print(f"{torch.get_num_threads()} threads of PyTorch")
    measure("A small net", small_net, 30, options.pairs)
    measure("The demo", demo, options.epochs, options.pairs)


if __name__ == "__main__":
    main()
