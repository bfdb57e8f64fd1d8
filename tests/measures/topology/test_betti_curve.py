"""The area between Betti curves, against GUDHI's curves, SciPy's Wasserstein distance of numbers and small cases."""

import numpy as np
import pytest
from diagram_tools import INEXACT, diagrams, grid_diagrams, magnitude, random_diagram
from gudhi.representations import BettiCurve as GudhiBettiCurve
from hypothesis import given, settings
from scipy.stats import wasserstein_distance

from topocallback.measures import BettiCurve, LayerFacts, Wasserstein
from topocallback.measures.topology.diagrams import betti_curve, finite_bars


def area(first, second):
    return BettiCurve().of_diagrams(first, second)


def prepared(*items):
    return [BettiCurve().prepare_diagram(np.reshape(bars, (-1, 2))) for bars in items]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([(0, 2)], [(0, 3)], 1),
        ([(0, 2)], [], 2),
        ([(0, 2), (0, 2)], [(1, 2)], 3),
        ([(0, 1), (2, 3)], [(1, 2)], 3),
        ([(0, 2), (1, 3)], [(0, 3), (1, 2)], 0),  # other bars, one curve
        ([], [], 0),
    ],
)
def test_it_is_the_area_of_small_cases(first, second, expected):
    assert area(first, second) == area(second, first) == expected


@pytest.mark.parametrize("dim", [0, 1])
def test_of_real_diagrams_it_is_the_area_between_gudhis_curves(real_diagrams, dim):
    for i, j in ((2, 10), (0, 5), (7, 8)):
        pair = [finite_bars(real_diagrams[dim][layer]) for layer in (i, j)]
        radii = np.unique(np.concatenate([bars.ravel() for bars in pair]))
        curves = [GudhiBettiCurve(predefined_grid=radii)(bars) for bars in pair]
        expected = (np.abs(curves[0] - curves[1])[:-1] * np.diff(radii)).sum()
        assert area(*pair) == pytest.approx(expected, rel=INEXACT)


def test_in_h0_it_is_the_wasserstein_distance_between_the_deaths(real_diagrams):
    first, second = (finite_bars(real_diagrams[0][layer])[:, 1] for layer in (1, 9))
    more = max(len(first), len(second))
    padded = [np.pad(deaths, (0, more - len(deaths))) for deaths in (first, second)]
    found = area(*(np.column_stack([np.zeros(len(deaths)), deaths]) for deaths in (first, second)))
    assert found == pytest.approx(more * wasserstein_distance(*padded), rel=INEXACT)


@given(first=grid_diagrams(), second=grid_diagrams())
@settings(max_examples=30)
def test_it_never_exceeds_the_wasserstein_distance(first, second):
    bound = Wasserstein(order=1, ground_norm=1).of_diagrams(first, second)
    assert area(first, second) <= bound * (1 + INEXACT)


# -- Size and likeness -----------------------------------------------------------------------------------------------


@given(bars=diagrams())
@settings(max_examples=30)
def test_the_size_is_the_total_persistence(bars):
    expected = (bars[:, 1] - bars[:, 0]).sum()
    found = BettiCurve().size(*prepared(bars))
    assert found == pytest.approx(expected, abs=INEXACT * (1 + magnitude(bars)))


@given(first=diagrams(), second=diagrams())
@settings(max_examples=30)
def test_the_likeness_is_the_integral_of_the_product(first, second):
    found = BettiCurve().likeness(prepared(first), prepared(second))[0, 0]
    radii = np.unique(np.concatenate([[0.0], first.ravel(), second.ravel()]))
    product = betti_curve(first, radii) * betti_curve(second, radii)
    expected = (product[:-1] * np.diff(radii)).sum()
    assert found == pytest.approx(expected, rel=INEXACT, abs=INEXACT * (1 + magnitude(first, second)))


def test_the_likeness_of_two_diagrams_is_symmetric_and_does_not_depend_on_others():
    items = prepared(random_diagram(5), [], random_diagram(12, seed=1), random_diagram(3, seed=2))
    together = BettiCurve().likeness(items)
    np.testing.assert_array_equal(together, together.T)
    assert not together[1].any()
    for i in range(4):
        for j in range(4):
            alone = BettiCurve().likeness([items[i]], [items[j]])
            np.testing.assert_allclose(alone, together[i : i + 1, j : j + 1], rtol=1e-12)
    assert BettiCurve().likeness([], []).shape == (0, 0)
    assert BettiCurve().likeness([], items).shape == (0, 4)


def test_it_is_taken_from_diagrams_alone():
    facts = [LayerFacts.of_diagrams([[(0, 1)], [(1, 1 + length)]], (0, 1)) for length in (1, 3)]
    measure = BettiCurve(homology_dim=1)
    assert measure.from_diagrams
    assert measure.between(*map(measure.prepare, facts)) == 2
