"""Distances between diagrams and their statistics, against persim, Hera, linear assignment and known values."""

import json
import subprocess
import sys

import gudhi.hera
import numpy as np
import persim
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from scipy.stats import entropy

from topocallback.measures.topology.diagrams import (
    DISTANCES,
    DiagramDistance,
    betti_curve,
    bottleneck,
    diagram_statistics,
    essential_births,
    finite_bars,
    paired_distances,
    pairwise_distances,
    resolve_distance,
    sliced_wasserstein,
    wasserstein,
)
from topocallback.measures.topology.rips import distance_matrix, rips_diagrams

INF = np.inf
FUNCTIONS = {"sliced_wasserstein": sliced_wasserstein, "wasserstein": wasserstein, "bottleneck": bottleneck}
REFERENCE_NAMES = {
    "sliced_wasserstein": "sliced_wasserstein_M50",
    "wasserstein": "wasserstein_order1_internal2",
    "bottleneck": "bottleneck",
}
every_distance = pytest.mark.parametrize("distance", DISTANCES)
both_matchings = pytest.mark.parametrize("distance", ["wasserstein", "bottleneck"])

# Rounding in sums over all bars.
INEXACT = 1e-9

NOT_DIAGRAMS = {
    "a vector": [1.0, 2.0],
    "three columns": [[1.0, 2.0, 3.0]],
    "one column": [[1.0], [2.0]],
    "three axes": np.zeros((2, 2, 2)),
    "a number": 5.0,
}


def random_diagram(n, seed=0):
    rng = np.random.default_rng(seed)
    births = rng.normal(size=n)
    return np.stack([births, births + rng.exponential(size=n)], axis=1)


def diagrams(max_bars=8, lowest=0.0):
    """Diagrams of finite bars, some of length zero, in any order."""
    bar = st.tuples(st.floats(lowest, 100, width=32), st.floats(0, 100, width=32)).map(lambda bar: (bar[0], sum(bar)))
    return st.lists(bar, max_size=max_bars).map(lambda bars: np.reshape(np.array(bars, dtype=np.float64), (-1, 2)))


def grid_diagrams(max_bars=6):
    """Diagrams of small integers: many bars in common, and two different ones are at a distance of at least 1/2."""
    bar = st.tuples(st.integers(-8, 8), st.integers(1, 8)).map(lambda bar: (bar[0], sum(bar)))
    return st.lists(bar, max_size=max_bars).map(lambda bars: np.reshape(np.array(bars, dtype=np.float64), (-1, 2)))


def sorted_rows(bars):
    return bars[np.lexsort((bars[:, 1], bars[:, 0]))]


def same_bars(first, second):
    return np.array_equal(sorted_rows(first), sorted_rows(second))


def magnitude(*items):
    """An upper bound for the distances of the diagrams, to measure rounding errors against."""
    return sum(np.abs(bars).sum() for bars in items)


def sliced_wasserstein_by_the_formula(first, second, n_directions):
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


def wasserstein_by_assignment(first, second, order, ground_norm):
    """The optimal assignment of bars to bars or to the diagonal, by SciPy."""
    n, m = len(first), len(second)
    costs = np.zeros((n + m, n + m))
    to_diagonal = [(bars[:, 1] - bars[:, 0]) / 2 * 2 ** (1 / ground_norm) for bars in (first, second)]
    costs[:n, m:] = to_diagonal[0][:, None]
    costs[n:, :m] = to_diagonal[1][None, :]
    if n and m:
        norm = ("chebyshev",) if ground_norm == INF else ("minkowski",)
        options = {} if ground_norm == INF else {"p": ground_norm}
        costs[:n, :m] = cdist(first, second, *norm, **options)
    rows, columns = linear_sum_assignment(costs**order)
    return (costs[rows, columns] ** order).sum() ** (1 / order)


# --- finite_bars and essential_births ----------------------------------------------------------------------------


def test_finite_bars_are_those_that_die_and_have_a_length():
    bars = [(0, 1), (2, 2), (0, INF), (-INF, INF), (-INF, 3), (5, 4), (-2, -1)]
    np.testing.assert_array_equal(finite_bars(bars), [[0, 1], [-2, -1]])


def test_essential_births_are_those_of_the_bars_that_never_die_in_ascending_order():
    np.testing.assert_array_equal(essential_births([(0.5, INF), (0, 1), (-1, INF), (0.25, INF)]), [-1, 0.25, 0.5])


