"""What is kept on disk: an interrupted comparison goes on, and nothing kept is taken for something else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from small_classifier import N_SAMPLES, Classifier, loader
from small_study import assert_same, checkpoints_of, compare

from topocallback import (
    Comparison,
    compare_checkpoints,
)

SCRIPT = """
import sys
from small_classifier import Classifier, loader
from topocallback import compare_checkpoints
found = compare_checkpoints(Classifier, sys.argv[1], loader(), n_samples=60, folder=sys.argv[2], n_jobs=2)
found.save(sys.argv[3])
"""


def test_killed_at_random_moments_and_started_again_it_ends_with_the_identical_result(study, compared, tmp_path):
    command = [sys.executable, "-c", SCRIPT, checkpoints_of(study), tmp_path / "kept", tmp_path / "found.npz"]
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    random, kills = np.random.default_rng(0), 0
    for _ in range(3):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        target = int(random.integers(1, 12))  # that many files in the folder
        while process.poll() is None and len(list((tmp_path / "kept").rglob("*"))) < target:
            time.sleep(0.005)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert_same(Comparison.load(tmp_path / "found.npz"), compared)


def test_what_is_kept_is_not_computed_again_and_other_options_or_data_are(study, tmp_path, monkeypatch):
    measured = []
    original = Classifier.validation_step

    def counted(self, batch, batch_idx):
        measured.append(batch_idx)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(Classifier, "validation_step", counted)
    first = compare(study, folder=tmp_path)
    count = len(measured)
    assert_same(compare(study, folder=tmp_path), first)
    assert len(measured) == count
    compare(study, folder=tmp_path, seed=1)
    assert len(measured) == 2 * count
    compare_checkpoints(Classifier, checkpoints_of(study), loader(seed=5), n_samples=N_SAMPLES, folder=tmp_path)
    assert len(measured) == 3 * count


def test_damaged_files_in_the_folder_are_computed_again(study, tmp_path):
    first = compare(study, folder=tmp_path)
    for path in tmp_path.rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    assert_same(compare(study, folder=tmp_path), first)


def test_functions_of_one_name_are_not_taken_for_one_another(study, tmp_path):
    first, second = (
        compare(study, folder=tmp_path, pooling=lambda values, power=power: values.flatten(1) ** power)
        for power in (1, 3)
    )
    assert not np.array_equal(first.matrix(), second.matrix())
