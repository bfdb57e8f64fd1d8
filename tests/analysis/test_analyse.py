"""analyse: what one snapshot says about the clouds of one step."""

import dataclasses
import importlib.metadata
import json
import random
import sys

import numpy as np
import persim
import pytest
from ripser import ripser
from scipy.spatial.distance import pdist, squareform
from scipy.stats import entropy

from topocallback.analysis.analyse import AnalysisOptions, analyse
from topocallback.hashing import sample_priorities
from topocallback.measures.topology.diagrams import DiagramDistance
from topocallback.measures.topology.rips import BACKENDS
from topocallback.records.point_clouds import PointClouds

SLICED = "sliced_wasserstein"
TABLES = ("distances", "noise", "drift", "drift_from_first", "statistics")
SINGLE = 1e-6  # what is left of the digits where a backend computes in single precision
SMALL_LAYERS = ("00_stem", "01_block1", "02_block2", "11_fc")


@pytest.fixture(scope="module")
def raw_snapshot(reference_clouds):
    """All layers of the reference, in activations' units."""
    return analyse(PointClouds(reference_clouds), AnalysisOptions(scale="none"))


def random_clouds(layers="abc", n=40, seed=0, **fields):
    rng = np.random.default_rng(seed)
    return PointClouds({layer: rng.normal(size=(n, 2 + i)) * (1 + i) for i, layer in enumerate(layers)}, **fields)


def replace_layer(clouds, layer, cloud):
    return dataclasses.replace(clouds, clouds={**clouds.clouds, layer: cloud})


def moved(clouds, seed):
    """The same samples some time later: every point has moved a little."""
    rng = np.random.default_rng(seed)
    return {layer: cloud + 0.1 * rng.normal(size=cloud.shape) for layer, cloud in clouds.items()}


def bars_of_ripser(distances):
    """Finite bars per homology dimension, by ripser.py."""
    diagrams = ripser(distances, distance_matrix=True, maxdim=1)["dgms"]
    return [np.asarray(bars, dtype=np.float64)[np.isfinite(bars).all(axis=1)] for bars in diagrams]


def distance_of_persim(first, second, n_directions=50):
    finite = [bars[np.isfinite(bars).all(axis=1)] for bars in (first, second)]
    return persim.sliced_wasserstein(*finite, M=n_directions)


def measured(snapshot):
    """Every number of a snapshot, under one name each."""
    numbers = {f"{table}/{key}": values for table in TABLES for key, values in getattr(snapshot, table).items()}
    diagrams = {
        f"diagrams/{layer}/{i}": bars for layer, found in snapshot.diagrams.items() for i, bars in enumerate(found)
    }
    return {**numbers, **diagrams, "scales": snapshot.scales, "sample_ids": snapshot.sample_ids}


def assert_same(snapshot, other, rtol=0.0, but=()):
    ours, theirs = measured(snapshot), measured(other)
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - set(but):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=rtol, atol=rtol, err_msg=name)


def count_difference(first, second):
    return abs(len(first) - len(second))