@pytest.mark.parametrize("bar", [(INF, INF), (1.0, -INF)])
def test_a_bar_without_a_length_is_not_essential(bar):
    assert len(essential_births([bar])) == 0
    assert sliced_wasserstein([bar], [], essential=True) == 0
    assert bottleneck([bar], [], essential=True) == 0


@pytest.mark.parametrize("empty", [[], (), np.empty((0, 2)), np.empty(0)])
def test_empty_diagrams_have_no_bars(empty):
    assert finite_bars(empty).shape == (0, 2)
    assert essential_births(empty).shape == (0,)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
def test_bars_are_returned_in_double_precision(dtype):
    diagram = np.array([(0, 1), (2, 5)], dtype=dtype)
    assert finite_bars(diagram).dtype == np.float64
    np.testing.assert_array_equal(finite_bars(diagram), diagram)


@pytest.mark.parametrize("function", [finite_bars, essential_births, diagram_statistics, lambda d: betti_curve(d, [0])])
@pytest.mark.parametrize("diagram", NOT_DIAGRAMS.values(), ids=NOT_DIAGRAMS)
def test_functions_of_one_diagram_refuse_what_is_not_a_diagram(function, diagram):
    with pytest.raises(ValueError, match=r"Expected a diagram of shape \(bars, 2\), got \("):
        function(diagram)


@pytest.mark.parametrize("function", [finite_bars, essential_births, diagram_statistics, lambda d: betti_curve(d, [0])])
@pytest.mark.parametrize("bar", [(np.nan, 1), (0, np.nan), (np.nan, INF)])
def test_functions_of_one_diagram_refuse_nan(function, bar):
    with pytest.raises(ValueError, match="Expected a diagram without NaN"):
        function([(0, 1), bar])


# --- distances: reference values ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_diagrams(reference_clouds):
    """H0 and H1 diagrams of the reference clouds in activations' units, one list per homology dimension."""
    found = [rips_diagrams(distance_matrix(cloud), (0, 1)) for cloud in reference_clouds.values()]
    return list(zip(*found, strict=True))


@pytest.mark.parametrize("dim", [0, 1])
@every_distance
def test_distances_between_real_diagrams_are_those_of_the_reference(real_diagrams, reference, distance, dim):
    found = pairwise_distances(real_diagrams[dim], resolve_distance(distance))
    np.testing.assert_allclose(found, reference[f"{REFERENCE_NAMES[distance]}_H{dim}"], rtol=1e-5, atol=0)


@pytest.mark.parametrize("dim", [0, 1])
def test_sliced_wasserstein_of_real_diagrams_is_persims(real_diagrams, dim):
    first, second = (finite_bars(real_diagrams[dim][layer]) for layer in (2, 10))
    assert sliced_wasserstein(first, second) == pytest.approx(persim.sliced_wasserstein(first, second, M=50), rel=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([(0, 1)], [(0, 2)], 0.794465),
        ([(0, 1)], [], 0.450232),
        ([(0, 1), (0.5, 2)], [(0.1, 1.1)], 0.792020),
        ([], [], 0),
    ],
)
def test_sliced_wasserstein_has_the_published_small_values(first, second, expected):
    assert sliced_wasserstein(first, second) == pytest.approx(expected, abs=5e-7)
    assert sliced_wasserstein(second, first) == pytest.approx(expected, abs=5e-7)


