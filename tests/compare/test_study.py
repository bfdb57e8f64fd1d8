"""Measuring one model after the other: truth is what the monitor wrote while they trained."""

import dataclasses
import shutil
import warnings
import weakref

import numpy as np
import pytest
import torch
from record_tools import assert_equal, assert_same_tables
from small_classifier import N_SAMPLES, Classifier, RandomSplit, loader
from small_study import checkpoints_of, compare
from torch import nn
from torch.utils.data import DataLoader

from topocallback import (
    MapperOptions,
    Snapshot,
    compare_checkpoints,
    compare_models,
    load_history,
)


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
            if field.name not in ("seconds", "distances", "statistics", "mappers", "reference"):
                assert_equal(getattr(ours, field.name), getattr(snapshot, field.name))
        assert_same_tables(ours, snapshot, drift=False)
        for layer, graph in snapshot.mappers.items():
            assert [node.tolist() for node in ours.mappers[layer].members] == [n.tolist() for n in graph.members]
        for key, table in snapshot.distances.items():
            rows = comparison.rows(checkpoint=number)
            for name in ("matrix", "p_values"):
                found = getattr(comparison.distances[key], name)[np.ix_(rows, rows)]
                np.testing.assert_array_equal(found, getattr(table, name))
            for name in ("noise", "sizes"):
                np.testing.assert_array_equal(getattr(comparison.distances[key], name)[rows], getattr(table, name))
        assert comparison.checkpoints[number].step == snapshot.step
        assert comparison.checkpoints[number].epoch == snapshot.epoch


@pytest.mark.parametrize(("most_left_behind", "at_once"), [(0, 1), (64_000_000, 6)])
def test_models_are_freed_before_they_take_too_much_memory(study, monkeypatch, most_left_behind, at_once):
    monkeypatch.setattr("topocallback.compare.measuring._MOST_LEFT_BEHIND", most_left_behind)
    alive, most = weakref.WeakSet(), []

    def make():
        model = Classifier()
        alive.add(model)
        most.append(len(alive))
        return model

    compare_checkpoints(make, checkpoints_of(study), loader(), n_samples=N_SAMPLES, n_jobs=3)
    assert len(most) == 6
    assert max(most) <= at_once


@pytest.mark.parametrize("fails", [False, True])
def test_a_model_whose_size_is_not_known_is_freed_at_once(monkeypatch, fails):
    collected = []
    monkeypatch.setattr("topocallback.compare.measuring.gc.collect", lambda: collected.append(1))

    def broken():
        raise KeyError("no such weights")

    # What a lazy layer weighs is known after its first batch.
    lazy = broken if fails else nn.Sequential(nn.LazyLinear(3))
    models = {"small": nn.Sequential(nn.Linear(4, 3)), "other": lazy, "last": nn.Sequential(nn.Linear(4, 3))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare_models(models, DataLoader(torch.randn(40, 4), batch_size=20), n_samples=40)
    assert len(collected) == 1


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


def test_whatever_one_model_raises_costs_that_model_alone():
    def broken():
        raise KeyError("no such weights")

    models = {"broken": broken, "whole": nn.Sequential(nn.Linear(4, 3))}
    with pytest.warns(UserWarning, match="Left out broken: KeyError"):
        comparison = compare_models(models, DataLoader(torch.randn(40, 4), batch_size=20), n_samples=40)
    assert [checkpoint.name for checkpoint in comparison.checkpoints] == ["whole"]
    assert list(comparison.left_out) == ["broken"]


def test_fewer_samples_than_asked_for_are_used_with_a_warning(study):
    with pytest.warns(UserWarning, match="Asked for 1000 samples, the data have 120: all are used"):
        found = compare(study, n_samples=1000)
    assert len(found.sample_ids) == 120
    assert "data" in found.problems
    assert not found.left_out


def test_a_loader_that_shuffles_is_refused(study):
    with pytest.raises(ValueError, match=r"not to shuffle.*draws its order at random"):
        compare_checkpoints(Classifier, checkpoints_of(study), loader(shuffle=True), n_samples=N_SAMPLES)


def test_a_layer_that_does_not_exist_is_named(study):
    with pytest.raises(ValueError, match=r"net\.9"), pytest.warns(UserWarning, match="Left out"):
        compare(study, layers="net.9")


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
