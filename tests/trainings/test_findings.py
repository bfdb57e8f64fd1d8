"""Findings in real trainings: alerts that are said once and can stop them, and a table at the end."""

import json
import math
import warnings

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from small_trainings import Net, events, fit, in_two_processes, loader, our_warnings, steps_of, trainer_for

from topocallback import TopologyMonitor, findings_of, load_history
from topocallback.cli import main
from topocallback.findings import table
from topocallback.findings.table import ALERTS

NAN = "topology/alert/nan_layers"
LAST = "topology/last_step_without_alert"
STEPS = (3, 7, 11, 15)
# What the guide says.
STOPS = {"mode": "min", "divergence_threshold": 0.5, "patience": 1_000_000, "check_finite": False}


class Explodes(Net):
    """Its learning rate does from the third epoch on: the weights are no numbers any more."""

    def on_train_epoch_start(self):
        for group in self.optimizers().param_groups:
            group["lr"] = 1e30 if self.current_epoch >= 2 else 0.1


def monitor(**options):
    return TopologyMonitor(**({"background": False, "figures": False, "mapper": False} | options))


def watched(folder, *callbacks, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer = fit(folder, *callbacks, **({"model": Explodes(), "max_epochs": 4} | options))
    return trainer, our_warnings(caught)


def scalars_of(trainer, tag):
    return [(event.step, event.value) for event in events(trainer.log_dir).Scalars(tag)]


# -- While it trains -------------------------------------------------------------------------------------------------


@pytest.mark.scenario("weights that become NaN: one warning, a number at every step, and a table at the end")
@pytest.mark.parametrize("background", [True, False])
def test_a_training_that_breaks_is_told_so_once_and_at_its_end(tmp_path, capsys, background):
    callback = monitor(background=background)
    trainer, messages = watched(tmp_path, callback)
    assert messages == [
        "TopologyMonitor: Layers 'stem', 'blocks.0', 'blocks.1' and 2 more hold NaN or infinity at step 11: all points "
        "of 'stem'."
    ]
    assert scalars_of(trainer, NAN) == list(zip(STEPS, (0, 0, 5, 5), strict=True))
    for kind in ALERTS:
        assert steps_of(trainer.log_dir, f"topology/alert/{kind}") == STEPS
    out = capsys.readouterr().out
    assert "ALERT: Layers 'stem'" in out
    assert "at step 15" in out.replace("\n", " ")  # of the last snapshot, which was measured in the background
    assert f"topocallback findings {trainer.log_dir}" in out
    assert callback.findings == findings_of(load_history(trainer.log_dir))
    assert main(["findings", str(trainer.log_dir), "--json"]) == 3
    (told,) = json.loads(capsys.readouterr().out)
    assert told["findings"] == json.loads(json.dumps([finding.to_json() for finding in callback.findings]))


@pytest.mark.scenario("`EarlyStopping` and `ModelCheckpoint` on alerts")
@pytest.mark.parametrize(
    "stops", [STOPS, {**STOPS, "mode": "max", "divergence_threshold": None, "stopping_threshold": 0.5}]
)
def test_an_alert_stops_a_training_and_the_last_checkpoint_without_one_is_kept(tmp_path, stops):
    stopping = EarlyStopping(NAN, **stops)
    checkpoint = ModelCheckpoint(tmp_path / "checkpoints", monitor=LAST, mode="max")
    trainer, messages = watched(tmp_path, monitor(), stopping, checkpoint, max_epochs=9)
    assert len(messages) == 1  # the alert
    assert (trainer.current_epoch, stopping.stopped_epoch) == (3, 2)
    (kept,) = (tmp_path / "checkpoints").iterdir()
    saved = torch.load(kept, weights_only=True)
    assert saved["global_step"] == 8
    assert all(weight.isfinite().all() for weight in saved["state_dict"].values())
    assert not all(weight.isfinite().all() for weight in trainer.lightning_module.state_dict().values())


def test_a_training_without_alerts_is_not_stopped(tmp_path):
    stopping = EarlyStopping(NAN, **STOPS)
    trainer, messages = watched(tmp_path, monitor(), stopping, model=Net(), max_epochs=6)
    assert (messages, trainer.current_epoch) == ([], 6)


@pytest.mark.scenario("a kind of findings that fails: one warning, and nothing else is lost")
def test_a_kind_that_fails_costs_a_warning_and_stops_no_training(tmp_path, monkeypatch):
    for kind in ("nan_layers", "luck"):
        monkeypatch.setitem(table.KINDS, kind, lambda course: 1 / 0)
    checkpoint = ModelCheckpoint(tmp_path / "checkpoints", monitor=LAST, mode="max")
    trainer, messages = watched(tmp_path, monitor(), EarlyStopping(NAN, **STOPS), checkpoint, model=Net())
    assert trainer.current_epoch == 4
    assert sorted(message.partition("No findings of the kind ")[2] for message in messages) == [
        "'luck' from step 3 on: ZeroDivisionError: division by zero",
        "'nan_layers' from step 3 on: ZeroDivisionError: division by zero",
    ]
    assert NAN not in events(trainer.log_dir).Tags()["scalars"]  # not known is not 0
    assert math.isnan(trainer.callback_metrics[NAN])
    assert steps_of(trainer.log_dir, "topology/seconds") == STEPS


@pytest.mark.parametrize(
    "wrong", [{"patience": 3}, {"divergence_threshold": None}, {"check_finite": True}, {"mode": "max"}]
)
def test_settings_that_stop_at_something_else_are_warned_about(tmp_path, wrong):
    stopping = EarlyStopping(NAN, **STOPS | wrong)
    _, messages = watched(tmp_path, monitor(every_n_validations=2), stopping, model=Net(), max_epochs=1)
    assert ["EarlyStopping monitors 'topology/alert/nan_layers'. To stop at an alert" in each for each in messages] == [
        True
    ]
    assert "make it a multiple" not in messages[0]


# -- Across processes and runs ---------------------------------------------------------------------------------------


@pytest.mark.scenario("a run that is set back before its alert, and goes on")
def test_what_was_put_aside_is_no_part_of_what_is_found(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setitem(table.KINDS, "steps", lambda course: asked.append(tuple(course.steps)) or [])
    saved = ModelCheckpoint(tmp_path / "checkpoints", filename="{epoch}", save_top_k=-1)
    options = {"logger": False, "default_root_dir": tmp_path}
    watched(tmp_path, monitor(), saved, **options)
    asked.clear()
    checkpoint = str(tmp_path / "checkpoints" / "epoch=1.ckpt")
    _, messages = watched(tmp_path, monitor(), model=Net(), max_epochs=4, ckpt_path=checkpoint, **options)
    assert asked == [(3, 7, 11), STEPS]
    assert not [message for message in messages if "NaN" in message]


def told_by_one(folder):
    callback = monitor()
    trainer = trainer_for(folder, callback, max_epochs=1, strategy="ddp", devices=2)
    with open(folder / f"{trainer.global_rank}.txt", "w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", file)
        trainer.fit(Net(), loader(), loader())


@pytest.mark.long
@pytest.mark.scenario("two processes: the first one prints what was found")
def test_the_first_process_alone_prints_what_was_found(tmp_path):
    in_two_processes(told_by_one, tmp_path)
    printed = ["topocallback findings" in (tmp_path / f"{rank}.txt").read_text() for rank in (0, 1)]
    assert printed == [True, False]


# -- When nothing is printed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "of_trainer"),
    [({"print_findings": False}, {}), ({}, {"limit_val_batches": 0}), ({"layers": ["none"]}, {"fast_dev_run": True})],
)
def test_nothing_is_printed_where_nothing_is_wanted_or_was_measured(tmp_path, capsys, options, of_trainer):
    watched(tmp_path, monitor(**options), max_epochs=1, **of_trainer)
    out = capsys.readouterr().out
    assert "topocallback findings" not in out
    assert "no findings" not in out


def test_validation_alone_prints_no_findings(tmp_path, capsys):
    trainer_for(tmp_path, monitor()).validate(Net(), loader(), verbose=False)
    assert "findings" not in capsys.readouterr().out


def test_a_run_without_findings_ends_with_one_calm_line(tmp_path, capsys, monkeypatch):
    for kind in table.KINDS:
        monkeypatch.setitem(table.KINDS, kind, lambda course: [])
    trainer, _ = watched(tmp_path, monitor(), model=Net(), max_epochs=1)
    said = [line for line in capsys.readouterr().out.splitlines() if "TopologyMonitor" in line]
    assert said == [f"TopologyMonitor: no findings: topocallback findings {trainer.log_dir}."]


def test_a_table_that_cannot_be_printed_costs_a_warning(tmp_path, monkeypatch):
    def closed(*_):
        raise BrokenPipeError("nobody reads")

    monkeypatch.setattr("topocallback.monitor.callback.print_findings", closed)
    _, messages = watched(tmp_path, monitor(), model=Net(), max_epochs=1)
    assert ["while printing what was found: nobody reads" in message for message in messages] == [True]
