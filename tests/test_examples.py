"""The demo runs as its users run it."""

import subprocess
import sys
from pathlib import Path

from topocallback import load_history

ROOT = Path(__file__).parents[1]


def test_the_mnist_demo_trains_measures_and_says_where_everything_lies(tmp_path):
    script = ROOT / "examples" / "mnist_resnet.py"
    command = [sys.executable, script, "--epochs", "2", "--width", "4", "--samples", "64", "--out", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stderr
    history = load_history(tmp_path / "mnist_resnet" / "version_0")
    assert [(snapshot.step > 0, snapshot.epoch) for snapshot in history] == [(False, 0), (True, 0), (True, 1)]
    assert history[0].layers == ("net.stem", *(f"net.blocks.{i}" for i in range(8)), "net.fc")
    said = " ".join(result.stdout.split())
    for expected in (
        "Validation accuracy",
        "Moved most since the start",
        "before training",
        "Majority share of net.blocks.7",
        "tensorboard --logdir",
        "Report:",
    ):
        assert expected in said
    assert (tmp_path / "mnist_resnet" / "version_0" / "report.html").stat().st_size > 100_000


def test_the_two_trainings_differ_in_the_blocks_that_the_optimiser_never_got(tmp_path):
    script = ROOT / "examples" / "two_trainings.py"
    command = [sys.executable, script, "--epochs", "4", "--seeds", "1", "--out", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "two_trainings.png").stat().st_size > 10_000
    names = "as_intended", "with_the_mistake"
    healthy, faulty = (load_history(tmp_path / name / "seed=0" / "version_0")[-1] for name in names)
    for block in ("block2", "block4"):
        row = healthy.layers.index(block)
        changed = [each.distances["knn_overlap"].matrix[row - 1, row] for each in (healthy, faulty)]
        assert changed[0] > 0.1
        assert changed[1] == 0
    assert "block4: changes neighbours by" in result.stdout
