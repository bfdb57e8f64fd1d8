"""Two processes that decide differently: nobody waits for ever, and what all can do is done."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from small_trainings import LAYERS, Net, fit, in_two_processes, loader, our_warnings
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor, load_history
from topocallback.activations.recorder import ActivationRecorder

pytestmark = pytest.mark.long

_DDP = {"strategy": "ddp", "devices": 2, "max_epochs": 2}


def log_directory(folder: Path) -> Path:
    return max((folder / "run").glob("version_*"))


def is_second() -> bool:
    import os

    return os.environ["RANK"] == "1"


class Images(Net):
    """Takes images, so that there are inputs to show."""

    def forward(self, x):
        return super().forward(x.flatten(1)[:, :4])


def images(**options) -> DataLoader:
    pictures = torch.randn(48, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(pictures, torch.arange(48) % 3), batch_size=8, **options)


class WithAnotherHead(Net):
    """Has a layer that the other process does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.extra = nn.Linear(3, 3)
        if is_second():
            self.second_only = nn.Linear(3, 3)
        else:
            self.first_only = nn.Linear(3, 3)

    def forward(self, x):
        return (self.second_only if is_second() else self.first_only)(self.extra(super().forward(x)))


class CountsOtherwise(TopologyMonitor):
    """Counts its validations from another number in the second process."""

    def on_train_start(self, trainer, pl_module):
        super().on_train_start(trainer, pl_module)
        self._schedule.validations += is_second()


class Unlabelled(DataLoader):
    """Gives no labels in the second process."""

    def __iter__(self):
        return ((batch[0], None) if is_second() else batch for batch in super().__iter__())


class LabelsAreOptional(Net):
    def loss(self, batch):
        return self(batch[0]).sum() if batch[1] is None else super().loss(batch)


def shuffles(folder):
    fit(
        folder,
        TopologyMonitor(),
        model=Images(),
        train=images(),
        val=images(shuffle=is_second()),
        **_DDP,
        use_distributed_sampler=False,
    )


def other_inputs(folder):
    monitor = TopologyMonitor(log_inputs=not is_second())
    fit(folder, monitor, model=Images(), train=images(), val=images(), **_DDP)


def other_layers(folder):
    fit(folder, TopologyMonitor("**", figures=False), model=WithAnotherHead(), **_DDP)


def other_seed(folder):
    fit(folder, TopologyMonitor(seed=int(is_second()), figures=False), **_DDP)


def other_background(folder):
    fit(folder, TopologyMonitor(background=is_second(), figures=False), **_DDP)


def other_validations(folder):
    fit(folder, CountsOtherwise(every_n_validations=2, figures=False), **(_DDP | {"max_epochs": 4}))


def labels_here_only(folder):
    val = Unlabelled(loader().dataset, batch_size=8)
    fit(folder, TopologyMonitor(figures=False), model=LabelsAreOptional(), val=val, **_DDP)


def fails_at_the_end(folder):
    def fails(recorder, calls=None):
        raise MemoryError("not enough")

    if is_second():
        ActivationRecorder.recording = fails
    fit(folder, TopologyMonitor(figures=False), **_DDP)


def warnings_of(folder: Path, train) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(folder)
    (folder / f"said-{int(is_second())}").write_text("\n".join(our_warnings(caught)))


@pytest.mark.scenario("processes that differ in what they are about to do")
@pytest.mark.parametrize(
    ("train", "steps", "said"),
    [
        (shuffles, 2, "the sampled inputs are not shown, because there are none in process 1."),
        (other_inputs, 2, "the sampled inputs are not shown, because there are none in process 1."),
        (other_layers, 2, "processes disagree: it is no layer of process 1"),
        (other_seed, 0, "the monitor of process 1 has other options than that of process 0"),
        (other_background, 0, "the monitor of process 1 has other options than that of process 0"),
        (other_validations, 0, "it is not to be recorded in process 1."),
        (labels_here_only, 2, None),
        (fails_at_the_end, 0, "process 1: failed"),
    ],
)
def test_processes_that_differ_do_together_what_they_can(tmp_path, train, steps, said):
    in_two_processes(warnings_of, tmp_path, train)
    first = (tmp_path / "said-0").read_text()
    assert said is None or said in first
    if not steps:
        assert not list(log_directory(tmp_path).rglob("*.npz"))
        return
    snapshots = load_history(log_directory(tmp_path))
    assert len(snapshots) == steps
    assert all(set(LAYERS) <= set(snapshot.layers) for snapshot in snapshots)
    assert (snapshots[0].labels is None) == (train is labels_here_only)
