"""The bottleneck distance, against persim, Hera called directly and known values."""

import sys

import gudhi.hera
import numpy as np
import persim
import pytest
from diagram_tools import INEXACT, INF, diagrams, grid_diagrams, magnitude, random_diagram, with_essential
from hypothesis import given

from topocallback.measures.topology.bottleneck import Bottleneck
from topocallback.measures.topology.diagrams import finite_bars


def bottleneck(first, second, **options):
    return Bottleneck(**options).of_diagrams(first, second)


def test_of_a_bar_and_nothing_it_is_half_the_bars_length():
    assert bottleneck([(1, 4)], []) == 1.5


def test_it_is_the_largest_move():
    assert bottleneck([(0, 9), (20, 39)], [(0, 10), (20, 42)]) == 3


@given(first=diagrams(), second=diagrams())
def test_it_is_persims(first, second):
    expected = persim.bottleneck(finite_bars(first), finite_bars(second))
    assert bottleneck(first, second) == pytest.approx(expected, abs=1e-12 * magnitude(first, second))


@given(first=grid_diagrams(), second=grid_diagrams())
def test_it_is_persims_on_diagrams_with_many_ties(first, second):
    assert bottleneck(first, second) == persim.bottleneck(first, second)


@pytest.mark.parametrize("n_bars", [(1, 1), (5, 0), (40, 60), (200, 150)])
def test_it_is_heras_called_directly(n_bars):
    first, second = random_diagram(n_bars[0]), random_diagram(n_bars[1], seed=1)
    expected = gudhi.hera.bottleneck_distance(first, second, delta=0.0)
    assert bottleneck(first, second) == pytest.approx(expected, rel=1e-12)


def test_a_tolerance_bounds_the_relative_error():
    first, second = random_diagram(200), random_diagram(150, seed=1)
    assert bottleneck(first, second, tolerance=0.1) == pytest.approx(bottleneck(first, second), rel=0.1)


def test_essential_classes_are_matched_by_their_births_in_order():
    first, second = random_diagram(5), random_diagram(7, seed=1)
    expected = max(bottleneck(first, second), 0.5, 0.25)
    first = np.concatenate([[(3.0, INF)], first, [(0.5, INF)]])
    found = bottleneck(first, with_essential(second, [1.0, 3.25]), essential=True)
    assert found == pytest.approx(expected, rel=INEXACT)


def test_matched_essential_classes_are_heras():
    first = with_essential(random_diagram(5), [0.3, 2.0])
    second = with_essential(random_diagram(4, seed=1), [2.5, 0.1])
    expected = gudhi.hera.bottleneck_distance(first, second, delta=0.0)
    assert bottleneck(first, second, essential=True) == pytest.approx(expected, rel=2 * INEXACT)


@pytest.mark.parametrize("missing", ["gudhi", "gudhi.hera"])
def test_without_hera_it_says_how_to_install_it(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModuleNotFoundError, match=r"needs Hera, .*: pip install 'topocallback\[gudhi\]'"):
        Bottleneck()


@pytest.mark.parametrize("tolerance", [-0.1, np.nan, -INF])
def test_a_tolerance_out_of_its_range_is_refused(tolerance):
    with pytest.raises(ValueError, match=f"Expected `tolerance` of bottleneck to be at least 0, got {tolerance}"):
        Bottleneck(tolerance=tolerance)
