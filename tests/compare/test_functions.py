"""The functions that compare checkpoints, models and recorded runs."""

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

H1 = "sliced_wasserstein_H1"


def test_drift_within_a_run_is_the_monitors(study):
    table = compare(study).table()
    for seed in range(2):
        of_run = np.array(table["run"]) == f"seed={seed}"
        for snapshot in load_history(study / f"seed={seed}")[1:]:
            rows = of_run & (np.array(table["step"]) == snapshot.step)
            np.testing.assert_array_equal(
                table[f"from_previous_{H1}"][rows], snapshot.distances["sliced_wasserstein", 1].drift
            )


def test_recorded_runs_compare_without_a_model_as_their_checkpoints_do(study):
    by_run = compare_runs(study / "seed=0", study / "seed=1" / "topology")
    by_checkpoint = compare(study)
    assert by_run.runs == by_checkpoint.runs == ("seed=0", "seed=1")
    for key, table in by_checkpoint.distances.items():
        np.testing.assert_array_equal(by_run.distances[key].matrix, table.matrix)
        np.testing.assert_array_equal(by_run.distances[key].noise, by_checkpoint.distances[key].noise)


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


def test_distances_without_a_noise_floor_are_not_said_to_be_within_it(study):
    with pytest.warns(UserWarning, match="recorded without .*wasserstein.*: there is no noise floor|no noise floor"):
        comparison = compare_runs(study / "seed=0", study / "seed=1", measures=["wasserstein"])
    assert not comparison.exceeds_noise().any()
    assert comparison.settling() == []
    assert "noise" in comparison.problems
