"""How sure a snapshot's numbers are, and that a record holds enough to say so again."""

import numpy as np
import pytest
from analysis_tools import SLICED, random_clouds

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import Bars, LayerFacts, SlicedWasserstein
from topocallback.measures.noise import p_values_among, prepare_layer
from topocallback.measures.sign_flips import N_PARTS
from topocallback.records.point_clouds import PointClouds
from topocallback.records.snapshot import Snapshot


@pytest.fixture(scope="module")
def snapshot(reference_clouds):
    layers = list(reference_clouds)[::3]
    return analyse(PointClouds({layer: reference_clouds[layer] for layer in layers}))


@pytest.mark.parametrize("dim", [0, 1])
def test_p_values_are_those_of_the_recorded_parts(snapshot, tmp_path, dim):
    loaded = Snapshot.load(snapshot.save(tmp_path / "step=0.npz"))
    distance = SlicedWasserstein(homology_dim=dim)
    facts = [
        LayerFacts.of_diagrams(loaded.diagrams[layer], loaded.homology_dims, loaded.parts[layer])
        for layer in loaded.layers
    ]
    layers = [prepare_layer(distance, each) for each in facts]
    table = snapshot.distances[SLICED, dim]
    np.testing.assert_array_equal(p_values_among(distance, layers), table.p_values)
    assert [layer.size for layer in layers] == table.sizes.tolist()


def test_p_values_are_symmetric_and_layers_of_a_network_are_told_apart(snapshot):
    for table in snapshot.distances.values():
        np.testing.assert_array_equal(table.p_values, table.p_values.T)
        assert (np.diagonal(table.p_values) == 1).all()
        assert not np.diagonal(table.not_told_apart).any()
    assert snapshot.distances[SLICED, 0].p_values[0, -1] <= 0.05


def test_relative_distances_hold_over_numbers_of_samples_and_distances_do_not():
    rng = np.random.default_rng(0)
    found = []
    for n in (150, 450):
        angles = rng.uniform(0, 2 * np.pi, n)
        circle = np.column_stack([np.cos(angles), np.sin(angles)]) + 0.05 * rng.normal(size=(n, 2))
        clouds = PointClouds({"circle": circle, "cloud": rng.normal(size=(n, 5))})
        found.append(analyse(clouds, AnalysisOptions(homology_dims=(0,))).distances[SLICED, 0])
    few, many = (table.relative[0, 1] for table in found)
    assert many == pytest.approx(few, rel=0.15)
    assert found[1].matrix[0, 1] > 1.5 * found[0].matrix[0, 1]


def test_a_layer_that_lacks_many_samples_is_not_tested_and_one_that_lacks_few_is():
    clouds = random_clouds("abcd", n=240)
    cloud, other = clouds.clouds["b"].copy(), clouds.clouds["c"].copy()
    cloud[:20], other[:3] = np.nan, np.nan
    found = analyse(PointClouds({**clouds.clouds, "b": cloud, "c": other})).distances[SLICED, 0]
    np.testing.assert_array_equal(np.isnan(found.p_values[1]), [True, False, True, True])
    assert np.isfinite(found.p_values[np.ix_([0, 2, 3], [0, 2, 3])]).all()
    assert np.isfinite(found.noise).all()


def test_a_record_keeps_the_diagrams_of_twelve_parts_in_units_of_their_own_scale(snapshot, reference_clouds):
    layer = snapshot.layers[0]
    facts = LayerFacts(reference_clouds[layer], scale="quantile")
    assert snapshot.parts[layer].n_points.tolist() == [25] * N_PARTS
    for i, part in enumerate(facts.parts(N_PARTS)):
        for kept, bars in zip(snapshot.parts[layer].diagrams, part.diagrams, strict=True):
            np.testing.assert_array_equal(kept[i], bars)


def test_standard_errors_of_statistics_are_the_spread_over_other_samples():
    found = [analyse(random_clouds("a", n=240, seed=seed)).statistics for seed in range(12)]
    for key in (("bars", 1), ("total_persistence", 0), ("total_persistence", 1)):
        spread = np.std([each[key].values[0] for each in found], ddof=1)
        assert 0.4 < np.mean([each[key].errors[0] for each in found]) / spread < 2.5, key
    assert Bars.on_parts
    assert np.isnan(found[0]["mapper_coverage"].errors).all()
