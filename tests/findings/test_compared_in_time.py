"""When the layers of compared runs settled, and which still move."""

import dataclasses

import numpy as np
import pytest
from synthetic_comparison import example, with_cells

from topocallback.findings.compared_in_time import settled, settling_order, still_moving
from topocallback.records.results import Results
from topocallback.records.settling import SETTLED_ALL_THE_SAME, Settling, settled_from


def entry(layer, position):
    return Settling("run", layer, 10 * np.arange(8), np.zeros(8), np.ones(8), position, 0.43, 0.3)


def test_layers_that_settled_come_with_their_step_and_the_others_with_the_reason():
    layers = [(0, "stem"), (2, "block"), (6, "neck"), (7, "body"), (7, "head")]
    assert settling_order([entry(layer, position) for position, layer in layers]) == (
        "settled from step on: stem (0), block (20); too few checkpoints to say: neck; not settled: body, head"
    )


def test_of_many_layers_the_first_are_named_and_the_others_counted():
    said = settling_order([entry(f"layer {number}", 0) for number in range(2000)])
    assert said.endswith("layer 11 (0) and 1988 more")


def test_each_run_has_its_own_finding_with_the_layers_that_settled():
    found = settled(example(runs=2, epochs=8))
    assert [str(each) for each in found] == [
        f"Settling of run {run}: settled from step on: stem (0), a<b> (10), head (20). "
        "Last step: 0 to 0 x noise, p ≤ 0.05 in 0 of 3."
        for run in range(2)
    ]
    assert found[0].layers == ("stem", "a<b>", "head")
    assert found[0].level == SETTLED_ALL_THE_SAME


def test_a_layer_has_not_settled_before_it_has_in_every_homology_dimension():
    comparison = example(runs=1, epochs=9)
    first, second = comparison.distances.values()
    matrix = second.matrix.copy()
    rows = comparison.rows(layer="stem")
    matrix[rows[2], rows[-1]] = matrix[rows[-1], rows[2]] = 9.0
    later = dataclasses.replace(second, matrix=matrix)
    found = settled(dataclasses.replace(comparison, distances=Results([first, later])))
    assert {"layer": "stem", "value": 30} in found[0].numbers["settled from step"]


def test_nothing_settled_is_no_claim_that_could_be_wrong():
    (found,) = settled(example(runs=1, epochs=2))
    assert found.layers == ()
    assert found.level == 0
    assert "too few checkpoints to say: stem; not settled: a<b>, head" in str(found)


def test_the_level_is_how_often_a_layer_that_walks_on_is_said_to_have_settled():
    random = np.random.default_rng(0)
    said = []
    for _ in range(2000):
        # A walk whose steps are 0.8 noise on average, in as many dimensions as make its distances grow evenly.
        steps = random.normal(size=(9, 200))
        walk = np.cumsum(0.8 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)
        away = np.linalg.norm(walk - walk[-1], axis=1)
        said.append(settled_from(away, np.ones(9)) < len(away) - 1 - 3)
    assert np.mean(said) <= SETTLED_ALL_THE_SAME


def test_a_layer_that_moved_in_the_last_step_is_named_and_no_other():
    comparison = with_cells(example(runs=2, epochs=3), {(1, 2, "head"): (3.1, 1 / 2048)})
    (found,) = still_moving(comparison)
    assert found.layers == ("head",)
    assert str(found) == "In run 0 head (3.1 x noise) still moves, from step 10 to 20."
    assert found.level == 0.05


def test_a_small_p_value_of_one_among_many_is_not_said():
    assert still_moving(with_cells(example(runs=3, epochs=3), {(1, 2, "head"): (2.0, 0.04)})) == []


@pytest.mark.parametrize("kind", [settled, still_moving])
def test_of_many_runs_the_first_are_told_and_the_others_counted(kind):
    found = kind(with_cells(example(runs=20, epochs=2), same=(3.0, 1 / 2048)))
    assert len(found) == 13
    assert "8 more runs" in str(found[-1])


def test_runs_with_one_checkpoint_say_nothing_of_time():
    single = example(runs=3, epochs=1)
    assert settled(single) == still_moving(single) == []
