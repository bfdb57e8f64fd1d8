"""The report with what was found: each of its steps says what was found until then."""

import base64
import json
import re

import numpy as np
import pytest

from topocallback.analysis.analyse import analyse
from topocallback.findings import table
from topocallback.findings.report import write_report
from topocallback.findings.table import findings_of
from topocallback.records.archive import archive_folder, archive_path
from topocallback.records.left_out import LeftOutWarning
from topocallback.records.point_clouds import PointClouds
from topocallback.records.runs import load_history
from topocallback.views.payload import decode


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    for step, n_nan in ((0, 0), (5, 2), (9, 0)):
        cloud = np.random.default_rng(step).normal(size=(30, 3))
        cloud[:n_nan] = np.nan
        analyse(PointClouds({"stem": cloud}), step=step).save(archive_path(archive_folder(folder), step))
    return folder


def findings_in(page):
    data = re.search(r'id="topology-data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)[1]
    (found,) = json.loads(data)["runs"].values()
    return [decode(base64.b64decode(step["payload"]))["findings"] for step in found["steps"]]


def test_each_step_of_the_report_has_the_findings_of_the_run_until_then(run, tmp_path):
    found = findings_in(write_report(run, tmp_path / "page.html"))
    history = list(load_history(run))
    expected = [findings_of(history[: at + 1]) for at in range(3)]
    assert [[finding["statement"] for finding in step] for step in found] == [list(map(str, step)) for step in expected]
    assert [["nan_layers" in [finding["kind"] for finding in step]] for step in found] == [[False], [True], [False]]


def test_a_kind_that_fails_is_left_out_of_the_report_with_one_warning(run, tmp_path, monkeypatch):
    monkeypatch.setitem(table.KINDS, "luck", lambda course: 1 / 0)
    with pytest.warns(LeftOutWarning, match="No findings of the kind 'luck' from step 0 on") as caught:
        found = findings_in(write_report(run, tmp_path / "page.html"))
    assert len(caught) == 1
    assert len(found[1]) == 1
