"""What a monitor takes of a training at scale: predicted, said and measured, in processor time and in memory.

Many layers, many points, wide vectors, vectors that are too wide, and what no one should wait for. Every fit has a
process of its own, once with the monitor and once without: what the monitor takes is the difference, per snapshot in
time and at its peak in memory. What is predicted to take more than ``--longest`` seconds is predicted only.

    python benchmarks/scale.py
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor
from topocallback.memory import size_in_words
from topocallback.monitor.predicted import cost_in_words, predict_validation

_GIVEN = 16
"""Values of an input, and of a layer that is not wide."""


@dataclass(frozen=True)
class Case:
    """A training, and the monitor that watches it.

    Attributes:
        n_layers: How many layers are watched.
        n_points: How many samples are validated on; ``n_samples`` is as many.
        n_values: How many values a layer gives for a sample.
        options: The monitor's other options.
        validations: How many there are: the peak of memory is there when one is recorded while another is analysed.
        batch_size: Of the validation.
        is_refused: Whether the layers are too wide to be recorded at all: then there is nothing to wait for.
    """

    n_layers: int
    n_points: int
    n_values: int = _GIVEN
    options: Mapping[str, Any] = field(default_factory=dict)
    validations: int = 3
    batch_size: int = 64
    is_refused: bool = False

    @property
    def shapes(self) -> list[tuple[int, int]]:
        return [(self.n_points, self.n_values)] * self.n_layers

    def monitor(self) -> TopologyMonitor:
        return TopologyMonitor("watched.*", n_samples=self.n_points, **self.options)


_WIDE = {"pooling": "flatten"}
CASES = {
    "200 layers": Case(200, 512, validations=2),
    "2,000 points": Case(1, 2000),
    "5,000 points": Case(1, 5000),
    "100,000 values": Case(1, 512, 100_000, _WIDE),
    "three layers of 100,000 values": Case(3, 512, 100_000, _WIDE),
    "10,000,000 values": Case(1, 64, 10_000_000, _WIDE, batch_size=4),
    "10,000,000 values, 128 samples": Case(1, 128, 10_000_000, _WIDE, 1, 4, is_refused=True),
    "H2 of 1,000 points": Case(1, 1000, options={"homology_dims": (0, 1, 2)}),
    "H2 of 1,000 points, 300 layers": Case(300, 1000, options={"homology_dims": (0, 1, 2)}),
    "300 layers of 1,000 points": Case(300, 1000),
}


def _linear() -> nn.Module:
    return nn.Linear(_GIVEN, _GIVEN)


class Net(pl.LightningModule):
    """Narrow layers one after the other, or wide ones of many positions side by side, which only a validation runs."""

    def __init__(self, n_layers: int, n_values: int) -> None:
        super().__init__()
        self.wide = n_values > _GIVEN
        self.first = nn.Linear(_GIVEN, _GIVEN)
        made = functools.partial(nn.Upsample, (n_values // _GIVEN // 50, 50)) if self.wide else _linear
        layers: list[nn.Module] = [made() for _ in range(n_layers)]
        self.watched = nn.ModuleList(layers)
        self.last = nn.Linear(_GIVEN, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.first(x))
        if not self.wide:
            for layer in self.watched:
                x = torch.tanh(x + layer(x))
        elif not self.training:
            for layer in self.watched:
                layer(x[:, :, None, None])
        return torch.as_tensor(self.last(x))

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(case: Case, monitor: TopologyMonitor | None) -> None:
    pl.seed_everything(0, verbose=False)
    points = torch.randn(case.n_points, _GIVEN)
    data = TensorDataset(points, (points[:, 0] > 0).long())
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_epochs=case.validations,
            accelerator="cpu",
            callbacks=[] if monitor is None else [monitor],
            default_root_dir=folder,
            logger=False,
            limit_train_batches=1,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        loader = DataLoader(data, batch_size=case.batch_size)
        trainer.fit(Net(case.n_layers, case.n_values), loader, loader)


def measure(case: Case, *, with_monitor: bool, most_bytes: int) -> dict[str, Any]:
    """Processor seconds and the peak of memory beyond what there was before, in a process of its own."""
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    fit(Case(2, 64), TopologyMonitor())  # imports what is imported late
    gc.collect()
    before = memory("VmRSS")
    # From now on the peak is that of what follows.
    Path("/proc/self/clear_refs").write_text("5")
    monitor = case.monitor() if with_monitor else None
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(case, monitor)
    found = {"seconds": time.process_time() - start, "bytes": memory("VmHWM") - before, "said": [], "snapshots": 0}
    if monitor is not None:
        ours = [str(each.message) for each in caught if "TopologyMonitor: " in str(each.message)]
        found |= {
            "said": [message.removeprefix("TopologyMonitor: ") for message in ours],
            "snapshots": monitor.spent.n_snapshots,
            "counted": monitor.spent.total,
            "stages": monitor.spent.seconds,
        }
    return found


def memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def in_own_process(name: str, *options: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--case", name, *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(name: str, case: Case, longest: float, most: str) -> None:
    monitor = case.monitor()
    asked = {"background": monitor.background, "figures": bool(monitor.figures)}
    cost = predict_validation(case.shapes, monitor.options, **asked)
    predicted = f"{cost.total_seconds:8.1f} s {size_in_words(cost.total_bytes):>8}"
    if cost.total_seconds > longest and not case.is_refused:
        print(f"{name:32} {predicted}   not measured")
        print(f"    would say: {cost_in_words(case.shapes, monitor.options, monitor.recording, **asked)}", flush=True)
        return
    without, found = (in_own_process(name, *options, "--most", most) for options in (["--without"], []))
    if failed := [*without.get("failed", ()), *found.get("failed", ())]:
        print(f"{name:32} {predicted}   THE RUN FAILED: {' '.join(failed)}", flush=True)
        return
    seconds = (found["seconds"] - without["seconds"]) / max(1, found["snapshots"])
    n_bytes = max(1, found["bytes"] - without["bytes"])
    measured = f"{seconds:8.1f} s {size_in_words(n_bytes):>8}"
    ratios = f"{cost.total_seconds / max(seconds, 1e-9):.1f} and {cost.total_bytes / n_bytes:.1f} times"
    if not found["snapshots"]:
        predicted, ratios = f"{'refused':>19}", "without a snapshot"
    print(f"{name:32} {predicted}   {measured}   {ratios}")
    for sentence in found["said"] or ["nothing"]:
        print(f"    said: {sentence}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, help="measure one case here")
    parser.add_argument("--without", action="store_true", help="of a case: without the monitor")
    parser.add_argument("--only", choices=CASES, nargs="+", help="compare these cases only")
    parser.add_argument("--longest", type=float, default=60, help="predict only what is predicted to take more seconds")
    parser.add_argument("--most", type=float, default=16, help="GB of addresses of a process, beyond which it fails")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    if options.case:
        most_bytes = int(options.most * 1e9)
        found = measure(CASES[options.case], with_monitor=not options.without, most_bytes=most_bytes)
        print(json.dumps(found))
        return
    print(f"{'':32} {'predicted':>19}   {'measured':>19}")
    for name in options.only or CASES:
        compare(name, CASES[name], options.longest, str(options.most))


if __name__ == "__main__":
    main()
