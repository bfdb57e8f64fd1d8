"""The sliced Wasserstein distance, against persim, the formula and published values."""

import sys

import numpy as np
import persim
import pytest
from diagram_tools import INEXACT, INF, diagrams, magnitude, random_diagram, with_essential
from hypothesis import given
from hypothesis import strategies as st

from topocallback.measures.topology.diagrams import finite_bars
from topocallback.measures.topology.sliced_wasserstein import SlicedWasserstein


def sliced_wasserstein(first, second, **options):
    return SlicedWasserstein(**options).of_diagrams(first, second)


def by_the_formula(first, second, n_directions):
    """Direction by direction and point by point, in double precision."""
    total = 0.0
    for i in range(n_directions):
        angle = np.pi * (1 / 2 + i / n_directions)
        direction = np.array([np.cos(angle), np.sin(angle)])
        projected_first = [np.array([b + d, b + d]) / 2 for b, d in first]
        projected_second = [np.array([b + d, b + d]) / 2 for b, d in second]
        ours = sorted(float(point @ direction) for point in [*first, *projected_second])
        theirs = sorted(float(point @ direction) for point in [*second, *projected_first])
        total += sum(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    return total / n_directions


@pytest.mark.parametrize("dim", [0, 1])
def test_of_real_diagrams_it_is_persims(real_diagrams, dim):
    first, second = (finite_bars(real_diagrams[dim][layer]) for layer in (2, 10))
    assert sliced_wasserstein(first, second) == pytest.approx(persim.sliced_wasserstein(first, second, M=50), rel=1e-6)


@given(first=diagrams(), second=diagrams())
def test_it_is_persims(first, second):
    # persim's directions have single precision.
    expected = persim.sliced_wasserstein(first, second, M=50)
    assert sliced_wasserstein(first, second) == pytest.approx(expected, abs=1e-6 * magnitude(first, second))


@given(first=diagrams(lowest=-300), second=diagrams(lowest=-300), n_directions=st.integers(1, 9))
def test_it_is_the_formula_even_below_zero(first, second, n_directions):
    expected = by_the_formula(first, second, n_directions)
    found = sliced_wasserstein(first, second, n_directions=n_directions)
    assert found == pytest.approx(expected, abs=1e-13 * magnitude(first, second))


@pytest.mark.parametrize("n_directions", [1, 2, 7, 50, 100])
def test_the_number_of_directions_is_persims(n_directions):
    first, second = np.abs(random_diagram(20)), np.abs(random_diagram(30, seed=1))
    first, second = np.sort(first, axis=1), np.sort(second, axis=1)
    expected = persim.sliced_wasserstein(first, second, M=n_directions)
    assert sliced_wasserstein(first, second, n_directions=n_directions) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([(0, 1)], [(0, 2)], 0.794465),
        ([(0, 1)], [], 0.450232),
        ([(0, 1), (0.5, 2)], [(0.1, 1.1)], 0.792020),
        ([], [], 0),
    ],
)
def test_it_has_the_published_small_values(first, second, expected):
    assert sliced_wasserstein(first, second) == pytest.approx(expected, abs=5e-7)
    assert sliced_wasserstein(second, first) == pytest.approx(expected, abs=5e-7)


def test_of_a_bar_and_nothing_it_tends_to_the_root_of_two_over_pi():
    limit = np.sqrt(2) / np.pi
    errors = [abs(sliced_wasserstein([(0, 1)], [], n_directions=m) - limit) for m in (50, 500, 50_000)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9


def test_of_diagrams_far_apart_from_each_other_it_adds_up_at_most():
    near = random_diagram(10), random_diagram(12, seed=1)
    far = random_diagram(7, seed=2) + 1e4, random_diagram(9, seed=3) + 1e4
    together = sliced_wasserstein(np.concatenate([near[0], far[0]]), np.concatenate([near[1], far[1]]))
    # Along each direction a bar of one part may pass the other part, which only shortens the way.
    assert together <= sliced_wasserstein(*near) + sliced_wasserstein(*far) + 1e-9


def test_essential_classes_are_matched_by_their_births_in_order_and_added():
    first, second = random_diagram(5), random_diagram(7, seed=1)
    expected = sliced_wasserstein(first, second) + 0.5 + 0.25
    first = np.concatenate([[(3.0, INF)], first, [(0.5, INF)]])
    found = sliced_wasserstein(first, with_essential(second, [1.0, 3.25]), essential=True)
    assert found == pytest.approx(expected, rel=INEXACT)


def test_it_needs_no_hera(monkeypatch):
    for name in ("gudhi", "gudhi.hera"):
        monkeypatch.setitem(sys.modules, name, None)
    assert sliced_wasserstein([(0, 1)], [(0, 2)]) == pytest.approx(0.794465, abs=5e-7)


@pytest.mark.parametrize("n_directions", [0, -5, 2.5])
def test_a_number_of_directions_out_of_its_range_is_refused(n_directions):
    message = f"Expected `n_directions` of sliced_wasserstein to be an integer of at least 1, got {n_directions}"
    with pytest.raises(ValueError, match=message):
        SlicedWasserstein(n_directions=n_directions)
