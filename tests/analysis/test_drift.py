"""Drift: each layer's distance from itself in the run's previous and in its first snapshot."""

import dataclasses

import numpy as np
import pytest
from analysis_tools import SLICED, bars_of_ripser, distance_of_persim, random_clouds, replace_layer
from scipy.spatial.distance import pdist, squareform

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.records.point_clouds import PointClouds
from topocallback.records.snapshot import Snapshot


def moved(clouds, seed):
    """The same samples some time later: every point has moved a little."""
    rng = np.random.default_rng(seed)
    return {layer: cloud + 0.1 * rng.normal(size=cloud.shape) for layer, cloud in clouds.items()}


def test_drift_is_not_measured_in_the_first_snapshot():
    for table in analyse(random_clouds()).distances.values():
        assert np.isnan([table.drift, table.drift_from_reference, table.drift_p, table.drift_from_reference_p]).all()
        assert np.isfinite(table.noise).all()


def test_drift_is_the_distance_from_the_same_layer_in_the_previous_and_in_the_first_snapshot(reference_clouds):
    clouds = [{layer: reference_clouds[layer] for layer in ("00_stem", "05_block5")}]
    clouds += [moved(clouds[0], seed=1), moved(clouds[0], seed=2)]
    options = AnalysisOptions(scale="none")
    first, second = (analyse(PointClouds(each), options) for each in clouds[:2])
    third = analyse(PointClouds(clouds[2]), options, previous=second, reference=first)

    bars = [[bars_of_ripser(squareform(pdist(cloud))) for cloud in each.values()] for each in clouds]
    for dim in (0, 1):
        from_previous = [distance_of_persim(bars[1][layer][dim], bars[2][layer][dim]) for layer in (0, 1)]
        from_first = [distance_of_persim(bars[0][layer][dim], bars[2][layer][dim]) for layer in (0, 1)]
        np.testing.assert_allclose(third.distances[SLICED, dim].drift, from_previous, rtol=1e-5)
        np.testing.assert_allclose(third.distances[SLICED, dim].drift_from_reference, from_first, rtol=1e-5)


def test_a_network_that_stands_still_does_not_drift():
    first = analyse(random_clouds())
    again = analyse(random_clouds(), previous=first, reference=first)
    for table in again.distances.values():
        assert table.drift.tolist() == table.drift_from_reference.tolist() == [0.0] * 3
        assert table.drift_p.tolist() == table.drift_from_reference_p.tolist() == [1.0] * 3


def test_in_the_first_snapshot_there_is_nothing_to_test():
    for table in analyse(random_clouds()).distances.values():
        assert np.isnan([table.drift_p, table.drift_from_reference_p]).all()


def test_a_layer_that_changes_is_told_apart_from_itself_and_one_that_shakes_is_not():
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 2 * np.pi, 240)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    layers = {"changes": rng.normal(size=(240, 8)), "turns": circle}
    first = analyse(PointClouds(layers))
    later = {"changes": layers["changes"] * 0.3 ** np.arange(8), "turns": 7 * circle[:, ::-1] + 1}
    for table in analyse(PointClouds(later), previous=first, reference=first).distances.values():
        for p in (table.drift_p, table.drift_from_reference_p):
            assert p[0] <= 0.05 < p[1]


def test_drift_is_tested_with_a_snapshot_from_a_file_as_with_the_one_in_memory(tmp_path):
    first = analyse(random_clouds())
    loaded = Snapshot.load(first.save(tmp_path / "step=0.npz"))
    found, expected = (analyse(random_clouds(seed=1), previous=each, reference=each) for each in (loaded, first))
    for key, table in expected.distances.items():
        assert np.isfinite(table.drift_p).all()
        np.testing.assert_array_equal(found.distances[key].drift_p, table.drift_p)
        np.testing.assert_array_equal(found.distances[key].drift_from_reference_p, table.drift_from_reference_p)


def test_drift_from_a_snapshot_without_parts_is_known_and_not_tested():
    first = dataclasses.replace(analyse(random_clouds()), parts={})
    for table in analyse(random_clouds(seed=1), previous=first).distances.values():
        assert np.isfinite(table.drift).all()
        assert np.isnan(table.drift_p).all()


def test_a_layer_that_was_not_in_the_previous_snapshot_has_no_drift():
    earlier = analyse(random_clouds("ab"))
    later = analyse(random_clouds("xba", seed=1), previous=earlier, reference=earlier)
    table = later.distances[SLICED, 1]
    for drift in (table.drift, table.drift_from_reference):
        assert np.isnan(drift).tolist() == [True, False, False]
    by_hand = distance_of_persim(earlier.diagrams["a"][1], later.diagrams["a"][1])
    assert later.distances[SLICED, 1].drift[2] == pytest.approx(by_hand, rel=1e-5)


def test_a_homology_dimension_that_was_not_in_the_previous_snapshot_has_no_drift():
    earlier = analyse(random_clouds(), AnalysisOptions(homology_dims=(1,)))
    later = analyse(random_clouds(seed=1), AnalysisOptions(homology_dims=(0, 1)), previous=earlier)
    assert np.isnan(later.distances[SLICED, 0].drift).all()
    expected = [distance_of_persim(earlier.diagrams[layer][0], later.diagrams[layer][1]) for layer in "abc"]
    np.testing.assert_allclose(later.distances[SLICED, 1].drift, expected, rtol=1e-5)


def test_drift_finds_layers_by_name_and_not_by_position():
    earlier = analyse(random_clouds("abc"))
    backwards = dict(reversed(random_clouds("abc").clouds.items()))
    later = analyse(PointClouds(backwards), previous=earlier)
    assert later.layers == ("c", "b", "a")
    assert later.distances[SLICED, 0].drift.tolist() == [0.0, 0.0, 0.0]


def test_a_layer_without_a_finite_point_in_the_previous_snapshot_has_no_drift():
    earlier = analyse(replace_layer(random_clouds(), "b", np.full((40, 3), np.nan)))
    later = analyse(random_clouds(seed=1), previous=earlier, reference=earlier)
    table = later.distances[SLICED, 0]
    for drift in (table.drift, table.drift_from_reference):
        assert np.isnan(drift).tolist() == [False, True, False]
