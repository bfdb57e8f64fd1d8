"""analyse: what one snapshot says about the clouds of one step, against other libraries and at the edge."""

import importlib.metadata
import json

import numpy as np
import pytest
from analysis_tools import SLICED, bars_of_ripser, distance_of_persim, numbers_of, random_clouds, replace_layer
from scipy.spatial.distance import pdist, squareform
from scipy.stats import entropy

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.hashing import sample_priorities
from topocallback.measures import SlicedWasserstein
from topocallback.measures.topology.rips import BACKENDS
from topocallback.records.point_clouds import PointClouds

SMALL_LAYERS = ("00_stem", "01_block1", "02_block2", "11_fc")


DRIFTS = {"drift", "drift_from_reference"}
"""What is not known of a first snapshot."""

UNKNOWN = DRIFTS | {"p_values"}
"""What is not known of fewer than 24 samples."""

NOTHING = "No noise is known and nothing was tested: {} too few, noise needs 8 and tests need 24."


@pytest.fixture(scope="module")
def raw_snapshot(reference_clouds):
    """All layers of the reference, in activations' units."""
    return analyse(PointClouds(reference_clouds), AnalysisOptions(scale="none"))


def count_difference(first, second):
    return abs(len(first) - len(second))


# -- Against other libraries -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1])
def test_sliced_wasserstein_distances_equal_persims(raw_snapshot, reference, dim):
    assert raw_snapshot.layers == tuple(reference["layers"])
    expected = reference[f"sliced_wasserstein_M50_H{dim}"]
    np.testing.assert_allclose(raw_snapshot.distances[SLICED, dim].matrix, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("measure", "expected_name"), [("bottleneck", "bottleneck"), ("wasserstein", "wasserstein_order1_internal2")]
)
def test_matching_distances_equal_heras(reference_clouds, reference, measure, expected_name):
    clouds = PointClouds({layer: reference_clouds[layer] for layer in SMALL_LAYERS})
    snapshot = analyse(clouds, AnalysisOptions(scale="none", measures=(measure,)))
    rows = [reference["layers"].index(layer) for layer in SMALL_LAYERS]
    for dim in (0, 1):
        expected = np.array(reference[f"{expected_name}_H{dim}"])[np.ix_(rows, rows)]
        np.testing.assert_allclose(snapshot.distances[measure, dim].matrix, expected, rtol=1e-5)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", ["bars", "total_persistence", "longest_bar"])
def test_statistics_equal_ripsers(raw_snapshot, reference, name, dim):
    expected = [reference[name][layer][dim] for layer in raw_snapshot.layers]
    np.testing.assert_allclose(raw_snapshot.statistics[name, dim].values, expected, rtol=1e-5)


@pytest.mark.parametrize("dim", [0, 1])
def test_persistent_entropy_equals_scipys_entropy_of_the_bar_lengths(raw_snapshot, reference_clouds, dim):
    layer = "05_block5"
    bars = bars_of_ripser(squareform(pdist(reference_clouds[layer])))[dim]
    found = raw_snapshot.statistics["persistent_entropy", dim].values[raw_snapshot.layers.index(layer)]
    assert found == pytest.approx(entropy(bars[:, 1] - bars[:, 0], base=2), rel=1e-5)


@pytest.mark.parametrize("scale", ["none", "quantile"])
def test_noise_is_that_of_the_quarters_by_the_samples_hash_carried_to_all_samples(reference_clouds, scale):
    layer, ids = "03_block3", np.arange(1000, 1600, 2)
    snapshot = analyse(PointClouds({layer: reference_clouds[layer]}, sample_ids=ids), AnalysisOptions(scale=scale))
    by_hash = np.argsort(sample_priorities(ids, int.from_bytes(b"split", "big")))

    def bars_of(rows):
        distances = pdist(reference_clouds[layer][rows])
        return bars_of_ripser(squareform(distances / (1 if scale == "none" else np.quantile(distances, 0.9))))

    quarters, whole = [bars_of(by_hash[i::4][:75]) for i in range(4)], bars_of(np.arange(300))
    for dim in (0, 1):
        apart = [distance_of_persim(quarters[i][dim], quarters[j][dim]) for i in range(4) for j in range(i)]
        persistence = [np.diff(bars[dim]).sum() for bars in (whole, *quarters)]
        expected = np.mean(apart) / np.mean(persistence[1:]) * persistence[0] / 2
        assert snapshot.distances[SLICED, dim].noise == pytest.approx([expected], rel=1e-5)


def test_sizes_are_the_distances_from_the_empty_diagram(raw_snapshot):
    for dim in (0, 1):
        found = raw_snapshot.distances[SLICED, dim].sizes
        expected = [distance_of_persim(bars[dim], np.empty((0, 2))) for bars in raw_snapshot.diagrams.values()]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        total = raw_snapshot.statistics["total_persistence", dim].values
        np.testing.assert_allclose(found, np.sqrt(2) / np.pi * total, rtol=1e-3)


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
        np.testing.assert_allclose(found.distances[SLICED, dim].matrix, expected, rtol=1e-5, atol=1e-6)


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
    assert np.isfinite(snapshot.distances[SLICED, 0].noise).all()


