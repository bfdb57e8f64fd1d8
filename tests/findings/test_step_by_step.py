"""A run's findings at each of its steps: what fails costs itself, and is told once."""

import dataclasses

import numpy as np
import pytest

from topocallback.analysis.analyse import analyse
from topocallback.findings import table
from topocallback.findings.step_by_step import StepByStep
from topocallback.findings.table import ALERTS, findings_of
from topocallback.records.finding import Finding
from topocallback.records.point_clouds import PointClouds


def snapshot(step, *, broken=()):
    """Two layers, of which some hold a NaN."""
    clouds = {layer: np.random.default_rng(step).normal(size=(30, 3)) for layer in "ab"}
    for layer in broken:
        clouds[layer][0] = np.nan
    return analyse(PointClouds(clouds), step=step)


@pytest.fixture(scope="module")
def snapshots():
    return [snapshot(0), snapshot(5, broken="b"), snapshot(9, broken="ab"), snapshot(12)]


def test_each_step_has_the_findings_of_the_run_until_then(snapshots):
    run = StepByStep(pytest.fail)
    for at, each in enumerate(snapshots):
        found = run(each)
        assert found == findings_of(snapshots[: at + 1])
        assert run.alerts(found)["nan_layers"] == [0, 1, 2, 0][at]


def test_every_kind_of_alert_is_counted_and_is_a_kind():
    run = StepByStep(pytest.fail)
    assert run.alerts([]) == {}  # before there is a step, nothing is known
    run.take(snapshot(0))
    assert run.alerts([]).keys() == set(ALERTS) <= set(table.KINDS)


def test_without_a_snapshot_nothing_is_asked(monkeypatch):
    monkeypatch.setitem(table.KINDS, "luck", lambda course: 1 / 0)
    assert StepByStep(pytest.fail).ask() == []


def test_what_is_taken_in_without_asking_counts_later(snapshots, monkeypatch):
    asked = []
    monkeypatch.setitem(table.KINDS, "steps", lambda course: asked.append(list(course.steps)) or [])
    run = StepByStep(pytest.fail)
    run.take(snapshots[0])
    run(snapshots[1])
    assert asked == [[0, 5]]


def test_a_kind_that_fails_is_told_once_and_costs_no_other(snapshots, monkeypatch):
    def fails(course):
        raise ArithmeticError("no luck")

    monkeypatch.setitem(table.KINDS, "luck", fails)
    told = []
    run = StepByStep(told.append)
    said = [[finding.kind for finding in run(each)] for each in snapshots]
    assert ["nan_layers" in kinds for kinds in said] == [False, True, True, False]
    assert told == ["No findings of the kind 'luck' from step 0 on: ArithmeticError: no luck"]


def test_an_alert_that_could_not_be_asked_for_is_not_counted_as_none(snapshots, monkeypatch):
    run = StepByStep(lambda sentence: None)
    monkeypatch.setitem(table.KINDS, "nan_layers", lambda course: 1 / 0)
    assert "nan_layers" not in run.alerts(run(snapshots[0]))
    monkeypatch.undo()
    assert run.alerts(run(snapshots[1]))["nan_layers"] == 1


def test_after_a_snapshot_that_cannot_be_taken_in_the_run_begins_anew(snapshots):
    told = []
    run = StepByStep(told.append)
    run.take(snapshots[0])
    damaged = dataclasses.replace(snapshots[1])
    object.__setattr__(damaged, "distances", None)
    assert run(damaged) == []
    assert run.alerts([]) == {}
    assert ["Findings begin anew after step 5: " in sentence for sentence in told] == [True]
    run.take(snapshots[2])
    assert run.course.steps == [9]


def test_an_alert_of_no_layer_is_an_alert(snapshots):
    run = StepByStep(pytest.fail)
    run.take(snapshots[0])
    assert run.alerts([Finding("?", (), "!", {}, 0.0, "nan_layers", is_alert=True)])["nan_layers"] == 1
    assert run.alerts([Finding("?", ("a",), "!", {}, 0.0, "settled")]) == run.alerts([])
