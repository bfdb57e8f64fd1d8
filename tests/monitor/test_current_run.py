"""Which run it is: a new one at every start, the same one where it goes on, another one in another directory."""

import warnings

import numpy as np
import pytest

from topocallback.analysis.options import AnalysisOptions
from topocallback.monitor.current_run import CurrentRun
from topocallback.monitor.reports import Reports
from topocallback.records.point_clouds import PointClouds

OPTIONS = AnalysisOptions(scale="none", mapper=False)


def measure(current, directory, step, archive=True):
    run = current.run(directory, OPTIONS, archive=archive, figures=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        current.report(step, Reports("warn"))
    run.measure(PointClouds({"a": np.random.default_rng(step).normal(size=(8, 2))}), step=step, epoch=0)
    return len(caught) == 1


def steps(current):
    return [snapshot.step for snapshot in current.history]


def test_there_is_no_history_before_the_first_step(tmp_path):
    current = CurrentRun()
    current.begin_training(continues=False, archive=True)
    assert len(current.history) == 0
    measure(current, tmp_path, 3)
    assert steps(current) == [3]


@pytest.mark.parametrize("archive", [True, False])
def test_a_training_after_a_sanity_check_is_the_same_run_and_the_next_one_is_not(tmp_path, archive):
    current = CurrentRun()
    current.begin(continues=False, archive=archive)  # the sanity check
    measure(current, tmp_path, 0, archive)
    current.begin_training(continues=False, archive=archive)
    measure(current, tmp_path, 3, archive)
    assert steps(current) == [0, 3]
    current.begin_training(continues=False, archive=archive)
    measure(current, tmp_path, 4, archive)
    assert steps(current) == [4]


@pytest.mark.parametrize("archive", [True, False])
def test_a_run_that_goes_on_keeps_its_history(tmp_path, archive):
    current = CurrentRun()
    for continues, step in ((False, 3), (True, 7)):
        current.begin_training(continues=continues, archive=archive)
        measure(current, tmp_path, step, archive)
    assert steps(current) == [3, 7]


def test_another_directory_is_another_run(tmp_path):
    current = CurrentRun()
    current.begin_training(continues=False, archive=True)
    for name in "ab":
        measure(current, tmp_path / name, 3)
        assert steps(current) == [3]
    assert current.history[0].step == 3
    assert sorted(path.parent.parent.name for path in tmp_path.rglob("*.npz")) == ["a", "b"]


def test_a_step_that_comes_twice_replaces_the_first_in_the_archive_only(tmp_path):
    for archive in (True, False):
        current = CurrentRun()
        current.begin_training(continues=False, archive=archive)
        assert [measure(current, tmp_path, step, archive) for step in (3, 3, 7, 3)] == [False, archive, False, False]


def test_a_new_run_replaces_nothing_of_the_last_one(tmp_path):
    current = CurrentRun()
    for _ in range(2):
        current.begin_training(continues=False, archive=True)
        assert not measure(current, tmp_path, 3)
