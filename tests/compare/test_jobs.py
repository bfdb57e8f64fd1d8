"""Where a comparison is computed does not change it."""

import distributed
import joblib
import pytest
from small_study import assert_same, compare


@pytest.mark.parametrize("backend", ["loky", "threading", "sequential"])
def test_every_joblib_backend_gives_the_identical_result(study, compared, backend):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        found = compare(study)
    assert_same(found, compared)


def test_a_dask_cluster_gives_the_identical_result(study, compared):
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        found = compare(study)
    assert_same(found, compared)
