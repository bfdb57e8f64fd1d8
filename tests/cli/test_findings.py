"""``topocallback findings``: what was found in runs, as a shell, a person and a CI job read it."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from hostile_names import HOSTILE
from record_tools import damage

from topocallback.analysis.analyse import analyse
from topocallback.cli import main
from topocallback.findings import table
from topocallback.findings.table import findings_of
from topocallback.records.archive import archive_folder, archive_path
from topocallback.records.finding import Finding
from topocallback.records.point_clouds import PointClouds
from topocallback.records.runs import load_history

SETTLED = "Which layers have settled?"


def write(folder, steps=(0, 5), broken=(), layers=("stem", "head")):
    """A run of small snapshots, whose last one has NaN in some layers."""
    for step in steps:
        clouds = {layer: np.random.default_rng(step).normal(size=(30, 3)) for layer in layers}
        for layer in broken if step == steps[-1] else ():
            clouds[layer][:2] = np.nan
        analyse(PointClouds(clouds), step=step).save(archive_path(archive_folder(folder), step))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs, of which one ends with NaN."""
    folder = tmp_path_factory.mktemp("runs")
    write(folder / "fine")
    write(folder / "broken", broken=("head",))
    return folder


@pytest.fixture
def asked(capsys):
    """Runs the command, and gives its exit code and what it said on both streams."""

    def run(*arguments):
        code = main(["findings", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def settled(monkeypatch):
    """A kind that says of every layer that it has settled."""

    def of_each(course):
        numbers = {"drift": [{"layer": "stem", "value": 0.123456}, {"layer": "head", "value": None}], "steps": 2}
        evidence = {"rule": "Said if it moves no more.", "numbers": numbers, "view": None}
        layers = course.last.layers
        return [Finding(SETTLED, (layer,), f"{layer} has settled.", evidence, 0.05, "settled") for layer in layers]

    monkeypatch.setitem(table.KINDS, "settled", of_each)


# -- Text and JSON ---------------------------------------------------------------------------------------------------


def test_a_question_is_followed_by_its_answers_and_how_sure_they_are(runs, asked, settled):
    code, out, err = asked(runs / "fine")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "fine: 2 snapshots, the last at step 5."
    assert lines[lines.index(SETTLED) :][:3] == [
        SETTLED,
        "  stem has settled. (said in at most 5 % of cases where there is nothing to say)",
        "  head has settled. (said in at most 5 % of cases where there is nothing to say)",
    ]
    assert lines[-1] == "There are no labels: where classes separate cannot be said, nor which labels are doubtful."


def test_verbose_says_the_rule_and_the_numbers(runs, asked, settled):
    _, out, _ = asked(runs / "fine", "--verbose")
    lines = out.splitlines()
    at = lines.index("  stem has settled. (said in at most 5 % of cases where there is nothing to say)")
    assert lines[at + 1 : at + 5] == [
        "    Layers: stem.",
        "    Said if it moves no more.",
        "    drift: stem 0.1235, head not known",
        "    steps: 2",
    ]


def test_an_alert_stands_first_and_gives_exit_code_3(runs, asked, settled):
    code, out, _ = asked(runs / "broken")
    assert code == 3
    assert out.splitlines()[2] == "  ALERT: Layer 'head' holds NaN or infinity at step 5: 2 of 30 points. (counted)"


def test_a_folder_of_runs_has_them_all_and_an_alert_in_one_is_told_by_the_exit_code(runs, asked):
    code, out, _ = asked(runs)
    assert code == 3
    assert [block.split(":")[0] for block in out.split("\n\n")] == ["broken", "fine"]


def test_json_holds_every_run_with_its_findings(runs, asked, settled):
    code, out, _ = asked(runs, "--json")
    told = json.loads(out, parse_constant=pytest.fail)  # NaN is no JSON
    assert code == 3
    assert [(each["run"], each["steps"]) for each in told] == [("broken", [0, 5]), ("fine", [0, 5])]
    for each in told:
        expected = [finding.to_json() for finding in findings_of(load_history(runs / each["run"]))]
        assert each["findings"] == json.loads(json.dumps(expected))


def test_the_topology_folder_is_the_run(runs, asked):
    assert asked(runs / "fine" / "topology") == asked(runs / "fine")


def test_an_alert_that_is_over_does_not_stand(runs, asked, tmp_path):
    shutil.copytree(runs / "broken", tmp_path / "run")
    write(tmp_path / "run", steps=(9,))
    assert asked(tmp_path / "run")[0] == 0


# -- Too little, and damage ------------------------------------------------------------------------------------------


def test_one_snapshot_is_told_to_be_too_little(tmp_path, asked):
    code, out, _ = asked(write(tmp_path / "run", steps=(7,)))
    assert code == 0
    assert "run: 1 snapshot, the last at step 7." in out
    assert "Step 7 is the only one of its kind: how layers move or settle cannot be said." in out


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_snapshots_is_one_clear_line_and_exit_code_2(tmp_path, asked, name):
    (tmp_path / "empty").mkdir()
    code, out, err = asked(tmp_path / name, "--json")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("topocallback: Expected ")


@pytest.fixture
def with_damage(runs, tmp_path):
    """A run whose second step is whole but for a byte in the middle."""
    shutil.copytree(runs / "fine", tmp_path / "run")
    damage(tmp_path / "run" / "topology" / "step=5.npz", "scales")
    return tmp_path / "run"


def test_what_is_damaged_is_left_out_with_a_line_and_exit_code_1(with_damage, asked):
    code, out, err = asked(with_damage)
    assert code == 1
    assert err.startswith("topocallback: Left out ")
    assert "step=5.npz" in err
    assert "run: 1 snapshot, the last at step 0." in out


def test_without_a_readable_snapshot_there_is_exit_code_2_and_one_bad_run_does_not_hide_another(
    with_damage, runs, asked
):
    (with_damage / "topology" / "step=0.npz").write_bytes(b"no snapshot")
    code, out, err = asked(with_damage)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("topocallback: Expected at least one readable snapshot")
    shutil.copytree(runs / "fine", with_damage.parent / "fine")
    code, out, _ = asked(with_damage.parent)
    assert code == 1
    assert "run: no snapshot can be read." in out
    assert "fine: 2 snapshots" in out


def test_a_kind_that_fails_is_left_out_with_a_line_and_an_alert_counts_more(runs, asked, monkeypatch):
    monkeypatch.setitem(table.KINDS, "luck", lambda course: 1 / 0)
    for run, expected in (("fine", 1), ("broken", 3)):
        code, _, err = asked(runs / run)
        assert code == expected
        said = f"topocallback: {run}: No findings of the kind 'luck' from step 5 on: ZeroDivisionError"
        assert err == f"{said}: division by zero\n"


def test_names_are_shown_and_do_nothing(tmp_path, asked):
    names = tuple(dict.fromkeys(name for name in HOSTILE.values() if name))
    (snapshot,) = load_history(write(tmp_path / "plain", steps=(0,), broken=names, layers=names))
    renamed = tmp_path / "run\x1b[31m\u202e"
    snapshot.save(archive_path(archive_folder(renamed), 0))
    for arguments in ((), ("--verbose",), ("--json",)):
        code, out, _ = asked(renamed, *arguments)
        assert code == 3
        assert all(line.isprintable() or set(line) <= {"\u3000", "\xa0"} for line in out.splitlines())


def test_runs_that_were_recorded_otherwise_begin_anew(tmp_path, asked):
    for snapshot, pooling in zip(load_history(write(tmp_path / "first")), ("mean", "flatten"), strict=True):
        path = archive_path(archive_folder(tmp_path / "run"), snapshot.step)
        dataclasses.replace(snapshot, recording={"pooling": pooling}).save(path)
    assert "Step 5 is the only one of its kind" in asked(tmp_path / "run")[1]
