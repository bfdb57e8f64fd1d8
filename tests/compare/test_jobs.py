"""Where a comparison is computed does not change it, and neither does a worker that dies meanwhile."""

import functools
import itertools
import os
import shutil
import signal
import sys
import tempfile
from concurrent.futures import BrokenExecutor

import distributed
import joblib
import pytest
from small_classifier import N_SAMPLES, Classifier, loader
from small_study import assert_same, checkpoints_of, compare

from topocallback import compare_checkpoints
from topocallback.compare import jobs
from topocallback.compare.jobs import WorkersLostError, run_jobs


@pytest.mark.parametrize("backend", ["threading", "sequential"])
def test_every_joblib_backend_in_this_process_gives_the_identical_result(study, compared, backend):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        found = compare(study)
    assert_same(found, compared)


def mortal_classifier(made, asked_by):
    """A classifier; whoever makes the third one dies of it, unless it is the process that asked."""
    for count in itertools.count(1):
        try:
            (made / str(count)).touch(exist_ok=False)
            break
        except FileExistsError:
            continue
    if count == 3 and os.getpid() != asked_by:
        os.kill(os.getpid(), signal.SIGKILL)
    return Classifier()


def compare_with_a_death(study, made):
    make = functools.partial(mortal_classifier, made, os.getpid())
    found = compare_checkpoints(make, checkpoints_of(study), loader(), n_samples=N_SAMPLES)
    assert len(list(made.iterdir())) > 6  # one was made again
    return found


@pytest.mark.long
def test_a_process_of_loky_that_dies_changes_nothing(study, compared, tmp_path):
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_same(compare_with_a_death(study, tmp_path), compared)


@pytest.mark.long
def test_a_worker_of_dask_that_dies_changes_nothing(study, compared, tmp_path):
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        assert_same(compare_with_a_death(study, tmp_path), compared)


@pytest.fixture
def ray_cluster(monkeypatch):
    ray = pytest.importorskip("ray")
    register_ray = pytest.importorskip("ray.util.joblib").register_ray
    for name, value in (("RAY_AUTH_MODE", "disabled"), ("RAY_USAGE_STATS_ENABLED", "0")):
        monkeypatch.setenv(name, value)
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100_000_000,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
        _temp_dir=folder,
    )
    register_ray()
    try:
        with joblib.parallel_config(backend="ray", n_jobs=2):
            yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.long
def test_a_ray_cluster_gives_the_identical_result_and_a_worker_that_dies_changes_nothing(
    study, compared, ray_cluster, tmp_path
):
    assert_same(compare_with_a_death(study, tmp_path), compared)


def failing(monkeypatch, error, after):
    """Let joblib fail each time it is given jobs, after that many results."""
    original, given = jobs._results, []

    def results(function, arguments, n_jobs):
        found = original(function, arguments, n_jobs)
        given.append(list(itertools.islice(found, after)))
        yield from given[-1]
        if len(given[-1]) == after:
            raise error

    monkeypatch.setattr(jobs, "_results", results)
    return given


def test_jobs_that_had_no_result_when_a_worker_died_are_done_again(monkeypatch):
    given = failing(monkeypatch, BrokenExecutor("a worker died"), after=2)
    assert list(run_jobs(divmod, ((number, 4) for number in range(7)), 2)) == [divmod(n, 4) for n in range(7)]
    assert len(given) == 4


def test_workers_that_die_without_a_result_between_are_given_up(monkeypatch):
    given = failing(monkeypatch, BrokenExecutor("a worker died"), after=0)
    with pytest.raises(WorkersLostError, match=r"died over and over \(BrokenExecutor: a worker died\)"):
        list(run_jobs(divmod, [(7, 2)], 2))
    assert len(given) == 3


def test_what_a_job_raises_is_not_taken_for_the_death_of_a_worker():
    with pytest.raises(ZeroDivisionError):
        list(run_jobs(divmod, [(7, 2), (7, 0)], 2))