@pytest.mark.parametrize("broken", [np.full((40, 3), np.nan), np.full((40, 3), np.inf)])
def test_a_layer_without_finite_points_keeps_its_place_and_leaves_the_others_alone(broken):
    earlier = analyse(random_clouds(seed=1))
    snapshot = analyse(replace_layer(random_clouds(), "b", broken), previous=earlier, reference=earlier)
    whole = analyse(random_clouds(), previous=earlier, reference=earlier)

    assert snapshot.layers == ("a", "b", "c")
    assert snapshot.problems == {"b": "40 of 40 points hold NaN or infinity and were left out."}
    assert snapshot.n_points.tolist() == [40, 0, 40]
    for name, values in numbers_of(snapshot).items():
        assert np.isnan(values[1]).all(), name
        keep = np.ix_(*[[0, 2]] * values.ndim)
        np.testing.assert_array_equal(values[keep], numbers_of(whole)[name][keep], err_msg=str(name))
        if values.ndim == 2:
            assert np.isnan(values[:, 1]).all()


def test_constant_layers_have_no_bars_and_are_named():
    constant = np.full((40, 3), 0.1, dtype=np.float32)
    snapshot = analyse(PointClouds({"a": constant, "b": 1e6 * constant, "c": random_clouds().clouds["c"]}))
    said = "All 40 points are equal: there is no shape to measure."
    assert snapshot.problems == {"a": said, "b": said}
    for layer in "ab":
        h0, h1 = snapshot.diagrams[layer]
        assert h0.tolist() == [[0.0, np.inf]]
        assert h1.shape == (0, 2)
        assert snapshot.mappers[layer].n_nodes == 1
    expected = {"mapper_coverage": 1.0, "mean_cosine": 1.0, "dead_units": 1.0, "participation_ratio": np.nan}
    for (name, _), table in snapshot.statistics.items():
        np.testing.assert_allclose(table.values[:2], expected.get(name, 0.0), rtol=1e-12, err_msg=name)
    for table in snapshot.distances.values():
        assert table.matrix[0, 1] == 0
        assert table.noise[:2].tolist() == [0.0, 0.0]
        assert table.matrix[0, 2] == table.matrix[1, 2] > 0
    assert snapshot.scales[:2].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("n", "unknown", "said"),
    [
        (1, UNKNOWN | {"noise"}, NOTHING.format("1 sample is")),
        (7, UNKNOWN | {"noise"}, NOTHING.format("7 samples are")),
        (8, UNKNOWN, "Nothing was tested: 8 samples are too few, tests need 24."),
        (23, UNKNOWN, "Nothing was tested: 23 samples are too few, tests need 24."),
        (24, DRIFTS, ""),
    ],
)
def test_on_few_samples_noise_and_test_are_unknown_and_all_else_is_known(n, unknown, said):
    snapshot = analyse(random_clouds(n=n))
    of_one = {"participation_ratio", "mean_cosine", "dead_units"} if n == 1 else set()  # of which there is no spread
    for name, values in numbers_of(snapshot).items():
        assert (np.isnan if name[0] in unknown or of_one & set(name) else np.isfinite)(values).all(), name
    assert snapshot.statistics["bars", 0].values.tolist() == [n - 1.0] * 3
    assert snapshot.problems == ({"noise": said} if said else {})


def test_without_samples_every_number_is_unknown():
    snapshot = analyse(PointClouds({"a": np.zeros((0, 3)), "b": np.zeros((0, 5))}))
    assert snapshot.n_points.tolist() == [0, 0]
    for name, values in numbers_of(snapshot).items():
        assert np.isnan(values).all(), name


def test_clouds_without_loops_have_empty_diagrams_at_distance_zero():
    line = np.linspace(0, 1, 20)[:, None] ** 2
    snapshot = analyse(PointClouds({"a": line, "b": 3 * line[::-1] + 1}))
    assert [snapshot.diagrams[layer][1].shape for layer in "ab"] == [(0, 2), (0, 2)]
    assert not snapshot.distances[SLICED, 1].matrix.any()
    assert not snapshot.distances[SLICED, 1].noise.any()
    assert not any(table.values.any() for (_, dim), table in snapshot.statistics.items() if dim == 1)


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
    measures = (SlicedWasserstein(n_directions=20), count_difference)
    options = AnalysisOptions(homology_dims=(1,), measures=measures, scale="none")
    snapshot = analyse(random_clouds(), options)
    assert json.loads(json.dumps(snapshot.options)) == {
        "homology_dims": [1],
        "measures": [
            {"name": "sliced_wasserstein(n_directions=20)", "key": SLICED, "options": {"n_directions": 20}},
            {"name": "count_difference"},
        ],
        "scale": "none",
        "backend": "redzed",
        "mapper": {
            "filter": "l2norm",
            "n_intervals": "auto",
            "overlap": 0.5,
            "clusterer": "dbscan",
            "min_samples": 5,
            "radius": "auto",
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
    assert list(snapshot.distances) == [(SLICED, dim) for dim in dims]
    assert [table.about.key for table in snapshot.statistics.of("bars")] == [("bars", dim) for dim in dims]
    assert all(len(snapshot.diagrams[layer]) == len(dims) for layer in snapshot.layers)
    # Only H0 has a bar that never dies.
    never_dies = [np.isinf(bars).any() for bars in snapshot.diagrams["a"]]
    assert never_dies == [dim == 0 for dim in dims]