# -- Against other libraries -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1])
def test_sliced_wasserstein_distances_equal_persims(raw_snapshot, reference, dim):
    assert raw_snapshot.layers == tuple(reference["layers"])
    expected = reference[f"sliced_wasserstein_M50_H{dim}"]
    np.testing.assert_allclose(raw_snapshot.distances[f"{SLICED}_H{dim}"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("measure", "expected_name"), [("bottleneck", "bottleneck"), ("wasserstein", "wasserstein_order1_internal2")]
)
def test_matching_distances_equal_heras(reference_clouds, reference, measure, expected_name):
    clouds = PointClouds({layer: reference_clouds[layer] for layer in SMALL_LAYERS})
    snapshot = analyse(clouds, AnalysisOptions(scale="none", measures=(measure,)))
    rows = [reference["layers"].index(layer) for layer in SMALL_LAYERS]
    for dim in (0, 1):
        expected = np.array(reference[f"{expected_name}_H{dim}"])[np.ix_(rows, rows)]
        np.testing.assert_allclose(snapshot.distances[f"{measure}_H{dim}"], expected, rtol=1e-5)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", ["bars", "total_persistence", "longest_bar"])
def test_statistics_equal_ripsers(raw_snapshot, reference, name, dim):
    expected = [reference[name][layer][dim] for layer in raw_snapshot.layers]
    np.testing.assert_allclose(raw_snapshot.statistics[f"{name}_H{dim}"], expected, rtol=1e-5)


@pytest.mark.parametrize("dim", [0, 1])
def test_persistent_entropy_equals_scipys_entropy_of_the_bar_lengths(raw_snapshot, reference_clouds, dim):
    layer = "05_block5"
    bars = bars_of_ripser(squareform(pdist(reference_clouds[layer])))[dim]
    found = raw_snapshot.statistics[f"persistent_entropy_H{dim}"][raw_snapshot.layers.index(layer)]
    assert found == pytest.approx(entropy(bars[:, 1] - bars[:, 0], base=2), rel=1e-5)


@pytest.mark.parametrize("scale", ["none", "quantile"])
def test_noise_is_the_distance_between_two_halves_chosen_by_the_samples_hash(reference_clouds, scale):
    layer, ids = "03_block3", np.arange(1000, 1600, 2)
    clouds = PointClouds({layer: reference_clouds[layer]}, sample_ids=ids)
    snapshot = analyse(clouds, AnalysisOptions(scale=scale))

    by_hash = np.argsort(sample_priorities(ids, int.from_bytes(b"split", "big")))
    distances = squareform(pdist(reference_clouds[layer]))
    distances /= 1 if scale == "none" else np.quantile(pdist(reference_clouds[layer]), 0.9)
    halves = [bars_of_ripser(distances[np.ix_(half, half)]) for half in (by_hash[::2], by_hash[1::2])]
    for dim in (0, 1):
        expected = distance_of_persim(halves[0][dim], halves[1][dim])
        assert snapshot.noise[f"{SLICED}_H{dim}"] == pytest.approx([expected], rel=1e-5)


def test_scales_are_the_quantiles_of_the_pairwise_distances(reference_clouds):
    snapshot = analyse(PointClouds(reference_clouds), AnalysisOptions(homology_dims=(0,)))
    expected = [np.quantile(pdist(cloud.astype(np.float64)), 0.9) for cloud in reference_clouds.values()]
    np.testing.assert_allclose(snapshot.scales, expected, rtol=1e-9)


def test_scales_are_one_where_clouds_are_not_scaled(raw_snapshot):
    assert raw_snapshot.scales.tolist() == [1.0] * len(raw_snapshot.layers)


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_every_backend_gives_the_same_numbers(backend):
    found = analyse(random_clouds(), AnalysisOptions(backend=backend))
    assert found.options["backend"] == backend
    for dim in (0, 1):
        layers = [squareform(pdist(cloud)) for cloud in random_clouds().clouds.values()]
        bars = [bars_of_ripser(d / np.quantile(d[np.triu_indices(40, 1)], 0.9))[dim] for d in layers]
        expected = [[distance_of_persim(a, b) for b in bars] for a in bars]
        np.testing.assert_allclose(found.distances[f"{SLICED}_H{dim}"], expected, rtol=1e-5, atol=1e-6)


# -- Drift -----------------------------------------------------------------------------------------------------------


def test_drift_is_zero_in_the_first_snapshot():
    snapshot = analyse(random_clouds())
    for table in (snapshot.drift, snapshot.drift_from_first):
        assert {key: values.tolist() for key, values in table.items()} == {
            f"{SLICED}_H0": [0.0, 0.0, 0.0],
            f"{SLICED}_H1": [0.0, 0.0, 0.0],
        }


def test_drift_is_the_distance_from_the_same_layer_in_the_previous_and_in_the_first_snapshot(reference_clouds):
    clouds = [{layer: reference_clouds[layer] for layer in ("00_stem", "05_block5")}]
    clouds += [moved(clouds[0], seed=1), moved(clouds[0], seed=2)]
    options = AnalysisOptions(scale="none")
    first, second = (analyse(PointClouds(each), options) for each in clouds[:2])
    third = analyse(PointClouds(clouds[2]), options, previous=second, first=first)

    bars = [[bars_of_ripser(squareform(pdist(cloud))) for cloud in each.values()] for each in clouds]
    for dim in (0, 1):
        from_previous = [distance_of_persim(bars[1][layer][dim], bars[2][layer][dim]) for layer in (0, 1)]
        from_first = [distance_of_persim(bars[0][layer][dim], bars[2][layer][dim]) for layer in (0, 1)]
        np.testing.assert_allclose(third.drift[f"{SLICED}_H{dim}"], from_previous, rtol=1e-5)
        np.testing.assert_allclose(third.drift_from_first[f"{SLICED}_H{dim}"], from_first, rtol=1e-5)


def test_a_network_that_stands_still_does_not_drift():
    first = analyse(random_clouds())
    again = analyse(random_clouds(), previous=first, first=first)
    assert not any(values.any() for table in (again.drift, again.drift_from_first) for values in table.values())


def test_a_layer_that_was_not_in_the_previous_snapshot_has_no_drift():
    earlier = analyse(random_clouds("ab"))
    later = analyse(random_clouds("xba", seed=1), previous=earlier, first=earlier)
    for table in (later.drift, later.drift_from_first):
        assert np.isnan(table[f"{SLICED}_H1"]).tolist() == [True, False, False]
    by_hand = distance_of_persim(earlier.diagrams["a"][1], later.diagrams["a"][1])
    assert later.drift[f"{SLICED}_H1"][2] == pytest.approx(by_hand, rel=1e-5)


def test_a_homology_dimension_that_was_not_in_the_previous_snapshot_has_no_drift():
    earlier = analyse(random_clouds(), AnalysisOptions(homology_dims=(1,)))
    later = analyse(random_clouds(seed=1), AnalysisOptions(homology_dims=(0, 1)), previous=earlier)
    assert np.isnan(later.drift[f"{SLICED}_H0"]).all()
    expected = [distance_of_persim(earlier.diagrams[layer][0], later.diagrams[layer][1]) for layer in "abc"]
    np.testing.assert_allclose(later.drift[f"{SLICED}_H1"], expected, rtol=1e-5)


def test_drift_finds_layers_by_name_and_not_by_position():
    earlier = analyse(random_clouds("abc"))
    backwards = dict(reversed(random_clouds("abc").clouds.items()))
    later = analyse(PointClouds(backwards), previous=earlier)
    assert later.layers == ("c", "b", "a")
    assert later.drift[f"{SLICED}_H0"].tolist() == [0.0, 0.0, 0.0]


def test_a_layer_without_a_finite_point_in_the_previous_snapshot_has_no_drift():
    earlier = analyse(replace_layer(random_clouds(), "b", np.full((40, 3), np.nan)))
    later = analyse(random_clouds(seed=1), previous=earlier, first=earlier)
    for table in (later.drift, later.drift_from_first):
        assert np.isnan(table[f"{SLICED}_H0"]).tolist() == [False, True, False]


# -- What must not change the numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize("n_threads", [2, 5])
def test_the_number_of_threads_changes_nothing(n_threads):
    options = AnalysisOptions(measures=(SLICED, "bottleneck"))
    earlier = analyse(random_clouds(seed=1), options)
    alone = analyse(random_clouds("abcdefg"), options, previous=earlier, first=earlier)
    shared = analyse(random_clouds("abcdefg"), options, previous=earlier, first=earlier, n_threads=n_threads)
    assert_same(shared, alone)


def test_the_same_clouds_give_the_same_snapshot():
    assert_same(analyse(random_clouds()), analyse(random_clouds()))


def test_the_quantile_scale_makes_the_numbers_independent_of_a_clouds_size():
    clouds = random_clouds()
    larger = replace_layer(clouds, "b", 1000 * clouds.clouds["b"])
    snapshot, of_larger = analyse(clouds), analyse(larger)
    assert_same(of_larger, snapshot, rtol=SINGLE, but=["scales"])
    np.testing.assert_allclose(of_larger.scales / snapshot.scales, [1, 1000, 1], rtol=1e-12)


def test_without_scale_distances_grow_with_the_clouds():
    clouds, options = random_clouds(), AnalysisOptions(scale="none")
    larger = PointClouds({layer: 1000 * cloud for layer, cloud in clouds.clouds.items()})
    np.testing.assert_allclose(
        analyse(larger, options).distances[f"{SLICED}_H1"],
        1000 * analyse(clouds, options).distances[f"{SLICED}_H1"],
        rtol=SINGLE,
    )


def test_rows_in_another_order_with_their_ids_give_the_same_numbers():
    order = np.random.default_rng(3).permutation(40)
    ids = np.arange(100, 140)
    clouds = random_clouds(sample_ids=ids)
    shuffled = PointClouds({layer: cloud[order] for layer, cloud in clouds.clouds.items()}, sample_ids=ids[order])
    snapshot = analyse(shuffled)
    assert snapshot.sample_ids.tolist() == ids[order].tolist()
    assert_same(snapshot, analyse(clouds), rtol=SINGLE, but=["sample_ids"])


def test_the_order_of_the_layers_only_orders_the_numbers():
    snapshot = analyse(random_clouds("abc"))
    backwards = analyse(PointClouds(dict(reversed(random_clouds("abc").clouds.items()))))
    for key, matrix in snapshot.distances.items():
        np.testing.assert_allclose(backwards.distances[key], matrix[::-1, ::-1], rtol=1e-12)
        np.testing.assert_array_equal(backwards.noise[key], snapshot.noise[key][::-1])


def test_other_ids_split_other_halves_and_change_nothing_but_the_noise():
    snapshot, other = analyse(random_clouds()), analyse(random_clouds(sample_ids=np.arange(7, 47)))
    noise = [f"noise/{SLICED}_H{dim}" for dim in (0, 1)]
    assert_same(other, snapshot, but=["sample_ids", *noise])
    assert all((measured(other)[name] != measured(snapshot)[name]).all() for name in noise)


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


# -- Clouds at the edge ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_points_that_are_not_finite_are_left_out_and_named(bad):
    clouds = random_clouds()
    broken = clouds.clouds["b"].copy()
    broken[[3, 8, 30], [0, 1, 0]] = bad
    snapshot = analyse(replace_layer(clouds, "b", broken))

    assert snapshot.problems == {"b": "3 of 40 points hold NaN or infinity and were left out."}
    distances = squareform(pdist(np.delete(broken, [3, 8, 30], axis=0)))
    distances /= np.quantile(distances[np.triu_indices(37, 1)], 0.9)
    for bars, expected in zip(snapshot.diagrams["b"], bars_of_ripser(distances), strict=True):
        finite = bars[np.isfinite(bars).all(axis=1)]
        np.testing.assert_allclose(np.sort(finite, axis=0), np.sort(expected, axis=0), rtol=1e-5)
    assert np.isfinite(snapshot.noise[f"{SLICED}_H0"]).all()


@pytest.mark.parametrize("broken", [np.full((40, 3), np.nan), np.full((40, 3), np.inf)])
def test_a_layer_without_finite_points_keeps_its_place_and_leaves_the_others_alone(broken):
    earlier = analyse(random_clouds(seed=1))
    snapshot = analyse(replace_layer(random_clouds(), "b", broken), previous=earlier, first=earlier)
    whole = analyse(random_clouds(), previous=earlier, first=earlier)

    assert snapshot.layers == ("a", "b", "c")
    assert snapshot.problems == {"b": "40 of 40 points hold NaN or infinity and were left out."}
    for name, values in measured(snapshot).items():
        if name.partition("/")[0] in TABLES:
            assert np.isnan(values[1]).all(), name
            keep = np.ix_(*[[0, 2]] * values.ndim)
            np.testing.assert_array_equal(values[keep], measured(whole)[name][keep], err_msg=name)
            if values.ndim == 2:
                assert np.isnan(values[:, 1]).all()


def test_noise_is_not_claimed_to_be_nothing_where_one_half_has_no_finite_point():
    cloud = np.random.default_rng(0).normal(size=(12, 3))
    by_hash = np.argsort(sample_priorities(np.arange(12), int.from_bytes(b"split", "big")))
    cloud[by_hash[1::2]] = np.nan
    noise = analyse(PointClouds({"a": cloud})).noise[f"{SLICED}_H0"][0]
    assert noise != 0  # NaN, or the noise of another split


def test_constant_layers_have_no_bars_and_are_no_problem():
    constant = np.full((40, 3), 0.1, dtype=np.float32)
    snapshot = analyse(PointClouds({"a": constant, "b": 1e6 * constant, "c": random_clouds().clouds["c"]}))
    assert snapshot.problems == {}
    for layer in "ab":
        h0, h1 = snapshot.diagrams[layer]
        assert h0.tolist() == [[0.0, np.inf]]
        assert h1.shape == (0, 2)
        assert snapshot.mappers[layer].n_nodes == 1
    for key, values in snapshot.statistics.items():
        assert values[:2].tolist() == ([1.0, 1.0] if key == "mapper_coverage" else [0.0, 0.0]), key
    for key, matrix in snapshot.distances.items():
        assert matrix[0, 1] == 0
        assert snapshot.noise[key][:2].tolist() == [0.0, 0.0]
        assert matrix[0, 2] == matrix[1, 2] > 0
    assert snapshot.scales[:2].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_noise_is_unknown_on_fewer_than_four_samples_and_all_else_is_known(n):
    snapshot = analyse(random_clouds(n=n))
    numbers = measured(snapshot)
    for name, values in numbers.items():
        if name.startswith("noise"):
            assert np.isnan(values).all()
        elif not name.startswith("diagrams"):
            assert np.isfinite(values).all(), name
    assert snapshot.statistics["bars_H0"].tolist() == [n - 1.0] * 3
    assert snapshot.statistics["bars_H1"].tolist() == [0.0] * 3
    assert snapshot.problems == {}


def test_noise_is_known_on_four_samples():
    cloud = np.array([[0.0], [1.0], [10.0], [30.0]])
    snapshot = analyse(PointClouds({"a": cloud}), AnalysisOptions(scale="none"))
    by_hash = np.argsort(sample_priorities(np.arange(4), int.from_bytes(b"split", "big")))
    lengths = [abs(np.diff(cloud[half, 0])).item() for half in (by_hash[::2], by_hash[1::2])]
    expected = distance_of_persim(np.array([[0, lengths[0]]]), np.array([[0, lengths[1]]]))
    assert snapshot.noise[f"{SLICED}_H0"] == pytest.approx([expected], rel=1e-5)


def test_without_samples_every_number_is_unknown():
    snapshot = analyse(PointClouds({"a": np.zeros((0, 3)), "b": np.zeros((0, 5))}))
    for name, values in measured(snapshot).items():
        if name.partition("/")[0] in TABLES:
            assert np.isnan(values).all(), name


def test_clouds_without_loops_have_empty_diagrams_at_distance_zero():
    line = np.linspace(0, 1, 20)[:, None] ** 2
    snapshot = analyse(PointClouds({"a": line, "b": 3 * line[::-1] + 1}))
    assert [snapshot.diagrams[layer][1].shape for layer in "ab"] == [(0, 2), (0, 2)]
    assert not snapshot.distances[f"{SLICED}_H1"].any()
    assert not snapshot.noise[f"{SLICED}_H1"].any()
    assert not any(snapshot.statistics[name].any() for name in snapshot.statistics if name.endswith("_H1"))


def test_clouds_without_layers_are_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"at least one layer.*never called"):
        analyse(PointClouds({}, problems={"head": "it was never called"}))


