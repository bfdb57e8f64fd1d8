"""Comparing checkpoints, models and recorded runs: truth is what the monitor wrote while they trained."""

import dataclasses
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import distributed
import joblib
import numpy as np
import pytest
import torch
from record_tools import assert_equal, assert_same_tables
from small_classifier import LAYERS, N_SAMPLES, Classifier, Data, RandomSplit, loader, train
from torch import nn
from torch.utils.data import DataLoader

from topocallback import (
    Comparison,
    MapperOptions,
    Snapshot,
    compare_checkpoints,
    compare_models,
    compare_runs,
    load_history,
)
from topocallback.measures import Distance
from topocallback.records.archive import archive_path

H1 = "sliced_wasserstein_H1"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two seeds of three epochs: checkpoints, and the snapshots that the monitor wrote."""
    folder = tmp_path_factory.mktemp("study")
    for seed in range(2):
        train(folder / f"seed={seed}", seed)
    return folder


def checkpoints_of(study):
    return str(study / "seed=*" / "checkpoints" / "*.ckpt")


def compare(study, **options):
    return compare_checkpoints(Classifier, checkpoints_of(study), loader(), **{"n_samples": N_SAMPLES, **options})


def assert_same(found, expected):
    for field in dataclasses.fields(Comparison):
        assert_equal(getattr(found, field.name), getattr(expected, field.name))


# -- The same numbers as during training -----------------------------------------------------------------------------


def test_each_checkpoint_gives_the_snapshot_that_the_monitor_wrote(study, tmp_path):
    comparison = compare(study, folder=tmp_path, mapper=MapperOptions())
    kept = {
        (snapshot.step, snapshot.diagrams["net.0"][1].tobytes()): snapshot
        for snapshot in map(Snapshot.load, (tmp_path / "snapshots").glob("*.npz"))
    }
    recorded = [snapshot for seed in range(2) for snapshot in load_history(study / f"seed={seed}")]
    assert len(kept) == len(recorded) == len(comparison.checkpoints) == 6
    for number, snapshot in enumerate(recorded):
        ours = kept[snapshot.step, snapshot.diagrams["net.0"][1].tobytes()]
        for field in dataclasses.fields(Snapshot):
            # Seconds are spent anew, and one checkpoint has no earlier one to have drifted from.
            if field.name not in ("seconds", "distances", "statistics", "mappers"):
                assert_equal(getattr(ours, field.name), getattr(snapshot, field.name))
        assert_same_tables(ours, snapshot, drift=False)
        for layer, graph in snapshot.mappers.items():
            assert [node.tolist() for node in ours.mappers[layer].members] == [n.tolist() for n in graph.members]
        for key, table in snapshot.distances.items():
            np.testing.assert_array_equal(comparison.over_layers(number, *key), table.matrix)
        assert comparison.checkpoints[number].step == snapshot.step
        assert comparison.checkpoints[number].epoch == snapshot.epoch


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


def test_every_model_sees_the_same_samples_of_a_data_module_that_splits_at_random(study):
    files = [study / "seed=0" / "checkpoints" / "epoch=2.ckpt"] * 2
    copied = files[1].parents[2] / "copy" / "checkpoints" / "epoch=2.ckpt"
    copied.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(files[0], copied)
    try:
        found = compare_checkpoints(Classifier, [files[0], copied], RandomSplit(), n_samples=N_SAMPLES)
    finally:
        shutil.rmtree(copied.parents[1])
    assert (np.diagonal(found.between(0, 1)) == 0).all()


def test_one_model_at_a_time_is_in_memory(study):
    alive, most = weakref.WeakSet(), []

    def make():
        model = Classifier()
        alive.add(model)
        most.append(len(alive))
        return model

    compare_checkpoints(make, checkpoints_of(study), loader(), n_samples=N_SAMPLES, n_jobs=3)
    assert len(most) == 6
    assert max(most) == 1


# -- Models ----------------------------------------------------------------------------------------------------------


def test_models_of_different_architecture_are_compared_on_the_same_samples():
    torch.manual_seed(0)
    models = {"wide": nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3)), "deep": lambda: Classifier().net}
    comparison = compare_models(models, loader(), n_samples=N_SAMPLES, layers="Linear")
    assert comparison.points == [("wide", "0"), ("wide", "2"), ("deep", "0"), ("deep", "2"), ("deep", "4")]
    assert comparison.between("wide", "deep").shape == (2, 3)
    assert np.isfinite(comparison.matrix()).all()


def test_a_plain_model_is_left_in_the_mode_in_which_it_was():
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3))
    model[1].eval()
    compare_models({"one": model}, loader(), n_samples=N_SAMPLES)
    assert [layer.training for layer in model] == [True, False, True]


def test_a_model_whose_forward_pass_fails_is_named_and_the_others_are_compared():
    models = {"good": nn.Sequential(nn.Linear(4, 8)), "bad": nn.Sequential(nn.Linear(5, 8))}
    with pytest.warns(UserWarning, match="bad: RuntimeError while validating"):
        comparison = compare_models(models, loader(), n_samples=N_SAMPLES)
    assert comparison.points == [("good", "0")]
    assert list(comparison.left_out) == ["bad"]


# -- Bad input -------------------------------------------------------------------------------------------------------


class NotPlain:
    """Something that only unpickling anything can load."""


def spoil(kind, good, bad):
    if kind == "truncated":
        bad.write_bytes(good.read_bytes()[:2000])
    elif kind == "text":
        bad.write_text("no checkpoint")
    elif kind == "empty":
        bad.write_bytes(b"")
    elif kind == "wider":
        torch.save(torch.load(good, weights_only=True) | {"state_dict": Classifier(width=16).state_dict()}, bad)
    elif kind == "other layers":
        torch.save(torch.load(good, weights_only=True) | {"state_dict": {"head.weight": torch.zeros(2, 2)}}, bad)
    elif kind == "no weights":
        torch.save({"epoch": 3}, bad)
    elif kind == "a list":
        torch.save([1, 2], bad)
    elif kind == "object":
        torch.save(torch.load(good, weights_only=True) | {"extra": NotPlain()}, bad)
    elif kind == "folder":
        bad.mkdir()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "no such file"),
        ("truncated", "damaged, or no checkpoint"),
        ("text", "damaged, or no checkpoint"),
        ("empty", "damaged, or no checkpoint"),
        ("wider", "another architecture"),
        ("other layers", "another architecture"),
        ("no weights", "Expected weights under 'state_dict', got the keys"),
        ("a list", "got list"),
        ("object", "trust=True"),
        ("folder", "cannot be read"),
    ],
)
@pytest.mark.parametrize("model", [Classifier, lambda: Classifier()], ids=["class", "factory"])
def test_a_bad_checkpoint_is_named_and_the_others_are_compared(study, tmp_path, kind, said, model):
    good = study / "seed=0" / "checkpoints" / "epoch=0.ckpt"
    bad = tmp_path / "bad.ckpt"
    spoil(kind, good, bad)
    with pytest.warns(UserWarning, match="Left out") as caught:
        found = compare_checkpoints(model, [good, bad], loader(), n_samples=N_SAMPLES)
    assert [str(bad) in str(w.message) and said in str(w.message) for w in caught if "Left out" in str(w.message)] == [
        True
    ]
    assert [point[1] for point in found.points] == list(LAYERS)
    assert said in found.left_out[str(bad)]


def test_the_message_on_another_architecture_says_what_differs(tmp_path):
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": Classifier(width=16).state_dict()}, path)
    with (
        pytest.raises(ValueError, match=r"net.0.weight is \(16, 4\) instead of"),
        pytest.warns(UserWarning, match="Left out"),
    ):
        compare_checkpoints(Classifier(), path, loader(), n_samples=N_SAMPLES)


def test_a_trusted_file_may_hold_objects(study, tmp_path):
    path = tmp_path / "a.ckpt"
    spoil("object", study / "seed=0" / "checkpoints" / "epoch=0.ckpt", path)
    found = compare_checkpoints(Classifier, path, loader(), n_samples=N_SAMPLES, trust=True)
    expected = compare_checkpoints(
        Classifier, study / "seed=0" / "checkpoints" / "epoch=0.ckpt", loader(), n_samples=N_SAMPLES
    )
    np.testing.assert_array_equal(found.matrix(), expected.matrix())


def test_code_in_an_untrusted_file_does_not_run(tmp_path):
    class Malicious:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "touched",))

    path = tmp_path / "a.ckpt"
    path.write_bytes(pickle.dumps({"state_dict": Malicious()}))
    with pytest.raises(ValueError, match="none"), pytest.warns(UserWarning, match="Left out"):
        compare_checkpoints(Classifier, path, loader(), n_samples=N_SAMPLES)
    assert not (tmp_path / "touched").exists()


def test_fewer_samples_than_asked_for_are_used_with_a_warning(study):
    with pytest.warns(UserWarning, match="Asked for 1000 samples, the data have 120: all are used"):
        found = compare(study, n_samples=1000)
    assert len(found.sample_ids) == 120
    assert "data" in found.problems
    assert not found.left_out


def test_a_loader_that_shuffles_is_refused(study):
    with pytest.raises(ValueError, match="not to shuffle"):
        compare_checkpoints(Classifier, checkpoints_of(study), loader(shuffle=True), n_samples=N_SAMPLES)


def test_a_layer_that_does_not_exist_is_named(study):
    with pytest.raises(ValueError, match=r"net\.9"), pytest.warns(UserWarning, match="Left out"):
        compare(study, layers="net.9")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"model": 3}, TypeError, "model"),
        ({"data": [1]}, TypeError, "data"),
        ({"checkpoints": []}, ValueError, "checkpoints"),
        ({"n_samples": 1}, ValueError, "n_samples"),
        ({"pooling": "other"}, ValueError, "pooling"),
        ({"measures": ["other"]}, ValueError, "other"),
        ({"dataloader_idx": 3}, ValueError, "dataloader_idx"),
    ],
)
def test_a_bad_argument_is_named(study, arguments, error, said):
    given = {"model": Classifier, "checkpoints": checkpoints_of(study), "data": loader(), "n_samples": N_SAMPLES}
    with pytest.raises(error, match=said):
        compare_checkpoints(**(given | arguments))


def test_the_last_checkpoint_is_not_counted_twice(study, tmp_path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(study / "seed=0" / "checkpoints", folder)
    shutil.copy(folder / "epoch=2.ckpt", folder / "last.ckpt")
    found = compare_checkpoints(Classifier, str(folder / "*.ckpt"), loader(), n_samples=N_SAMPLES)
    assert [checkpoint.name for checkpoint in found.checkpoints] == ["epoch=0", "epoch=1", "epoch=2"]
    assert "counts once" in found.problems["last"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scale": "none"}, "its scale is 'none' instead of 'quantile'"),
        ({"homology_dims": (0,)}, r"its homology_dims is \[0\] instead of \[0, 1\]"),
        ({"n_samples": 40}, r"it saw other samples \(40 instead of 60, 40 of them in common\)"),
    ],
)
def test_runs_with_other_options_or_samples_are_left_out_by_name(study, tmp_path, options, said):
    other = train(tmp_path / "other", 0, epochs=1, **options)
    with pytest.warns(UserWarning, match=said):
        found = compare_runs(study / "seed=0", other)
    assert found.runs == (str(Path("seed=0")),) or len(found.runs) == 1
    assert str(other) in next(iter(found.left_out))


def test_runs_without_a_common_layer_are_refused(study, tmp_path):
    other = train(tmp_path / "other", 0, epochs=1, layers="ReLU")
    with pytest.raises(ValueError, match=r"layer in common, got none: .*net\.0.*net\.1"):
        compare_runs(study / "seed=0", other)


def test_a_damaged_snapshot_is_left_out_by_name(study, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(study / "seed=0", run)
    broken = archive_path(run / "topology", load_history(run).steps[1])
    content = bytearray(broken.read_bytes())
    content[len(content) // 2 :] = b"\0" * (len(content) - len(content) // 2)
    broken.write_bytes(bytes(content))
    with pytest.warns(UserWarning, match=str(broken)):
        found = compare_runs(run)
    assert len(found.checkpoints) == 2


# -- Going on, and other places to compute ---------------------------------------------------------------------------


SCRIPT = """
import sys
from small_classifier import Classifier, loader
from topocallback import compare_checkpoints
found = compare_checkpoints(Classifier, sys.argv[1], loader(), n_samples=60, folder=sys.argv[2], n_jobs=2)
found.save(sys.argv[3])
"""


def test_killed_at_random_moments_and_started_again_it_ends_with_the_identical_result(study, tmp_path):
    command = [sys.executable, "-c", SCRIPT, checkpoints_of(study), tmp_path / "kept", tmp_path / "found.npz"]
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    random, kills = np.random.default_rng(0), 0
    for _ in range(3):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        target = int(random.integers(1, 12))  # that many files in the folder
        while process.poll() is None and len(list((tmp_path / "kept").rglob("*"))) < target:
            time.sleep(0.005)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert_same(Comparison.load(tmp_path / "found.npz"), compare(study))


def test_what_is_kept_is_not_computed_again_and_other_options_or_data_are(study, tmp_path, monkeypatch):
    measured = []
    original = Classifier.validation_step

    def counted(self, batch, batch_idx):
        measured.append(batch_idx)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(Classifier, "validation_step", counted)
    first = compare(study, folder=tmp_path)
    count = len(measured)
    assert_same(compare(study, folder=tmp_path), first)
    assert len(measured) == count
    compare(study, folder=tmp_path, seed=1)
    assert len(measured) == 2 * count
    compare_checkpoints(Classifier, checkpoints_of(study), loader(seed=5), n_samples=N_SAMPLES, folder=tmp_path)
    assert len(measured) == 3 * count


def test_damaged_files_in_the_folder_are_computed_again(study, tmp_path):
    first = compare(study, folder=tmp_path)
    for path in tmp_path.rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    assert_same(compare(study, folder=tmp_path), first)


@pytest.mark.parametrize("backend", ["loky", "threading", "sequential"])
def test_every_joblib_backend_gives_the_identical_result(study, backend):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        found = compare(study)
    assert_same(found, compare(study, n_jobs=1))


def test_a_dask_cluster_gives_the_identical_result(study):
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        found = compare(study)
    assert_same(found, compare(study, n_jobs=1))


def test_a_measure_of_the_users_own_is_compared(study):
    def bar_difference(first, second):
        return float(abs(len(first) - len(second)))

    found = compare(study, measures=[bar_difference])
    bars = found.statistics["bars", 1].values
    np.testing.assert_array_equal(found.matrix("bar_difference", 1), abs(bars[:, None] - bars))


def test_a_batch_of_tensors_alone_is_enough_for_a_plain_model():
    data = DataLoader(torch.randn(50, 4), batch_size=20)
    found = compare_models({"one": nn.Sequential(nn.Linear(4, 3))}, data, n_samples=30)
    assert found.points == [("one", "0")]


# -- Told apart ------------------------------------------------------------------------------------------------------


def test_weights_in_one_folder_that_do_not_tell_their_step_are_all_compared(study, tmp_path):
    for seed in range(2):
        file = next((study / f"seed={seed}" / "checkpoints").glob("*.ckpt"))
        weights = torch.load(file, weights_only=True)["state_dict"]
        torch.save(weights, tmp_path / f"seed{seed}.pt")
    shutil.copy(tmp_path / "seed1.pt", tmp_path / "seed1-again.pt")
    comparison = compare_checkpoints(Classifier(), str(tmp_path / "*.pt"), loader(), n_samples=N_SAMPLES)
    assert len(comparison.checkpoints) == 2  # the copy counts once
    assert len(comparison.runs) == 2
    assert comparison.over_checkpoints(LAYERS[0])[0, 1] > 0


def test_functions_of_one_name_are_not_taken_for_one_another(study, tmp_path):
    first, second = (
        compare(study, folder=tmp_path, pooling=lambda values, power=power: values.flatten(1) ** power)
        for power in (1, 3)
    )
    assert not np.array_equal(first.matrix(), second.matrix())


def test_distances_without_a_noise_floor_are_not_said_to_be_within_it(study):
    with pytest.warns(UserWarning, match="recorded without .*wasserstein.*: there is no noise floor|no noise floor"):
        comparison = compare_runs(study / "seed=0", study / "seed=1", measures=["wasserstein"])
    assert not comparison.exceeds_noise().any()
    assert comparison.settling() == []
    assert "noise" in comparison.problems


def test_whatever_one_model_raises_costs_that_model_alone():
    def broken():
        raise KeyError("no such weights")

    models = {"broken": broken, "whole": nn.Sequential(nn.Linear(4, 3))}
    with pytest.warns(UserWarning, match="Left out broken: KeyError"):
        comparison = compare_models(models, DataLoader(torch.randn(40, 4), batch_size=20), n_samples=40)
    assert [checkpoint.name for checkpoint in comparison.checkpoints] == ["whole"]
    assert list(comparison.left_out) == ["broken"]


class Lost(nn.Module):
    """Gives NaN for every sample."""

    def forward(self, x):
        return x * float("nan")


class Spread(Distance):
    """A distance of clouds that cannot be taken of an empty one."""

    def prepare(self, facts):
        return float(facts.cloud.max() - facts.cloud.min())

    def between(self, first, second):
        return abs(first - second)


def test_a_distance_of_clouds_is_taken_of_layers_that_have_points_and_nothing_is_asked_of_the_others():
    torch.manual_seed(0)
    models = {name: nn.Sequential(nn.Linear(4, 3), Lost()) for name in "ab"}
    with torch.no_grad():
        first, second = (models[name][0](loader().dataset.tensors[0][:120]) for name in "ab")
    found = compare_models(models, loader(), layers=["0", "1"], n_samples=120, measures=[Spread()])
    assert found.n_points.tolist() == [120, 0, 120, 0]
    matrix = found.matrix("spread")
    expected = abs(float(first.max() - first.min()) - float(second.max() - second.min()))
    assert matrix[0, 2] == matrix[2, 0] == pytest.approx(expected, rel=1e-6)
    assert np.isnan(matrix[[1, 3]]).all()
