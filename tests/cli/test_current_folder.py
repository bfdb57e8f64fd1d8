"""What runs because of the folder one is in: nothing, unless the command line names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic_runs import write_run

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SHADOWING = ("numpy", "yaml", "jsonargparse", "torch", "lightning", "docstring_parser", "joblib", "tqdm", "scipy")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("a", "b"):
        write_run(folder / name, n_steps=1, layers=("stem", "head"), n_samples=40, inputs=False)
    return folder


@pytest.fixture
def hostile(tmp_path):
    """A folder whose files would run in the place of packages."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in SHADOWING:
        (folder / f"{name}.py").write_text("import os; open(os.environ['TOUCHED'], 'a').write(__name__)\n")
    (folder / "own.py").write_text("from own_measures import Procrustes\n")
    return folder


def shell(folder, touched, how, *arguments):
    script = touched.parent / "bin" / "topocallback"
    script.parent.mkdir(exist_ok=True)
    script.write_text("import sys\nfrom topocallback.cli import main\nsys.exit(main())\n")
    command = {
        "script": [str(script)],
        "module": ["-m", "topocallback.cli"],
        "safe module": ["-m", "topocallback.cli"],
        "safe script": [str(script)],
    }[how]
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    environment = os.environ | {"PYTHONPATH": paths, "TOUCHED": str(touched)}
    environment |= {"PYTHONSAFEPATH": "1"} if how.startswith("safe") else {}
    return subprocess.run(
        [sys.executable, *command, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("how", ["script", "module", "safe module"])
def test_files_in_the_current_folder_are_not_taken_for_packages(runs, hostile, tmp_path, how):
    touched = tmp_path / "touched"
    done = shell(hostile, touched, how, "report", runs, "-o", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    done = shell(hostile, touched, how, "compare", runs / "a", runs / "b", "-o", tmp_path / "out", "--quiet")
    assert done.returncode == 0, done.stderr
    assert not touched.exists()


@pytest.mark.parametrize("how", ["script", "module", "safe script"])
def test_what_is_named_is_imported_from_the_current_folder_and_nothing_else_is(runs, hostile, tmp_path, how):
    """Archives hold no clouds, so that the measure, which was found, cannot be taken of them."""
    touched = tmp_path / "touched"
    done = shell(hostile, touched, how, "compare", runs, "--measures", "own.Procrustes", "-o", tmp_path / "out")
    assert "The runs cannot be compared by ['Procrustes distance" in done.stderr, done.stderr
    assert not touched.exists()