def test_sliced_wasserstein_of_a_bar_and_nothing_tends_to_the_root_of_two_over_pi():
    limit = np.sqrt(2) / np.pi
    errors = [abs(sliced_wasserstein([(0, 1)], [], n_directions=m) - limit) for m in (50, 500, 50_000)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9


@pytest.mark.parametrize("ground_norm", [1, 1.5, 2, INF])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_wasserstein_of_a_bar_and_nothing_is_its_distance_from_the_diagonal(order, ground_norm):
    expected = 3 / 2 * 2 ** (1 / ground_norm)
    assert wasserstein([(1, 4)], [], order=order, ground_norm=ground_norm) == pytest.approx(expected, rel=INEXACT)


def test_bottleneck_of_a_bar_and_nothing_is_half_its_length():
    assert bottleneck([(1, 4)], []) == 1.5


@pytest.mark.parametrize(("order", "expected"), [(1, 2), (2, np.sqrt(2)), (4, 2 ** (1 / 4))])
def test_wasserstein_adds_powers_of_the_moves(order, expected):
    found = wasserstein([(0, 9), (20, 39)], [(0, 10), (20, 40)], order=order)
    assert found == pytest.approx(expected, rel=INEXACT)


def test_bottleneck_is_the_largest_move():
    assert bottleneck([(0, 9), (20, 39)], [(0, 10), (20, 42)]) == 3


# --- distances: against other software ---------------------------------------------------------------------------


@given(first=diagrams(), second=diagrams())
def test_sliced_wasserstein_is_persims(first, second):
    # persim's directions have single precision.
    expected = persim.sliced_wasserstein(first, second, M=50)
    assert sliced_wasserstein(first, second) == pytest.approx(expected, abs=1e-6 * magnitude(first, second))


@given(first=diagrams(lowest=-300), second=diagrams(lowest=-300), n_directions=st.integers(1, 9))
def test_sliced_wasserstein_is_the_formula_even_below_zero(first, second, n_directions):
    expected = sliced_wasserstein_by_the_formula(first, second, n_directions)
    found = sliced_wasserstein(first, second, n_directions=n_directions)
    assert found == pytest.approx(expected, abs=1e-13 * magnitude(first, second))


@pytest.mark.parametrize("n_directions", [1, 2, 7, 50, 100])
def test_the_number_of_directions_is_persims(n_directions):
    first, second = np.abs(random_diagram(20)), np.abs(random_diagram(30, seed=1))
    first, second = np.sort(first, axis=1), np.sort(second, axis=1)
    expected = persim.sliced_wasserstein(first, second, M=n_directions)
    assert sliced_wasserstein(first, second, n_directions=n_directions) == pytest.approx(expected, rel=1e-6)


@given(first=diagrams(), second=diagrams())
def test_bottleneck_is_persims(first, second):
    expected = persim.bottleneck(finite_bars(first), finite_bars(second))
    assert bottleneck(first, second) == pytest.approx(expected, abs=1e-12 * magnitude(first, second))


@given(first=grid_diagrams(), second=grid_diagrams())
def test_bottleneck_is_persims_on_diagrams_with_many_ties(first, second):
    assert bottleneck(first, second) == persim.bottleneck(first, second)


@pytest.mark.parametrize("ground_norm", [1, 2, INF])
@pytest.mark.parametrize("order", [1, 2, 3])
@given(first=grid_diagrams(), second=grid_diagrams())
@settings(max_examples=40)
def test_wasserstein_is_the_optimal_assignment(order, ground_norm, first, second):
    expected = wasserstein_by_assignment(first, second, order, ground_norm)
    found = wasserstein(first, second, order=order, ground_norm=ground_norm)
    assert found == pytest.approx(expected, rel=INEXACT)


@pytest.mark.parametrize("n_bars", [(1, 1), (5, 0), (40, 60), (200, 150)])
def test_matchings_are_heras_called_directly(n_bars):
    first, second = random_diagram(n_bars[0]), random_diagram(n_bars[1], seed=1)
    expected = gudhi.hera.wasserstein_distance(first, second, order=2, internal_p=INF, delta=1e-3)
    found = wasserstein(first, second, order=2, ground_norm=INF)
    assert found == pytest.approx(expected, rel=2e-3)
    expected = gudhi.hera.wasserstein_distance(first, second, order=1, internal_p=2, delta=1e-6)
    assert wasserstein(first, second) == pytest.approx(expected, rel=2e-6)
    expected = gudhi.hera.bottleneck_distance(first, second, delta=0.0)
    assert bottleneck(first, second) == pytest.approx(expected, rel=1e-12)


def test_a_bottleneck_tolerance_bounds_the_relative_error():
    first, second = random_diagram(200), random_diagram(150, seed=1)
    assert bottleneck(first, second, tolerance=0.1) == pytest.approx(bottleneck(first, second), rel=0.1)


NEARLY_EQUAL = """
import json, sys
import numpy as np
from topocallback.measures.topology.diagrams import wasserstein
rng = np.random.default_rng(0)
births = rng.normal(size=8)
bars = np.stack([births, births + rng.exponential(size=8)], axis=1)
others = {
    "the same bars in reverse": bars[::-1],
    "bars that differ by rounding": bars * (1 + 1e-16 * rng.normal(size=bars.shape)),
    "bars that differ in single precision": bars.astype(np.float32),
    "bars that differ by 1e-10": bars + 1e-10 * rng.normal(size=bars.shape),
    "a further bar of length 1e-8": np.concatenate([bars, [(0, 1e-8)]]),
}
for order in (1, 2):
    for name, other in others.items():
        print(json.dumps([order, name, wasserstein(bars, other, order=order)]), flush=True)
"""


def test_wasserstein_of_nearly_equal_diagrams_is_found_and_nearly_zero(pytestconfig):
    """In a process of its own, so that a search that never ends fails this test alone: found, it takes milliseconds."""
    with subprocess.Popen(
        [sys.executable, "-c", NEARLY_EQUAL], cwd=pytestconfig.rootpath, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
    found = [json.loads(line) for line in output.splitlines()]
    assert len(found) == 10, f"The search after {found[-1:]} did not end."
    assert all(0 <= value < 1e-5 for _, _, value in found)


# --- distances: mathematical properties --------------------------------------------------------------------------


@every_distance
@given(first=grid_diagrams(), second=grid_diagrams())
def test_distances_are_symmetric_and_at_least_zero(distance, first, second):
    forth, back = FUNCTIONS[distance](first, second), FUNCTIONS[distance](second, first)
    assert forth >= 0
    assert forth == pytest.approx(back, rel=2 * INEXACT, abs=1e-12)


@every_distance
@given(diagram=diagrams(max_bars=15, lowest=-300))
def test_distances_of_a_diagram_to_itself_are_zero(distance, diagram):
    assert FUNCTIONS[distance](diagram, diagram.copy()) == 0


@pytest.mark.parametrize("distance", ["sliced_wasserstein", "bottleneck"])
@given(first=grid_diagrams(), second=grid_diagrams())
def test_distances_are_zero_only_between_equal_diagrams(distance, first, second):
    assert (FUNCTIONS[distance](first, second) < 1e-9) == same_bars(first, second)


@every_distance
@given(first=grid_diagrams(), second=grid_diagrams(), third=grid_diagrams())
def test_distances_satisfy_the_triangle_inequality(distance, first, second, third):
    pairs = [(first, third), (first, second), (second, third)]
    direct, *detour = (FUNCTIONS[distance](a, b) for a, b in pairs)
    assert direct <= sum(detour) * (1 + 2 * INEXACT) + 1e-12


@every_distance
@given(first=grid_diagrams(), second=grid_diagrams(), random=st.randoms(use_true_random=False))
def test_the_order_of_the_bars_does_not_matter(distance, first, second, random):
    shuffled = np.array(random.sample(list(first), len(first))).reshape(-1, 2)
    expected = FUNCTIONS[distance](first, second)
    assert FUNCTIONS[distance](shuffled, second) == pytest.approx(expected, rel=2 * INEXACT, abs=1e-12)


@every_distance
@pytest.mark.parametrize("factor", [1e-30, 1e-6, 3.0, 1e6, 1e30])
@given(first=grid_diagrams(), second=grid_diagrams())
@settings(max_examples=30)
def test_distances_grow_with_the_diagrams(distance, factor, first, second):
    expected = factor * FUNCTIONS[distance](first, second)
    found = FUNCTIONS[distance](factor * first, factor * second)
    assert found == pytest.approx(expected, rel=2 * INEXACT, abs=1e-12 * factor)


@every_distance
@pytest.mark.parametrize("shift", [-7, 0.5, 1000])
@given(first=grid_diagrams(), second=grid_diagrams())
@settings(max_examples=30)
def test_moving_both_diagrams_along_the_diagonal_changes_no_distance(distance, shift, first, second):
    expected = FUNCTIONS[distance](first, second)
    assert FUNCTIONS[distance](first + shift, second + shift) == pytest.approx(expected, rel=2 * INEXACT, abs=1e-9)


@every_distance
@given(first=grid_diagrams(), second=grid_diagrams(), births=st.lists(st.integers(-9, 9), max_size=3))
def test_bars_of_length_zero_and_essential_classes_change_no_distance(distance, first, second, births):
    added = [*[(birth, birth) for birth in births], *[(birth, INF) for birth in births]]
    extended = np.concatenate([first, np.reshape(added, (-1, 2))])
    assert FUNCTIONS[distance](extended, second) == FUNCTIONS[distance](first, second)


@given(first=grid_diagrams(), second=grid_diagrams())
def test_distances_bound_each_other(first, second):
    by_order = [wasserstein(first, second, order=order, ground_norm=INF) for order in (1, 2, 4)]
    lower = [*by_order[1:], bottleneck(first, second)]
    assert all(small <= large * (1 + INEXACT) for small, large in zip(lower, by_order, strict=True))
    # Carriere, Cuturi and Oudot (2017), theorem 3.4.
    assert sliced_wasserstein(first, second) <= 2 * np.sqrt(2) * by_order[0] * (1 + INEXACT)


@pytest.mark.parametrize("distance", ["sliced_wasserstein", "wasserstein"])
def test_distances_of_diagrams_far_apart_from_each_other_add_up(distance):
    near = random_diagram(10), random_diagram(12, seed=1)
    far = random_diagram(7, seed=2) + 1e4, random_diagram(9, seed=3) + 1e4
    together = FUNCTIONS[distance](np.concatenate([near[0], far[0]]), np.concatenate([near[1], far[1]]))
    if distance == "wasserstein":
        assert together == pytest.approx(wasserstein(*near) + wasserstein(*far), rel=3 * INEXACT)
    else:  # Along each direction a bar of one part may pass the other part, which only shortens the way.
        assert together <= sliced_wasserstein(*near) + sliced_wasserstein(*far) + 1e-9


# --- distances: essential classes --------------------------------------------------------------------------------


@every_distance
def test_essential_classes_are_left_out_by_default(distance):
    measure = FUNCTIONS[distance]
    assert measure([(0, INF)], []) == 0
    assert measure([(0, INF), (5, INF), (0, 1)], [(0, 2), (3, INF)]) == measure([(0, 1)], [(0, 2)])


@every_distance
@given(first=grid_diagrams(3), second=grid_diagrams(3), counts=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_diagrams_with_different_numbers_of_essential_classes_are_infinitely_far_apart(distance, first, second, counts):
    assume(counts[0] != counts[1])
    first, second = (
        np.concatenate([bars, np.reshape([(0, INF)] * count, (-1, 2))])
        for bars, count in zip((first, second), counts, strict=True)
    )
    assert FUNCTIONS[distance](first, second, essential=True) == INF


@pytest.mark.parametrize(
    ("distance", "options", "combine"),
    [
        ("sliced_wasserstein", {}, lambda finite, moves: finite + sum(moves)),
        ("wasserstein", {"order": 1}, lambda finite, moves: finite + sum(moves)),
        ("wasserstein", {"order": 2}, lambda finite, moves: (finite**2 + sum(m**2 for m in moves)) ** 0.5),
        ("bottleneck", {}, lambda finite, moves: max(finite, *moves)),
    ],
)
def test_essential_classes_are_matched_by_their_births_in_order(distance, options, combine):
    measure = FUNCTIONS[distance]
    first, second = random_diagram(5), random_diagram(7, seed=1)
    finite = measure(first, second, **options)
    first = np.concatenate([[(3.0, INF)], first, [(0.5, INF)]])
    second = np.concatenate([second, [(1.0, INF), (3.25, INF)]])
    found = measure(first, second, essential=True, **options)
    assert found == pytest.approx(combine(finite, [0.5, 0.25]), rel=INEXACT)


@both_matchings
def test_matched_essential_classes_are_heras(distance):
    first = np.concatenate([random_diagram(5), [(0.3, INF), (2.0, INF)]])
    second = np.concatenate([random_diagram(4, seed=1), [(2.5, INF), (0.1, INF)]])
    expected = {
        "wasserstein": lambda: gudhi.hera.wasserstein_distance(first, second, order=1, internal_p=2, delta=1e-6),
        "bottleneck": lambda: gudhi.hera.bottleneck_distance(first, second, delta=0.0),
    }[distance]()
    assert FUNCTIONS[distance](first, second, essential=True) == pytest.approx(expected, rel=2 * INEXACT)


@every_distance
def test_matched_essential_classes_of_equal_births_add_nothing(distance):
    first, second = [(0, INF), (0, 1)], [(0, 2), (0, INF)]
    expected = FUNCTIONS[distance]([(0, 1)], [(0, 2)])
    assert FUNCTIONS[distance](first, second, essential=True) == pytest.approx(expected, rel=INEXACT)


@every_distance
def test_without_essential_classes_asking_for_them_changes_nothing(distance):
    first, second = random_diagram(6), random_diagram(4, seed=1)
    assert FUNCTIONS[distance](first, second, essential=True) == FUNCTIONS[distance](first, second)


# --- resolve_distance --------------------------------------------------------------------------------------------


@every_distance
def test_a_name_stands_for_the_function_of_that_name(distance):
    resolved = resolve_distance(distance)
    assert isinstance(resolved, DiagramDistance)
    assert resolved.name == distance
    first, second = random_diagram(9), random_diagram(5, seed=1)
    assert resolved(first, second) == FUNCTIONS[distance](first, second)


@pytest.mark.parametrize(
    ("distance", "options"),
    [
        ("sliced_wasserstein", {"n_directions": 3}),
        ("sliced_wasserstein", {"essential": True}),
        ("wasserstein", {"order": 3.0, "ground_norm": 1.0}),
        ("wasserstein", {"essential": True}),
        ("bottleneck", {"tolerance": 0.5}),
        ("bottleneck", {"essential": True}),
    ],
)
def test_options_are_those_of_the_function_of_that_name(distance, options):
    first = np.concatenate([random_diagram(30), [(0, INF)]])
    second = np.concatenate([random_diagram(20, seed=1), [(9, INF)]])
    found = resolve_distance(distance, **options)(first, second)
    assert found == FUNCTIONS[distance](first, second, **options)
    assert found != FUNCTIONS[distance](first, second)


@every_distance
def test_comparing_prepared_diagrams_is_comparing_diagrams(distance):
    resolved = resolve_distance(distance)
    first, second = random_diagram(9), random_diagram(5, seed=1)
    prepared = resolved.prepare(first), resolved.prepare(second)
    assert [resolved.between(*prepared) for _ in range(2)] == [resolved(first, second)] * 2


@every_distance
def test_diagrams_may_be_lists_and_are_left_as_they_were(distance):
    first, second = random_diagram(9)[::-1].copy(), random_diagram(5, seed=1)
    before = first.copy(), second.copy()
    expected = resolve_distance(distance)(first, second)
    np.testing.assert_array_equal(first, before[0])
    np.testing.assert_array_equal(second, before[1])
    assert resolve_distance(distance)(first.tolist(), second.tolist()) == expected


def count_difference(first, second):
    return abs(len(first) - len(second))


def test_a_function_becomes_a_distance_of_diagrams_without_infinite_bars():
    resolved = resolve_distance(count_difference)
    assert resolved.name == "count_difference"
    assert resolved([(0, 1), (0, INF), (1, 1), (2, 3)], [(0, INF)]) == 2


def test_a_callable_object_is_named_by_its_class():
    class LongestBar:
        def __call__(self, first, second):
            return abs(np.ptp(first) - np.ptp(second))

    resolved = resolve_distance(LongestBar())
    assert resolved.name == "LongestBar"
    assert resolved([(0, 1)], [(0, 3)]) == 2


def test_a_distance_stands_for_itself():
    distance = DiagramDistance("first birth", lambda bars: bars[0, 0], lambda a, b: abs(a - b))
    assert resolve_distance(distance) is distance
    assert distance([(3, 4)], [(5, 6)]) == 2


@pytest.mark.parametrize("distance", [count_difference, DiagramDistance("none", finite_bars, count_difference)])
def test_options_of_a_distance_that_has_none_are_refused(distance):
    with pytest.raises(TypeError, match="n_directions"):
        resolve_distance(distance, n_directions=3)


@pytest.mark.parametrize("name", ["heat kernel", "", "Bottleneck"])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    known = r"Expected `distance` to be one of \('sliced_wasserstein', 'wasserstein', 'bottleneck'\) or a callable"
    with pytest.raises(ValueError, match=f"{known}, got {name!r}"):
        resolve_distance(name)


@pytest.mark.parametrize("distance", [None, 2, ["bottleneck"]])
def test_what_is_neither_a_name_nor_callable_is_refused(distance):
    with pytest.raises(TypeError, match=r"Expected `distance` to be one of \(.*\) or a callable, got"):
        resolve_distance(distance)


@pytest.mark.parametrize(
    ("distance", "options", "message"),
    [
        ("sliced_wasserstein", {"n_directions": 0}, "`n_directions` to be an integer of at least 1, got 0"),
        ("sliced_wasserstein", {"n_directions": -5}, "`n_directions` to be an integer of at least 1, got -5"),
        (
            "sliced_wasserstein",
            {"n_directions": 2.5},
            "`n_directions` to be an integer of at least 1, got 2.5",
        ),
        ("wasserstein", {"order": 0.5}, "Expected `order` to be finite and at least 1, got 0.5. Use 'bottleneck'"),
        ("wasserstein", {"order": INF}, "Expected `order` to be finite and at least 1, got inf. Use 'bottleneck'"),
        ("wasserstein", {"order": np.nan}, "Expected `order` to be finite and at least 1, got nan"),
        ("wasserstein", {"ground_norm": 0.5}, "Expected `ground_norm` to be at least 1, got 0.5"),
        ("wasserstein", {"ground_norm": np.nan}, "Expected `ground_norm` to be at least 1, got nan"),
        ("bottleneck", {"tolerance": -0.1}, "Expected `tolerance` to be at least 0, got -0.1"),
        ("bottleneck", {"tolerance": np.nan}, "Expected `tolerance` to be at least 0, got nan"),
    ],
)
def test_options_out_of_their_range_are_refused(distance, options, message):
    with pytest.raises(ValueError, match=message):
        FUNCTIONS[distance]([(0, 1)], [(0, 2)], **options)
    with pytest.raises(ValueError, match=message):
        resolve_distance(distance, **options)


@every_distance
def test_options_a_distance_does_not_have_are_refused(distance):
    with pytest.raises(TypeError, match="unexpected keyword argument 'bandwidth'"):
        resolve_distance(distance, bandwidth=1.0)


@every_distance
@pytest.mark.parametrize("diagram", NOT_DIAGRAMS.values(), ids=NOT_DIAGRAMS)
def test_distances_refuse_what_is_not_a_diagram(distance, diagram):
    for pair in [(diagram, []), ([], diagram)]:
        with pytest.raises(ValueError, match=r"Expected a diagram of shape \(bars, 2\), got \("):
            FUNCTIONS[distance](*pair)


@every_distance
def test_distances_refuse_nan(distance):
    for pair in [([(0, np.nan)], []), ([(0, 1)], [(np.nan, 1)])]:
        with pytest.raises(ValueError, match="Expected a diagram without NaN"):
            FUNCTIONS[distance](*pair)


@pytest.mark.parametrize("missing", ["gudhi", "gudhi.hera"])
def test_without_hera_the_bottleneck_distance_says_how_to_install_it(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModuleNotFoundError, match=r"needs Hera, .*: pip install 'topocallback\[gudhi\]'"):
        resolve_distance("bottleneck")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'topocallback\[gudhi\]'"):
        bottleneck([(0, 1)], [])


def test_the_other_distances_need_no_hera(monkeypatch):
    for name in ("gudhi", "gudhi.hera"):
        monkeypatch.setitem(sys.modules, name, None)
    assert wasserstein([(0, 1)], [(0, 2)]) == 1
    assert sliced_wasserstein([(0, 1)], [(0, 2)]) == pytest.approx(0.794465, abs=5e-7)


# --- many diagrams -----------------------------------------------------------------------------------------------


def several_diagrams():
    """Of different sizes, one of them empty and one with an essential class."""
    return [random_diagram(n, seed=n) for n in (8, 0, 3, 12, 1, 20)] + [np.array([(0, 1), (0, INF)])]


@every_distance
def test_pairwise_distances_are_the_distances_of_all_pairs(distance):
    items = several_diagrams()
    found = pairwise_distances(items, resolve_distance(distance))
    expected = [[0 if a is b else FUNCTIONS[distance](a, b) for b in items] for a in items]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=2 * INEXACT)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diagonal(found), 0)


@every_distance
@pytest.mark.parametrize("n_threads", [2, 3, 16])
def test_threads_change_no_pairwise_distance(distance, n_threads):
    items = several_diagrams()
    alone = pairwise_distances(items, resolve_distance(distance))
    np.testing.assert_array_equal(pairwise_distances(items, resolve_distance(distance), n_threads=n_threads), alone)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_error_in_a_thread_reaches_the_caller(n_threads):
    def fail(first, second):
        raise RuntimeError("no distance today")

    with pytest.raises(RuntimeError, match="no distance today"):
        pairwise_distances(several_diagrams(), resolve_distance(fail), n_threads=n_threads)


@every_distance
def test_diagrams_prepared_before_give_the_same_distances(distance):
    items, resolved = several_diagrams(), resolve_distance(distance)
    prepared = [resolved.prepare(item) for item in items]
    np.testing.assert_array_equal(
        pairwise_distances(prepared, resolved, prepared=True), pairwise_distances(items, resolved)
    )
    np.testing.assert_array_equal(
        paired_distances(prepared[1:], prepared[:-1], resolved, prepared=True),
        paired_distances(items[1:], items[:-1], resolved),
    )


def test_every_diagram_is_prepared_once():
    seen = []

    def prepare(bars):
        seen.append(len(bars))
        return bars

    items = several_diagrams()
    pairwise_distances(items, DiagramDistance("counts", prepare, count_difference))
    assert seen == [len(item) for item in items]


@every_distance
def test_paired_distances_are_the_diagonal_of_the_distances_across(distance):
    firsts, seconds = several_diagrams(), several_diagrams()[::-1]
    firsts[3] = random_diagram(12, seed=99)  # the middle one would meet itself
    resolved = resolve_distance(distance)
    across = pairwise_distances([*firsts, *seconds], resolved)[: len(firsts), len(firsts) :]
    found = paired_distances(firsts, seconds, resolved)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.diagonal(across), rtol=2 * INEXACT)


