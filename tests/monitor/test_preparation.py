"""What an analysis in the background needs is imported before its thread starts."""

import functools
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from prepared_processes import start_processes

from topocallback import AnalysisOptions, MapperOptions, PointClouds, TopologyMonitor
from topocallback.measures.table import MEASURES
from topocallback.monitor import preparation
from topocallback.monitor.preparation import import_for_analysis
from topocallback.monitor.run import Run
from topocallback.records.point_clouds import SampledInputs


def measure_three_steps(run, *, positions):
    """What went wrong."""
    rng, errors = np.random.default_rng(1), []
    owners = {name: np.repeat(np.arange(100), 2) for name in "abc"} if positions else {}
    for step in (3, 7, 11):
        clouds = {name: rng.normal(size=(200, 7)).astype(np.float32) for name in "abc"}
        samples = np.arange(100 if positions else 200)
        made = PointClouds(clouds, owners=owners, sample_ids=samples, labels=samples % 3)
        inputs = SampledInputs(rng.random((100, 1, 9, 9)), np.arange(100)) if step == 3 else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            errors += run.measure(made, step=step, epoch=0, inputs=inputs).errors
    return errors


def analyse_in_a_thread(rank, options, folder, positions):
    options = options()
    import_for_analysis(options, figures=True, positions=positions)
    before, errors = set(sys.modules), []
    thread = threading.Thread(
        target=lambda: errors.extend(measure_three_steps(Run(folder, options), positions=positions))
    )
    thread.start()
    thread.join()
    assert not errors
    assert sorted(set(sys.modules) - before) == []


OPTIONS = {
    "by default": AnalysisOptions,
    "no Mapper": functools.partial(AnalysisOptions, mapper=False, scale="none"),
    "all measures": functools.partial(AnalysisOptions, list(MEASURES)),
    "gudhi": functools.partial(AnalysisOptions, backend="gudhi"),
    "ripser": functools.partial(AnalysisOptions, backend="ripser"),
    "H2": functools.partial(AnalysisOptions, homology_dims=(0, 1, 2)),
    "pca": functools.partial(AnalysisOptions, ["bottleneck"], mapper=MapperOptions(filter="pca")),
    "elbow": functools.partial(AnalysisOptions, mapper=MapperOptions(filter="eccentricity", radius="elbow")),
    "purvine2023": functools.partial(getattr, TopologyMonitor.purvine2023(), "options"),
}


@pytest.mark.parametrize(("name", "positions"), [("by default", True), *((name, False) for name in OPTIONS)])
def test_the_thread_imports_nothing(tmp_path, name, positions):
    start_processes(analyse_in_a_thread, (OPTIONS[name], tmp_path / "topology", positions), count=1)


def test_functions_of_the_users_own_are_not_called_with_made_up_clouds():
    calls = []
    own = MapperOptions(filter=lambda points: calls.append(points) or points[:, 0])
    measures = [lambda cloud: calls.append(cloud) or 1.0, "bottleneck"]
    import_for_analysis(AnalysisOptions(measures, mapper=own), figures=False)
    assert not calls


def test_a_second_time_costs_nothing():
    options = AnalysisOptions(mapper=False)
    preparation.import_for_analysis(options, figures=False)
    made = threading.active_count(), set(preparation._done)
    start = time.thread_time()
    preparation.import_for_analysis(options, figures=False)
    assert (threading.active_count(), set(preparation._done)) == made
    assert time.thread_time() >= start
