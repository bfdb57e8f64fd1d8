import numpy as np
import pytest
from finding_tools import snapshot

from topocallback import AnalysisOptions, PointClouds, analyse
from topocallback.analysis.analysed import Analysed
from topocallback.analysis.gap import with_gap
from topocallback.findings.apart import from_reference, train_gap
from topocallback.findings.course import Course


def test_the_layers_that_are_told_apart_from_the_reference_are_named_and_the_others_too():
    moved = {"drift_from_reference": [0.5, 4, 2], "drift_from_reference_p": [0.8, 0.0005, 0.0005]}
    (found,) = from_reference(Course([snapshot(30, **moved)]))
    assert found.layers == ("body", "head")
    assert found.statement == (
        "At step 30, 2 of 3 layers are told apart from the first snapshot, layer 'body' furthest: 4 times its noise. "
        "Not told apart: layer 'stem'."
    )


def test_a_layer_that_was_not_tested_is_not_said_to_be_where_it_was():
    moved = {"drift_from_reference": [np.nan, 4, 2], "drift_from_reference_p": [np.nan, 0.0005, 0.0005]}
    (found,) = from_reference(Course([snapshot(30, **moved)]))
    assert "Not told apart" not in found.statement


def test_nothing_is_said_without_a_reference_or_if_nothing_moved():
    still = {"drift_from_reference": [0.5, 0.5, 0.5], "drift_from_reference_p": [0.8, 0.5, 0.3]}
    assert from_reference(Course([snapshot(0)])) == from_reference(Course([snapshot(9, **still)])) == []
    assert from_reference(Course()) == train_gap(Course()) == []


@pytest.mark.parametrize("differs", [False, True])
def test_training_and_validation_data_are_said_to_differ_where_they_do(differs):
    rng = np.random.default_rng(0)
    options = AnalysisOptions(mapper=False)
    validation = PointClouds({layer: rng.normal(size=(120, 3)) for layer in ("stem", "head")})
    training = PointClouds(
        {"stem": rng.normal(size=(120, 3)), "head": rng.normal(size=(120, 3)) ** (3 if differs else 1)}
    )
    found = train_gap(Course([with_gap(Analysed(analyse(validation, options)), validation, training, options)]))
    assert [finding.layers for finding in found] == ([("head",)] if differs else [])


def test_a_run_without_training_samples_has_no_gap():
    assert train_gap(Course([snapshot(0)])) == []