@pytest.mark.parametrize("distance", [*DISTANCES, count_difference])
def test_no_diagrams_have_no_distances(distance):
    assert pairwise_distances([], resolve_distance(distance)).shape == (0, 0)
    assert paired_distances([], [], resolve_distance(distance)).shape == (0,)
    np.testing.assert_array_equal(pairwise_distances([[(0, 1)]], resolve_distance(distance), n_threads=4), [[0]])


def test_a_function_of_ones_own_gives_pairwise_and_paired_distances():
    items = [random_diagram(n) for n in (2, 5, 9)]
    distance = resolve_distance(count_difference)
    np.testing.assert_array_equal(pairwise_distances(items, distance), [[0, 3, 7], [3, 0, 4], [7, 4, 0]])
    np.testing.assert_array_equal(paired_distances(items, items[::-1], distance), [7, 0, 7])


@every_distance
def test_many_diagrams_are_refused_if_one_is_none(distance):
    resolved = resolve_distance(distance)
    with pytest.raises(ValueError, match=r"Expected a diagram of shape \(bars, 2\)"):
        pairwise_distances([[(0, 1)], [(0, 1, 2)]], resolved)
    with pytest.raises(ValueError, match="Expected a diagram without NaN"):
        paired_distances([[(0, 1)]], [[(0, np.nan)]], resolved)


