"""Other callbacks that monitor the monitor's numbers, and trainings in which there is nothing to record."""

from __future__ import annotations

import contextlib
import math
import re
import warnings

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from small_trainings import LAYERS, Net, events, fit, in_two_processes, loader, our_warnings, trainer_for

from topocallback import TopologyMonitor
from topocallback.monitor import run

BARS = "topology/total_persistence_H1/blocks.2"
DRIFT = "topology/drift_H1/blocks.2"


class Seen(pl.Callback):
    """The monitor's numbers as a callback finds them after every validation, and for how many loggers they are."""

    def __init__(self) -> None:
        self.numbers = []

    def on_validation_end(self, trainer, pl_module):
        if not trainer.sanity_checking:
            found = {name: float(value) for name, value in trainer.callback_metrics.items()}
            self.numbers.append({name: value for name, value in found.items() if name.startswith("topology/")})


def monitor(**options) -> TopologyMonitor:
    return TopologyMonitor(**({"background": False, "figures": False} | options))


def messages_of(folder, *callbacks, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer = fit(folder, *callbacks, **options)
    return trainer, our_warnings(caught)


# -- The same names after every validation ---------------------------------------------------------------------------


@pytest.mark.scenario("`EarlyStopping` on drift, with `background=False` and `check_finite=False`")
def test_drift_that_is_not_yet_measured_does_not_stop_a_training(tmp_path):
    seen = Seen()
    stopping = EarlyStopping(DRIFT, mode="min", patience=2, check_finite=False)
    trainer, messages = messages_of(tmp_path, monitor(), seen, stopping, max_epochs=3)
    drifts = [numbers[DRIFT] for numbers in seen.numbers]
    assert math.isnan(drifts[0])
    assert drifts[1] > 0
    assert float(stopping.best_score) == pytest.approx(min(drifts[1:]))  # and not the 0 of a first snapshot
    assert messages == []
    assert len(events(trainer.log_dir).Scalars(DRIFT)) == len(drifts) - 1  # loggers get no NaN


def test_early_stopping_on_drift_that_checks_for_nan_is_warned_about_once(tmp_path):
    stopping = EarlyStopping(DRIFT, mode="min", patience=2)
    _, messages = messages_of(tmp_path, monitor(every_n_validations=2), stopping)
    assert len(messages) == 1
    assert f"EarlyStopping monitors '{DRIFT}'" in messages[0]
    assert "give it `check_finite=False`" in messages[0]
    assert "`patience` counts every validation, recorded or not" in messages[0]


@pytest.mark.scenario("an analysis that fails, with callbacks that monitor its numbers")
@pytest.mark.parametrize("failing", [0, 1])
def test_a_failed_analysis_leaves_nan_and_not_the_numbers_of_the_one_before(tmp_path, monkeypatch, failing):
    calls = []
    original = run.analyse_next

    def sometimes(*args, **kwargs):
        calls.append(1)
        if len(calls) == failing + 1:
            raise ArithmeticError("no luck")
        return original(*args, **kwargs)

    monkeypatch.setattr(run, "analyse_next", sometimes)
    seen = Seen()
    checkpoint = ModelCheckpoint(tmp_path / "checkpoints", monitor=BARS, mode="max", save_top_k=-1)
    stopping = EarlyStopping(BARS, mode="max", patience=9, check_finite=False)
    trainer, messages = messages_of(tmp_path, monitor(), seen, checkpoint, stopping, max_epochs=3)
    assert trainer.current_epoch == 3
    assert ["no luck" in message for message in messages] == [True]
    assert [math.isnan(numbers[BARS]) for numbers in seen.numbers] == [at == failing for at in range(3)]
    assert all(map(math.isnan, seen.numbers[failing].values()))
    assert len({frozenset(numbers) for numbers in seen.numbers}) == 1  # the same names after each


def test_every_name_that_there_can_be_is_there_whatever_was_measured(tmp_path):
    seen = Seen()
    callback = monitor(layers=["stem", "unused"], measures=["sliced_wasserstein", "bottleneck"])
    model = Net()
    model.unused = torch.nn.Linear(2, 2).requires_grad_(False)
    _, messages = messages_of(tmp_path, callback, seen, model=model)
    assert ["'unused' was left out" in message for message in messages] == [True]
    for numbers in seen.numbers:
        assert {"topology/drift_H0/stem", "topology/drift_p_H1/unused", "topology/drift_bottleneck_H0/stem"} <= set(
            numbers
        )
        assert math.isnan(numbers["topology/bars_H1/unused"])
        assert numbers["topology/bars_H1/stem"] >= 0


@pytest.mark.scenario("`EarlyStopping` and `ModelCheckpoint` with `every_n_validations`")
def test_a_number_stands_until_the_next_recorded_validation(tmp_path):
    seen = Seen()
    callback = monitor(every_n_validations=2)
    stopping = EarlyStopping(BARS, mode="max", min_delta=1e9, patience=4)
    checkpoint = ModelCheckpoint(tmp_path / "checkpoints", monitor=BARS, mode="max")
    trainer, messages = messages_of(tmp_path, callback, seen, stopping, checkpoint, max_epochs=9)
    measured = [snapshot.statistics["total_persistence", 1].values[3] for snapshot in callback.history]
    assert [numbers[BARS] for numbers in seen.numbers] == pytest.approx(
        [measured[at // 2] for at in range(5)], rel=1e-6
    )
    assert trainer.current_epoch == 5  # four validations after the first, two of them recorded
    assert float(checkpoint.best_model_score) == pytest.approx(max(measured), rel=1e-6)
    assert ["make it a multiple of `every_n_validations`" in message for message in messages] == [True]


@pytest.mark.scenario("resuming between recorded validations, with callbacks that monitor their numbers")
def test_a_run_that_goes_on_has_the_last_numbers_before_it_measures_again(tmp_path):
    saved = ModelCheckpoint(tmp_path / "checkpoints", filename="{epoch}", save_top_k=-1)
    first = Seen()
    fit(tmp_path, monitor(every_n_validations=3), first, saved, max_epochs=2)
    resumed = Seen()
    stopping = EarlyStopping(BARS, mode="max", patience=9)
    trainer, _ = messages_of(
        tmp_path,
        monitor(every_n_validations=3),
        resumed,
        stopping,
        max_epochs=4,
        ckpt_path=str(tmp_path / "checkpoints" / "epoch=1.ckpt"),
    )
    assert trainer.current_epoch == 4
    assert resumed.numbers[0][BARS] == pytest.approx(first.numbers[0][BARS], rel=1e-6)
    assert resumed.numbers[1][BARS] != resumed.numbers[0][BARS]
    assert torch.load(saved.best_model_path or saved.last_model_path or next((tmp_path / "checkpoints").iterdir()))


def same_names(folder):
    seen = Seen()
    trainer_for(folder, monitor(every_n_validations=2), seen, max_epochs=3, strategy="ddp", devices=2).fit(
        Net(), loader(), loader()
    )
    assert [BARS in numbers for numbers in seen.numbers] == [True] * 3
    gathered = [None, None]
    torch.distributed.all_gather_object(gathered, [{k: str(v) for k, v in each.items()} for each in seen.numbers])
    assert gathered[0] == gathered[1]


@pytest.mark.scenario("two processes, with callbacks that monitor the numbers")
def test_every_process_has_the_same_numbers(tmp_path):
    in_two_processes(same_names, tmp_path)


# -- What cannot be monitored ----------------------------------------------------------------------------------------


class MonitorsSeveral(pl.Callback):
    """Monitors several numbers, as callbacks of tuners do."""

    def __init__(self, keys) -> None:
        self.monitor = keys


@pytest.mark.scenario("a callback that monitors a number with `background=True`")
@pytest.mark.parametrize("keys", [["val_loss", BARS], {"loss": BARS}, (BARS, DRIFT), BARS])
def test_a_number_that_comes_too_late_is_warned_about_once(tmp_path, keys):
    _, messages = messages_of(tmp_path, TopologyMonitor(figures=False), MonitorsSeveral(keys), max_epochs=1)
    assert len(messages) == 1
    assert f"MonitorsSeveral monitors '{BARS}'" in messages[0]
    assert "Set `TopologyMonitor(background=False)`" in messages[0]


class Plateau(Net):
    """Lowers its learning rate when the drift no longer falls."""

    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": DRIFT}}


@pytest.mark.scenario("a learning rate scheduler on a number of the monitor")
def test_a_scheduler_can_monitor_drift_in_the_foreground_and_is_told_why_it_cannot_in_the_background(tmp_path):
    trainer, messages = messages_of(tmp_path / "front", monitor(), model=Plateau())
    assert messages == []
    assert trainer.current_epoch == 2
    with (
        pytest.warns(UserWarning, match=r"ReduceLROnPlateau monitors 'topology/drift_H1/blocks\.2'.*background=False"),
        contextlib.suppress(MisconfigurationException),  # Lightning's own, after ours has said why
    ):
        fit(tmp_path / "back", TopologyMonitor(figures=False), model=Plateau())


@pytest.mark.scenario("a callback that monitors a number that there is not")
def test_an_unknown_number_is_warned_about_once_with_the_closest_ones(tmp_path):
    wrong = ["topology/drift_H1/block.2", "topology/bars_H7/stem", "topology/drift_H1/block.2"]
    _, messages = messages_of(tmp_path, monitor(), MonitorsSeveral(wrong), max_epochs=1)
    assert len(messages) == 1
    assert "there will be no 'topology/drift_H1/block.2'" in messages[0]
    assert f"'{DRIFT}'" in messages[0]
    assert "no 'topology/bars_H7/stem'" in messages[0]
    assert "'topology/bars_H1/stem'" in messages[0]


@pytest.mark.parametrize("key", ["val_loss", "train/topology", None, 3])
def test_what_others_monitor_is_none_of_our_business(tmp_path, key):
    _, messages = messages_of(tmp_path, TopologyMonitor(figures=False), MonitorsSeveral(key), max_epochs=1)
    assert messages == []


# -- Nothing to record -----------------------------------------------------------------------------------------------


class WithoutValidation(Net):
    """A model that only trains."""

    validation_step = pl.LightningModule.validation_step


@pytest.mark.scenario("no validation: one warning says that nothing will be recorded, and why")
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"limit_val_batches": 0}, "`limit_val_batches=0` leaves validation out"),
        ({"limit_val_batches": 0.0}, "`limit_val_batches=0` leaves validation out"),
        ({"val": ()}, "there is no validation data loader"),
        ({"model": WithoutValidation()}, "the model has no `validation_step`"),
        ({"fast_dev_run": True, "val": ()}, "there is no validation data loader"),
    ],
)
def test_a_training_without_validation_is_told_that_nothing_is_recorded(tmp_path, options, why):
    if options.get("val") == ():
        pl.seed_everything(1, verbose=False)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            trainer = trainer_for(tmp_path, monitor(), **{k: v for k, v in options.items() if k != "val"})
            trainer.fit(Net(), loader())
        messages = our_warnings(caught)
    else:
        _, messages = messages_of(tmp_path, monitor(), **options)
    assert len(messages) == 1
    assert "nothing will be recorded" in messages[0]
    assert why in messages[0]


