"""The sliced Wasserstein distance, against persim, the formula and published values."""

import sys

import numpy as np
import persim
import pytest
from diagram_tools import INEXACT, INF, diagrams, magnitude, random_diagram, with_essential
from hypothesis import given
from hypothesis import strategies as st

from topocallback.measures.facts import LayerFacts
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


# -- Size and likeness -----------------------------------------------------------------------------------------------


def prepared(*items):
    return [SlicedWasserstein().prepare_diagram(np.reshape(bars, (-1, 2))) for bars in items]


def parts(*items, n_directions=50):
    facts = [LayerFacts.of_diagrams([np.reshape(bars, (-1, 2))], (1,)) for bars in items]
    return [SlicedWasserstein(n_directions, homology_dim=1).prepare_part(each) for each in facts]


def positive(n, seed=0, reach=1.0):
    return reach * np.sort(np.random.default_rng(seed).uniform(size=(n, 2)), axis=1)


def test_the_size_tends_to_the_root_of_two_over_pi_times_the_total_persistence():
    bars = positive(30)
    expected = np.sqrt(2) / np.pi * (bars[:, 1] - bars[:, 0]).sum()
    measure = SlicedWasserstein(5000)
    assert measure.size(measure.prepare_diagram(bars)) == pytest.approx(expected, rel=1e-5)
    assert measure.size(measure.prepare_diagram(np.empty((0, 2)))) == 0


@given(first=diagrams(), second=diagrams())
def test_no_two_diagrams_are_further_apart_than_the_sum_of_their_sizes(first, second):
    measure, (one, other) = SlicedWasserstein(), prepared(first, second)
    assert measure.between(one, other) <= (measure.size(one) + measure.size(other)) * (1 + INEXACT) + INEXACT


def integral(first, second, n_directions, n_cells=20_000):
    """Mean over the directions of the integral of phi of one diagram times phi of another, by counting on a grid."""
    total, reach = 0.0, max(np.abs(bars).sum(axis=1).max(initial=0.0) for bars in (first, second))
    places = np.linspace(-reach, reach, n_cells)
    for angle in np.pi * (0.5 + np.arange(n_directions) / n_directions):
        direction = np.array([np.cos(angle), np.sin(angle)])
        steps = []
        for bars in (first, second):
            points, middles = bars @ direction, np.repeat(bars.mean(axis=1)[:, None], 2, axis=1) @ direction
            steps.append((points[:, None] <= places).sum(axis=0) - (middles[:, None] <= places).sum(axis=0))
        total += float((steps[0] * steps[1]).sum() * (places[1] - places[0]))
    return total / n_directions


@pytest.mark.parametrize("counts", [(1, 1), (3, 8), (20, 20)])
@pytest.mark.parametrize("reach", [1e-3, 1.0, 1e3])
def test_the_likeness_is_the_integral_of_the_product(counts, reach):
    first, second = positive(counts[0], 1, reach), positive(counts[1], 2, reach)
    found = SlicedWasserstein().likeness(parts(first), parts(second))[0, 0]
    size = np.sqrt(integral(first, first, 16) * integral(second, second, 16))
    assert found == pytest.approx(integral(first, second, 50), abs=0.06 * size)  # of 8 of the 50 directions


def test_the_likeness_of_two_diagrams_does_not_depend_on_others():
    items = parts(positive(5), positive(12, 1), np.empty((0, 2)), positive(9, 2, 1e3), positive(7, 3, 1e-3))
    together = SlicedWasserstein().likeness(items)
    np.testing.assert_array_equal(together, together.T)
    np.testing.assert_allclose(SlicedWasserstein().likeness(items, items), together, rtol=1e-5)
    for i in range(5):
        for j in range(5):
            alone = SlicedWasserstein().likeness([items[i]], [items[j]])
            np.testing.assert_allclose(alone, together[i : i + 1, j : j + 1], rtol=1e-5, atol=1e-12)


def test_an_empty_diagram_is_like_nothing():
    empty, other = parts([], positive(4))
    assert SlicedWasserstein().likeness([empty, empty, other], [empty]).tolist() == [[0.0]] * 3
    assert SlicedWasserstein().likeness([empty, other]).shape == (2, 2)
    assert SlicedWasserstein().likeness([], []).shape == (0, 0)


@pytest.mark.parametrize("n_directions", [1, 3, 16, 50])
def test_the_likeness_is_symmetric_and_never_below_zero_of_itself_with_any_number_of_directions(n_directions):
    items = parts(positive(5), positive(12, 1), positive(9, 2), n_directions=n_directions)
    alike = SlicedWasserstein(n_directions).likeness(items)
    np.testing.assert_allclose(alike, alike.T, rtol=1e-6)
    assert (np.linalg.eigvalsh(alike) > -1e-6).all()