def test_lists_of_different_lengths_cannot_be_paired():
    with pytest.raises(ValueError, match="Expected as many diagrams on both sides, got 2 and 1"):
        paired_distances([[], []], [[]], resolve_distance("sliced_wasserstein"))


# --- statistics and Betti curves ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n_bars", [1, 2, 5, 64])
@pytest.mark.parametrize("length", [1e-30, 0.5, 1e30])
def test_equal_bars_have_the_entropy_of_their_number(n_bars, length):
    found = diagram_statistics([(0, length)] * n_bars)
    assert found == pytest.approx(
        {
            "bars": n_bars,
            "total_persistence": n_bars * length,
            "longest_bar": length,
            "persistent_entropy": np.log2(n_bars),
        },
        rel=1e-12,
    )


def test_statistics_have_their_analytic_values():
    found = diagram_statistics([(0, 1), (5, 6), (-3, -1), (7, 7), (0, INF)])
    assert found == {"bars": 3, "total_persistence": 4, "longest_bar": 2, "persistent_entropy": 1.5}


@pytest.mark.parametrize("diagram", [[], [(1, 1)], [(0, INF)], [(0, INF), (2, 2)]])
def test_statistics_of_a_diagram_without_finite_bars_are_zero(diagram):
    found = diagram_statistics(diagram)
    assert list(found) == ["bars", "total_persistence", "longest_bar", "persistent_entropy"]
    assert [str(value) for value in found.values()] == ["0.0"] * 4


@given(diagram=diagrams(max_bars=30, lowest=-300))
def test_statistics_are_those_of_the_bar_lengths(diagram):
    lengths = [death - birth for birth, death in diagram if death > birth]
    assume(lengths)
    found = diagram_statistics(diagram)
    assert found["bars"] == len(lengths)
    assert found["total_persistence"] == pytest.approx(sum(lengths), rel=1e-12)
    assert found["longest_bar"] == max(lengths)
    assert found["persistent_entropy"] == pytest.approx(entropy(lengths, base=2), rel=1e-9, abs=1e-12)
    assert 0 <= found["persistent_entropy"] <= np.log2(len(lengths)) + 1e-12


def test_the_smallest_and_the_largest_bars_together_have_a_finite_entropy():
    assert diagram_statistics([(0, 5e-324), (0, 1e300)])["persistent_entropy"] == pytest.approx(0, abs=1e-12)


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
