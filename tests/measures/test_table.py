"""The table of measures: every entry of it, and what names, objects and functions stand for."""

import copy
import dataclasses
import json
import pickle
import sys

import numpy as np
import pytest
import scipy.stats
from own_measures import LongBars, NearestAgree, Procrustes

from topocallback import measures
from topocallback.measures import (
    MEASURES,
    Bars,
    Bottleneck,
    ClassPersistence,
    Distance,
    PHDimension,
    SlicedWasserstein,
    Statistic,
    Wasserstein,
    resolve,
    resolve_all,
    resolve_distance,
)
from topocallback.measures.table import check_different, is_in_table, to_record

every_entry = pytest.mark.parametrize("key", MEASURES)


def count_difference(first, second):
    return abs(len(first) - len(second))


def beside(measure, labels):
    """What a statistic is given beside the points: labels and whose points they are, or edges between points that
    follow each other, or biases."""
    if measure.needs_edges:
        return (np.stack([np.arange(len(labels) - 1), np.arange(1, len(labels))], axis=1),)
    return (labels,) if measure.needs_weights else (labels, np.arange(len(labels)) // 2)


def mean_norm(cloud):
    return np.linalg.norm(cloud, axis=1).mean()


# -- Every entry -----------------------------------------------------------------------------------------------------


@every_entry
def test_every_entry_says_what_it_is(key):
    measure = MEASURES[key]()
    about = measure.describe("metres")
    assert (measure.key, measure.name, about.measure) == (key, key, key)
    assert about.label[:1].isupper()
    assert "_" not in about.label
    assert about.range[0] < about.range[1]
    assert about.unit or np.isfinite(about.range[1])
    assert type(measure) is getattr(measures, type(measure).__name__)
    assert about.more or about.kind == "distance"
    assert measure.question.endswith("?")
    assert isinstance(measure, Distance) is (about.kind == "distance")


@every_entry
def test_every_entry_is_called_on_plain_arrays(key):
    rng = np.random.default_rng(0)
    x, y, labels = rng.normal(size=(60, 4)), 2 * rng.normal(size=(60, 4)), rng.integers(2, size=60)
    measure = MEASURES[key]()
    low, high = measure.range
    if isinstance(measure, Distance):
        assert low <= measure(x, x.copy()) < 1e-6  # of roots of 1e-16
        assert 0 < measure(x, y) <= high
        assert measure(x, y) == pytest.approx(measure(y, x))
    else:
        others = beside(measure, labels)
        assert low <= measure(x, *others) <= high
        assert measure(x, *others) == measure(x.tolist(), *[each.tolist() for each in others])
        if not (measure.needs_labels or measure.needs_weights or measure.needs_edges):
            assert measure(x, sample_ids=others[1]) == measure(x, *others)


CHANGES = {
    "rotation": lambda x: x @ scipy.stats.ortho_group.rvs(x.shape[1], random_state=3),
    "shift": lambda x: x + np.array([9.0, -4.0, 1.0, 5.0, 2.0]),
    "scale": lambda x: 2 * x,  # exact, so that what is equally large stays so
}


@pytest.mark.parametrize("change", CHANGES)
@every_entry
def test_every_entry_is_unchanged_by_what_it_says_and_by_nothing_else(key, change):
    rng = np.random.default_rng(0)
    measure, labels = MEASURES[key](), rng.integers(3, size=60)
    x = np.maximum(rng.normal(size=(60, 5)) * [1, 2, 3, 4, 0], 0)
    x[:, :4] += 0.3 * labels[:, None]  # which leaves the last unit dead
    y = x + 0.5 * rng.normal(size=x.shape)
    others = (y,) if isinstance(measure, Distance) else beside(measure, labels)
    before, after = measure(x, *others), measure(CHANGES[change](x), *others)
    if change in measure.unchanged_by:
        assert after == pytest.approx(before, rel=1e-6, abs=1e-6)
    else:
        assert after != pytest.approx(before, rel=1e-6, abs=1e-6)


@every_entry
def test_every_entry_survives_pickling_and_cannot_be_changed(key):
    measure = MEASURES[key]()
    for twin in (pickle.loads(pickle.dumps(measure)), copy.copy(measure)):
        assert twin == measure
        assert twin.describe() == measure.describe()
    for field in dataclasses.fields(measure):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(measure, field.name, None)


OF_SHAPES = {
    *("cka", "unbiased_cka", "shape_metric", "euclidean_shape_metric", "procrustes", "rsa"),
    *("svcca", "pwcca", "rtd", "rtd_lite", "max_rtd_lite", "srtd_lite", "nts_e", "nts_m"),
}
WITHOUT_NUMBER = {"effective_rank", "participation_ratio", "alpha_req", "lidar", "two_nn", "ph_dimension", "silhouette"}
RANKME_OF_ONE = np.exp(-sum(share * np.log(share) for share in (1 + 1e-5, 1e-5)))
NUMBERS = {"mapper": 1, "mean_cosine": 1, "mean_norm": np.sqrt(2), "dead_units": 1, "knn_accuracy": 1}
NUMBERS["rankme"] = RANKME_OF_ONE
NUMBERS |= {"weight_participation_ratio": 2, "weight_norm": np.sqrt(32)}


@every_entry
def test_every_entry_has_a_number_where_all_points_are_one_or_says_why_not(key):
    measure, points = MEASURES[key](), np.ones((16, 2))
    others = (points,) if isinstance(measure, Distance) else beside(measure, np.zeros(16))
    if key in OF_SHAPES:
        with pytest.raises(ValueError, match=f"Expected points that differ for {key}, got 16 equal ones"):
            measure(points, *others)
    elif key in WITHOUT_NUMBER:
        assert np.isnan(measure(points, *others))
    else:
        expected = next((number for name, number in NUMBERS.items() if key.startswith(name)), 0)
        assert measure(points, *others) == pytest.approx(expected, abs=1e-9)


# -- What stands for a measure ---------------------------------------------------------------------------------------


@every_entry
def test_a_name_stands_for_the_measure_with_its_default_options(key):
    assert resolve(key) == MEASURES[key]()
    assert resolve(MEASURES[key]) == MEASURES[key]()


@pytest.mark.parametrize("measure", [SlicedWasserstein(n_directions=3), Procrustes(), LongBars(0.2), NearestAgree()])
def test_an_object_stands_for_itself(measure):
    assert resolve(measure) is measure


def test_a_class_of_ones_own_stands_for_its_default_options():
    assert resolve(LongBars) == LongBars()


def test_functions_become_measures():
    assert isinstance(resolve(count_difference), Distance)
    assert isinstance(resolve(mean_norm), Statistic)


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("sliced_waserstein", r"Closest: \['sliced_wasserstein'"),
        ("Bottleneck", r"Closest: \['bottleneck'"),
        ("persistance_entropy", r"Closest: \['persistent_entropy'"),
        ("", ""),
        ("xyz", ""),
    ],
)
def test_an_unknown_name_is_refused_with_the_table_and_the_closest_names(name, closest):
    listed = r"Expected a measure of \['sliced_wasserstein', 'wasserstein', 'bottleneck', 'betti_curve', .*\]"
    with pytest.raises(ValueError, match=f"{listed}, got {name!r}.*{closest}") as caught:
        resolve(name)
    assert ("Closest" in str(caught.value)) is bool(closest)


