"""Alerts while a training goes on: each is said once of every layer."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from topocallback.analysis.layers import ALL_EQUAL, LEFT_OUT
from topocallback.findings.table import ALERTS
from topocallback.monitor.alerts import Alerts, last_without_alert, without_alerts
from topocallback.monitor.reports import Reports
from topocallback.records.finding import Finding


def alert(*layers, step=3, kind="nan_layers"):
    return Finding("Is it?", layers, f"{', '.join(layers)}: {kind} at step {step}.", {}, 0.0, kind, is_alert=True)


@pytest.fixture
def said(monkeypatch):
    said = []
    monkeypatch.setattr(Reports, "warn", lambda self, message: said.append(message))
    return said


def test_several_layers_share_a_warning_and_are_not_named_again_while_it_lasts(said):
    alerts = Alerts(Reports("warn"))
    for step in (3, 7, 11):
        alerts.tell([alert("a", "b", step=step)])
    assert said == ["a, b: nan_layers at step 3."]


def test_a_layer_that_joins_is_named_as_new(said):
    alerts = Alerts(Reports("warn"))
    alerts.tell([alert("a")])
    alerts.tell([alert("a", "b\x1b[31m", step=7)])
    alerts.tell([alert("b\x1b[31m", step=11)])
    assert [message.partition(" New: ")[2] for message in said] == ["", "layer 'b\\\\x1b[31m'."]


def test_each_kind_is_said_of_a_layer_and_what_is_no_alert_is_not(said):
    alerts = Alerts(Reports("warn"))
    alerts.tell([alert("a"), alert("a", kind="dead_units"), Finding("?", ("a",), "settled", {}, 0.05, "settled")])
    assert said == ["a: nan_layers at step 3.", "a: dead_units at step 3."]


def test_another_run_is_warned_of_again(said):
    alerts = Alerts(Reports("warn"))
    for _ in range(2):
        alerts.begin()
        alerts.tell([alert("a")])
    assert len(said) == 2


def test_an_alert_is_no_failure_and_raises_nothing():
    with pytest.warns(UserWarning, match=r"TopologyMonitor: a: nan_layers at step 3\."):
        Alerts(Reports("raise")).tell([alert("a")])


def test_a_problem_is_not_said_beside_the_alert_that_says_the_same():
    problems = {"a": f"3 of 9 {LEFT_OUT}", "b": f"3 of 9 {LEFT_OUT}", "c": f"It has no graph. 3 of 9 {LEFT_OUT}"}
    assert without_alerts(problems, [alert("a", "c")]) == {"b": problems["b"], "c": problems["c"]}
    assert without_alerts(problems, [alert("a", "c", kind="dead_units")]) == problems
    equal = {"a": f"All 9 {ALL_EQUAL}"}
    assert without_alerts(equal, [alert("a", kind="dead_units")]) == {}
    assert without_alerts(equal, [alert("a")]) == equal


def test_the_guide_says_what_each_kind_of_alert_is():
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")
    rows = guide.partition("| Kind | What is broken |\n| --- | --- |\n")[2].partition("\n\n")[0].splitlines()
    assert [row.split("`")[1] for row in rows] == list(ALERTS)


def step(number, **alerts):
    return SimpleNamespace(snapshot=SimpleNamespace(step=number), alerts=alerts)


def test_the_last_step_without_alert_stands_while_there_is_one_or_it_is_not_known():
    none = dict.fromkeys(ALERTS, 0)
    assert last_without_alert(step(8, **none), before=4.0) == 8.0
    assert last_without_alert(step(8, **none | {ALERTS[0]: 2}), before=4.0) == 4.0
    assert math.isnan(last_without_alert(step(8)))
