"""Small real trainings, and what holds a watched one against the same one unwatched."""

from __future__ import annotations

import ast
import atexit
import contextlib
import inspect
import os
import random
import re
import socket
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping
from lightning.pytorch.loggers import TensorBoardLogger
from prepared_processes import start_processes
from record_tools import assert_same_tables
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import Snapshot, TopologyMonitor, load_history


class Block(nn.Module):
    """A residual block on vectors."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x):
        return x + torch.relu(self.linear(x))


class Net(pl.LightningModule):
    """Three blocks between two linear layers, with dropout, so that training draws random numbers."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Linear(4, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(3)))
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.dropout(self.blocks(self.stem(x))))

    def loss(self, batch):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def training_step(self, batch, batch_idx):
        return self.loss(batch)

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("val_loss", self.loss(batch), batch_size=len(batch[0]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class ExactNet(Net):
    """Small integers in every product and sum, and no learning: the same floats whatever the batch size."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.data = torch.randint(-2, 3, parameter.shape, generator=generator).float()

    def forward(self, x):
        return super().forward((4 * x).round())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


LAYERS = ("stem", "blocks.0", "blocks.1", "blocks.2", "head")


def data(n: int = 64, seed: int = 0) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    return TensorDataset(torch.randn(n, 4, generator=generator), torch.arange(n) % 3)


def loader(n: int = 64, batch_size: int = 16, shuffle: bool = False) -> DataLoader:
    return DataLoader(data(n), batch_size=batch_size, shuffle=shuffle)


def trainer_for(folder: Path, *callbacks: pl.Callback, **options) -> pl.Trainer:
    defaults = {
        "max_epochs": 2,
        "accelerator": "cpu",
        "logger": TensorBoardLogger(folder, name="run"),
        "default_root_dir": folder,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": any(isinstance(callback, Checkpoint) for callback in callbacks),
    }
    return pl.Trainer(callbacks=list(callbacks), **(defaults | options))


def fit(
    folder: Path,
    *callbacks: pl.Callback,
    model: pl.LightningModule | None = None,
    train=None,
    val=None,
    ckpt_path: str | None = None,
    **options,
) -> pl.Trainer:
    pl.seed_everything(1, verbose=False)
    trainer = trainer_for(folder, *callbacks, **options)
    train, val = loader(shuffle=True) if train is None else train, loader() if val is None else val
    trainer.fit(Net() if model is None else model, train, val, ckpt_path=ckpt_path)
    assert hooks_of(trainer.lightning_module) == 0
    return trainer


def hooks_of(module: nn.Module) -> int:
    """How many hooks of this package are on the module's layers."""
    hooks = [
        getattr(hook, "func", hook)
        for layer in module.modules()
        for hook in (*layer._forward_hooks.values(), *layer._forward_pre_hooks.values())
    ]
    return sum(hook.__module__.startswith("topocallback") for hook in hooks)


def events(folder: Path | str) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    accumulator.Reload()
    return accumulator


def steps_of(folder: Path | str, tag: str = "val_loss") -> tuple[int, ...]:
    logged = events(folder)
    found = logged.Scalars(tag) if tag in logged.Tags()["scalars"] else ()
    # Of event files that were begun in one second, the tenth is read before the second: they are sorted by name.
    return tuple(event.step for event in sorted(found, key=lambda event: event.wall_time))


def our_warnings(caught: list[warnings.WarningMessage]) -> list[str]:
    """The monitor's warnings, each of which must advise nothing that there is not."""
    messages = [str(warning.message) for warning in caught if "TopologyMonitor" in str(warning.message)]
    for message in messages:
        _assert_advice_can_be_taken(message)
    return messages


def _assert_advice_can_be_taken(message: str) -> None:
    """Every option in backticks is one of the monitor's, and takes that value, or one of those whom it may concern."""
    for option, value in re.findall(r"`(?:TopologyMonitor\()?([a-z_]+)=([^`)]*)\)?`", message):
        if option in inspect.signature(TopologyMonitor).parameters:
            with contextlib.suppress(SyntaxError):  # no value is said, or it is a function's name
                TopologyMonitor(**{option: ast.literal_eval(value)})
        else:
            of_others = {name for other in (pl.Trainer, DataLoader, EarlyStopping) for name in _parameters(other)}
            assert option in of_others, message
    if "left out: " in message:
        assert re.search(r"layers? '", message), message


def _parameters(of: type) -> list[str]:
    return list(inspect.signature(of).parameters)


def _cause(message: str) -> str:
    """A warning without what tells two of the same cause apart: numbers, and names."""
    return re.sub(r"\d+|'[^']*'", "#", message)


def assert_same_numbers(first: Snapshot, second: Snapshot, *, drift: bool = True) -> None:
    """Everything but the seconds and the step is equal, bit for bit; the drift too, unless told otherwise."""
    assert first.layers == second.layers
    np.testing.assert_array_equal(first.sample_ids, second.sample_ids)
    np.testing.assert_array_equal(first.labels, second.labels)
    for layer in first.layers:
        for mine, theirs in zip(first.diagrams[layer], second.diagrams[layer], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert_same_tables(first, second, drift=drift)


def in_two_processes(work: Callable[..., None], *args: Any, seconds: float = 240.0) -> None:
    """Run ``work(*args)`` in two processes that know of each other, as ``torchrun`` would start them.

    What is raised in one of them is raised here; whatever still runs after so many seconds is killed and is an error.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = start_processes(_work_as, (port, work, args), join=False)
    deadline = time.monotonic() + seconds
    try:
        while not processes.join(timeout=1.0):
            assert time.monotonic() < deadline, f"the processes hang after {seconds} s"
    finally:
        for process in processes.processes:
            process.kill()


def _work_as(rank: int, port: int, work: Callable[..., None], args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ |= {
        "TORCHELASTIC_RUN_ID": "test",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "GROUP_RANK": "0",
    }
    try:
        work(*args)
    finally:
        leave_group()


def leave_group() -> None:
    """Leave the process group: whose threads still run when a process exits may abort it, under load most of all."""
    if dist.is_initialized():
        dist.destroy_process_group()


class LeavesGroupAtExit(pl.Callback):
    """Leaves the process group when the process exits, where Lightning has started it."""

    def setup(self, trainer, pl_module, stage):
        atexit.register(leave_group)


class CountedCloud:
    """Every output as it is, counting how often a hook brought one."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, output):
        self.calls += 1
        return output.flatten(1)


class CountBatches(pl.Callback):
    """How many batches of a validation loader ran, those of the sanity check included."""

    def __init__(self, dataloader_idx: int) -> None:
        self.dataloader_idx = dataloader_idx
        self.batches = 0

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        self.batches += dataloader_idx == self.dataloader_idx


@dataclass
class Watched:
    """A training that was watched, next to the same one that was not."""

    trainer: Any
    monitor: TopologyMonitor
    warnings: list[str]
    unwatched: Any


def watch(train: Callable[..., pl.Trainer], *, counted: bool = True, **options) -> Watched:
    """Train without and with a monitor, and assert that nothing else differs.

    Weights and global random generators are the same, bit for bit. No hook is left. Every chosen layer's hook brought
    one output per validation batch. Every validation has its snapshot, at the step at which ``val_loss`` is logged. No
    two warnings have one cause.

    Args:
        train: Takes callbacks and trains with them.
        counted: Whether hooks and snapshots are counted.
        options: Options of the monitor.
    """
    pl.seed_everything(1, verbose=False)
    unwatched = train()
    expected = _what_must_not_change(unwatched.lightning_module)
    cloud = CountedCloud()
    monitor = TopologyMonitor(**({"pooling": cloud, "figures": False} | options))
    batches = CountBatches(monitor.recording.dataloader_idx)
    pl.seed_everything(1, verbose=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer = train(monitor, batches)
    _assert_unchanged(expected, _what_must_not_change(trainer.lightning_module))
    assert hooks_of(trainer.lightning_module) == 0
    if counted:
        layers = monitor.history[0].layers
        assert cloud.calls == len(layers) * batches.batches > 0
        if trainer.logger is not None:
            steps = steps_of(trainer.log_dir)
            assert load_history(trainer.log_dir).steps == steps
            assert steps_of(trainer.log_dir, f"topology/noise_H1/{layers[0]}") == steps
    messages = our_warnings(caught)
    assert len(set(map(_cause, messages))) == len(messages), messages
    return Watched(trainer, monitor, messages, unwatched)


def _what_must_not_change(model: nn.Module) -> tuple[Any, ...]:
    # Of a sharded weight, this process's share.
    local = {name: getattr(value, "_local_tensor", value) for name, value in model.state_dict().items()}
    weights = {name: value.clone() for name, value in local.items()}
    return weights, torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002


def _assert_unchanged(expected: tuple[Any, ...], got: tuple[Any, ...]) -> None:
    weights, torch_state, numpy_state, python_state = expected
    assert weights.keys() == got[0].keys()
    for name, value in weights.items():
        assert value.dtype == got[0][name].dtype
        assert torch.equal(value, got[0][name]), name
    assert torch.equal(torch_state, got[1])
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(numpy_state, got[2], strict=True))
    assert python_state == got[3]