@pytest.mark.parametrize("measure", [None, 2, ["bottleneck"], dict])
def test_what_stands_for_no_measure_is_refused(measure):
    with pytest.raises(TypeError, match=r"Expected a measure, its name \(\[.*\]\) or a function, got"):
        resolve(measure)


def test_options_a_measure_does_not_have_are_refused():
    for kind in (SlicedWasserstein, Wasserstein, Bottleneck, Bars):
        with pytest.raises(TypeError, match="unexpected keyword argument 'bandwidth'"):
            kind(bandwidth=1.0)


def test_a_measure_whose_package_is_missing_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "gudhi.hera", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'topocallback\[gudhi\]'"):
        resolve("bottleneck")


def test_where_only_a_distance_will_do_a_statistic_is_refused():
    assert resolve_distance("wasserstein") == Wasserstein()
    for statistic in ("bars", Bars(homology_dim=1)):
        with pytest.raises(TypeError, match="Expected `measure` to be a distance, got bars, which is a statistic"):
            resolve_distance(statistic)
    with pytest.raises(TypeError, match="got cloud_function, which is a statistic"):
        resolve_distance(mean_norm)


# -- Several ---------------------------------------------------------------------------------------------------------


def test_measures_of_one_kind_with_different_options_stand_side_by_side():
    found = resolve_all(["sliced_wasserstein", SlicedWasserstein(n_directions=10), count_difference, mean_norm])
    names = ["sliced_wasserstein", "sliced_wasserstein(n_directions=10)", "count_difference", "mean_norm"]
    assert [measure.name for measure in found] == names