def test_problems_of_the_recording_are_kept():
    problems = {"gone": "it was never called"}
    clouds = replace_layer(random_clouds(problems=problems), "a", np.full((40, 2), np.nan))
    assert analyse(clouds).problems.keys() == {"gone", "a"}
    assert analyse(clouds).problems["gone"] == "it was never called"


# -- What else a snapshot holds --------------------------------------------------------------------------------------


def test_a_snapshot_says_which_samples_of_which_step_it_shows():
    labels = np.arange(40) % 3
    clouds = random_clouds(sample_ids=np.arange(5, 45), labels=labels)
    snapshot = analyse(clouds, step=7, epoch=2)
    assert (snapshot.step, snapshot.epoch, snapshot.layers) == (7, 2, ("a", "b", "c"))
    assert snapshot.sample_ids.tolist() == list(range(5, 45))
    assert snapshot.labels.tolist() == labels.tolist()


def test_samples_without_ids_are_numbered():
    assert analyse(random_clouds()).sample_ids.tolist() == list(range(40))


def test_a_snapshot_records_its_options_and_versions():
    options = AnalysisOptions(homology_dims=(1,), measures=(SLICED, count_difference), scale="none", n_directions=20)
    snapshot = analyse(random_clouds(), options)
    assert json.loads(json.dumps(snapshot.options)) == {
        "homology_dims": [1],
        "measures": [SLICED, "count_difference"],
        "scale": "none",
        "backend": "redzed",
        "n_directions": 20,
        "mapper": {
            "filter": "l2norm",
            "n_intervals": 40,
            "overlap": 0.3,
            "clusterer": "dbscan",
            "min_samples": 5,
            "radius": "elbow",
        },
    }
    for package in ("topocallback", "numpy", "redzed-tda", "ripser"):
        assert snapshot.versions[package] == importlib.metadata.version(package)


