import numpy as np

from topocallback.findings.levels import surely, surely_in_any


def test_where_nothing_differs_any_of_many_layers_is_named_in_at_most_five_percent_of_cases():
    p_values = np.random.default_rng(0).uniform(size=(4000, 24))
    spoken = np.mean([surely(each).any() for each in p_values])
    assert 0.035 < spoken < 0.06  # the standard error is 0.0034


def test_all_of_many_layers_are_named_at_the_smallest_p_value_that_a_test_of_twelve_parts_has():
    assert surely(np.full((2, 53), 1 / 2048)).all()


def test_what_was_not_tested_is_not_named_and_does_not_count():
    assert surely(np.array([0.04, np.nan])).tolist() == [True, False]
    assert not surely(np.array([np.nan])).any()
    assert surely(np.empty(0)).shape == (0,)


def test_a_layer_is_named_if_one_homology_dimension_tells_it_apart():
    p_values = [np.array([0.9, 0.9]), np.array([0.001, 0.9])]
    assert surely_in_any([np.ones(2)] * 2, p_values).tolist() == [True, False]


def test_a_layer_among_many_that_are_frozen_is_named():
    distances, p_values = np.zeros(53), np.ones(53)
    distances[7], p_values[7] = 1, 1 / 2048
    assert np.flatnonzero(surely_in_any([distances] * 2, [p_values] * 2)).tolist() == [7]
