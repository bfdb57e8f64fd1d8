"""What a description says in words."""

import numpy as np
import pytest

from topocallback.records.results import Description, DistanceTable
from topocallback.views.captions import how_sure, p_value, with_unit


def test_the_unit_stands_behind_the_title_if_there_is_one():
    assert with_unit(Description("bars", 1, "Number of bars", "bars")) == "Number of bars, H1 (bars)"
    assert with_unit(Description("cka", label="1 - CKA")) == "1 - CKA"
    assert with_unit(Description("own")) == "own"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 2048, "p < 0.001"),
        (1 / 1000, "p = 0.001"),
        (0.01234, "p = 0.012"),
        (0.4321, "p = 0.43"),
        (1.0, "p = 1"),
        (np.nan, "not tested"),
    ],
)
def test_a_p_value_has_two_digits_and_none_where_it_is_tiny_or_not_known(value, text):
    assert p_value(value) == text


def test_a_table_says_how_sure_it_is_unless_all_of_it_is_tested():
    ones = np.ones((3, 3))
    some = np.full((3, 3), 0.5)
    some[0, 2] = some[2, 0] = np.nan
    about, paired = Description("own"), Description("cka", paired=True)
    assert how_sure(DistanceTable(about, ones, p_values=0.5 * ones)) == ""
    assert how_sure(DistanceTable(about, ones, p_values=some)) == "1 of 3 not tested"
    assert how_sure(DistanceTable(about, some, p_values=some)) == ""  # a distance that is not known needs no test
    assert how_sure(DistanceTable(about, ones)) == how_sure(DistanceTable(paired, ones)) == "not tested"
    assert how_sure(DistanceTable(paired, ones, errors=some / 10)) == "± 0.05 at most (standard error)"
    assert how_sure(DistanceTable(about, ones[:1, :1])) == ""
