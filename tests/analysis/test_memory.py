"""How much memory an analysis takes beside the clouds that it is given."""

import tracemalloc

import numpy as np
import pytest

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import Statistic
from topocallback.records.point_clouds import PointClouds


def peak_of(call):
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def wide(n_layers, n=48, width=50_000):
    rng = np.random.default_rng(0)
    return PointClouds({f"layer{i}": rng.normal(size=(n, width)).astype(np.float32) for i in range(n_layers)})


@pytest.mark.parametrize("n_threads", [1, 2])
def test_wide_layers_are_analysed_without_copies_of_their_clouds(n_threads):
    clouds = wide(3)
    analyse(clouds)  # imports what is imported late
    peak = peak_of(lambda: analyse(clouds, n_threads=n_threads))
    assert peak < n_threads * 1.1 * clouds["layer0"].nbytes  # of which float64 strips are most, as wide as this


def test_more_layers_take_no_more_memory_beside_their_clouds():
    few, many = wide(2), wide(8)
    analyse(few)
    assert peak_of(lambda: analyse(many)) < 1.3 * peak_of(lambda: analyse(few))


class Deviation(Statistic):
    """The standard deviation of all values, which needs the cloud of every part as well."""

    def value(self, facts):
        return float(facts.cloud.max())


def test_the_clouds_of_parts_are_gone_when_a_measure_has_seen_them():
    clouds = wide(1)
    options = AnalysisOptions(measures=["sliced_wasserstein", Deviation()])
    analyse(clouds, options)
    assert peak_of(lambda: analyse(clouds, options)) < 1.2 * clouds["layer0"].nbytes
