"""What a description says in words."""

import numpy as np

from topocallback.records.results import Description, DistanceTable
from topocallback.views.captions import added_up, with_unit


def test_the_unit_stands_behind_the_title_if_there_is_one():
    assert with_unit(Description("bars", 1, "Number of bars", "bars")) == "Number of bars, H1 (bars)"
    assert with_unit(Description("cka", label="1 - CKA")) == "1 - CKA"
    assert with_unit(Description("own")) == "own"


def test_a_sum_names_its_dimensions_and_is_otherwise_what_its_tables_are():
    about = [Description("own", dim, "Own", "bits", (0.0, 2.0)) for dim in (0, 2)]
    tables = [DistanceTable(each, np.zeros((1, 1)), np.zeros(1)) for each in about]
    found = added_up(tables)
    assert (found.title, found.measure, found.homology_dim, found.unit) == ("Own, H0 + H2", "own", None, "bits")
    assert added_up(tables[1:]) == about[1]
