"""Tables of results: what they say of every pair, and which one a question is asked of."""

import numpy as np
import pytest

from topocallback.records.results import (
    Description,
    DistanceTable,
    LayerDistances,
    Results,
    StatisticTable,
    UnknownResultError,
)

nan, inf = np.nan, np.inf
UNPAIRED, PAIRED = Description("sliced_wasserstein", 1), Description("procrustes", None, paired=True)
MATRIX = np.array([[0.0, 3.0, 8.0], [3.0, 0.0, 6.0], [8.0, 6.0, 0.0]])


# -- Distances -------------------------------------------------------------------------------------------------------


def test_the_noise_of_a_pair_is_the_mean_of_both_points_and_on_the_diagonal_the_points_own():
    table = DistanceTable(UNPAIRED, MATRIX, np.array([1.0, 2.0, 6.0]))
    assert table.pair_noise.tolist() == [[1, 1.5, 3.5], [1.5, 2, 4], [3.5, 4, 6]]
    np.testing.assert_allclose(table.times_noise, [[0, 2, 16 / 7], [2, 0, 1.5], [16 / 7, 1.5, 0]])


def test_the_noise_of_a_paired_distance_is_its_standard_error():
    table = DistanceTable(PAIRED, MATRIX, errors=np.full((3, 3), 1.5))
    np.testing.assert_array_equal(table.pair_noise, table.errors)
    assert table.times_noise[0].tolist() == [0, 2, 8 / 1.5]


def test_a_relative_distance_is_a_share_of_both_points_sizes():
    table = DistanceTable(UNPAIRED, MATRIX, sizes=np.array([4.0, 2.0, 8.0]))
    np.testing.assert_allclose(table.relative, [[0, 0.5, 2 / 3], [0.5, 0, 0.6], [2 / 3, 0.6, 0]])


def test_none_of_nothing_is_0_and_something_of_nothing_has_no_bound():
    matrix = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, nan], [1.0, nan, 0.0]])
    table = DistanceTable(UNPAIRED, matrix, noise=np.zeros(3), sizes=np.zeros(3))
    for shares in (table.times_noise, table.relative):
        np.testing.assert_array_equal(shares, [[0, 0, inf], [0, 0, nan], [inf, nan, 0]])


def test_points_are_not_told_apart_above_5_percent_and_told_apart_at_it():
    p_values = np.array([[1.0, 0.05, 0.0501], [0.05, 1.0, nan], [0.0501, nan, 1.0]])
    table = DistanceTable(UNPAIRED, MATRIX, p_values=p_values)
    assert table.not_told_apart.tolist() == [[False, False, True], [False, False, False], [True, False, False]]


@pytest.mark.parametrize("about", [UNPAIRED, PAIRED])
def test_what_is_not_given_is_not_known(about):
    table = LayerDistances(about, MATRIX)
    for name in ("noise", "sizes", "drift", "drift_from_reference", "drift_p", "drift_from_reference_p"):
        np.testing.assert_array_equal(getattr(table, name), [nan] * 3)
    for name in ("p_values", "errors", "pair_noise", "times_noise", "relative"):
        np.testing.assert_array_equal(getattr(table, name), np.full((3, 3), nan), err_msg=name)
    assert not table.not_told_apart.any()
    np.testing.assert_array_equal(StatisticTable(about, np.zeros(2)).errors, [nan, nan])


# -- Which table -----------------------------------------------------------------------------------------------------


def of(*keys):
    return Results(StatisticTable(Description(*key), np.zeros(1)) for key in keys)


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ((), ("a", 1)),  # the first measure, in H1
        (("a", 0), ("a", 0)),
        (("b",), ("b", 2)),  # its first, for it has no H1
        (("b", 3), ("b", 3)),
        (("c",), ("c", None)),
    ],
)
def test_without_a_dimension_a_question_is_asked_of_h1_or_of_the_first(asked, chosen):
    assert of(("a", 0), ("a", 1), ("b", 2), ("b", 3), ("c", None)).choose(*asked).about.key == chosen


@pytest.mark.parametrize("asked", [("d",), ("a", 7), (None, 7)])
def test_a_table_that_is_not_there_is_named(asked):
    with pytest.raises(UnknownResultError, match=r"Expected one of \[\('a', 0\), \('a', 1\)\], got "):
        of(("a", 0), ("a", 1)).choose(*asked)


def test_without_any_table_there_is_none_to_choose():
    with pytest.raises(UnknownResultError):
        Results().choose()
