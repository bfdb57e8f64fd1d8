"""``topocallback compare``: what it writes, what it says and its exit codes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_classifier import Classifier, loader, train

import topocallback.cli.compare
from topocallback import Comparison, compare_checkpoints
from topocallback.cli import main

WRITTEN = {"comparison.npz", "comparison.csv", "pairs.csv", "report.html"}
FIGURES = {"distances.png", "specificity.png", "settling.png", "map.png"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    for seed in range(2):
        train(folder / f"seed={seed}", seed, epochs=2)
    return folder


@pytest.fixture
def command(study, tmp_path):
    """The arguments that compare the study's checkpoints."""
    checkpoints = str(study / "seed=*" / "checkpoints" / "*.ckpt")
    common = ["--checkpoints", checkpoints, "-o", str(tmp_path / "out"), "--n_samples", "60", "--quiet"]
    return ["compare", "--model", "small_classifier.Classifier", "--data", "small_classifier.Data", *common]


def expected(study):
    return compare_checkpoints(Classifier, str(study / "seed=*" / "checkpoints" / "*.ckpt"), loader(), n_samples=60)


def test_checkpoints_are_compared_in_one_go(study, command, tmp_path, capsys):
    assert main(command) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= WRITTEN | FIGURES
    np.testing.assert_array_equal(Comparison.load(tmp_path / "out").matrix(), expected(study).matrix())
    said = capsys.readouterr().out
    assert "Compared 4 checkpoints of 2 runs" in said
    findings = said.partition("where there is nothing to say:\n")[2].split("\n")
    assert findings[0].startswith("  Which layers differ between 'seed=0/")
    assert "H0: AUC " in findings[1]
    assert "; H1: AUC " in findings[1]
    settling = [line for line in findings if line.startswith("  Which layers have settled? Settling of seed=")]
    assert len(settling) == 2
    assert all(" x noise, p " in line for line in settling)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.index("<h2>Findings</h2>") < page.index("Settling of seed=0") < page.index("<section")


def test_runs_are_compared_without_model_and_data(study, tmp_path):
    assert main(["compare", str(study / "seed=0"), str(study / "seed=1"), "-o", str(tmp_path), "--quiet"]) == 0
    np.testing.assert_array_equal(Comparison.load(tmp_path).matrix(), expected(study).matrix())


def test_measures_have_options_and_mapper_has_its_own(command, tmp_path, capsys):
    measures = ["--measures", "wasserstein:order=2", "own_measures.Procrustes"]
    assert main([*command, *measures, "--mapper.n_intervals", "7"]) == 0
    found = Comparison.load(tmp_path / "out")
    assert found.distances.measures == ("wasserstein(order=2)", "procrustes")
    assert found.options["mapper"]["n_intervals"] == 7
    assert "Procrustes distance (0 alike, 1 unlike)" in capsys.readouterr().out


def test_a_folder_of_runs_is_compared(study, tmp_path):
    assert main(["compare", str(study), "-o", str(tmp_path), "--quiet"]) == 0
    assert Comparison.load(tmp_path).runs == ("seed=0", "seed=1")


def test_a_configuration_of_lightning_cli_gives_model_and_data(study, command, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        "seed_everything: 0\n"
        "trainer: {accelerator: cpu, max_epochs: 3, precision: null, callbacks: [{class_path: some.Callback}]}\n"
        "model: {class_path: small_classifier.Classifier, init_args: {width: 8}}\n"
        "data: {class_path: small_classifier.Data, init_args: {n: 120}}\n"
        "ckpt_path: null\n"
    )
    assert main(["compare", "--config", str(config), *command[5:]]) == 0
    np.testing.assert_array_equal(Comparison.load(tmp_path / "out").matrix(), expected(study).matrix())


def test_arguments_of_the_model_and_the_data_are_taken(command, tmp_path):
    assert main([*command, "--model.width", "8", "--data.n", "90"]) == 0
    assert Comparison.load(tmp_path / "out").sample_ids.max() < 90


