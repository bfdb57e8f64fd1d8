import json
import warnings

import numpy as np
import pytest
from finding_tools import drifting, snapshot, walking

from topocallback import PointClouds, analyse, findings_of
from topocallback.findings import table
from topocallback.findings.course import Course


def fails(run):
    raise ArithmeticError("broken")


def test_a_kind_that_fails_costs_itself_and_says_so(monkeypatch):
    monkeypatch.setattr(table, "KINDS", {"bad": fails, **table.KINDS})
    with pytest.warns(UserWarning, match="No findings of the kind bad: ArithmeticError: broken"):
        found = findings_of(drifting(0, 0))
    assert [finding.kind for finding in found] == ["unmoved"]
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        findings_of(drifting(0, 0), failed=lambda name, error: told.append((name, str(error))))
    assert told == [("bad", "broken")]


def test_alerts_come_first():
    dead = [snapshot(step, statistics={"dead_units": 0.5}, drift=0) for step in (3, 9)]
    assert [finding.kind for finding in findings_of(dead)] == ["dead_units", "unmoved"]


def test_findings_of_a_course_are_those_of_its_snapshots():
    run = drifting([0, 1, 2], [0, 0, 1])
    assert findings_of(Course(run)) == findings_of(run)


def test_every_finding_is_json_without_nan_says_its_rule_and_its_kind():
    cloud = np.random.default_rng(0).normal(size=(40, 3))
    cloud[0] = np.nan
    moves = np.stack([np.zeros(6), 0.3 * (np.arange(6) % 2), 2.0 * np.arange(6)], axis=1)
    run = [*walking(*moves, drift_p=[1, 1, 0.0005]), analyse(PointClouds({"stem": cloud}))]
    found = [finding for end in (len(run) - 1, len(run)) for finding in findings_of(run[:end])]
    assert {finding.kind for finding in found} >= {"unmoved", "settled", "still_moving", "nan_layers"}
    for finding in found:
        assert json.loads(json.dumps(finding.to_json(), allow_nan=False)) == finding.to_json()
        assert finding.kind in table.KINDS
        assert finding.evidence["rule"].startswith("Said ")
        assert finding.question.endswith("?")
        assert finding.statement.endswith(".")
        assert 0 <= finding.level <= 0.05


def test_nothing_is_said_of_no_snapshots():
    assert findings_of([]) == []
