"""How a Mapper graph is made: options out of their range are refused, and recorded as JSON can hold them."""

import dataclasses
import importlib.util
import json

import numpy as np
import pytest
from sklearn.cluster import KMeans

from topocallback.measures.mapper.options import MapperOptions, mapper_options


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"filter": "norm"}, ValueError, "Expected `filter` to be one of"),
        ({"n_intervals": 0}, ValueError, "Expected `n_intervals` to be 'auto' or an integer of at least 1, got 0"),
        ({"n_intervals": 2.5}, ValueError, "Expected `n_intervals` to be 'auto' or an integer of at least 1, got 2.5"),
        (
            {"n_intervals": "all"},
            ValueError,
            "Expected `n_intervals` to be 'auto' or an integer of at least 1, got 'all'",
        ),
        ({"min_samples": 0}, ValueError, "Expected `min_samples` to be an integer of at least 1, got 0"),
        ({"overlap": 1.0}, ValueError, "Expected `overlap` to be at least 0 and below 1, got 1.0"),
        ({"min_samples": "auto"}, ValueError, "Expected `min_samples` to be an integer of at least 1, got 'auto'"),
        ({"radius": 0}, ValueError, r"Expected `radius` to be one of \('auto', 'elbow'\) or a number above 0, got 0"),
        ({"radius": float("nan")}, ValueError, r"of \('auto', 'elbow'\) or a number above 0, got nan"),
        ({"radius": "knee"}, ValueError, r"of \('auto', 'elbow'\) or a number above 0, got 'knee'"),
        ({"clusterer": "kmeans"}, TypeError, "Expected `clusterer` to be 'dbscan' or to have `fit_predict`"),
    ],
)
def test_options_out_of_range_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        MapperOptions(**options)


def test_the_principal_component_needs_scikit_learn(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="`filter='pca'` needs a package: pip install scikit-learn"):
        MapperOptions(filter="pca")
    MapperOptions()


def test_options_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MapperOptions().overlap = 0.5


def first_coordinate(points):
    return points[:, 0]


def test_options_are_described_as_json_can_hold_them():
    options = MapperOptions(first_coordinate, np.int64(5), np.float64(0.5), KMeans(2), np.int32(3), 1.5)
    assert json.loads(json.dumps(options.describe())) == {
        "filter": "first_coordinate",
        "n_intervals": 5,
        "overlap": 0.5,
        "clusterer": "KMeans(n_clusters=2)",
        "min_samples": 3,
        "radius": 1.5,
    }


def test_by_default_the_cloud_says_how_fine_its_graph_is():
    assert json.loads(json.dumps(MapperOptions().describe())) == {
        "filter": "l2norm",
        "n_intervals": "auto",
        "overlap": 0.5,
        "clusterer": "dbscan",
        "min_samples": 5,
        "radius": "auto",
    }


def test_the_papers_setting_has_40_intervals_30_percent_overlap_and_the_elbow():
    assert MapperOptions.purvine2023() == MapperOptions("l2norm", 40, 0.3, "dbscan", 5, "elbow")
    assert MapperOptions.purvine2023(filter="pca", overlap=0.4) == MapperOptions("pca", 40, 0.4, "dbscan", 5, "elbow")
    with pytest.raises(ValueError, match="Expected `overlap` to be at least 0 and below 1, got 2"):
        MapperOptions.purvine2023(overlap=2)


def test_an_argument_stands_for_default_options_for_its_own_or_for_none():
    own = MapperOptions(n_intervals=3)
    assert (mapper_options(True), mapper_options(False), mapper_options(own)) == (MapperOptions(), None, own)


@pytest.mark.parametrize("argument", [None, 1, "dbscan", {"n_intervals": 3}])
def test_an_argument_that_is_neither_is_refused(argument):
    with pytest.raises(TypeError, match="Expected `mapper` to be True, False or MapperOptions, got"):
        mapper_options(argument)