def test_a_checkpoint_left_out_gives_exit_code_1(study, command, tmp_path, capsys):
    broken = tmp_path / "broken.ckpt"
    broken.write_text("no checkpoint")
    command.insert(command.index("--checkpoints") + 1, str(broken))
    assert main(command) == 1
    assert f"{broken}: damaged, or no checkpoint" in capsys.readouterr().err
    np.testing.assert_array_equal(Comparison.load(tmp_path / "out").matrix(), expected(study).matrix())


@pytest.mark.parametrize("figure", ["distances", "settling"])
def test_a_figure_that_cannot_be_drawn_costs_that_figure(study, tmp_path, capsys, monkeypatch, figure):
    def fail(*_):
        raise RuntimeError("no <fonts>")

    monkeypatch.setitem(topocallback.cli.compare.FIGURES, figure, fail)
    (tmp_path / f"{figure}.png").write_bytes(b"of an earlier comparison")
    assert main(["compare", str(study / "seed=0"), str(study / "seed=1"), "-o", str(tmp_path), "--quiet"]) == 1
    there = {path.name for path in tmp_path.iterdir()}
    assert there >= WRITTEN | FIGURES - {f"{figure}.png"}
    assert f"{figure}.png" not in there
    assert f"the figure '{figure}' cannot be drawn (RuntimeError: no <fonts>)" in capsys.readouterr().err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "cannot be drawn (RuntimeError: no &lt;fonts&gt;)" in page
    assert page.count("<img") == 3


def test_runs_and_classes_of_any_name_are_compared_and_told_on_a_terminal(study, tmp_path, capsys):
    names = ["$A_B_$C_D", "red\x1b[31m", "run\udcff", "_private"]
    for name in names:
        shutil.copytree(study / "seed=0", tmp_path / "runs" / name)
    assert main(["compare", str(tmp_path / "runs"), "-o", str(tmp_path / "out"), "--quiet"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= WRITTEN | FIGURES
    said = "".join(capsys.readouterr())
    assert said.isprintable() or set(said) - {"\n"} == {letter for letter in said if letter.isprintable()}
    assert all(text in said for text in ("$A_B_$C_D", r"red\x1b[31m", r"run\udcff", "_private"))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert all(text in page for text in ("$A_B_$C_D", r"red\x1b[31m", r"run\udcff", "_private"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare"], "--model, --data, --checkpoints are missing"),
        (["compare", "nowhere"], "nowhere: no such folder"),
        (["compare", "--model", "small_classifier.Nothing"], "Nothing"),
        (["compare", "--config", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["compare", "--unknown"], "unknown"),
        (["compare", "a", "--measures", "wassersten"], "Closest: ['wasserstein'"),
        (["compare", "a", "--measures", "wasserstein:order=0"], "`order` of wasserstein"),
        (["compare", "a", "--model", "small_classifier.Classifier"], "got both"),
    ],
)
def test_what_cannot_be_done_gives_exit_code_2_and_says_why(arguments, said, capsys):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_no_usable_checkpoint_gives_exit_code_2(command, tmp_path, capsys):
    command[command.index("--checkpoints") + 1] = str(tmp_path / "no*.ckpt")
    assert main(command) == 2
    assert "no such file" in capsys.readouterr().err


def test_results_that_cannot_be_written_are_printed_and_give_exit_code_2(study, tmp_path, capsys):
    (tmp_path / "out" / "comparison.csv").mkdir(parents=True)
    assert main(["compare", str(study), "-o", str(tmp_path / "out"), "--quiet"]) == 2
    said = capsys.readouterr()
    assert "Compared 4 checkpoints of 2 runs" in said.out
    assert "AUC" in said.out
    assert f"the results could not all be written to {tmp_path / 'out'}" in said.err
    assert "comparison.csv" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["compare", "--help"]])
def test_help_is_no_error(arguments, capsys):
    assert main(arguments) == 0
    assert "topocallback" in capsys.readouterr().out


def test_the_script_finds_modules_where_it_is_started(command, tmp_path):
    shutil.copy(Path(__file__).parents[1] / "small_classifier.py", tmp_path)
    code = "import sys; from topocallback.cli import main; sys.exit(main())"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONSAFEPATH": "1"}
    result = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert result.returncode == 0, result.stderr
