"""Tables of distances and statistics: what their numbers say beside noise, and which table a question is asked of."""

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

ABOUT = Description("sliced_wasserstein", 1)
PAIRED = Description("procrustes", paired=True)
NAN = np.nan


def square(*rows):
    return np.array(rows, dtype=np.float64)


# -- Distances -------------------------------------------------------------------------------------------------------


def test_the_noise_of_a_distance_is_the_mean_of_its_points_own():
    table = DistanceTable(ABOUT, square([0, 6], [6, 0]), np.array([1.0, 3.0]))
    assert table.pair_noise.tolist() == [[1, 2], [2, 3]]
    assert table.times_noise.tolist() == [[0, 3], [3, 0]]


def test_the_noise_of_a_paired_distance_is_its_standard_error():
    table = DistanceTable(PAIRED, square([0, 6], [6, 0]), errors=square([0, 1.5], [1.5, 0]))
    assert table.pair_noise.tolist() == table.errors.tolist()
    assert table.times_noise.tolist() == [[0, 4], [4, 0]]


def test_a_relative_distance_is_a_share_of_the_sum_of_both_sizes():
    table = DistanceTable(ABOUT, square([0, 6], [6, 0]), sizes=np.array([10.0, 2.0]))
    assert table.relative.tolist() == [[0, 0.5], [0.5, 0]]


def test_nothing_over_nothing_is_nothing_and_more_of_nothing_is_infinite():
    table = DistanceTable(ABOUT, square([0, 0, 2], [0, 0, 2], [2, 2, 0]), *np.zeros((2, 3)))
    for shares in (table.times_noise, table.relative):
        assert shares.tolist() == [[0, 0, np.inf], [0, 0, np.inf], [np.inf, np.inf, 0]]


def test_not_told_apart_are_pairs_above_the_level_and_no_point_from_itself():
    p = square([1, 0.05, 0.051, NAN], [0.05, 1, 1, 0.2], [0.051, 1, 1, NAN], [NAN, 0.2, NAN, 1])
    table = DistanceTable(ABOUT, np.ones((4, 4)) - np.eye(4), p_values=p)
    found = [tuple(pair) for pair in np.argwhere(np.triu(table.not_told_apart)).tolist()]
    assert found == [(0, 2), (1, 2), (1, 3)]
    assert (table.not_told_apart == table.not_told_apart.T).all()


@pytest.mark.parametrize("table", [DistanceTable, LayerDistances])
def test_what_is_not_given_is_not_known(table):
    found = table(ABOUT, square([0, 1], [1, 0]))
    assert found.noise.shape == found.sizes.shape == (2,)
    assert found.p_values.shape == found.errors.shape == (2, 2)
    for name in ("noise", "sizes", "p_values", "errors", "pair_noise", "times_noise", "relative"):
        assert np.isnan(getattr(found, name)).all(), name
    assert not found.not_told_apart.any()
    if table is LayerDistances:
        drifts = [found.drift, found.drift_p, found.drift_from_first, found.drift_from_first_p]
        assert [drift.shape for drift in drifts] == [(2,)] * 4
        assert np.isnan(drifts).all()


def test_unknown_errors_of_a_statistic_are_as_many_as_its_values():
    assert (
        np.isnan(StatisticTable(Description("bars", 1, kind="statistic"), np.arange(3.0)).errors).tolist() == [True] * 3
    )


# -- Which table -----------------------------------------------------------------------------------------------------


def results(*keys):
    return Results(DistanceTable(Description(*key), np.zeros((1, 1))) for key in keys)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((), ("a", 1)),
        (("a",), ("a", 1)),
        (("a", 0), ("a", 0)),
        ((None, 0), ("a", 0)),
        (("b",), ("b", 2)),
        (("c",), ("c", None)),
    ],
)
def test_a_question_is_asked_of_one_table_by_default_in_h1(asked, given):
    found = results(("a", 0), ("a", 1), ("b", 2), ("b", 0), ("c", None)).choose(*asked)
    assert found.about.key == given


@pytest.mark.parametrize("asked", [("d",), ("a", 2), ("c", 1)])
def test_a_table_that_is_not_there_is_named(asked):
    with pytest.raises(UnknownResultError, match=f"got .*{asked[0]!r}"):
        results(("a", 0), ("a", 1), ("c", None)).choose(*asked)


def test_of_no_tables_there_is_none_to_choose():
    with pytest.raises(UnknownResultError, match=r"Expected one of \[\]"):
        Results().choose()
