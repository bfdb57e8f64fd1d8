"""The command line, as a shell runs it."""

import dataclasses
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from record_tools import damage
from synthetic_runs import write_run

from topocallback.cli import main
from topocallback.records.archive import archive_folder, archive_path
from topocallback.records.runs import load_history


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, n_steps=1, layers=("stem",), n_samples=30, inputs=False)
    return folder


def shell(*arguments, **options):
    command = [sys.executable, "-m", "topocallback.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


def test_the_package_installs_the_command():
    (found,) = entry_points(group="console_scripts", name="topocallback")
    assert found.load() is main


def test_report_writes_the_file_and_says_where(run, tmp_path):
    done = shell("report", run, "-o", tmp_path / "page.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path / 'page.html'} (0.")
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")


def test_report_writes_to_the_current_directory_by_default(run, tmp_path):
    assert shell("report", run, cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.fixture
def with_damage(run, tmp_path):
    """A run with a second step that is whole but for a byte in the middle, and a third that is no snapshot at all."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    (whole,) = (folder / "topology").glob("step=*.npz")
    damage(Path(shutil.copy(whole, whole.with_name("step=8.npz"))), "scales")
    whole.with_name("step=9.npz").write_text("no snapshot")
    return folder


def test_report_says_what_it_left_out_in_lines_and_by_its_exit_code(with_damage, tmp_path):
    done = shell("report", with_damage, "-o", tmp_path / "page.html")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.startswith("topocallback: Left out") for line in lines] == [True, True]
    assert ["step=8.npz" in "".join(lines), "step=9.npz" in "".join(lines)] == [True, True]
    assert (tmp_path / "page.html").exists()


def test_report_without_a_readable_step_gives_exit_code_2(with_damage, tmp_path, capsys):
    for file in (with_damage / "topology").glob("step=*.npz"):
        file.write_bytes(file.read_bytes()[:-1])
    assert main(["report", str(with_damage), "-o", str(tmp_path / "page.html")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("topocallback: Expected at least one readable")


def test_report_of_runs_that_were_not_recorded_alike_has_left_nothing_out(run, tmp_path, capsys):
    (snapshot,) = load_history(run)
    for name, pooling in (("a", "mean"), ("b", "flatten")):
        recorded = dataclasses.replace(snapshot, recording={"pooling": pooling})
        recorded.save(archive_path(archive_folder(tmp_path / name), snapshot.step))
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "page.html")]) == 0
    assert "not recorded alike" in capsys.readouterr().err


def test_report_reads_and_writes_addresses(run, store, tmp_path, capsys):
    (snapshot,) = load_history(run)
    snapshot.save(archive_path(archive_folder(f"{store}/logs"), snapshot.step))
    assert main(["report", f"{store}/logs", "-o", f"{store}/page.html"]) == 0
    assert capsys.readouterr().out.startswith(f"{store}/page.html (0.")
    assert main(["report", f"file://{run}", "-o", f"file://{tmp_path}/page.html"]) == 0
    assert (tmp_path / "page.html").exists()


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_snapshots_is_one_clear_line(tmp_path, name, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["report", str(tmp_path / name), "--output", str(tmp_path / "page.html")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("topocallback: Expected ")
    assert str(tmp_path / name) in said.err
    assert said.err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_one_clear_line(run, tmp_path, capsys):
    (tmp_path / "file").write_text("no folder")
    assert main(["report", str(run), "-o", str(tmp_path / "file" / "page.html")]) == 2
    said = capsys.readouterr().err
    assert "file" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["report"], ["report", "a", "--unknown", "b"]])
def test_a_wrong_command_line_gives_exit_code_2(arguments, capsys):
    assert main(arguments) == 2
    assert "error:" in capsys.readouterr().err


def test_help_needs_neither_torch_nor_numpy():
    script = "import sys\nfrom topocallback.cli import main\nmain(['--help'])\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "report" in done.stdout
    assert not {"torch", "numpy", "lightning", "matplotlib"} & set(done.stdout.split("\n")[-2].split())


def test_without_its_package_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jsonargparse", None)
    assert main(["report", "somewhere"]) == 2
    assert capsys.readouterr().err == (
        "topocallback: the command line needs a package: pip install 'topocallback[cli]'\n"
    )
