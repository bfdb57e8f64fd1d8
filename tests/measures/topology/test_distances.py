"""What all distances between diagrams have in common: the properties of a distance, and how they are taken."""

import numpy as np
import pytest
from diagram_tools import INEXACT, INF, REFERENCE_NAMES, grid_diagrams, random_diagram, several_diagrams, with_essential
from diagram_tools import diagrams as any_diagrams
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from topocallback.measures import BettiCurve, Bottleneck, PersistenceImage, SlicedWasserstein, Wasserstein
from topocallback.measures.topology.distance import DiagramDistance

DISTANCES = (SlicedWasserstein, Wasserstein, Bottleneck)
every_distance = pytest.mark.parametrize("distance", DISTANCES)
any_distance = pytest.mark.parametrize("distance", [*DISTANCES, BettiCurve, PersistenceImage])
in_the_diagrams_units = pytest.mark.parametrize("distance", [*DISTANCES, BettiCurve])


def of_diagrams(distance, first, second, **options):
    return distance(**options).of_diagrams(first, second)


def matrix_of(measure, diagrams, n_threads=1):
    return measure.matrix([measure.prepare_diagram(np.reshape(bars, (-1, 2))) for bars in diagrams], n_threads)


def same_bars(first, second):
    return np.array_equal(*(bars[np.lexsort((bars[:, 1], bars[:, 0]))] for bars in (first, second)))


@pytest.mark.parametrize("dim", [0, 1])
@every_distance
def test_distances_between_real_diagrams_are_those_of_the_reference(real_diagrams, reference, distance, dim):
    found = matrix_of(distance(), real_diagrams[dim])
    np.testing.assert_allclose(found, reference[f"{REFERENCE_NAMES[distance.key]}_H{dim}"], rtol=1e-5, atol=0)


# -- Mathematical properties -----------------------------------------------------------------------------------------


@any_distance
@given(first=grid_diagrams(), second=grid_diagrams())
def test_distances_are_symmetric_and_at_least_zero(distance, first, second):
    forth, back = of_diagrams(distance, first, second), of_diagrams(distance, second, first)
    assert forth >= 0
    assert forth == pytest.approx(back, rel=2 * INEXACT, abs=1e-12)


@in_the_diagrams_units
@given(diagram=any_diagrams(max_bars=15, lowest=-300))
def test_distances_of_a_diagram_to_itself_are_zero(distance, diagram):
    assert of_diagrams(distance, diagram, diagram.copy()) == 0


@pytest.mark.parametrize("distance", [SlicedWasserstein, Bottleneck])
@given(first=grid_diagrams(), second=grid_diagrams())
def test_distances_are_zero_only_between_equal_diagrams(distance, first, second):
    assert (of_diagrams(distance, first, second) < 1e-9) == same_bars(first, second)


@every_distance
@given(first=grid_diagrams(), second=grid_diagrams(), third=grid_diagrams())
def test_distances_satisfy_the_triangle_inequality(distance, first, second, third):
    pairs = [(first, third), (first, second), (second, third)]
    direct, *detour = (of_diagrams(distance, a, b) for a, b in pairs)
    assert direct <= sum(detour) * (1 + 2 * INEXACT) + 1e-12


@every_distance
@given(first=grid_diagrams(), second=grid_diagrams(), random=st.randoms(use_true_random=False))
def test_the_order_of_the_bars_does_not_matter(distance, first, second, random):
    shuffled = np.array(random.sample(list(first), len(first))).reshape(-1, 2)
    expected = of_diagrams(distance, first, second)
    assert of_diagrams(distance, shuffled, second) == pytest.approx(expected, rel=2 * INEXACT, abs=1e-12)


@in_the_diagrams_units
@pytest.mark.parametrize("factor", [1e-30, 1e-6, 3.0, 1e6, 1e30])
@given(first=grid_diagrams(), second=grid_diagrams())
@settings(max_examples=30)
def test_distances_grow_with_the_diagrams(distance, factor, first, second):
    expected = factor * of_diagrams(distance, first, second)
    found = of_diagrams(distance, factor * first, factor * second)
    assert found == pytest.approx(expected, rel=2 * INEXACT, abs=1e-12 * factor)


@every_distance
@pytest.mark.parametrize("shift", [-7, 0.5, 1000])
@given(first=grid_diagrams(), second=grid_diagrams())
@settings(max_examples=30)
def test_moving_both_diagrams_along_the_diagonal_changes_no_distance(distance, shift, first, second):
    expected = of_diagrams(distance, first, second)
    assert of_diagrams(distance, first + shift, second + shift) == pytest.approx(expected, rel=2 * INEXACT, abs=1e-9)


@given(first=grid_diagrams(), second=grid_diagrams())
def test_distances_bound_each_other(first, second):
    by_order = [of_diagrams(Wasserstein, first, second, order=order, ground_norm=INF) for order in (1, 2, 4)]
    lower = [*by_order[1:], of_diagrams(Bottleneck, first, second)]
    assert all(small <= large * (1 + INEXACT) for small, large in zip(lower, by_order, strict=True))
    # Carriere, Cuturi and Oudot (2017), theorem 3.4.
    assert of_diagrams(SlicedWasserstein, first, second) <= 2 * np.sqrt(2) * by_order[0] * (1 + INEXACT)


# -- Essential classes -----------------------------------------------------------------------------------------------


@any_distance
@given(first=grid_diagrams(), second=grid_diagrams(), births=st.lists(st.integers(-9, 9), max_size=3))
def test_bars_of_length_zero_and_essential_classes_change_no_distance(distance, first, second, births):
    added = [*[(birth, birth) for birth in births], *[(birth, INF) for birth in births]]
    extended = np.concatenate([first, np.reshape(added, (-1, 2))])
    assert of_diagrams(distance, extended, second) == of_diagrams(distance, first, second)


