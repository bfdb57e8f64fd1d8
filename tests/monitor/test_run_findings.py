"""Run: every step has what was found until then, also where the run goes on from its archive."""

import numpy as np
import pytest

from topocallback.analysis.options import AnalysisOptions
from topocallback.findings import table
from topocallback.findings.table import findings_of
from topocallback.monitor.run import Run
from topocallback.records.archive import archive_folder
from topocallback.records.point_clouds import PointClouds
from topocallback.views.payload import decode

OPTIONS = AnalysisOptions(scale="none", mapper=False)


def clouds_at(step):
    rng = np.random.default_rng(step)
    return PointClouds({layer: rng.normal(size=(16, 3)) for layer in "ab"})


def measure(run, steps):
    return [run.measure(clouds_at(step), step=step, epoch=0) for step in steps]


def with_nan(clouds):
    clouds.clouds["a"][0] = np.nan
    return clouds


def test_a_step_has_what_was_found_until_then_and_so_has_its_payload():
    run = Run(None, OPTIONS, figures=False)
    measured = [*measure(run, [0]), run.measure(with_nan(clouds_at(3)), step=3, epoch=1)]
    for at, step in enumerate(measured):
        assert step.findings == findings_of([each.snapshot for each in measured[: at + 1]])
        assert decode(step.payload)["findings"] == [finding.to_json() for finding in step.findings]
        assert step.alerts["nan_layers"] == at
        assert 0 <= step.snapshot.seconds["findings"] <= step.seconds["total"]
    assert run.findings == measured[-1].findings


def test_a_kind_of_findings_that_fails_is_an_error_once_and_costs_the_step_nothing(monkeypatch):
    monkeypatch.setitem(table.KINDS, "luck", lambda course: 1 / 0)
    first, second = measure(Run(None, OPTIONS, figures=False), (0, 3))
    assert [str(error) for error in first.errors] == [
        "No findings of the kind 'luck' from step 0 on: ZeroDivisionError: division by zero"
    ]
    assert second.errors == []
    assert second.payload is not None


@pytest.mark.parametrize("archived", [True, False])
def test_a_run_that_goes_on_knows_its_earlier_steps_and_none_that_were_put_aside(tmp_path, monkeypatch, archived):
    asked = []
    monkeypatch.setitem(table.KINDS, "steps", lambda course: asked.append(tuple(course.steps)) or [])
    run = Run(archive_folder(tmp_path) if archived else None, OPTIONS, figures=False)
    measure(run, (0, 3, 9))
    run = Run(archive_folder(tmp_path), OPTIONS, figures=False) if archived else run
    run.go_on(3)
    measure(run, (6, 9))
    assert asked == [(0,), (0, 3), (0, 3, 9), (0, 3, 6), (0, 3, 6, 9)]
