"""What an analysis in the background needs is imported before its thread starts."""

import subprocess
import sys
import threading
import time

import pytest

_IMPORTS = """
import sys, threading, warnings
from pathlib import Path
import numpy as np
import topocallback.monitor.callback
from topocallback import AnalysisOptions, MapperOptions, PointClouds, TopologyMonitor
from topocallback.measures.table import MEASURES
from topocallback.monitor.preparation import import_for_analysis
from topocallback.monitor.run import Run
from topocallback.records.point_clouds import SampledInputs

options, folder, positions = eval(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "positions"
import_for_analysis(options, figures=True, positions=positions)
before = set(sys.modules)
run, rng = Run(folder, options), np.random.default_rng(1)
owners = {name: np.repeat(np.arange(100), 2) for name in "abc"} if positions else {}

def work():
    for step in (3, 7, 11):
        clouds = {name: rng.normal(size=(200, 7)).astype(np.float32) for name in "abc"}
        samples = np.arange(100 if positions else 200)
        made = PointClouds(clouds, owners=owners, sample_ids=samples, labels=samples % 3)
        inputs = SampledInputs(rng.random((100, 1, 9, 9)), np.arange(100)) if step == 3 else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            errors.extend(run.measure(made, step=step, epoch=0, inputs=inputs).errors)

errors = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
assert not errors, errors
print(sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize(
    ("options", "points"),
    [
        ("AnalysisOptions()", "samples"),
        ("AnalysisOptions()", "positions"),
        ("AnalysisOptions(mapper=False, scale='none')", "samples"),
        ("AnalysisOptions(list(MEASURES))", "samples"),
        ("AnalysisOptions(backend='gudhi')", "samples"),
        ("AnalysisOptions(backend='ripser')", "samples"),
        ("AnalysisOptions(homology_dims=(0, 1, 2))", "samples"),
        ("AnalysisOptions(['bottleneck'], mapper=MapperOptions(filter='pca'))", "samples"),
        ("AnalysisOptions(mapper=MapperOptions(filter='eccentricity', radius='elbow'))", "samples"),
        ("TopologyMonitor.purvine2023().options", "samples"),
    ],
)
def test_the_thread_imports_nothing(tmp_path, options, points):
    script = [sys.executable, "-c", _IMPORTS, options, str(tmp_path / "topology"), points]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


_MEASURES_OF_THE_USERS_OWN = """
from topocallback import AnalysisOptions, MapperOptions
from topocallback.monitor.preparation import import_for_analysis

calls = []
own = MapperOptions(filter=lambda points: calls.append(points) or points[:, 0])
measures = [lambda cloud: calls.append(cloud) or 1.0, "bottleneck"]
import_for_analysis(AnalysisOptions(measures, mapper=own), figures=False)
print(len(calls))
"""


def test_functions_of_the_users_own_are_not_called_with_made_up_clouds():
    done = subprocess.run(
        [sys.executable, "-c", _MEASURES_OF_THE_USERS_OWN], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0"]


def test_a_second_time_costs_nothing():
    from topocallback import AnalysisOptions
    from topocallback.monitor import preparation

    options = AnalysisOptions(mapper=False)
    preparation.import_for_analysis(options, figures=False)
    made = threading.active_count(), set(preparation._done)
    start = time.thread_time()
    preparation.import_for_analysis(options, figures=False)
    assert (threading.active_count(), set(preparation._done)) == made
    assert time.thread_time() >= start
