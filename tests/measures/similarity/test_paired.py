"""What all paired distances have in common."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import MEASURES, Distance, LayerFacts
from topocallback.measures.noise import prepare_layer
from topocallback.records.point_clouds import PointClouds
from topocallback.records.snapshot import Snapshot

PAIRED = [key for key, kind in MEASURES.items() if issubclass(kind, Distance) and kind.paired]
BY_VALUES = {"block_influence", "cosine", "sqnr"}  # of layers of one width
BY_ROTATION = set(PAIRED) - {"rsa", "pwcca"} - BY_VALUES  # those that pass over rotations and shifts
BY_FACTOR = set(PAIRED) - {"euclidean_shape_metric", "sqnr"}
OF_FEW_VALUES = {"svcca", "pwcca"}  # those that need more than twice as many samples as values
ROUNDING = {"shape_metric": 1e-6, "euclidean_shape_metric": 1e-6}  # roots of what is left of 1e-16

every_paired = pytest.mark.parametrize("key", PAIRED)


def two_clouds(key, seed):
    random = np.random.default_rng(seed)
    n, width = int(random.integers(14, 30)), int(random.integers(2, 7 if key in OF_FEW_VALUES else 40))
    return random.normal(size=(n, width)), random.normal(size=(n, width)) ** 3


def test_there_are_as_many_as_the_table_says():
    assert len(PAIRED) == 18


@every_paired
@given(seed=st.integers(0, 2**32 - 1))
def test_it_is_symmetric_within_its_range_and_0_for_equal_layers(key, seed):
    measure, (x, y) = MEASURES[key](), two_clouds(key, seed)
    found = measure(x, y)
    assert measure.range[0] <= found <= measure.range[1]
    assert measure(y, x) == pytest.approx(found, abs=1e-9)
    assert measure(x, x) == pytest.approx(0, abs=ROUNDING.get(key, 1e-9))


@every_paired
@given(seed=st.integers(0, 2**32 - 1))
def test_it_does_not_depend_on_the_order_of_the_samples(key, seed):
    measure, (x, y) = MEASURES[key](), two_clouds(key, seed)
    order = np.random.default_rng(seed).permutation(len(x))
    assert measure(x[order], y[order]) == pytest.approx(measure(x, y), abs=1e-9)


@pytest.mark.parametrize("key", sorted(BY_ROTATION))
def test_rotations_and_shifts_change_nothing(key):
    x, y = two_clouds(key, 1)
    rotated = x @ ortho_group.rvs(x.shape[1], random_state=0) + 5
    assert MEASURES[key]()(rotated, y) == pytest.approx(MEASURES[key]()(x, y), rel=1e-6)


@pytest.mark.parametrize("key", sorted(BY_FACTOR))
def test_a_factor_for_all_values_changes_nothing(key):
    x, y = two_clouds(key, 2)
    assert MEASURES[key]()(37 * x, y) == pytest.approx(MEASURES[key]()(x, y), rel=1e-6)


@every_paired
def test_clouds_of_other_samples_are_refused(key):
    with pytest.raises(ValueError, match=f"Expected clouds of the same samples for {key}, got 20 and 21 points"):
        MEASURES[key]()(np.random.default_rng(0).normal(size=(20, 3)), np.eye(21))


@pytest.fixture(scope="module")
def snapshot(reference_clouds, reference_labels):
    clouds = {layer: reference_clouds[layer][:200, :80] for layer in ("02_block2", "05_block5", "09_avgpool")}
    clouds["dead"] = np.zeros((200, 8), dtype=np.float32)
    return analyse(PointClouds(clouds, labels=reference_labels[:200]), AnalysisOptions(measures=list(MEASURES)))


@every_paired
def test_a_snapshot_holds_it_with_its_error_and_a_dead_layer_costs_that_layer(snapshot, key):
    table = snapshot.distances[key]
    alive = np.ix_(range(3), range(3))
    wanted = np.ones((3, 3), dtype=bool) if key not in BY_VALUES else np.eye(3, dtype=bool)
    assert (np.isfinite(table.matrix[alive]) == wanted).all()
    off_diagonal = wanted & ~np.eye(3, dtype=bool)
    if key in OF_FEW_VALUES:  # a twelfth of the samples is too few for them
        assert np.isnan(table.errors[alive][off_diagonal]).all()
        assert f"points for {key} of a layer that spans" in snapshot.problems["05_block5"]
    else:
        assert (table.errors[alive][off_diagonal] >= 0).all()
    assert np.isnan(table.p_values).all()
    if key not in {"knn_overlap"} | BY_VALUES:  # of equal points all are neighbours, and at right angles
        assert np.isnan(table.matrix[3]).all()
        said = f"It has no {table.about.title}. ValueError: Expected points that differ for {key}"
        assert said in snapshot.problems["dead"]


def test_a_snapshot_of_all_measures_is_read_back(snapshot, tmp_path):
    snapshot.save(tmp_path / "step=0.npz")
    read = Snapshot.load(tmp_path / "step=0.npz")
    assert list(read.distances) == list(snapshot.distances)
    assert list(read.statistics) == list(snapshot.statistics)
    for key, table in snapshot.distances.items():
        np.testing.assert_array_equal(read.distances[key].matrix, table.matrix)


@every_paired
def test_its_noise_follows_from_parts(key, reference_clouds):
    cloud = reference_clouds["05_block5"]
    prepared = prepare_layer(MEASURES[key](), LayerFacts(cloud[:, :4] if key in OF_FEW_VALUES else cloud))
    assert not prepared.problem
    assert len(prepared.parts) == 12