@any_distance
def test_essential_classes_are_left_out_by_default(distance):
    measure = distance()
    assert measure.of_diagrams([(0, INF)], []) == 0
    together = measure.of_diagrams([(0, INF), (5, INF), (0, 1)], [(0, 2), (3, INF)])
    assert together == measure.of_diagrams([(0, 1)], [(0, 2)])


@every_distance
@given(first=grid_diagrams(3), second=grid_diagrams(3), counts=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_diagrams_with_different_numbers_of_essential_classes_are_infinitely_far_apart(distance, first, second, counts):
    assume(counts[0] != counts[1])
    first, second = (with_essential(bars, [0] * count) for bars, count in zip((first, second), counts, strict=True))
    assert of_diagrams(distance, first, second, essential=True) == INF


@every_distance
def test_matched_essential_classes_of_equal_births_add_nothing(distance):
    expected = of_diagrams(distance, [(0, 1)], [(0, 2)])
    found = of_diagrams(distance, [(0, INF), (0, 1)], [(0, 2), (0, INF)], essential=True)
    assert found == pytest.approx(expected, rel=INEXACT)


@every_distance
def test_without_essential_classes_asking_for_them_changes_nothing(distance):
    pair = random_diagram(6), random_diagram(4, seed=1)
    assert of_diagrams(distance, *pair, essential=True) == of_diagrams(distance, *pair)


# -- Options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "measure",
    [
        SlicedWasserstein(n_directions=3),
        SlicedWasserstein(essential=True),
        Wasserstein(order=3.0),
        Wasserstein(ground_norm=1.0),
        Wasserstein(essential=True),
        Bottleneck(tolerance=0.5),
        Bottleneck(essential=True),
    ],
    ids=lambda measure: measure.name,
)
def test_every_option_counts(measure):
    pair = with_essential(random_diagram(30), [0]), with_essential(random_diagram(20, seed=1), [9])
    assert measure.of_diagrams(*pair) != type(measure)().of_diagrams(*pair)


# -- How they are taken ----------------------------------------------------------------------------------------------


@any_distance
def test_comparing_prepared_diagrams_is_comparing_diagrams(distance):
    measure, pair = distance(), (random_diagram(9), random_diagram(5, seed=1))
    prepared = [measure.prepare_diagram(bars) for bars in pair]
    assert [measure.between(*prepared) for _ in range(2)] == [measure.of_diagrams(*pair)] * 2


@any_distance
def test_diagrams_may_be_lists_and_are_left_as_they_were(distance):
    first, second = random_diagram(9)[::-1].copy(), random_diagram(5, seed=1)
    before = first.copy(), second.copy()
    expected = of_diagrams(distance, first, second)
    np.testing.assert_array_equal(first, before[0])
    np.testing.assert_array_equal(second, before[1])
    assert of_diagrams(distance, first.tolist(), second.tolist()) == expected


@any_distance
def test_a_matrix_holds_the_distances_of_all_pairs(distance):
    items = several_diagrams()
    found = matrix_of(distance(), items)
    expected = [[0 if a is b else of_diagrams(distance, a, b) for b in items] for a in items]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=2 * INEXACT)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diagonal(found), 0)


@any_distance
@pytest.mark.parametrize("n_threads", [2, 3, 16])
def test_threads_change_no_matrix(distance, n_threads):
    items = several_diagrams()
    np.testing.assert_array_equal(matrix_of(distance(), items, n_threads), matrix_of(distance(), items))


@any_distance
def test_no_diagrams_have_no_distances(distance):
    assert matrix_of(distance(), []).shape == (0, 0)
    np.testing.assert_array_equal(matrix_of(distance(), [[(0, 1)]], n_threads=4), [[0]])


def test_a_distance_of_ones_own_gets_the_bars_that_die_unless_it_prepares_for_itself():
    class CountDifference(DiagramDistance):
        def between(self, first, second):
            return abs(len(first) - len(second))

    class FirstBirth(DiagramDistance):
        def prepare_diagram(self, diagram):
            return diagram[0, 0]

        def between(self, first, second):
            return abs(first - second)

    assert CountDifference().of_diagrams([(0, 1), (0, INF), (1, 1), (2, 3)], [(0, INF)]) == 2
    assert FirstBirth().of_diagrams([(3, INF)], [(5, 6)]) == 2


# -- Bad input -------------------------------------------------------------------------------------------------------


@any_distance
def test_distances_refuse_what_is_not_a_diagram(distance):
    good = [(0, 1), (0, INF)]
    for bad in ([(0, 1, 2)], [(0, np.nan)], [(2, 1)], [(0, 1), (2, 1)], [(INF, INF)], [(-INF, 1)], [(1, -INF)]):
        for name, pair in {"first": (bad, good), "second": (good, bad)}.items():
            with pytest.raises(ValueError, match=f"Expected `{name}` to "):
                of_diagrams(distance, *pair)


@in_the_diagrams_units
def test_a_mirrored_diagram_of_superlevel_sets_has_the_distances_of_its_mirror_image(distance):
    first, second = random_diagram(6), random_diagram(4, seed=1)
    mirrored = [-bars[:, ::-1] for bars in (first, second)]  # births are now negative deaths
    assert of_diagrams(distance, *mirrored) == pytest.approx(of_diagrams(distance, first, second))


def test_a_distance_that_is_not_finished_says_what_it_lacks():
    class Empty(DiagramDistance):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no `between`"):
        Empty().of_diagrams([], [])
