"""What the monitor costs a training on a GPU: the whole of ``fit``, the hooks alone, and whether samples are the same.

Of residual blocks on images, and of a transformer on the same images as padded sequences of patches.

python benchmarks/gpu.py
python benchmarks/gpu.py --accelerator cpu --images 256 --channels 4 --epochs 1 --pairs 1    the same without a GPU
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import ActivationRecorder, PointClouds, TopologyMonitor


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.layers(x))


class Transformer(nn.Module):
    """Six layers of attention to an image's 64 patches, of which every image lacks some at the end."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.patches = nn.Linear(48, width)
        layer = nn.TransformerEncoderLayer(width, nhead=4, dim_feedforward=4 * width, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=6, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        patches = nn.functional.unfold(x, kernel_size=4, stride=4).transpose(1, 2)
        lengths = 32 + torch.arange(len(x), device=x.device) % 32
        padding = torch.arange(64, device=x.device) >= lengths[:, None]
        encoded = self.encoder(self.patches(patches), src_key_padding_mask=padding)
        return torch.as_tensor(self.head(encoded[:, 0]))


def residual(channels: int) -> nn.Module:
    """Eight residual blocks."""
    return nn.Sequential(
        nn.Conv2d(3, channels, 3, padding=1),
        *(Residual(channels) for _ in range(8)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(channels, 10),
    )


NETWORKS: dict[str, Callable[[int], nn.Module]] = {"residual": residual, "transformer": Transformer}


class Classifier(pl.LightningModule):
    """One of the networks on small images of noise."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.net = NETWORKS[options.network](options.channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.net(x))

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def images(n: int) -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(0)
    data = TensorDataset(torch.randn(n, 3, 32, 32, generator=generator), torch.arange(n) % 10)
    return DataLoader(data, batch_size=256)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def fit_seconds(callbacks: Sequence[pl.Callback], options: argparse.Namespace, folder: str) -> float:
    pl.seed_everything(0, verbose=False)
    trainer = pl.Trainer(
        max_epochs=options.epochs,
        accelerator=options.accelerator,
        devices=1,
        callbacks=list(callbacks),
        logger=TensorBoardLogger(folder),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    train, validation = images(options.images), images(max(256, options.images // 10))
    model = Classifier(options)
    start = time.perf_counter()
    trainer.fit(model, train, validation)
    return time.perf_counter() - start


def overhead(options: argparse.Namespace) -> None:
    """``fit`` with and without the monitor, in turn."""
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        fit_seconds([TopologyMonitor()], options, folder)  # imports, caches
        for _ in range(options.pairs):
            without, with_monitor = (fit_seconds(ours, options, folder) for ours in ([], [TopologyMonitor()]))
            ratios.append(with_monitor / without)
            print(f"fit without {without:6.2f} s   with {with_monitor:6.2f} s   ratio {ratios[-1]:.3f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.3f} (min {min(ratios):.3f}, max {max(ratios):.3f})\n")


def forward_seconds(model: nn.Module, batches: Sequence[Tensor], device: torch.device) -> float:
    synchronise(device)
    start = time.perf_counter()
    for batch in batches:
        model(batch)
    synchronise(device)
    return time.perf_counter() - start


@torch.no_grad()
def hook_cost(options: argparse.Namespace, device: torch.device) -> None:
    """A validation's forward passes with and without a recorder, in turn, on data that are on the device already."""
    model = Classifier(options).to(device).eval()
    batches = [batch[0].to(device) for batch in images(max(256, options.images // 10))]
    length = sum(len(batch) for batch in batches)
    forward_seconds(model, batches, device)
    plain, recorded = [], []
    for _ in range(2 * options.pairs + 1):
        plain.append(forward_seconds(model, batches, device))
        with ActivationRecorder(model, length=length):
            recorded.append(forward_seconds(model, batches, device))
    before, after = statistics.median(plain), statistics.median(recorded)
    print(f"hooks per validation of {length} images: {1e3 * (after - before):.2f} ms on top of {1e3 * before:.2f} ms\n")


@torch.no_grad()
def record(device: torch.device, model: nn.Module, options: argparse.Namespace) -> PointClouds:
    model.to(device)
    batches = images(max(256, options.images // 10))
    with ActivationRecorder(model, length=len(batches.dataset)) as recorder:  # type: ignore[arg-type]
        for x, labels in batches:
            recorder.start_batch(len(x), labels=labels.to(device))
            model(x.to(device))
    return recorder.point_clouds()


def equality(options: argparse.Namespace, device: torch.device) -> None:
    """The same model and data on the CPU and on the device."""
    torch.manual_seed(0)
    model = Classifier(options).eval()
    here, there = record(torch.device("cpu"), model, options), record(device, model, options)
    same = all(
        np.array_equal(np.asarray(mine), np.asarray(theirs))
        for mine, theirs in ((here.sample_ids, there.sample_ids), (here.labels, there.labels))
    )
    print(f"samples and labels on the CPU and on {device}: {'the same' if same else 'DIFFERENT'}")
    # Where the largest norm of two positions is a tie but for rounding, another position may be chosen.
    for layer, cloud in here.clouds.items():
        difference = np.abs(cloud - there.clouds[layer]).max() / np.abs(cloud).max()
        print(f"  {layer}: largest difference {difference:.1e} of the largest value")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accelerator", choices=["gpu", "cpu"], default="gpu")
    parser.add_argument("--network", choices=["all", *NETWORKS], default="all")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    if options.accelerator == "gpu" and not torch.cuda.is_available():
        print("There is no CUDA device here. `--accelerator cpu` runs the same code on the CPU.")
        return
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    device = torch.device("cuda" if options.accelerator == "gpu" else "cpu")
    print(torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU")
    for network in NETWORKS if options.network == "all" else [options.network]:
        print(f"\n{network}")
        options.network = network
        equality(options, device)
        hook_cost(options, device)
        overhead(options)


if __name__ == "__main__":
    main()
