"""The functions that compare checkpoints, models and recorded runs."""

import dataclasses

import numpy as np
import pytest
import torch
from small_classifier import N_SAMPLES, Classifier, Data, loader
from small_study import checkpoints_of, compare
from torch import nn
from torch.utils.data import DataLoader

from topocallback import (
    compare_checkpoints,
    compare_models,
    compare_runs,
    load_history,
)
from topocallback.records.archive import archive_path

H1 = "sliced_wasserstein_H1"


def test_drift_within_a_run_is_the_monitors(study):
    table = compare(study).table()
    for seed in range(2):
        of_run = np.array(table["run"]) == f"seed={seed}"
        for snapshot in load_history(study / f"seed={seed}")[1:]:
            rows = of_run & (np.array(table["step"]) == snapshot.step)
            recorded = snapshot.distances["sliced_wasserstein", 1]
            np.testing.assert_array_equal(table[f"from_previous_{H1}"][rows], recorded.drift)
            np.testing.assert_array_equal(table[f"from_previous_{H1}_p"][rows], recorded.drift_p)


def test_recorded_runs_compare_without_a_model_as_their_checkpoints_do(study):
    by_run = compare_runs(study / "seed=0", study / "seed=1" / "topology")
    by_checkpoint = compare(study)
    assert by_run.runs == by_checkpoint.runs == ("seed=0", "seed=1")
    for key, table in by_checkpoint.distances.items():
        for name in ("matrix", "noise", "sizes", "p_values"):
            found = getattr(by_run.distances[key], name)
            assert np.isfinite(found).all()
            np.testing.assert_array_equal(found, getattr(table, name))


@pytest.mark.parametrize("how", ["class", "instance", "factory", "data module"])
def test_a_class_an_instance_a_function_and_a_data_module_give_the_same(study, how):
    model = {"instance": Classifier(), "factory": lambda: Classifier(8)}.get(how, Classifier)
    data = Data() if how == "data module" else loader()
    found = compare_checkpoints(model, checkpoints_of(study), data, n_samples=N_SAMPLES)
    np.testing.assert_array_equal(found.matrix(), compare(study).matrix())


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


def test_distances_that_were_not_recorded_have_no_size_of_noise_and_are_tested_all_the_same(study):
    with pytest.warns(UserWarning, match="recorded without .*Wasserstein distance.*noise is not known"):
        comparison = compare_runs(study / "seed=0", study / "seed=1", measures=["wasserstein"])
    table = comparison.table_of("wasserstein", 0)
    assert np.isnan([*table.noise, *table.sizes]).all()
    assert np.isfinite(table.p_values).all()
    assert comparison.settling() == []
    assert "tested all the same" in comparison.problems["noise"]


def test_archives_without_parts_are_compared_and_not_tested(study, tmp_path):
    history = load_history(study / "seed=0")
    for snapshot in history:
        dataclasses.replace(snapshot, parts={}).save(archive_path(tmp_path / "old" / "topology", snapshot.step))
    found, expected = compare_runs(tmp_path / "old", study / "seed=1"), compare_runs(study / "seed=0", study / "seed=1")
    is_old = np.isin(found.checkpoint_of, [c for c, each in enumerate(found.checkpoints) if each.run == found.runs[0]])
    for key, table in expected.distances.items():
        np.testing.assert_array_equal(found.distances[key].matrix, table.matrix)
        p_values = np.where(is_old[:, None] | is_old, np.nan, table.p_values)
        np.testing.assert_array_equal(found.distances[key].p_values, p_values)
        assert not found.distances[key].not_told_apart[is_old].any()
