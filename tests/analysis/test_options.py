"""What to measure: the tables that options stand for, and options that are refused at once."""

import dataclasses
import json
import sys

import pytest
from own_measures import NearestAgree, Procrustes

from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import (
    Bars,
    Bottleneck,
    DeadUnits,
    LongestBar,
    NeighbourAccuracy,
    SlicedWasserstein,
    Statistic,
)

OF_CLOUDS = ["participation_ratio", "mean_cosine", "dead_units", "knn_accuracy"]
OF_DIAGRAMS = ["bars", "total_persistence", "longest_bar", "persistent_entropy"]


def count_difference(first, second):
    return abs(len(first) - len(second))


def keys(measures):
    return [measure.describe().key for measure in measures]


# -- Tables ----------------------------------------------------------------------------------------------------------


def test_by_default_there_are_the_sliced_wasserstein_distance_and_the_standard_statistics():
    options = AnalysisOptions()
    assert options.chosen == (SlicedWasserstein(),)
    assert keys(options.distances) == [("sliced_wasserstein", 0), ("sliced_wasserstein", 1)]
    of_diagrams = [(name, dim) for name in OF_DIAGRAMS for dim in (0, 1)]
    of_mapper = [(f"mapper_{name}", None) for name in ("coverage", "majority", "purity")]
    of_clouds = [(name, None) for name in OF_CLOUDS]
    assert keys(options.statistics) == [*of_diagrams, *of_mapper, *of_clouds]


def test_measures_of_both_kinds_come_in_their_order_with_a_table_for_each_dimension():
    measures = [Procrustes(), "bottleneck", NearestAgree(), SlicedWasserstein(10), Bottleneck(0.5, homology_dim=1)]
    options = AnalysisOptions(measures=measures)
    assert keys(options.distances) == [
        ("procrustes", None),
        ("bottleneck", 0),
        ("bottleneck", 1),
        ("sliced_wasserstein(n_directions=10)", 0),
        ("sliced_wasserstein(n_directions=10)", 1),
        ("bottleneck(tolerance=0.5)", 1),
    ]
    assert keys(options.statistics)[-1] == ("nearest_agree", None)


@pytest.mark.parametrize("chosen", ["bars", Bars(), Bars, Bars(homology_dim=1), "mapper_coverage"])
def test_a_statistic_that_is_standard_anyway_has_one_table(chosen):
    assert keys(AnalysisOptions(measures=[chosen]).statistics) == keys(AnalysisOptions().statistics)


def test_without_mapper_graphs_there_are_no_statistics_of_them():
    assert {name for name, _ in keys(AnalysisOptions(mapper=False).statistics)} == {
        *OF_DIAGRAMS,
        *OF_CLOUDS,
    }


def mean_cosine(points):
    return 0.0


@pytest.mark.parametrize(
    ("own", "name"), [(NeighbourAccuracy(k=5), "knn_accuracy"), (mean_cosine, "mean_cosine"), (DeadUnits, "dead_units")]
)
def test_a_measure_takes_the_place_of_the_standard_one_of_its_name(own, name):
    options = AnalysisOptions(measures=["sliced_wasserstein", own])
    of_that_name = [each for each in options.statistics if name in (each.key, each.name)]
    assert of_that_name == [options.chosen[1]]
    assert [each.key for each in options.standard_of_clouds] == [each for each in OF_CLOUDS if each != name]


def test_options_are_resolved_once():
    options = AnalysisOptions(measures=["bottleneck", count_difference])
    assert options.distances is options.distances
    assert AnalysisOptions(measures=options.measures).chosen == options.chosen


def test_options_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AnalysisOptions().scale = "none"


# -- In records ------------------------------------------------------------------------------------------------------


def test_lengths_are_called_by_the_scale():
    assert AnalysisOptions().length == "0.9 quantiles"
    assert AnalysisOptions(scale="none").length == "activations' units"


def test_options_are_described_as_json_can_hold_them():
    options = AnalysisOptions(measures=["bottleneck", Bars(homology_dim=1), count_difference], mapper=False)
    assert json.loads(json.dumps(options.describe())) == {
        "homology_dims": [0, 1],
        "measures": [
            {"name": "bottleneck", "key": "bottleneck", "options": {}},
            {"name": "bars", "key": "bars", "options": {"homology_dim": 1}},
            {"name": "count_difference"},
        ],
        "scale": "quantile",
        "backend": "redzed",
        "mapper": None,
    }


# -- Refused at once -------------------------------------------------------------------------------------------------


class OwnBars(Statistic):
    key = "bars"


class OwnPurity(Statistic):
    label = "Mapper purity"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"homology_dims": (-1,)}, ValueError, r"`homology_dims` to hold integers of at least 0, got \(-1,\)"),
        ({"homology_dims": (1, 0)}, ValueError, r"`homology_dims` to be ascending and different, got \(1, 0\)"),
        ({"homology_dims": (1, 1)}, ValueError, r"`homology_dims` to be ascending and different, got \(1, 1\)"),
        ({"measures": ()}, ValueError, "`measures` to hold at least one measure, got none"),
        ({"measures": "bottleneck"}, TypeError, "`measures` to be a sequence, such as .* got 'bottleneck'"),
        ({"measures": ("euclid",)}, ValueError, r"a measure of \['sliced_wasserstein', .*got 'euclid'"),
        ({"measures": (3,)}, TypeError, "a measure, its name .* or a function, got 3"),
        ({"measures": ("bottleneck", "bottleneck")}, ValueError, "`measures` of different names, got 'bottleneck'"),
        ({"measures": [OwnBars()]}, ValueError, "`measures` of different names, got 'bars' twice"),
        ({"measures": [OwnPurity()]}, ValueError, "`measures` of different names, got 'Mapper purity' twice"),
        (
            {"measures": [Bottleneck(homology_dim=2)]},
            ValueError,
            r"`homology_dim` of bottleneck to be .*\(0, 1\), got 2",
        ),
        ({"measures": [LongestBar(homology_dim=2)]}, ValueError, r"`homology_dim` of longest_bar to be .*, got 2"),
        (
            {"measures": ["mapper_purity"], "mapper": False},
            ValueError,
            "`mapper` to be True for mapper_purity, got False",
        ),
        ({"scale": "max"}, ValueError, r"`scale` to be one of \('quantile', 'none'\), got 'max'"),
        ({"backend": "giotto"}, ValueError, r"`backend` to be one of \('auto', 'redzed', .*\), got 'giotto'"),
        ({"mapper": 1}, TypeError, "`mapper` to be True, False or MapperOptions, got int"),
    ],
)
def test_options_that_are_not_allowed_are_refused(options, error, message):
    with pytest.raises(error, match=f"Expected {message}"):
        AnalysisOptions(**options)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gudhi.hera", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'topocallback\[gudhi\]'"):
        AnalysisOptions(measures=("bottleneck",))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"`backend='auto'` needs a package: pip install redzed-tda"):
        AnalysisOptions()
