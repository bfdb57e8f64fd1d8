"""Delivery: steps measured in the background reach the loggers, in order, and every wait ends."""

import copy
import pickle
import threading
import time

import numpy as np
import pytest
from small_trainings import events, steps_of, trainer_for

from topocallback.analysis.options import AnalysisOptions
from topocallback.monitor.delivery import Delivery
from topocallback.monitor.reports import Reports
from topocallback.monitor.run import Run
from topocallback.records.point_clouds import PointClouds

LONG = 60.0  # seconds; no test waits for them unless it fails


@pytest.fixture
def run():
    return Run(None, AnalysisOptions(scale="none"))


@pytest.fixture
def gate():
    """An event that a measurement can wait for; opened at the end, so that no thread outlives its test."""
    gate = threading.Event()
    yield gate
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "topocallback":
            thread.join(LONG)


def measure(run, step):
    rng = np.random.default_rng(step)
    return run.measure(PointClouds({layer: rng.normal(size=(24, 3)) for layer in "ab"}), step=step, epoch=0)


def fail():
    raise ArithmeticError("no number")


def test_measured_steps_are_logged_with_numbers_and_pictures_when_they_are_asked_for(tmp_path, run):
    trainer, delivery = trainer_for(tmp_path), Delivery(Reports("raise"))
    for step in (3, 7):
        delivery.submit(lambda step=step: measure(run, step), step)
    assert delivery.wait(LONG)
    assert not list(tmp_path.iterdir())
    for _ in range(2):  # the second time there is nothing to log
        delivery.deliver(trainer)
    trainer.logger.save()
    assert steps_of(trainer.log_dir, "topology/noise_H1/a") == (3, 7)
    logged = events(trainer.log_dir)
    assert [event.step for event in logged.Images("topology/layer_distance")] == [3, 7]
    assert [event.step for event in logged.Tensors("topology/snapshot")] == [3, 7]


def test_a_step_that_fails_costs_a_report_and_no_other_step(tmp_path, run):
    trainer, delivery = trainer_for(tmp_path), Delivery(Reports("warn"))
    delivery.submit(fail, 3)
    delivery.submit(lambda: measure(run, 7), 7)
    with pytest.warns(UserWarning, match="ArithmeticError while analysing: no number"):
        delivery.finish(trainer, LONG)
    trainer.logger.save()
    assert steps_of(trainer.log_dir, "topology/noise_H1/a") == (7,)


def test_what_went_wrong_beside_the_numbers_is_reported_and_the_numbers_are_logged(tmp_path):
    (tmp_path / "topology").write_text("in the way")
    archived = Run(tmp_path / "topology", AnalysisOptions(scale="none"))
    trainer, delivery = trainer_for(tmp_path), Delivery(Reports("warn"))
    delivery.submit(lambda: measure(archived, 3), 3)
    with pytest.warns(UserWarning, match="while keeping step 3"):
        delivery.finish(trainer, LONG)
    trainer.logger.save()
    assert steps_of(trainer.log_dir, "topology/noise_H1/a") == (3,)


def test_a_wait_that_ends_in_vain_is_said_and_what_comes_later_is_logged_all_the_same(tmp_path, run, gate):
    trainer, delivery = trainer_for(tmp_path), Delivery(Reports("warn"))
    delivery.submit(lambda: gate.wait(LONG) and measure(run, 3), 3)
    assert not delivery.wait(0.01)
    with pytest.warns(UserWarning, match=r"TimeoutError while waiting for the last snapshots: gave up; 1 snapshot"):
        delivery.finish(trainer, 0.01)
    gate.set()
    assert delivery.wait(LONG)
    delivery.finish(trainer, LONG)
    trainer.logger.save()
    assert steps_of(trainer.log_dir, "topology/noise_H1/a") == (3,)


def test_who_waited_in_vain_does_not_wait_for_a_place_again(tmp_path, run, gate, monkeypatch):
    monkeypatch.setattr("topocallback.monitor.delivery.LONGEST_WAIT", 0.01)
    delivery = Delivery(Reports("warn"))
    for step in (1, 2):
        delivery.submit(lambda step=step: gate.wait(LONG) and measure(run, step), step)
    with pytest.raises(TimeoutError, match=r"so step 3 is left out. Lower `n_samples` or raise `every_n_validations`"):
        delivery.submit(lambda: measure(run, 3), 3)
    monkeypatch.setattr("topocallback.monitor.delivery.LONGEST_WAIT", LONG)
    for step in (4, 5):
        delivery.submit(lambda: measure(run, 4), step)
    gate.set()
    delivery.wait(LONG)
    with pytest.warns(UserWarning, match="3 steps are left out in all, from step 3 to step 5"):
        delivery.finish(trainer_for(tmp_path), LONG)