@pytest.mark.scenario("a training that ends before its first validation")
@pytest.mark.parametrize("options", [{"check_val_every_n_epoch": 5}, {"val": loader(0)}])
def test_a_training_that_came_to_no_validation_is_told_so_at_its_end(tmp_path, options):
    _, messages = messages_of(tmp_path, monitor(), num_sanity_val_steps=0, **options)
    assert ["nothing was recorded" in message for message in messages] == [True]


# -- Too little to measure -------------------------------------------------------------------------------------------


@pytest.mark.scenario("fewer samples than noise and tests need")
@pytest.mark.parametrize(("n", "said"), [(1, "1 sample is too few"), (10, "10 samples are too few, tests need 24")])
def test_too_few_samples_are_said_once_with_the_number_that_would_do(tmp_path, n, said):
    _, messages = messages_of(tmp_path, monitor(), val=loader(n), max_epochs=3)
    assert [said in message for message in messages] == [True]
    assert "tests need 24" in messages[0]


class Dead(Net):
    """All blocks give zeros."""

    def __init__(self) -> None:
        super().__init__(width=8)
        self.blocks = torch.nn.Sequential(*(Zeros() for _ in range(5)))


class Zeros(torch.nn.Module):
    """Gives zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x * 0 * self.scale


@pytest.mark.scenario("layers that give zeros only")
def test_dead_layers_are_named_in_one_warning(tmp_path):
    _, messages = messages_of(tmp_path, monitor(layers=["stem", "blocks.*"]), model=Dead(), max_epochs=3)
    assert messages == [
        "TopologyMonitor: Layers 'blocks.0', 'blocks.1', 'blocks.2' and 2 more have dead units at step 3: of "
        "'blocks.0' 100% have one value for all 64 samples."
    ]


class Holes(Net):
    """Blocks that give NaN for some of the samples."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = torch.nn.Sequential(*(Hole(at) for at in range(4)))


class Hole(torch.nn.Module):
    """Gives NaN for the samples beyond a place of its own."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def forward(self, x):
        return torch.where(x[:, :1] > self.at / 16, torch.nan, x) if not self.training else x


def test_layers_with_the_same_problem_in_other_numbers_are_named_in_one_warning(tmp_path):
    _, messages = messages_of(tmp_path, monitor(layers=["blocks.*"]), model=Holes(), max_epochs=2)
    (message,) = messages  # at later steps other samples are lost, of the same layers
    assert re.fullmatch(
        r"TopologyMonitor: Layers 'blocks\.0', 'blocks\.1', 'blocks\.2' and 1 more hold NaN or infinity at step 3: "
        r"\d+ of 64 points of 'blocks\.0'\.",
        message,
    )


def test_the_names_of_the_layers_are_those_that_can_be_monitored():
    assert {f"topology/bars_H1/{layer}" for layer in LAYERS} <= set(monitor()._monitored.tags(Net()))
