"""What a description says in words."""

import numpy as np
import pytest

from topocallback.records.results import Description, DistanceTable
from topocallback.records.settling import Settling
from topocallback.records.specificity import Specificity
from topocallback.views.captions import auc, how_sure, last_step, last_steps, p_value, settled, with_unit


def test_the_unit_stands_behind_the_title_if_there_is_one():
    assert with_unit(Description("bars", 1, "Number of bars", "bars")) == "Number of bars, H1 (bars)"
    assert with_unit(Description("cka", label="1 - CKA")) == "1 - CKA"
    assert with_unit(Description("own")) == "own"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 2048, "p < 0.001"),
        (1 / 1000, "p = 0.001"),
        (0.01234, "p = 0.012"),
        (0.4321, "p = 0.43"),
        (1.0, "p = 1"),
        (np.nan, "not tested"),
    ],
)
def test_a_p_value_has_two_digits_and_none_where_it_is_tiny_or_not_known(value, text):
    assert p_value(value) == text


def test_a_table_says_how_sure_it_is_unless_all_of_it_is_tested():
    ones = np.ones((3, 3))
    some = np.full((3, 3), 0.5)
    some[0, 2] = some[2, 0] = np.nan
    about, paired = Description("own"), Description("cka", paired=True)
    assert how_sure(DistanceTable(about, ones, p_values=0.5 * ones)) == ""
    assert how_sure(DistanceTable(about, ones, p_values=some)) == "1 of 3 not tested"
    assert how_sure(DistanceTable(about, some, p_values=some)) == ""  # a distance that is not known needs no test
    assert how_sure(DistanceTable(about, ones)) == how_sure(DistanceTable(paired, ones)) == "not tested"
    assert how_sure(DistanceTable(paired, ones, errors=some / 10)) == "± 0.05 at most (standard error)"
    assert how_sure(DistanceTable(about, ones[:1, :1])) == ""


def entry(checkpoints=8, position=2, size=0.43, p=0.3):
    steps = 10 * np.arange(checkpoints)
    return Settling("run", "head", steps, np.zeros(checkpoints), np.ones(checkpoints), position, size, p)


@pytest.mark.parametrize(
    ("checkpoints", "position", "text"),
    [
        (8, 0, "settled from step 0 on"),
        (8, 3, "settled from step 30 on"),
        (8, 4, "too few checkpoints to say"),
        (8, 6, "too few checkpoints to say"),
        (8, 7, "not settled"),
        (4, 0, "too few checkpoints to say"),
        (2, 1, "not settled"),
    ],
)
def test_a_layer_settled_or_did_not_or_there_are_too_few_checkpoints_to_say(checkpoints, position, text):
    assert settled(entry(checkpoints, position)) == text


def test_the_last_step_has_its_size_and_its_p_value():
    assert last_step(entry()) == "0.43 x noise, p = 0.3"
    assert last_step(entry(size=12.34, p=np.nan)) == "12 x noise, not tested"


def test_the_last_steps_of_several_runs_are_counted():
    assert last_steps([entry()]) == last_step(entry())
    found = [entry(size=0.5, p=0.05), entry(size=2.0, p=0.051), entry(size=1.0, p=np.nan)]
    assert last_steps(found) == "0.5 to 2 x noise, p ≤ 0.05 in 1 of 2"
    assert last_steps(found[2:] * 2) == "1 to 1 x noise, not tested"


@pytest.mark.parametrize(
    ("error", "p", "text"),
    [
        (0.04, 0.002, "AUC 0.93 ± 0.04, p = 0.002"),
        (np.nan, 0.5, "AUC 0.93, p = 0.5"),
        (np.nan, np.nan, "AUC 0.93, not tested"),
    ],
)
def test_an_area_under_the_curve_has_its_error_and_p_value_as_far_as_they_are_known(error, p, text):
    assert auc(Specificity(np.ones(2), np.ones(4), {}, 0.934, error, p)) == text
