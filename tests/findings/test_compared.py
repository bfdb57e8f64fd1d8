"""Which layers differ between checkpoints, and whether layers are told apart across them."""

import dataclasses

import numpy as np
import pytest
from compared_clouds import compared, jittered, network
from scipy.stats import binom
from synthetic_comparison import example, with_cells

from topocallback.findings.compared import agreement, told_apart, unlike_checkpoints
from topocallback.findings.table import findings_of

LAYERS = ("stem", "block", "neck", "head")
SURE = 1 / 2048


def models(count, cells=None, layers=LAYERS):
    return with_cells(example(runs=count, epochs=1, layers=layers), cells)


def only(found):
    (finding,) = found
    return finding


# -- Two checkpoints --------------------------------------------------------------------------------------------------


def test_the_layer_that_was_changed_is_named_with_its_size_and_no_other():
    found = only(unlike_checkpoints(models(2, {(0, 1, "neck"): (4.2, SURE)})))
    assert found.layers == ("neck",)
    assert found.level == 0.05
    assert str(found) == (
        "1 of 4 layers differ between 'run 0/0' and 'run 1/0', most of all 'neck' (4.2 x noise). "
        "Not told apart, which is no proof that they are the same: layers 'stem', 'block', 'head'."
    )
    assert {"layer": "neck", "value": 4.2} in found.numbers["times noise"]


def test_layers_are_named_by_their_size_and_listed_in_the_order_of_the_model():
    cells = {(0, 1, "stem"): (2.0, SURE), (0, 1, "head"): (9.0, SURE), (0, 1, "block"): (1.0, SURE)}
    found = only(unlike_checkpoints(models(2, cells)))
    assert found.layers == ("stem", "block", "head")
    assert "'head' (9 x noise), 'stem' (2 x noise), 'block' (1 x noise)" in str(found)


def test_a_single_small_p_value_among_many_layers_is_not_said():
    layers = tuple(f"layer {number}" for number in range(20))
    found = only(unlike_checkpoints(models(2, {(0, 1, "layer 7"): (3.0, 0.02)}, layers)))
    assert found.layers == ()
    assert found.level == 0
    assert "No layer of 20 is told apart between 'run 0/0' and 'run 1/0' beyond noise (smallest p = 0.02)" in str(found)


def test_equal_layers_do_not_hide_the_one_that_was_changed():
    layers = tuple(f"layer {number}" for number in range(500))
    cells = {(0, 1, layer): (0.0, 1.0) for layer in layers} | {(0, 1, "layer 7"): (3.0, SURE)}
    found = only(unlike_checkpoints(models(2, cells, layers)))
    assert found.layers == ("layer 7",)
    assert "At distance 0: layers 'layer 0', 'layer 1', 'layer 2' and 496 more." in str(found)


def test_a_copy_is_at_distance_0_in_all_layers():
    found = only(unlike_checkpoints(models(2, {(0, 1, layer): (0.0, 1.0) for layer in LAYERS})))
    assert str(found) == "No layer of 4 is told apart between 'run 0/0' and 'run 1/0': all distances are 0."


def test_of_many_layers_a_few_are_named_and_it_is_said_that_one_alone_would_not_be():
    pair = example(runs=2, epochs=1, layers=tuple(f"layer {number}" for number in range(1100)))
    found = only(unlike_checkpoints(with_cells(pair)))
    assert "among 1,100 tests a difference in a single one would not be named" in str(found)
    found = only(unlike_checkpoints(with_cells(pair, same=(3.0, SURE))))
    assert len(found.layers) == 1100
    assert len(str(found)) < 300
    assert "and 1097 more" in str(found)


def test_a_single_run_is_held_against_its_beginning():
    comparison = with_cells(example(runs=1, epochs=4, layers=LAYERS), {(0, 3, "head"): (6.0, SURE)})
    found = only(unlike_checkpoints(comparison))
    assert found.layers == ("head",)
    assert found.question == "Which layers differ between 'run 0/0' and 'run 0/3'?"


def test_layers_of_one_checkpoint_only_are_not_compared():
    whole = models(2, {(0, 1, "head"): (6.0, SURE)})
    table = whole.table_of()
    kept = np.arange(7)  # the second checkpoint has no head
    cut = dataclasses.replace(
        table,
        **{name: getattr(table, name)[np.ix_(kept, kept)] for name in ("matrix", "p_values", "errors")}
        | {"noise": table.noise[kept], "sizes": table.sizes[kept]},
    )
    part = dataclasses.replace(
        whole,
        distances=type(whole.distances)([cut]),
        layer_of=whole.layer_of[kept],
        checkpoint_of=whole.checkpoint_of[kept],
        n_points=whole.n_points[kept],
    )
    found = only(unlike_checkpoints(part))
    assert found.layers == ()
    assert "No layer of 3 " in str(found)
    assert any("Not in all compared checkpoints: layer 'head'" in str(each) for each in findings_of(part))


