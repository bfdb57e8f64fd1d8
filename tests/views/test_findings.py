"""What a comparison found, in a few words."""

import dataclasses

import numpy as np
import pytest

from topocallback.records.settling import Settling
from topocallback.records.specificity import Specificity
from topocallback.views.findings import auc, last_step, last_steps, settled, settling_order


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


def test_layers_that_settled_come_with_their_step_and_the_others_with_the_reason():
    layers = [(0, "stem"), (2, "block"), (6, "neck"), (7, "body"), (7, "head")]
    found = [dataclasses.replace(entry(position=position), layer=layer) for position, layer in layers]
    assert settling_order(found) == (
        "settled from step on: stem (0), block (20); too few checkpoints to say: neck; not settled: body, head"
    )


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
