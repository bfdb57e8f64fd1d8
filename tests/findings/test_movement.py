import numpy as np
import pytest
from finding_tools import drifting, snapshot

from topocallback.findings.course import Course
from topocallback.findings.movement import frozen, settled, still_moving, unmoved


def test_layers_that_are_the_same_to_the_bit_do_not_train_since_the_step_from_which_on_they_are():
    (found,) = unmoved(Course(drifting([2, 2, 2], [0, 2, 2], [0, 0, 2])))
    assert found.layers == ("stem", "body")
    assert found.numbers["unmoved since step"] == [{"layer": "stem", "value": 10}, {"layer": "body", "value": 20}]
    assert found.level == 0


def test_a_layer_that_moved_just_now_is_not_said_to_be_unmoved():
    assert unmoved(Course(drifting([0, 0, 0], [1, 1, 1]))) == []


def test_a_layer_that_is_the_same_in_one_homology_dimension_only_has_moved():
    first, second = drifting(0)
    second.distances["sliced_wasserstein", 0].drift[:] = 1
    assert unmoved(Course([first, second])) == []


@pytest.mark.parametrize(("step", "drift"), [(10, 0.3), (0, 0.2)], ids=["late", "from the start"])
def test_a_layer_has_settled_since_the_step_from_which_on_its_movements_together_are_within_noise(step, drift):
    (found,) = settled(Course(drifting([drift, 5, 5], [0.3, 5, 5], [0.2, 5, 5], [0.3, 5, 5])))
    assert found.layers == ("stem",)
    assert found.numbers["settled since step"] == [{"layer": "stem", "value": step}]
    assert found.numbers["moved since then, in multiples of noise"][0]["value"] <= 1


def test_a_layer_that_walks_on_by_less_than_its_noise_has_not_settled():
    assert settled(Course(drifting(*[[0.4, 0.8, 0.34]] * 8))) == []


def test_three_validations_have_to_be_still_before_a_layer_is_said_to_have_settled():
    moves = [[5, 5, 5], [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]]
    assert settled(Course(drifting(*moves))) == []
    assert len(settled(Course(drifting(*moves, [0.1, 0.1, 0.1])))) == 1


def test_a_layer_that_does_not_move_at_all_is_not_said_to_have_settled_as_well():
    run = Course(drifting(*[[0, 0.1, 5]] * 4))
    assert [finding.layers for finding in (*unmoved(run), *settled(run))] == [("stem",), ("body",)]


def test_a_drift_that_is_not_known_is_no_standstill():
    run = Course(drifting([0.1] * 3, [np.nan] * 3, [0.1] * 3, [0.1] * 3))
    assert settled(run) == unmoved(run) == []


def test_layers_still_move_where_the_test_tells_them_apart_and_the_furthest_is_named():
    (found,) = still_moving(Course(drifting([0.5, 3, 2], drift_p=[0.9, 0.0005, 0.0005])))
    assert found.layers == ("body", "head")
    assert "layer 'body' furthest: 3 times its noise" in found.statement


def test_one_small_p_value_among_many_layers_says_nothing():
    layers = tuple(f"block{i}" for i in range(12))
    p_values = [0.04, *[0.5] * 11]
    assert still_moving(Course(drifting([2] * 12, drift_p=p_values, layers=layers))) == []


@pytest.mark.parametrize("ask", [unmoved, settled, still_moving])
def test_nothing_is_said_of_the_movement_in_a_single_snapshot(ask):
    assert ask(Course([snapshot(0, drift=np.nan)])) == ask(Course()) == []


@pytest.mark.parametrize("ask", [unmoved, settled, still_moving])
def test_nothing_is_said_of_movement_without_diagrams(ask):
    assert ask(Course(drifting(0, 0, 0, dims=()))) == []


def test_a_layer_that_comes_later_is_looked_at_from_then_on():
    early = [snapshot(step, layers=("stem",), drift=0.0) for step in (0, 10)]
    late = [snapshot(step, layers=("stem", "new"), drift=[0, d], drift_p=1) for step, d in ((20, np.nan), (30, 0))]
    (found,) = unmoved(Course([*early, *late]))
    assert found.numbers["unmoved since step"] == [{"layer": "stem", "value": 0}, {"layer": "new", "value": 20}]


def with_parameters(*of_steps, **numbers):
    """A run of which the parameters of its three layers at each step are given by a letter each."""
    return [
        snapshot(10 * i, parameters=dict(zip(("stem", "body", "head"), letters, strict=True)), **numbers)
        for i, letters in enumerate(of_steps)
    ]


def test_a_layer_whose_parameters_do_not_change_is_frozen_although_it_moves():
    run = Course(with_parameters("aaa", "bab", "bac", "bad", drift=2))
    (found,) = frozen(run)
    assert found.layers == ("stem", "body")
    assert found.numbers["unchanged since step"] == [{"layer": "stem", "value": 10}, {"layer": "body", "value": 0}]


def test_parameters_that_come_back_are_frozen_since_they_came_back():
    (found,) = frozen(Course(with_parameters("aaa", "bbb", "abc", "acd")))
    assert found.numbers["unchanged since step"] == [{"layer": "stem", "value": 20}]


def test_a_frozen_layer_is_not_said_to_be_unmoved_or_settled_as_well():
    run = Course(with_parameters("aaa", "aba", "aca", "ada", drift=[0, 0, 0.1]))
    assert [finding.layers for finding in frozen(run)] == [("stem", "head")]
    assert [finding.layers for finding in unmoved(run)] == [("body",)]
    assert settled(run) == []


def test_of_one_snapshot_and_of_unknown_parameters_nothing_is_said():
    assert frozen(Course(with_parameters("aaa"))) == frozen(Course(drifting(0, 0))) == frozen(Course()) == []