def test_a_measure_for_two_dimensions_of_its_own_stands_side_by_side():
    assert len(resolve_all([Bottleneck(homology_dim=0), Bottleneck(homology_dim=1)])) == 2


def lambdas():
    return [lambda first, second: 0.0, lambda first, second: 1.0]


class SameLabel(Distance):
    label = "Bottleneck distance"


class SameKey(Distance):
    key = "bottleneck"


@pytest.mark.parametrize(
    ("several", "name"),
    [
        (["bottleneck", "bottleneck"], "bottleneck"),
        (["bottleneck", Bottleneck(homology_dim=1)], "bottleneck"),
        ([Bottleneck(homology_dim=1), Bottleneck(homology_dim=1)], "bottleneck"),
        ([SlicedWasserstein(10), SlicedWasserstein(n_directions=10)], r"sliced_wasserstein\(n_directions=10\)"),
        ([count_difference, count_difference], "count_difference"),
        (lambdas(), "<lambda>"),
        (["bottleneck", SameLabel()], "Bottleneck distance"),
        ([SameKey(), "bottleneck"], "bottleneck"),
    ],
)
def test_measures_that_would_share_a_name_or_a_label_are_refused(several, name):
    with pytest.raises(ValueError, match=f"Expected `measures` of different names, got '{name}' twice"):
        resolve_all(several)


def test_measures_of_a_name_in_different_dimensions_are_different():
    check_different([Bars(homology_dim=0), Bars(homology_dim=1)])


@pytest.mark.parametrize("one", ["bottleneck", Bottleneck(), Bottleneck, count_difference, 3, None])
def test_one_measure_is_no_sequence_of_measures(one):
    with pytest.raises(TypeError, match="Expected `measures` to be a sequence, such as "):
        resolve_all(one)


def test_no_measures_are_refused():
    with pytest.raises(ValueError, match="Expected `measures` to hold at least one measure, got none"):
        resolve_all([])


# -- In records ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "measure",
    [
        *(SlicedWasserstein(), Wasserstein(order=2, essential=True), Bottleneck(homology_dim=1), Bars(homology_dim=0)),
        *(ClassPersistence(homology_dim=1), PHDimension(counts=range(20, 60, 10))),
    ],
)
def test_a_record_of_a_measure_of_the_table_is_enough_to_make_it_again(measure):
    recorded = json.loads(json.dumps(to_record(measure)))
    assert recorded["name"] == measure.name
    assert MEASURES[recorded["key"]](**recorded["options"]) == measure
    assert is_in_table(measure)


@pytest.mark.parametrize("measure", [Procrustes(), SameKey(), resolve(count_difference), resolve(mean_norm)])
def test_of_a_measure_of_the_users_own_a_record_keeps_the_name_alone(measure):
    assert to_record(measure) == {"name": measure.name}
    assert not is_in_table(measure)