# -- Several runs -----------------------------------------------------------------------------------------------------


def test_of_several_runs_it_is_counted_in_how_many_pairs_a_layer_differs():
    pairs = [(0, 1), (0, 2), (1, 2)]
    cells = {(*pair, "head"): (5.0, SURE) for pair in pairs} | {(0, 1, "stem"): (2.0, SURE)}
    comparison = models(3, cells)
    assert unlike_checkpoints(comparison) == []
    found = only(agreement(comparison))
    assert found.layers == ("stem", "head")
    assert str(found) == (
        "Of 4 layers 2 differ between some of the 3 runs, 1 between all: most of all "
        "'head' (in 3 of 3 pairs, up to 5 x noise), 'stem' (in 1 of 3 pairs, up to 2 x noise). "
        "Not told apart, which is no proof that they are the same: layers 'block', 'neck'."
    )


def test_runs_of_which_no_layer_is_told_apart_are_not_called_the_same():
    found = only(agreement(models(3)))
    assert str(found) == "No layer of 4 is told apart between any of the 3 runs beyond noise (smallest p = 0.5)."
    assert found.layers == ()


def test_only_the_last_checkpoints_of_runs_are_held_against_each_other():
    cells = {(0, 2, "stem"): (9.0, SURE), (0, 4, "stem"): (9.0, SURE), (2, 4, "stem"): (9.0, SURE)}
    found = only(agreement(with_cells(example(runs=3, epochs=2, layers=LAYERS), cells)))
    assert found.layers == ()


# -- Told apart -------------------------------------------------------------------------------------------------------


def test_layers_that_are_told_apart_across_runs_come_with_how_sure_that_is():
    found = only(told_apart(models(2)))
    assert str(found) == (
        "Layers are told apart across runs, by Sliced Wasserstein distance. "
        "H1: AUC 1.00 ± 0.00, p = 0.047, different layers 20.00 times as far apart as the same layer."
    )
    assert found.level == 0.05


def test_layers_of_which_names_mean_nothing_are_said_to_be_told_apart_in_at_most_5_percent():
    said = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        comparison = example(runs=2, epochs=1, layers=LAYERS)
        places = random.normal(size=len(comparison.layer_of))
        table = dataclasses.replace(comparison.table_of(), matrix=abs(places[:, None] - places))
        found = only(told_apart(dataclasses.replace(comparison, distances=type(comparison.distances)([table]))))
        said += found.level > 0
        assert ("not shown" in str(found)) == (found.level == 0)
    assert said <= binom.ppf(0.999, 20, 0.05)


def test_one_layer_or_one_checkpoint_is_not_told_from_anything():
    assert told_apart(models(2, layers=("stem",))) == []
    assert told_apart(models(1)) == []


# -- Real clouds ------------------------------------------------------------------------------------------------------


def test_a_network_seen_twice_is_said_to_differ_in_at_most_5_percent(tmp_path):
    said, trials = 0, 5
    for seed in range(trials):
        random = np.random.default_rng(seed)
        seen = network(random, 72, layers=3)
        runs = {name: {0: jittered(random, seen)} for name in ("first", "second")}
        said += bool(only(unlike_checkpoints(compared(tmp_path, runs))).layers)
    assert said <= binom.ppf(0.999, trials, 0.05)


def test_the_layer_of_a_network_that_was_broken_is_found_and_only_that_one(tmp_path):
    whole = network(np.random.default_rng(0), 240)
    coarse = {**whole, "layer2": np.round(whole["layer2"])}
    found = findings_of(compared(tmp_path, {"whole": {0: whole}, "quantised": {0: coarse}}))
    changed = only(each for each in found if each.kind == "unlike_checkpoints")
    assert changed.layers == ("layer2",)
    assert "At distance 0: layers 'layer0', 'layer1', 'layer3'." in str(changed)


@pytest.mark.parametrize("runs", [2, 3])
def test_copies_differ_in_nothing(tmp_path, runs):
    clouds = network(np.random.default_rng(0), 60, layers=2)
    found = findings_of(compared(tmp_path, {f"run{number}": {0: clouds} for number in range(runs)}))
    assert [each.kind for each in found] == ["unlike_checkpoints" if runs == 2 else "agreement", "told_apart"]
    assert str(found[0]).endswith(": all distances are 0.")
