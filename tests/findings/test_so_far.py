import sys

import numpy as np
import pytest
from finding_tools import drifting, snapshot

from topocallback.findings.course import LOOKS_BACK, Course
from topocallback.findings.so_far import SoFar
from topocallback.findings.table import findings_of

H1 = ("sliced_wasserstein", 1)


def test_extremes_are_those_of_all_steps_and_leave_out_what_is_not_known():
    values = [[3, 9, np.nan], [7, 1, np.nan], [np.nan, 4, np.nan]]
    known = Course([snapshot(i, statistics={"rank": each}) for i, each in enumerate(values)]).so_far
    assert known.highest == {(("rank", None), "stem"): 7, (("rank", None), "body"): 9}
    assert known.lowest == {(("rank", None), "stem"): 3, (("rank", None), "body"): 1}


def test_a_layer_has_moved_where_it_is_not_where_it_was_and_where_that_is_not_known():
    known = Course(drifting([1, 0, np.nan], [0, 0, 0], [0, 2, 0])).so_far
    assert [known.moved[H1, layer] for layer in ("stem", "body", "head")] == [1, 3, 1]


def test_what_changes_and_changes_back_is_the_same_since_it_did():
    letters = ["a", "b", "a", "a"]
    known = Course([snapshot(i, parameters={"stem": letter}) for i, letter in enumerate(letters)]).so_far
    assert known.parameters == {"stem": ("a", 2)}
    assert known.first_parameters == {"stem": "a"}


def test_a_layer_that_was_away_begins_anew():
    steps = [snapshot(0, parameters={"stem": "a"}), snapshot(1), snapshot(2, parameters={"stem": "a"})]
    assert Course(steps).so_far.parameters == {"stem": ("a", 2)}


def test_a_snapshot_that_takes_the_place_of_another_leaves_nothing_of_it():
    first, other = snapshot(0, statistics={"rank": 5}), snapshot(5, statistics={"rank": 6}, parameters={"stem": "b"})
    replaced = snapshot(5, statistics={"rank": 99}, parameters={"stem": "x"})
    found, expected = Course([first, replaced, other]).so_far, Course([first, other]).so_far
    assert vars(found) == vars(expected)


@pytest.mark.parametrize("kind", ["settles", "walks", "is frozen"])
def test_a_step_takes_as_many_calls_after_a_thousand_steps_as_after_a_few(kind):
    drift = {"settles": 0.1, "walks": 3.0, "is frozen": 0.0}[kind]
    numbers = {"statistics": {"mean_cosine": 0.5, "participation_ratio": 9, "dead_units": 0}, "drift": drift}
    run = Course(snapshot(i, bars=[9, 9, 9], parameters={"stem": "a"}, **numbers) for i in range(2 * LOOKS_BACK))
    early = calls_of(lambda: step(run, 2 * LOOKS_BACK, numbers))
    for i in range(1, 300):
        run.add(snapshot(2 * LOOKS_BACK + i, bars=[9, 9, 9], parameters={"stem": "a"}, **numbers))
    assert calls_of(lambda: step(run, 1000, numbers)) <= 1.02 * early


def step(run, number, numbers):
    run.add(snapshot(number, bars=[9, 9, 9], parameters={"stem": "a"}, **numbers))
    return findings_of(run)


def calls_of(function):
    """How many functions are called."""
    count = 0

    def count_calls(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_calls)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def test_of_no_step_nothing_is_known():
    assert Course().so_far.highest == SoFar().highest == {}
