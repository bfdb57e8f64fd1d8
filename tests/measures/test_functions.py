"""Functions and callable objects of the user's own as measures."""

import functools
import pickle

import numpy as np
import pytest
from diagram_tools import INF, random_diagram

from topocallback.measures.facts import LayerFacts
from topocallback.measures.functions import CloudFunction, DiagramFunction, measure_of_function


def count_difference(first, second):
    return abs(len(first) - len(second))


def mean_norm(cloud):
    return np.linalg.norm(cloud, axis=1).mean()


class WidestDifference:
    def __call__(self, first, second):
        return abs(np.ptp(first) - np.ptp(second))


def test_a_function_of_two_becomes_a_distance_of_diagrams_without_infinite_bars():
    measure = measure_of_function(count_difference)
    assert isinstance(measure, DiagramFunction)
    assert (measure.name, measure.describe().label) == ("count_difference", "Count difference")
    assert measure.of_diagrams([(0, 1), (0, INF), (1, 1), (2, 3)], [(0, INF)]) == 2


def test_a_function_of_one_becomes_a_statistic_of_finite_points():
    measure = measure_of_function(mean_norm)
    assert isinstance(measure, CloudFunction)
    assert (measure.name, measure.describe().label) == ("mean_norm", "Mean norm")
    assert measure.value(LayerFacts([[3.0, 4.0], [np.nan, 1.0], [0.0, 1.0]])) == 3
    assert type(measure([[3, 4]])) is float


def test_an_object_that_can_be_called_is_named_by_its_class():
    measure = measure_of_function(WidestDifference())
    assert (measure.name, measure.describe().label) == ("WidestDifference", "Widest difference")
    assert measure.of_diagrams([(0, 1)], [(0, 3)]) == 2


def test_a_function_gives_a_matrix_and_one_measure_for_each_dimension():
    measures = measure_of_function(count_difference).by_dimension((0, 1))
    assert [measure.describe().key for measure in measures] == [("count_difference", 0), ("count_difference", 1)]
    items = [random_diagram(n) for n in (2, 5, 9)]
    np.testing.assert_array_equal(measures[0].matrix(items), [[0, 3, 7], [3, 0, 4], [7, 4, 0]])


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (lambda cloud, power=2: 0.0, CloudFunction),
        (lambda cloud, *, power: 0.0, CloudFunction),
        (len, CloudFunction),
        (functools.partial(count_difference, []), CloudFunction),
        (lambda first, second, power=2: 0.0, DiagramFunction),
        (lambda *diagrams: 0.0, DiagramFunction),
        (np.add, DiagramFunction),
    ],
)
def test_the_number_of_arguments_that_it_needs_says_what_a_function_is(function, kind):
    assert type(measure_of_function(function)) is kind


@pytest.mark.parametrize("function", [count_difference, mean_norm, len])
def test_functions_that_can_be_imported_travel(function):
    measure = measure_of_function(function)
    assert pickle.loads(pickle.dumps(measure)) == measure


def test_functions_are_no_options():
    for measure in (measure_of_function(count_difference), measure_of_function(mean_norm)):
        assert measure.options == {}
