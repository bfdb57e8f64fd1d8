"""The functions that compare checkpoints, models and recorded runs."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from own_measures import Procrustes
from record_tools import assert_equal
from small_classifier import N_SAMPLES, Classifier, Data, loader
from small_study import checkpoints_of, compare
from torch import nn
from torch.utils.data import DataLoader

from topocallback import (
    Snapshot,
    compare_checkpoints,
    compare_models,
    compare_runs,
    load_history,
)
from topocallback.records.archive import archive_path

H1 = "sliced_wasserstein_H1"


def test_drift_within_a_run_is_the_monitors(study, compared):
    table = compared.table()
    for seed in range(2):
        of_run = np.array(table["run"]) == f"seed={seed}"
        for snapshot in load_history(study / f"seed={seed}")[1:]:
            rows = of_run & (np.array(table["step"]) == snapshot.step)
            recorded = snapshot.distances["sliced_wasserstein", 1]
            np.testing.assert_array_equal(table[f"from_previous_{H1}"][rows], recorded.drift)
            np.testing.assert_array_equal(table[f"from_previous_{H1}_p"][rows], recorded.drift_p)


def test_how_sure_a_distance_within_a_checkpoint_is_is_what_the_monitor_recorded(study, compared):
    recorded = [snapshot for seed in range(2) for snapshot in load_history(study / f"seed={seed}")]
    for number, snapshot in enumerate(recorded):
        rows = compared.rows(checkpoint=number)
        for key, table in snapshot.distances.items():
            for name in ("p_values", "noise", "sizes", "relative", "times_noise"):
                values, expected = getattr(compared.distances[key], name), getattr(table, name)
                np.testing.assert_array_equal(values[np.ix_(*[rows] * expected.ndim)], expected, err_msg=name)
                assert np.isfinite(expected).all()


def test_the_errors_of_a_paired_distance_are_those_of_each_models_own_snapshot(study, tmp_path):
    found = compare(study, measures=[Procrustes(), "euclidean_shape_metric"], folder=tmp_path)
    kept = {snapshot.scales.tobytes(): snapshot for snapshot in map(Snapshot.load, tmp_path.glob("snapshots/*.npz"))}
    for measure in ("procrustes", "euclidean_shape_metric"):
        table = found.table_of(measure)
        assert np.isfinite(table.errors).all()
        assert np.isnan(table.p_values).all()
        assert np.isnan(table.noise).all()
        for number, snapshot in enumerate(kept.values()):
            of_checkpoints = [table.errors[np.ix_(*[found.rows(checkpoint=i)] * 2)] for i in range(6)]
            own = snapshot.distances[measure].errors
            assert any(np.array_equal(errors, own) for errors in of_checkpoints), number


def test_the_errors_of_statistics_are_those_that_the_monitor_recorded(study):
    found = compare_runs(study / "seed=0")
    recorded = load_history(study / "seed=0")
    for key, table in found.statistics.items():
        expected = np.concatenate([snapshot.statistics[key].errors for snapshot in recorded])
        np.testing.assert_array_equal(table.errors, expected)
    assert np.isfinite(found.statistics["bars", 1].errors).all()


def test_recorded_runs_compare_without_a_model_as_their_checkpoints_do(study, compared):
    by_run = compare_runs(study / "seed=0", study / "seed=1" / "topology")
    assert by_run.runs == compared.runs == ("seed=0", "seed=1")
    for key, table in compared.distances.items():
        assert_equal(by_run.distances[key], table)
        assert np.isfinite(table.p_values).all()  # across runs as well


def test_archives_without_parts_are_compared_and_not_tested(study, compared, tmp_path):
    """As those of earlier versions are."""
    for snapshot in load_history(study / "seed=0"):
        without = dataclasses.replace(snapshot, parts={})
        without.save(archive_path(tmp_path / "old" / "topology", snapshot.step))
    found = compare_runs(study / "seed=1", tmp_path / "old")
    old = found.checkpoint_of >= 3
    for key, table in compared.distances.items():
        swapped = np.concatenate([np.flatnonzero(~old) + old.sum(), np.flatnonzero(~old)])
        np.testing.assert_array_equal(found.distances[key].matrix, table.matrix[np.ix_(swapped, swapped)])
        p_values = found.distances[key].p_values
        assert np.isfinite(p_values[np.ix_(~old, ~old)]).all()
        assert np.isnan(p_values[old]).all()
        assert np.isnan(p_values[:, old]).all()
        assert not found.distances[key].not_told_apart[old].any()


def test_a_model_is_not_told_apart_from_its_copy():
    torch.manual_seed(0)
    model = Classifier()
    found = compare_models({"a": model, "b": copy.deepcopy(model)}, loader(), n_samples=N_SAMPLES, layers="Linear")
    for table in found.distances.values():
        assert np.diagonal(table.matrix[:3, 3:]).tolist() == [0, 0, 0]
        assert np.diagonal(table.p_values[:3, 3:]).tolist() == [1, 1, 1]
        np.testing.assert_array_equal(table.p_values, table.p_values.T)


@pytest.mark.parametrize("how", ["class", "instance", "factory", "data module"])
def test_a_class_an_instance_a_function_and_a_data_module_give_the_same(study, compared, how):
    model = {"instance": Classifier(), "factory": lambda: Classifier(8)}.get(how, Classifier)
    data = Data() if how == "data module" else loader()
    found = compare_checkpoints(model, checkpoints_of(study), data, n_samples=N_SAMPLES)
    np.testing.assert_array_equal(found.matrix(), compared.matrix())


def test_an_instance_keeps_its_own_weights(study):
    model = Classifier()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    compare_checkpoints(model, checkpoints_of(study), loader(), n_samples=N_SAMPLES)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_models_of_different_architecture_are_compared_on_the_same_samples():
    torch.manual_seed(0)
    models = {"wide": nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3)), "deep": lambda: Classifier().net}
    comparison = compare_models(models, loader(), n_samples=N_SAMPLES, layers="Linear")
    assert comparison.points == [("wide", "0"), ("wide", "2"), ("deep", "0"), ("deep", "2"), ("deep", "4")]
    assert comparison.between("wide", "deep").shape == (2, 3)
    assert np.isfinite(comparison.matrix()).all()


def test_a_batch_of_tensors_alone_is_enough_for_a_plain_model():
    data = DataLoader(torch.randn(50, 4), batch_size=20)
    found = compare_models({"one": nn.Sequential(nn.Linear(4, 3))}, data, n_samples=30)
    assert found.points == [("one", "0")]


def test_distances_that_a_run_was_recorded_without_are_tested_and_their_noise_is_not_known(study):
    with pytest.warns(UserWarning, match=r"recorded without \['Wasserstein distance'\]: the size of .* is not known"):
        found = compare_runs(study / "seed=0", measures=["wasserstein"])
    assert "is tested all the same" in found.problems["noise"]
    assert np.isnan(found.table_of().noise).all()
    assert np.isfinite(found.table_of().p_values).all()
    assert found.settling() == []
