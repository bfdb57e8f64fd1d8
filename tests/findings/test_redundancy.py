import dataclasses

import numpy as np
import pytest
from finding_tools import snapshot

from topocallback.findings.course import Course
from topocallback.findings.redundancy import redundant
from topocallback.records.nearest import NearestSamples

RING = (np.arange(100)[:, None] + np.arange(1, 11)) % 100
OTHERS = (np.arange(100)[:, None] + np.arange(40, 50)) % 100
NEAR = np.array([[0, 0.5, 9], [0.5, 0, 9], [9, 9, 0.0]])
NOT_APART = np.array([[1, 0.6, 0.001], [0.6, 1, 0.001], [0.001, 0.001, 1]])


def run_of(**changes):
    known = {"matrix": NEAR, "p_values": NOT_APART, "nearest": {"stem": RING, "body": RING, "head": OTHERS}}
    return Course([snapshot(0, **known | changes)])


def test_two_layers_that_follow_each_other_are_redundant_if_neither_shape_nor_neighbours_tell_them_apart():
    (found,) = redundant(run_of())
    assert found.layers == ("stem", "body")
    assert found.evidence["view"]["layers"] == ["stem", "body"]
    assert found.numbers["share of nearest neighbours that are the same"] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"matrix": NEAR * 2.1},
        {"p_values": NOT_APART * 0.08},
        {"nearest": {"stem": RING, "body": OTHERS}},
        {"nearest": {"stem": RING}},
        {"p_values": np.full((3, 3), np.nan)},
        {"dims": ()},
    ],
    ids=["further than noise", "told apart", "other neighbours", "neighbours not known", "not tested", "no diagrams"],
)
def test_one_reason_is_enough_not_to_call_layers_redundant(changes):
    assert redundant(run_of(**changes)) == []


def test_layers_that_do_not_follow_each_other_are_not_compared():
    order = [0, 2, 1]
    assert redundant(run_of(matrix=NEAR[np.ix_(order, order)], p_values=NOT_APART[np.ix_(order, order)])) == []


def test_the_neighbours_of_equal_points_say_nothing():
    one = run_of().last
    equal = {layer: NearestSamples(RING, np.zeros((100, 3))) for layer in one.layers}
    assert redundant(Course([dataclasses.replace(one, nearest=equal)])) == []
    assert redundant(Course()) == []