def test_a_snapshot_says_how_long_each_stage_took():
    seconds = analyse(random_clouds()).seconds
    assert seconds.keys() == {"total", "diagrams", "noise", "mapper", "distances", "drift", "statistics"}
    assert seconds["total"] > 0
    assert seconds["total"] >= sum(seconds[stage] for stage in seconds.keys() - {"total"})


@pytest.mark.parametrize("dims", [(0,), (1,), (2,), (0, 2), (0, 1, 2)])
def test_every_table_has_the_dimensions_asked_for_in_their_order(dims):
    snapshot = analyse(random_clouds(), AnalysisOptions(homology_dims=dims))
    assert snapshot.homology_dims == dims
    keys = [f"{SLICED}_H{dim}" for dim in dims]
    for table in (snapshot.distances, snapshot.noise, snapshot.drift, snapshot.drift_from_first):
        assert list(table) == keys
    assert all(len(snapshot.diagrams[layer]) == len(dims) for layer in snapshot.layers)
    # Only H0 has a bar that never dies.
    never_dies = [np.isinf(bars).any() for bars in snapshot.diagrams["a"]]
    assert never_dies == [dim == 0 for dim in dims]


# -- Measures --------------------------------------------------------------------------------------------------------


def test_a_function_measures_finite_bars_under_its_own_name():
    seen = []

    def longest_bar_difference(first, second):
        seen.extend([first, second])
        longest = [(bars[:, 1] - bars[:, 0]).max(initial=0) for bars in (first, second)]
        return abs(longest[0] - longest[1])

    snapshot = analyse(random_clouds(), AnalysisOptions(measures=(longest_bar_difference,)))
    assert list(snapshot.distances) == ["longest_bar_difference_H0", "longest_bar_difference_H1"]
    longest = snapshot.statistics["longest_bar_H1"]
    expected = abs(longest[:, None] - longest[None, :])
    np.testing.assert_allclose(snapshot.distances["longest_bar_difference_H1"], expected, rtol=1e-12)
    assert all(np.isfinite(bars).all() for bars in seen)


