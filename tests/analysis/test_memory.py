"""How much memory an analysis takes beside the clouds that it is given."""

import tracemalloc

import numpy as np
import pytest

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import Statistic
from topocallback.measures.euclidean import distance_matrix
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


class Short:
    """Distances of so many points cannot be had."""

    def __init__(self, n):
        self.n = n

    def __call__(self, cloud):
        if len(cloud) == self.n:
            raise MemoryError("Unable to allocate 800 MB")
        return distance_matrix(cloud)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_layer_for_which_there_is_no_memory_costs_itself_alone(monkeypatch, n_threads):
    rng = np.random.default_rng(0)
    arrays = {"a": rng.normal(size=(60, 3)), "huge": rng.normal(size=(120, 3)), "b": rng.normal(size=(60, 4))}
    owners = {"huge": np.repeat(np.arange(60), 2)}
    clouds = PointClouds(arrays, owners=owners, labels=np.arange(60) % 3)
    expected = analyse(PointClouds({name: arrays[name] for name in "ab"}, labels=np.arange(60) % 3))
    monkeypatch.setattr("topocallback.measures.facts.distance_matrix", Short(120))
    found = analyse(clouds, n_threads=n_threads, previous=expected)
    assert "no memory left" in found.problems["huge"]
    assert found.layers == ("a", "huge", "b")
    for key, table in found.distances.items():
        np.testing.assert_array_equal(table.matrix[::2, ::2], expected.distances[key].matrix)
        assert np.isnan(table.matrix[1]).all()
    assert all(np.isnan(table.values[1]) for table in found.statistics.values())
    assert set(found.mappers) == {"a", "b"}


def test_fewer_layers_are_analysed_at_once_where_memory_is_short(monkeypatch):
    used = []
    monkeypatch.setattr("topocallback.analysis.analyse.available_memory", lambda: 1000)
    monkeypatch.setattr(
        "topocallback.analysis.analyse.map_threads", lambda call, items, n: used.append(n) or list(map(call, items))
    )
    clouds = PointClouds({"a": np.eye(40), "b": np.eye(40)})
    analyse(clouds, n_threads=3)
    assert used[0] == 1
    monkeypatch.setattr("topocallback.analysis.analyse.available_memory", lambda: None)
    analyse(clouds, n_threads=3)
    assert used[1] == 3
