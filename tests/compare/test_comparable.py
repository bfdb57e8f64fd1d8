"""What can be compared with what, and the comparison of it."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_classifier import LAYERS, N_SAMPLES, Classifier, loader, train
from small_study import compare
from torch import nn

from topocallback import (
    MapperOptions,
    compare_checkpoints,
    compare_models,
    compare_runs,
    load_history,
)
from topocallback.measures import Distance
from topocallback.records.archive import archive_path


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


def recorded_as(folder, source, **recording):
    """A copy of a run whose snapshots say how they were recorded."""
    for snapshot in load_history(source):
        dataclasses.replace(snapshot, recording=recording).save(archive_path(folder / "topology", snapshot.step))
    return folder


def test_runs_of_another_scale_are_refused_with_both_values_and_names(study, tmp_path):
    other = train(tmp_path / "other", 0, epochs=1, scale="none")
    with pytest.raises(ValueError, match=r"recorded alike.*scale is 'quantile' in .*seed=0 and 'none' in .*other"):
        compare_runs(study / "seed=0", other)


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("pooling", "mean", "flatten"),
        ("pooling", "mean", {"positions": 16}),
        ("points", "samples", "rows"),
        ("mask", "auto", None),
        ("channels", {"stem": 1}, {"stem": -1}),
        ("calls", "first", "all"),
        ("select", None, "logits"),
        ("dataloader_idx", 0, 1),
    ],
)
def test_runs_whose_numbers_are_of_something_else_are_refused_with_both_values_and_names(
    study, tmp_path, name, ours, theirs
):
    first = recorded_as(tmp_path / "mine", study / "seed=0", **{name: ours, "seed": 0})
    second = recorded_as(tmp_path / "yours", study / "seed=1", **{name: theirs, "seed": 1})
    said = re.escape(f"{name} is {ours!r} in mine and {theirs!r} in yours")
    with pytest.raises(ValueError, match=said):
        compare_runs(first, second)


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [("seed", 0, 1), ("n_samples", 512, 1000), ("samples", "indices into the data set", "rows as they came")],
)
def test_runs_that_differ_in_how_samples_were_chosen_are_compared_and_that_is_named(
    study, tmp_path, name, ours, theirs
):
    first = recorded_as(tmp_path / "mine", study / "seed=0", **{name: ours})
    second = recorded_as(tmp_path / "yours", study / "seed=1", **{name: theirs})
    said = f"{name} is {ours!r} in mine and {theirs!r} in yours"
    with pytest.warns(UserWarning, match=said) as caught:
        found = compare_runs(first, second)
    assert len(caught) == 1  # and not one for each snapshot
    assert found.runs == ("mine", "yours")
    assert found.problems["recorded otherwise: yours"] == f"{said}."
    assert found.options[name] == ours


def test_runs_with_other_mapper_graphs_are_compared_and_that_is_named(study, tmp_path):
    runs = [
        train(tmp_path / name, 0, epochs=1, mapper=MapperOptions(n_intervals=count))
        for name, count in (("a", 3), ("b", 4))
    ]
    with pytest.warns(UserWarning, match=r"mapper is .*'n_intervals': 3.* in a and .*'n_intervals': 4.* in b"):
        assert compare_runs(*runs).runs == ("a", "b")


def test_a_run_that_was_gone_on_with_under_other_options_gives_what_was_recorded_alike(study, tmp_path):
    run = recorded_as(tmp_path / "run", study / "seed=0", pooling="mean")
    steps = load_history(run).steps
    last = load_history(run)[-1]
    dataclasses.replace(last, recording={"pooling": "flatten"}).save(archive_path(run / "topology", steps[-1]))
    with pytest.warns(UserWarning, match="recorded otherwise: pooling is 'mean' in .* and 'flatten' in .*"):
        found = compare_runs(run)
    assert [checkpoint.step for checkpoint in found.checkpoints] == list(steps[:-1])
    assert "flatten" in next(iter(found.left_out.values()))


def test_runs_that_do_not_say_how_they_were_recorded_are_compared(study, tmp_path):
    told = recorded_as(tmp_path / "told", study / "seed=0", pooling="mean", seed=3)
    found = compare_runs(told, recorded_as(tmp_path / "silent", study / "seed=1"))
    assert found.runs == ("told", "silent")
    assert found.problems == {}


def test_a_folder_of_runs_stands_for_each_of_them(study):
    found, named = compare_runs(study), compare_runs(study / "seed=0", study / "seed=1")
    assert found.runs == named.runs == ("seed=0", "seed=1")
    np.testing.assert_array_equal(found.matrix(), named.matrix())


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


def test_a_measure_of_the_users_own_is_compared(study):
    def bar_difference(first, second):
        return float(abs(len(first) - len(second)))

    found = compare(study, measures=[bar_difference])
    bars = found.statistics["bars", 1].values
    np.testing.assert_array_equal(found.matrix("bar_difference", 1), abs(bars[:, None] - bars))


class FailsInTheTest(Spread):
    label = "Untested distance"

    def likeness(self, first, second=None, n_threads=1):
        raise ZeroDivisionError("no test today")


def test_a_measure_that_fails_in_its_test_is_compared_and_warned_about():
    models = {name: nn.Sequential(nn.Linear(4, 3)) for name in "ab"}
    with pytest.warns(UserWarning, match="Untested distance: It was measured, but not tested. ZeroDivisionError"):
        found = compare_models(models, loader(), n_samples=120, measures=[FailsInTheTest()])
    table = found.table_of("fails_in_the_test")
    assert table.matrix[0, 1] > 0
    assert np.isnan(table.p_values).all()
    assert "not tested" in found.problems["a: Untested distance"]


class Broken(Spread):
    """A distance of clouds that fails in the middle."""

    def between(self, first, second):
        raise ZeroDivisionError("nothing to divide by")


def test_a_measure_that_fails_costs_itself_and_one_warning():
    models = {name: nn.Sequential(nn.Linear(4, 3)) for name in "ab"}
    with pytest.warns(UserWarning, match=r"Broken: It could not be measured. ZeroDivisionError: nothing to divide by"):
        found = compare_models(models, loader(), n_samples=120, measures=[Broken(), Spread()])
    assert np.isnan(found.matrix("broken")).all()
    assert np.isfinite(found.matrix("spread")).all()
    assert "ZeroDivisionError" in found.problems["Broken"]


class NeedsMany(Spread):
    """A distance of clouds that cannot be taken of the parts of the samples."""

    def prepare(self, facts):
        if facts.n_points < N_SAMPLES:
            raise ValueError(f"Expected at least {N_SAMPLES} points, got {facts.n_points}.")
        return super().prepare(facts)


def test_a_measure_that_fails_on_parts_of_the_samples_costs_how_sure_it_is():
    torch.manual_seed(0)
    models = {name: nn.Sequential(nn.Linear(4, 3)) for name in "ab"}
    found = compare_models(models, loader(), n_samples=N_SAMPLES, measures=[NeedsMany(), Spread()])
    table, whole = found.distances["needs_many"], found.distances["spread"]
    np.testing.assert_array_equal(table.matrix, whole.matrix)
    assert np.isnan(table.p_values).all()
    assert np.isnan(table.noise).all()
    assert np.isfinite(whole.p_values).all()
    assert any(f"at least {N_SAMPLES} points, got 5" in text for text in found.problems.values())
