"""Which layers of one network are alike."""

import dataclasses

import numpy as np
import pytest
from compared_clouds import compared, network
from synthetic_comparison import example, with_cells

from topocallback.findings.compared_layers import twins

LAYERS = ("stem", "block", "neck", "head")


def with_twins(runs=2, size=0.4, p=0.6, told_in=()):
    comparison = with_cells(example(runs=runs, epochs=1, layers=LAYERS))
    table = comparison.table_of()
    matrix, p_values = table.matrix.copy(), table.p_values.copy()
    for run in range(runs):
        first, second = 4 * run + 1, 4 * run + 2
        matrix[first, second] = matrix[second, first] = size
        p_values[first, second] = p_values[second, first] = 0.01 if run in told_in else p
    changed = dataclasses.replace(table, matrix=matrix, p_values=p_values)
    return dataclasses.replace(comparison, distances=type(comparison.distances)([changed]))


def test_layers_that_are_not_told_apart_and_nearer_than_their_noise_are_twins():
    (found,) = twins(with_twins())
    assert found.layers == ("block", "neck")
    assert "'block' and 'neck'" in str(found)
    assert found.numbers["pairs"] == 1


@pytest.mark.parametrize("other", [{"size": 1.1}, {"p": 0.04}, {"p": np.nan}, {"told_in": (1,)}])
def test_what_is_further_than_noise_told_apart_in_one_run_or_not_tested_is_no_twin(other):
    assert twins(with_twins(**other)) == []


def test_few_samples_show_no_twins():
    assert twins(dataclasses.replace(with_twins(), n_points=np.full(8, 255))) == []


def test_many_pairs_are_counted():
    comparison = with_cells(example(runs=1, epochs=1, layers=tuple("abcdefgh")), other=(0.5, 0.5))
    (found,) = twins(comparison)
    assert "'a' and 'b', 'a' and 'c', 'a' and 'd' and 25 more" in str(found)
    assert found.numbers["pairs"] == 28


def test_a_layer_that_passes_its_input_on_is_found_in_clouds(tmp_path):
    clouds = network(np.random.default_rng(0), 256, layers=3)
    clouds["dropout"] = clouds["layer1"]
    (found,) = twins(compared(tmp_path, {"run": {0: clouds}}))
    assert found.layers == ("layer1", "dropout")