def test_a_diagram_distance_prepares_each_diagram_and_compares_what_it_prepared():
    distance = DiagramDistance("births", lambda bars: bars[:, 0].sum(), lambda first, second: abs(first - second))
    snapshot = analyse(random_clouds(), AnalysisOptions(measures=(distance,)))
    births = np.array([snapshot.diagrams[layer][1][:, 0].sum() for layer in "abc"])
    np.testing.assert_allclose(snapshot.distances["births_H1"], abs(births[:, None] - births), rtol=1e-12)


def test_several_measures_stand_side_by_side():
    both = analyse(random_clouds(), AnalysisOptions(measures=("bottleneck", SLICED, count_difference)))
    assert both.measure_names == ("bottleneck", SLICED, "count_difference")
    for measure in ("bottleneck", SLICED, count_difference):
        alone = analyse(random_clouds(), AnalysisOptions(measures=(measure,)))
        for key in alone.distances:
            np.testing.assert_array_equal(both.distances[key], alone.distances[key])
            np.testing.assert_array_equal(both.noise[key], alone.noise[key])
    expected = [len(both.diagrams[layer][1]) for layer in "abc"]
    assert both.distances["count_difference_H1"][0, 1] == abs(expected[0] - expected[1])


def test_the_number_of_directions_reaches_the_sliced_wasserstein_distance():
    snapshot = analyse(random_clouds("ab"), AnalysisOptions(n_directions=7))
    first, second = (snapshot.diagrams[layer][1] for layer in "ab")
    expected = distance_of_persim(first, second, n_directions=7)
    assert snapshot.distances[f"{SLICED}_H1"][0, 1] == pytest.approx(expected, rel=1e-5)


