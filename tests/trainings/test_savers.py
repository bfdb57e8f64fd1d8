"""Callbacks and models that save, copy or script the model in the midst of a validation: they find nothing of ours."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from small_trainings import Net, fit, hooks_of, watch
from torch import nn

HOOKS = ("on_validation_batch_start", "on_validation_batch_end", "on_validation_epoch_end", "on_validation_end")


class Saves(pl.Callback):
    """Takes the model's blocks in every way there is, in each of its hooks."""

    def __init__(self) -> None:
        self.sizes: dict[str, list[int]] = {hook: [] for hook in HOOKS}
        self.copies: list[nn.Module] = []
        self.written = b""

    def take(self, hook: str, net: nn.Module) -> None:
        written = io.BytesIO()
        torch.save(net, written)
        self.sizes[hook].append(len(written.getvalue()))
        self.written = written.getvalue()
        self.copies += [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
        torch.jit.script(net)

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self.take("on_validation_batch_start", pl_module.net)

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        self.take("on_validation_batch_end", pl_module.net)

    def on_validation_epoch_end(self, trainer, pl_module):
        self.take("on_validation_epoch_end", pl_module.net)

    def on_validation_end(self, trainer, pl_module):
        self.take("on_validation_end", pl_module.net)


class HoldsNet(Net):
    """With a network of torch's own classes in it, which a process without this file can load."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
        self.head = nn.Sequential(self.net, nn.Linear(8, 3))


def load_elsewhere(written: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    """Load a saved model, and run it, in a process that cannot import this package."""
    path = folder / "net.pt"
    path.write_bytes(written)
    code = f"""
        import sys, torch
        class Refuses:
            def find_spec(self, name, *rest):
                if name.partition(".")[0] == "topocallback":
                    raise ImportError(name)
        sys.meta_path.insert(0, Refuses())
        net = torch.load({str(path)!r}, weights_only=False)
        print(tuple(net(torch.zeros(2, 8)).shape), [len(layer._forward_hooks) for layer in net.modules()])
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, cwd=folder
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "before",
    [
        pytest.param(True, marks=pytest.mark.scenario("a callback before the monitor that saves, copies and scripts")),
        pytest.param(False, marks=pytest.mark.scenario("a callback after the monitor that saves, copies and scripts")),
    ],
)
def test_what_another_callback_saves_in_a_validation_is_what_it_saves_without_the_monitor(tmp_path, before):
    savers = []

    def train(*ours):
        savers.append(Saves())
        order = (savers[-1], *ours) if before else (*ours, savers[-1])
        return fit(tmp_path, *order, model=HoldsNet(), max_epochs=1)

    assert watch(train).warnings == []
    without, beside = savers
    assert without.sizes == beside.sizes
    assert all(beside.sizes.values())
    assert all(hooks_of(copied) == 0 for copied in beside.copies)
    done = load_elsewhere(beside.written, tmp_path)
    assert done.stdout.strip() == "(2, 8) [0, 0, 0, 0]", done.stderr


class SavesItself(Net):
    """Saves its blocks in the midst of its forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))

    def forward(self, x):
        x = self.blocks(self.stem(x))
        if not self.training:
            written = io.BytesIO()
            torch.save(self.blocks, written)
            self.written = written.getvalue()
            self.copied = [copy.deepcopy(self.blocks)]
        return self.head(x)


@pytest.mark.scenario("a model that saves and copies its layers in its own forward pass")
def test_a_model_that_saves_itself_while_it_is_recorded_saves_what_loads_elsewhere(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, model=SavesItself(), max_epochs=1))
    model = watched.trainer.lightning_module
    assert watched.warnings == []
    assert watched.monitor.history[0].layers == ("stem", "blocks.0", "blocks.2", "head")
    x = torch.ones(2, 8)
    assert torch.equal(model.copied[0](x), model.blocks(x))
    done = load_elsewhere(model.written, tmp_path)
    assert done.stdout.startswith("(2, 8)"), done.stderr
