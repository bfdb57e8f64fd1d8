"""What must not change a snapshot's numbers: threads, order, units, dtypes, random generators."""

import random

import numpy as np
import pytest
from analysis_tools import SINGLE, SLICED, assert_same, numbers_of, random_clouds, replace_layer

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.records.point_clouds import PointClouds


@pytest.mark.parametrize("n_threads", [2, 5])
def test_the_number_of_threads_changes_nothing(n_threads):
    options = AnalysisOptions(measures=(SLICED, "bottleneck"))
    earlier = analyse(random_clouds(seed=1), options)
    alone = analyse(random_clouds("abcdefg"), options, previous=earlier, reference=earlier)
    shared = analyse(random_clouds("abcdefg"), options, previous=earlier, reference=earlier, n_threads=n_threads)
    assert_same(shared, alone)


def test_the_same_clouds_give_the_same_snapshot():
    assert_same(analyse(random_clouds()), analyse(random_clouds()))


def test_the_quantile_scale_makes_the_numbers_independent_of_a_clouds_size():
    clouds = random_clouds()
    larger = replace_layer(clouds, "b", 1000 * clouds.clouds["b"])
    snapshot, of_larger = analyse(clouds), analyse(larger)
    assert_same(of_larger, snapshot, rtol=SINGLE, but=[("scales",)])
    np.testing.assert_allclose(of_larger.scales / snapshot.scales, [1, 1000, 1], rtol=1e-12)


def test_without_scale_distances_grow_with_the_clouds():
    clouds, options = random_clouds(), AnalysisOptions(scale="none")
    larger = PointClouds({layer: 1000 * cloud for layer, cloud in clouds.clouds.items()})
    np.testing.assert_allclose(
        analyse(larger, options).distances[SLICED, 1].matrix,
        1000 * analyse(clouds, options).distances[SLICED, 1].matrix,
        rtol=SINGLE,
    )


def test_rows_in_another_order_with_their_ids_give_the_same_numbers():
    order = np.random.default_rng(3).permutation(40)
    ids = np.arange(100, 140)
    clouds = random_clouds(sample_ids=ids)
    shuffled = PointClouds({layer: cloud[order] for layer, cloud in clouds.clouds.items()}, sample_ids=ids[order])
    snapshot = analyse(shuffled)
    assert snapshot.sample_ids.tolist() == ids[order].tolist()
    assert_same(snapshot, analyse(clouds), rtol=SINGLE, but=[("sample_ids",)])


def test_the_order_of_the_layers_only_orders_the_numbers():
    snapshot = analyse(random_clouds("abc"))
    backwards = analyse(PointClouds(dict(reversed(random_clouds("abc").clouds.items()))))
    for key, table in snapshot.distances.items():
        np.testing.assert_allclose(backwards.distances[key].matrix, table.matrix[::-1, ::-1], rtol=1e-12)
        np.testing.assert_array_equal(backwards.distances[key].noise, table.noise[::-1])


def test_other_ids_give_other_parts_and_change_nothing_but_how_sure_the_numbers_are():
    snapshot, other = analyse(random_clouds()), analyse(random_clouds(sample_ids=np.arange(7, 47)))
    noise = [("noise", SLICED, dim) for dim in (0, 1)]
    assert_same(other, snapshot, but=[("sample_ids",), *noise, *[("p_values", SLICED, dim) for dim in (0, 1)]])
    assert all((numbers_of(other)[name] != numbers_of(snapshot)[name]).all() for name in noise)


def test_global_random_generators_stay_as_they_are():
    before = random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2:]  # noqa: NPY002
    analyse(random_clouds())
    after = random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2:]  # noqa: NPY002
    assert after == before


def test_clouds_stay_as_they_are():
    clouds = random_clouds()
    analyse(clouds)
    for layer, cloud in random_clouds().clouds.items():
        np.testing.assert_array_equal(clouds.clouds[layer], cloud)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.bool_, np.float16, np.float32])
def test_clouds_of_any_real_dtype_give_the_numbers_of_their_values(dtype):
    values = np.random.default_rng(0).integers(0, 9, size=(30, 4)).astype(dtype)
    found = analyse(PointClouds({"a": values, "b": values[:, :2]}))
    assert_same(found, analyse(PointClouds({"a": values.astype(float), "b": values[:, :2].astype(float)})))