# -- Options that are refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"homology_dims": ()}, "`homology_dims`"),
        ({"homology_dims": (-1,)}, r"`homology_dims`.*\(-1,\)"),
        ({"homology_dims": (1, 0)}, r"`homology_dims`.*\(1, 0\)"),
        ({"homology_dims": (1, 1)}, r"`homology_dims`.*\(1, 1\)"),
        ({"homology_dims": (0.5,)}, r"`homology_dims`.*0\.5"),
        ({"homology_dims": "01"}, "`homology_dims`"),
        ({"measures": ()}, "`measures`"),
        ({"measures": "bottleneck"}, "`measures`.*sequence.*'bottleneck'"),
        ({"measures": ("euclid",)}, "sliced_wasserstein.*'euclid'"),
        ({"measures": ("bottleneck", "bottleneck")}, "different names.*bottleneck"),
        ({"measures": (count_difference, count_difference)}, "different names.*count_difference"),
        ({"scale": "max"}, "`scale`.*'quantile'.*'max'"),
        ({"backend": "giotto"}, "`backend`.*'redzed'.*'giotto'"),
        ({"n_directions": 0}, "`n_directions`.*at least 1.*0"),
    ],
)
def test_options_that_are_not_allowed_are_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        AnalysisOptions(**options)


def test_a_measure_that_is_neither_name_nor_function_is_refused():
    with pytest.raises(TypeError, match=r"one of.*callable, got 3"):
        AnalysisOptions(measures=(3,))


def test_a_measure_whose_package_is_missing_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "gudhi.hera", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'topocallback\[gudhi\]'"):
        AnalysisOptions(measures=("bottleneck",))


@pytest.mark.parametrize("backend", ["redzed", "gudhi", "ripser"])
def test_a_backend_whose_package_is_missing_names_the_package(monkeypatch, backend):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=rf"`backend='{backend}'`.*pip install"):
        AnalysisOptions(backend=backend)


def test_options_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AnalysisOptions().scale = "none"