@pytest.fixture
def available(monkeypatch):
    monkeypatch.setattr("topocallback.monitor.delivery.available_memory", lambda: 1000)


def test_a_step_that_fits_beside_what_is_measured_waits_for_nothing(available, gate):
    delivery = Delivery(Reports("raise"))
    assert delivery.make_room(10**6, 1)  # nothing is measured: then recording itself looks for room
    delivery.submit(lambda: gate.wait(LONG), 1)
    assert delivery.make_room(500, 2)
    assert delivery.pending == 1


def test_where_nobody_knows_what_memory_there_is_nothing_waits_for_it(monkeypatch, gate):
    monkeypatch.setattr("topocallback.monitor.delivery.available_memory", lambda: None)
    delivery = Delivery(Reports("raise"))
    delivery.submit(lambda: gate.wait(LONG), 1)
    assert delivery.make_room(10**15, 2)


def test_a_step_for_which_there_is_no_memory_waits_until_the_others_are_done(available, gate):
    delivery = Delivery(Reports("raise"))
    delivery.submit(lambda: gate.wait(LONG), 1)
    threading.Timer(0.2, gate.set).start()
    assert delivery.make_room(501, 2)
    assert gate.is_set()


def test_a_step_for_which_there_is_no_memory_in_time_is_left_out_and_said(available, gate, monkeypatch):
    monkeypatch.setattr("topocallback.monitor.delivery.LONGEST_WAIT", 0.01)
    delivery = Delivery(Reports("warn"))
    delivery.submit(lambda: gate.wait(LONG), 1)
    with pytest.raises(TimeoutError, match=r"no memory for 2.0 kB beside .* so step 2 is left out. Lower `n_samples`"):
        delivery.make_room(2000, 2)
    assert not delivery.make_room(2000, 3)  # which is said at the end


def test_all_waits_of_a_run_together_have_an_end(run, monkeypatch):
    monkeypatch.setattr("topocallback.monitor.delivery.LONGEST_WAIT", 0.5)
    delivery = Delivery(Reports("warn"))
    taken = []
    start = time.monotonic()

    def submit_all():
        for step in range(100):
            delivery.submit(lambda: time.sleep(0.2), step)
            taken.append(step)

    with pytest.raises(TimeoutError, match="is left out"):
        submit_all()
    assert 2 <= len(taken) < 10
    delivery.wait(LONG)
    assert time.monotonic() - start < LONG
    delivery.begin()
    for step in (0, 1, 2):
        delivery.submit(lambda: None, step)
    assert delivery.wait(LONG)


def test_a_step_is_logged_where_it_was_recorded(tmp_path, run):
    first, second, delivery = trainer_for(tmp_path / "1"), trainer_for(tmp_path / "2"), Delivery(Reports("raise"))
    delivery.submit(lambda: measure(run, 3), 3, first.loggers)
    delivery.submit(lambda: measure(run, 7), 7)
    delivery.finish(second, LONG)
    for trainer, steps in ((first, (3,)), (second, (7,))):
        trainer.logger.save()
        assert steps_of(trainer.log_dir, "topology/noise_H1/a") == steps


def test_what_raises_costs_no_other_step(tmp_path, run):
    trainer, delivery = trainer_for(tmp_path), Delivery(Reports("raise"))
    delivery.submit(fail, 3)
    delivery.submit(lambda: measure(run, 7), 7)
    assert delivery.wait(LONG)
    with pytest.raises(ArithmeticError):
        delivery.deliver(trainer)
    delivery.deliver(trainer)
    trainer.logger.save()
    assert steps_of(trainer.log_dir, "topology/noise_H1/a") == (7,)


def test_a_trainer_that_is_to_end_ends_every_wait(tmp_path, run, gate):
    trainer, delivery = trainer_for(tmp_path), Delivery(Reports("warn"))
    delivery.deliver(trainer)
    trainer._signal_connector.received_sigterm = True
    start = time.monotonic()
    for step in (1, 2):
        delivery.submit(lambda: gate.wait(LONG), step)
    with pytest.raises(TimeoutError):
        delivery.submit(lambda: None, 3)
    with pytest.warns(UserWarning, match=r"gave up; 2 snapshot"):
        delivery.finish(trainer, LONG)
    assert time.monotonic() - start < LONG


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda delivery: pickle.loads(pickle.dumps(delivery))])
def test_a_copy_has_a_thread_of_its_own_and_none_of_the_steps(tmp_path, run, gate, copied):
    delivery = Delivery(Reports("warn"))
    delivery.submit(lambda: gate.wait(LONG), 3)
    twin = copied(delivery)
    assert twin.wait(0.0)
    twin.submit(lambda: measure(run, 7), 7)
    trainer = trainer_for(tmp_path)
    twin.finish(trainer, LONG)
    trainer.logger.save()
    assert steps_of(trainer.log_dir, "topology/noise_H1/a") == (7,)
