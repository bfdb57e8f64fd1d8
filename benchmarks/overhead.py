"""How much the monitor slows training: the demo's ``fit`` with and without it, in turn.

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
from collections.abc import Sequence
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger

from topocallback import TopologyMonitor

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import Classifier, mnist_loaders


def fit_seconds(callbacks: Sequence[pl.Callback], epochs: int, folder: str) -> float:
    pl.seed_everything(0, verbose=False)
    train, validation = mnist_loaders()
    model = Classifier()
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=list(callbacks),
        logger=TensorBoardLogger(folder),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    start = time.perf_counter()
    trainer.fit(model, train, validation)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)

    ratios: list[float] = []
    stages: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        fit_seconds([TopologyMonitor()], 1, folder)  # imports, caches
        for pair in range(options.pairs):
            monitor = TopologyMonitor()
            runs: list[tuple[str, list[pl.Callback]]] = [("without", []), ("with", [monitor])]
            taken = {
                name: fit_seconds(callbacks, options.epochs, folder)
                for name, callbacks in (runs if pair % 2 == 0 else runs[::-1])
            }
            ratios.append(taken["with"] / taken["without"])
            for stage, spent in itertools.chain.from_iterable(s.seconds.items() for s in monitor.history):
                stages.setdefault(stage, []).append(spent)
            print(
                f"without {taken['without']:6.2f} s   with {taken['with']:6.2f} s   ratio {ratios[-1]:.3f}", flush=True
            )
    print(f"\nmedian ratio {statistics.median(ratios):.3f} (min {min(ratios):.3f}, max {max(ratios):.3f})")
    medians = ", ".join(f"{stage} {statistics.median(values):.3f}" for stage, values in stages.items())
    print(f"per validation, in the background, seconds: {medians}")


if __name__ == "__main__":
    main()
