"""Diagrams as arrays: which bars die, which never do, and how many are alive at a radius."""

import numpy as np
import pytest
from diagram_tools import INF, diagrams
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.topology.diagrams import as_diagram, betti_curve, essential_births, finite_bars
from topocallback.measures.topology.rips import rips_diagrams

NOT_DIAGRAMS = {
    "a vector": [1.0, 2.0],
    "three columns": [[1.0, 2.0, 3.0]],
    "one column": [[1.0], [2.0]],
    "three axes": np.zeros((2, 2, 2)),
    "a number": 5.0,
}

# -- Finite and essential bars ---------------------------------------------------------------------------------------


def test_finite_bars_are_those_that_die_and_have_a_length():
    bars = [(0, 1), (2, 2), (0, INF), (-2, -1)]
    np.testing.assert_array_equal(finite_bars(bars), [[0, 1], [-2, -1]])


def test_essential_births_are_those_of_the_bars_that_never_die_in_ascending_order():
    np.testing.assert_array_equal(essential_births([(0.5, INF), (0, 1), (-1, INF), (0.25, INF)]), [-1, 0.25, 0.5])


@pytest.mark.parametrize("empty", [[], (), np.empty((0, 2)), np.empty(0)])
def test_empty_diagrams_have_no_bars(empty):
    assert as_diagram(empty).shape == (0, 2)
    assert finite_bars(empty).shape == (0, 2)
    assert essential_births(empty).shape == (0,)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
def test_bars_are_returned_in_double_precision(dtype):
    diagram = np.array([(0, 1), (2, 5)], dtype=dtype)
    assert finite_bars(diagram).dtype == np.float64
    np.testing.assert_array_equal(finite_bars(diagram), diagram)


# -- Betti curves ----------------------------------------------------------------------------------------------------


@given(
    diagram=diagrams(max_bars=20, lowest=-100),
    births=st.lists(st.floats(-100, 100), max_size=4),
    radii=st.lists(st.floats(-200, 300), max_size=6),
)
def test_betti_curves_count_the_bars_that_are_alive(diagram, births, radii):
    bars = [*diagram.tolist(), *[(birth, INF) for birth in births]]
    at = [*radii, *diagram.ravel().tolist(), *births]  # also where bars are born and die
    expected = [sum(birth <= radius < death for birth, death in bars) for radius in at]
    found = betti_curve(bars, at)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, expected)


def test_a_bar_is_alive_at_its_birth_and_not_at_its_death():
    np.testing.assert_array_equal(betti_curve([(1, 2)], [0.999, 1, 1.999, 2, 3]), [0, 1, 1, 0, 0])


def test_essential_classes_stay_alive_in_betti_curves():
    np.testing.assert_array_equal(betti_curve([(1, INF)], [0, 1, 1e308]), [0, 1, 1])


def test_betti_curves_take_radii_in_any_order_and_leave_them_there():
    np.testing.assert_array_equal(betti_curve([(0, 2), (1, 3)], [2, 0, 1, -1]), [1, 1, 2, 0])


def test_betti_curves_of_empty_diagrams_are_zero_and_of_no_radii_empty():
    np.testing.assert_array_equal(betti_curve([], [0, 1, INF]), [0, 0, 0])
    assert betti_curve([(0, 1)], []).shape == (0,)


def test_the_betti_curve_of_components_counts_the_components_of_the_neighbour_graph():
    cloud = np.random.default_rng(0).normal(size=(40, 2))
    distances = distance_matrix(cloud)
    (h0,) = rips_diagrams(distances, (0,), "gudhi")
    # Between the merge heights, so that rounding decides nothing.
    radii = np.linspace(0.001, 2, 50)
    expected = [connected_components(distances <= radius)[0] for radius in radii]
    np.testing.assert_array_equal(betti_curve(h0, radii), expected)


# -- Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("diagram", NOT_DIAGRAMS.values(), ids=NOT_DIAGRAMS)
def test_what_is_not_a_diagram_is_refused(diagram):
    with pytest.raises(ValueError, match=r"Expected `diagram` to be of shape \(bars, 2\), births and deaths, got \("):
        as_diagram(diagram)


@pytest.mark.parametrize("diagram", [[np.zeros((2, 2)), np.zeros((3, 2))], [(0, (0, 1)), (1, (2, 3))]], ids=str)
def test_the_diagrams_of_several_dimensions_are_not_one_diagram(diagram):
    with pytest.raises(ValueError, match=r"Expected `first` to be (one diagram )?of shape \(bars, 2\)"):
        as_diagram(diagram, "first")


@pytest.mark.parametrize("diagram", [[("a", "b")], [(1j, 2)], np.array([[None, 1.0]])], ids=str)
def test_what_is_no_real_number_is_no_birth(diagram):
    with pytest.raises(ValueError, match="Expected `diagram` to hold real numbers"):
        as_diagram(diagram)


@pytest.mark.parametrize("birth", [INF, -INF])
def test_a_birth_that_is_infinite_is_refused(birth):
    with pytest.raises(ValueError, match=r"`diagram` to have finite births, got infinity in 1 of 2 bars"):
        as_diagram([(0, 1), (birth, INF)])


def test_a_bar_that_dies_before_it_is_born_is_refused_and_named():
    with pytest.raises(ValueError, match=r"got 1 of 3 the other way round, the first at 1: \[2.0, 1.0\]"):
        as_diagram([(0, 1), (2, 1), (0, INF)])


@pytest.mark.parametrize("diagram", [[(1, 0), (3, 2)], [(1, 0), (2, 2)], [(5, -INF), (4, 1)]], ids=str)
def test_a_diagram_of_superlevel_sets_is_refused_with_its_mirror_image(diagram):
    with pytest.raises(ValueError, match=r"superlevel sets: `-second` is the same diagram of sublevel sets") as error:
        as_diagram(diagram, "second")
    assert "`-second`" in str(error.value)
    mirrored = as_diagram(-np.array(diagram, dtype=float))  # what the error says works
    np.testing.assert_array_equal(mirrored, -np.array(diagram, dtype=float))


def test_births_may_be_negative_and_bars_of_length_zero():
    np.testing.assert_array_equal(as_diagram([(-2, -1), (0, 0), (-3, INF)]), [(-2, -1), (0, 0), (-3, INF)])


@pytest.mark.parametrize("bar", [(np.nan, 1), (0, np.nan), (np.nan, INF)])
def test_nan_in_a_diagram_is_refused(bar):
    with pytest.raises(ValueError, match="Expected `diagram` to be without NaN, got it in 1 of 2 bars"):
        as_diagram([(0, 1), bar])


@pytest.mark.parametrize("function", [finite_bars, essential_births, lambda diagram: betti_curve(diagram, [0])])
def test_functions_of_one_diagram_refuse_the_same(function):
    with pytest.raises(ValueError, match=r"`diagram` to be of shape \(bars, 2\), births and deaths, got \(1, 3\)"):
        function([(1, 2, 3)])
    for bars, said in {((0, np.nan),): "without NaN", ((1, 0),): "superlevel", ((-INF, 0),): "finite births"}.items():
        with pytest.raises(ValueError, match=said):
            function(bars)
