import numpy as np
import pytest
from finding_tools import snapshot

from topocallback.findings.collapse import cosine_collapse, dead_units, rank_collapse
from topocallback.findings.course import Course


def run_of(measure, *values, **others):
    return Course([snapshot(10 * i, statistics={measure: value}, **others) for i, value in enumerate(values, 1)])


def test_a_layer_whose_rank_fell_to_a_quarter_has_collapsed():
    (found,) = rank_collapse(run_of("participation_ratio", [40, 40, 40], [30, 45, 9], [30, 25, 9]))
    assert found.layers == ("head",)
    assert found.is_alert
    assert found.statement == "Layer 'head' has come down to few directions at step 30: 9 of once 40."


@pytest.mark.parametrize(
    ("values", "classes"),
    [(([40, 40, 40], [11, 11, 11]), 0), (([3, 3, 3], [0.5, 0.5, 0.5]), 0), (([40, 40, 40], [9, 9, 9]), 10)],
    ids=["less than a quarter", "never was high", "as many as the classes need"],
)
def test_a_layer_whose_rank_is_as_high_as_it_needs_to_be_has_not_collapsed(values, classes):
    labels = np.arange(100) % classes if classes else None
    assert rank_collapse(run_of("participation_ratio", *values, labels=labels)) == []


def test_a_classifier_whose_layers_fill_fewer_directions_than_its_classes_need_has_collapsed():
    (found,) = rank_collapse(run_of("participation_ratio", [40, 40, 40], [20, 20, 3], labels=np.arange(100) % 10))
    assert found.layers == ("head",)


def test_layers_whose_samples_came_to_one_direction_have_collapsed():
    (found,) = cosine_collapse(run_of("mean_cosine", [0.2, 0.2, 0.95], [0.2, 0.995, 0.992]))
    assert found.layers == ("body",)


@pytest.mark.parametrize("trained", [True, False])
def test_a_layer_that_says_the_same_of_all_samples_from_the_start_has_collapsed_once_it_is_trained(trained):
    cosines = {"mean_cosine": [0.2, 0.2, 0.9995]}
    hashes = "abc" if trained else "aaa"
    snapshots = [snapshot(i, statistics=cosines, parameters={"stem": each}) for i, each in enumerate(hashes, 5)]
    assert cosine_collapse(Course(snapshots[:2])) == []  # it may be hardly trained
    run = Course(snapshots)
    assert [finding.layers for finding in cosine_collapse(run)] == ([("head",)] if trained else [])


def test_vectors_of_a_single_unit_have_one_direction_and_have_not_collapsed():
    numbers = [{"mean_cosine": [0.2, 0.2, cosine], "participation_ratio": [9, 9, 1]} for cosine in (0.0, 1.0, 1.0, 1.0)]
    run = Course([snapshot(i, statistics=each, parameters={"stem": str(i)}) for i, each in enumerate(numbers, 5)])
    assert cosine_collapse(run) == []


def test_cosines_of_activations_that_cannot_be_negative_are_no_collapse():
    assert cosine_collapse(run_of("mean_cosine", [0.6, 0.7, 0.8], [0.9, 0.95, 0.98])) == []


def test_a_layer_with_a_twentieth_of_dead_units_is_named_and_the_worst_of_several():
    (found,) = dead_units(run_of("dead_units", [0.04, 0.05, 0.5]))
    assert found.layers == ("body", "head")
    assert "of 'head' 50% have one value for all 100 samples" in found.statement


def test_of_few_samples_units_are_constant_by_chance():
    assert dead_units(run_of("dead_units", [0.5, 0.5, 0.5], n=59)) == []


def test_of_the_network_before_its_first_step_nothing_is_said():
    before = {"dead_units": 0.5, "mean_cosine": 0.9999}
    assert dead_units(Course([snapshot(0, statistics=before)])) == []
    assert cosine_collapse(Course([snapshot(0, statistics=before)])) == []


@pytest.mark.parametrize("ask", [rank_collapse, cosine_collapse, dead_units])
def test_numbers_that_are_not_known_are_no_collapse(ask):
    measures = ("participation_ratio", "mean_cosine", "dead_units")
    unknown = [snapshot(i, statistics=dict.fromkeys(measures, np.nan)) for i in range(2)]
    assert ask(Course(unknown)) == ask(Course([snapshot(0)])) == ask(Course()) == []
