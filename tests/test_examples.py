"""The demo and the two trainings run as their users run them."""

import subprocess
import sys
from pathlib import Path

from topocallback import findings_of, load_history

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
        " ".join(findings_of(history)[0].question.split()[:3]),  # all of it may take two lines of the table
        "Snapshots:",
        "tensorboard --logdir",
        "Report:",
    ):
        assert expected in said
    assert (tmp_path / "mnist_resnet" / "version_0" / "report.html").stat().st_size > 100_000


def test_the_two_trainings_differ_in_the_block_that_the_optimiser_never_got(tmp_path):
    script = ROOT / "examples" / "two_trainings.py"
    command = [sys.executable, script, "--epochs", "2", "--seeds", "1", "--out", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "two_trainings.png").stat().st_size > 10_000
    names = "as_intended", "with_the_mistake"
    healthy, faulty = (load_history(tmp_path / name / "seed=0" / "version_0") for name in names)
    shared = [history[-1].nearest["block2"].shared_with(history[-1].nearest["block3"]) for history in (healthy, faulty)]
    assert shared[0] < 0.9
    assert shared[1] == 1
    telling = [[each for each in findings_of(h) if each.kind in ("frozen", "redundant")] for h in (healthy, faulty)]
    assert telling[0] == []
    assert [each.layers for each in telling[1]] == [("block3",), ("block2", "block3")]
    for finding in telling[1]:
        assert f"- {finding}" in result.stdout
    for kind in ("frozen", "redundant"):
        assert (
            f"{kind}: block3 named in 1 of 1 trainings with the mistake; a layer that trains in 0 of 2" in result.stdout
        )
