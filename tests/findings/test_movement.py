import dataclasses

import numpy as np
import pytest
from finding_tools import drifting, snapshot, walking

from topocallback.findings.course import LOOKS_BACK, Course
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


def jitter(length, size=0.5):
    """Places of a layer that goes to and fro."""
    return size * (np.arange(length) % 2)


def test_a_layer_that_jitters_within_its_noise_has_settled_since_it_does():
    places = np.concatenate([[9, 5], jitter(5)])
    (found,) = settled(Course(walking(*np.stack([places, 3 * np.arange(7), 3 * np.arange(7)], axis=1))))
    assert found.layers == ("stem",)
    assert found.numbers["settled since step"] == [{"layer": "stem", "value": 20}]
    assert found.numbers["distance from then, in multiples of noise"][0]["value"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("pace", [0.05, 0.2, 0.3, 0.8])
def test_a_layer_that_walks_on_by_less_than_its_noise_has_not_settled(pace):
    assert settled(Course(walking(*[[pace * i] * 3 for i in range(12)]))) == []


@pytest.mark.parametrize(("size", "count"), [(0.7, 1), (0.8, 0)])
def test_a_layer_that_jitters_by_most_of_its_noise_has_not_settled(size, count):
    assert len(settled(Course(walking(*jitter(9, size)[:, None] * np.ones(3))))) == count


def test_a_layer_that_comes_back_to_where_it_was_from_further_off_has_not_settled():
    places = np.concatenate([jitter(3), [0.9], jitter(3)])
    assert settled(Course(walking(*places[:, None] * np.ones(3)))) == []


def test_three_validations_have_to_be_still_before_a_layer_is_said_to_have_settled():
    places = np.concatenate([[9], jitter(4)])[:, None] * np.ones(3)
    assert settled(Course(walking(*places[:4]))) == []
    assert len(settled(Course(walking(*places)))) == 1


def test_a_layer_that_does_not_move_at_all_is_not_said_to_have_settled_as_well():
    run = Course(walking(*np.stack([np.zeros(5), jitter(5), 5 * np.arange(5)], axis=1)))
    assert [finding.layers for finding in (*unmoved(run), *settled(run))] == [("stem",), ("body",)]


def test_what_is_further_back_than_diagrams_are_kept_is_not_looked_at():
    run = Course(walking(*jitter(LOOKS_BACK + 5)[:, None] * np.ones(3)))
    (found,) = settled(run)
    assert found.numbers["settled since step"][0]["value"] == 50
    assert np.isnan(run.from_earlier(run.diagram_distances()[0].about, "stem", 0))


def test_of_a_distance_that_a_record_cannot_make_again_nothing_is_said():
    run = [dataclasses.replace(each, options={}) for each in walking(*jitter(6)[:, None] * np.ones(3))]
    assert settled(Course(run)) == []


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
    assert found.statement.startswith("No parameter of layers 'stem', 'body' has changed since steps 0 to 10: frozen")


def test_parameters_that_come_back_are_frozen_since_they_came_back():
    (found,) = frozen(Course(with_parameters("aaa", "bbb", "abc", "acd")))
    assert found.numbers["unchanged since step"] == [{"layer": "stem", "value": 20}]
    assert found.statement.startswith("No parameter of layer 'stem' has changed since step 20: frozen")


def test_a_frozen_layer_is_not_said_to_be_unmoved_or_settled_as_well():
    numbers = {"drift": [0, 0, 0.1], "bars": [9, 9, 9]}
    run = Course(with_parameters("aaa", "aba", "aca", "ada", **numbers))
    assert [finding.layers for finding in frozen(run)] == [("stem", "head")]
    assert [finding.layers for finding in unmoved(run)] == [("body",)]
    assert settled(run) == []


def test_of_one_snapshot_and_of_unknown_parameters_nothing_is_said():
    assert frozen(Course(with_parameters("aaa"))) == frozen(Course(drifting(0, 0))) == frozen(Course()) == []
