"""The clouds that a monitor measured, and what hooks of one's own saw in the same validation."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import lightning.pytorch as pl
import numpy as np
import torch
from small_trainings import Watched, fit, watch
from torch import Tensor, nn

from topocallback import Snapshot
from topocallback.measures import Statistic


class KeepsCloud(Statistic):
    """Keeps every cloud that it measures; its value is the number under which it does."""

    label = "Number of the kept cloud"
    more = "later"
    on_parts = False
    kept: ClassVar[dict[int, np.ndarray]] = {}
    numbers: ClassVar[Iterator[int]] = itertools.count()

    def value(self, facts):
        number = next(self.numbers)
        self.kept[number] = facts.recorded
        return float(number)


def clouds_of(snapshot: Snapshot) -> dict[str, Tensor]:
    """The clouds behind a snapshot that `KeepsCloud` measured."""
    numbers = snapshot.statistics["keeps_cloud"].values
    return {
        layer: torch.tensor(KeepsCloud.kept[int(number)])
        for layer, number in zip(snapshot.layers, numbers, strict=True)
    }


class Learns(pl.LightningModule):
    """Trains and validates by one step, which gives any numbers."""

    def step(self, batch: Any) -> Tensor:
        raise NotImplementedError

    def training_step(self, batch, batch_idx):
        return self.step(batch).square().mean()

    def validation_step(self, batch, batch_idx):
        self.step(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class OnImages(Learns):
    """Runs a network on the first part of a batch."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def step(self, batch):
        return self.net(batch[0])


@dataclass
class Seen:
    """One batch, and every output that the named layers gave in it."""

    batch: Any
    outputs: Mapping[str, Sequence[Any]]


class OwnHooks(pl.Callback):
    """Copies what named layers give in each validation batch, sanity checks apart."""

    def __init__(self, *layers: str) -> None:
        self.layers = layers
        self.batches: list[Seen] = []
        self._handles: list[Any] = []

    def on_validation_start(self, trainer, pl_module):
        self.batches = []

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        outputs: dict[str, list[Any]] = {layer: [] for layer in self.layers}
        self.batches.append(Seen(batch, outputs))
        self._handles = [
            pl_module.get_submodule(layer).register_forward_hook(
                lambda module, args, output, layer=layer: outputs[layer].append(_copied(output))
            )
            for layer in self.layers
        ]

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        for handle in self._handles:
            handle.remove()


def _copied(output: Any) -> Any:
    return output.detach().clone() if isinstance(output, Tensor) else copy.deepcopy(output)


Own = Callable[[Seen], Tensor]
"""Makes one vector per sample of what was seen in one batch."""


def train_and_compare(
    folder: Path, make: Callable[[], nn.Module], loader: Any, own: Mapping[str, Own], **options: Any
) -> Watched:
    """Train with and without a monitor, and hold its clouds against one's own.

    Args:
        folder: Where the run is written.
        make: Makes the model.
        loader: Trains and validates, in the order of its data set.
        own: The name of each cloud to what makes it; a cloud of means may differ in the last digits.
        options: Options of the monitor; by default its layers are those of ``own``.
    """
    layers = list(dict.fromkeys(name.partition("@")[0] for name in own))
    hooks = OwnHooks(*layers)

    def train(*ours: pl.Callback) -> pl.Trainer:
        beside = (*ours, hooks) if ours else ()
        return fit(folder, *beside, model=make(), train=loader, val=loader, max_epochs=1, logger=False)

    defaults = {"layers": layers, "pooling": "auto", "background": False, "mapper": False, "homology_dims": (0,)}
    chosen = defaults | {"measures": ("sliced_wasserstein", KeepsCloud())} | options
    watched = watch(train, counted=False, **chosen)
    history = watched.monitor.history
    clouds = clouds_of(history[-1]) if len(history) else {}
    assert set(clouds) == set(own)
    for name, one in own.items():
        expected = torch.cat([one(seen).float() for seen in hooks.batches])
        if getattr(one, "rounds", False):
            torch.testing.assert_close(
                clouds[name], expected, rtol=1e-5, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
            )
        else:
            assert torch.equal(clouds[name], expected), name
    return watched


# -- One's own vectors ------------------------------------------------------------------------------------------------


def raw(layer: str, call: int = 0) -> Own:
    """All values of a row."""
    return lambda seen: seen.outputs[layer][call].flatten(1)


def of_largest_norm(layer: str, call: int = 0, channels: int = 1) -> Own:
    """The channel vector of largest norm."""

    def own(seen: Seen) -> Tensor:
        positions = seen.outputs[layer][call].movedim(channels, -1).flatten(1, -2)
        return torch.stack([max(rows, key=lambda row: float(row.double().norm())) for rows in positions])

    return own


def mean(layer: str, call: int = 0, inside: Callable[[Seen], Tensor] | None = None) -> Own:
    """The mean over the positions that count, each sample for itself, channels last."""

    def own(seen: Seen) -> Tensor:
        values = seen.outputs[layer][call].flatten(1, -2)
        masks = torch.ones(values.shape[:2], dtype=torch.bool) if inside is None else inside(seen)
        return torch.stack([rows[mask].double().mean(0) for rows, mask in zip(values, masks, strict=True)])

    own.rounds = True
    return own


def up_to(lengths: Tensor, longest: int) -> Tensor:
    """(n, longest) true before each length."""
    return torch.arange(longest) < lengths[:, None]
