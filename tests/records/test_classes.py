"""Labels as people have them, as classes: numbers and names, with those that are missing last."""

import datetime

import numpy as np
import pytest

from topocallback.measures import MapperMajority
from topocallback.records.classes import as_labels, is_missing, name_classes

NAN, NAT = float("nan"), np.datetime64("NaT")
ANIMALS = ([1, 2, 0, 1], ("cat", "dog", "missing"))


class NothingOfPandas:
    """Behaves as pandas.NA does, for where there is no pandas."""

    def __eq__(self, other):
        return self

    __ne__ = __eq__
    __hash__ = None

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")

    def __repr__(self):
        return "<NA>"


class CategoriesOfPandas:
    """Behaves as a series of pandas whose dtype is categorical."""

    def __init__(self, values, categories):
        self._values = values
        self.dtype = type("CategoricalDtype", (), {"categories": categories})()

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._values, dtype=dtype)


def named(labels, order=()):
    codes, names = name_classes(labels, order)
    assert codes.dtype == np.int64
    return codes.tolist(), names


# -- Plain labels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "codes", "classes"),
    [
        ([3, 1, 3], [1, 0, 1], ("1", "3")),
        ([True, False], [1, 0], ("False", "True")),
        (["b", "a", "b"], [1, 0, 1], ("a", "b")),
        ([b"b", b"a"], [1, 0], ("a", "b")),
        ([2.0, 1.0], [1, 0], ("1", "2")),
        (np.array([2**63 + 1, 2**63], dtype=np.uint64), [1, 0], ("9223372036854775808", "9223372036854775809")),
        (np.array([2**64 - 1, 7], dtype=np.uint64), [1, 0], ("7", "18446744073709551615")),
        ([5, 2**70, 2**70 + 1], [2, 0, 1], (str(2**70), str(2**70 + 1), "5")),
        (np.array([-1, 5], dtype=np.int8), [0, 1], ("-1", "5")),
        (np.array([[3], [1]]), [1, 0], ("1", "3")),
        (np.array(["2024-02-01", "2024-01-01"], dtype="datetime64[D]"), [1, 0], ("2024-01-01", "2024-02-01")),
        ([datetime.date(2024, 2, 1), datetime.date(2024, 1, 1)], [1, 0], ("2024-01-01", "2024-02-01")),
        ([1, "1", "b"], [0, 0, 1], ("1", "b")),
        (["", "a", " "], [0, 2, 1], ("''", "' '", "a")),
        ([], [], ()),
    ],
    ids=str,
)
def test_labels_become_class_numbers(labels, codes, classes):
    assert named(labels) == (codes, classes)


# -- Missing ones ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        ["dog", None, "cat", "dog"],
        ["dog", NAN, "cat", "dog"],
        ["dog", NothingOfPandas(), "cat", "dog"],
        ["dog", NAT, "cat", "dog"],
        np.array(["dog", NAN, "cat", "dog"], dtype=object),
        np.array(["dog", None, b"cat", "dog"], dtype=object),
        np.ma.MaskedArray(["dog", "cow", "cat", "dog"], [False, True, False, False]),
    ],
    ids=["None", "NaN", "NA", "NaT", "objects", "bytes", "masked"],
)
def test_texts_that_are_missing_are_a_class_of_their_own_and_the_last_one(labels):
    assert named(labels) == ANIMALS


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([3.0, NAN, 1.0], ([1, 2, 0], ("1", "3", "missing"))),
        ([3, None, 1], ([1, 2, 0], ("1", "3", "missing"))),
        ([3, NothingOfPandas(), 1], ([1, 2, 0], ("1", "3", "missing"))),
        (np.ma.MaskedArray([3, 9, 1], [0, 1, 0]), ([1, 2, 0], ("1", "3", "missing"))),
        ([True, None, False], ([1, 2, 0], ("False", "True", "missing"))),
        (np.array(["2024-02-01", "NaT", "2024-01-01"], "M8[D]"), ([1, 2, 0], ("2024-01-01", "2024-02-01", "missing"))),
        ([None, NAN, None], ([0, 0, 0], ("missing",))),
        (np.array([NAN, 0.5]), ([1, 0], ("0.5", "missing"))),
        (["missing", None], ([0, 1], ("missing", "(missing)"))),
    ],
    ids=str,
)
def test_what_is_missing_is_the_last_class_whatever_the_others_are(labels, expected):
    assert named(labels) == expected


def test_an_array_of_labels_says_which_are_missing():
    for labels in (["a", None], [1, None], [True, None], [1.5, NAN]):
        assert is_missing(as_labels(labels)[0]).tolist() == [False, True]
    for labels in (["a", "b"], [1, 2], [True, False]):
        assert is_missing(as_labels(labels)[0]).tolist() == [False, False]


# -- Classes in an order of their own --------------------------------------------------------------------------------


def test_categories_keep_their_order_and_those_that_do_not_occur_are_no_classes():
    labels = CategoriesOfPandas(["high", "low", None, "mid"], ["low", "mid", "high", "never"])
    assert named(labels) == ([2, 0, 3, 1], ("low", "mid", "high", "missing"))
    assert named(CategoriesOfPandas([3, 1, 2], [3, 1, 2])) == ([0, 1, 2], ("3", "1", "2"))
    assert named(["b", "a", "c"], order=("c", "b")) == ([1, 2, 0], ("c", "b", "a"))


def test_labels_of_pandas_are_classes_like_others():
    pandas = pytest.importorskip("pandas")
    texts = ["dog", None, "cat", "dog"]
    for dtype in ("object", "string", "category"):
        assert named(pandas.Series(texts, dtype=dtype)) == ANIMALS
    assert named(pandas.Series(texts)) == ANIMALS
    assert named(["dog", pandas.NA, "cat", "dog"]) == named(["dog", pandas.NaT, "cat", "dog"]) == ANIMALS
    ordered = pandas.Categorical(["high", "low", None], ["low", "high"], ordered=True)
    for labels in (ordered, pandas.Series(ordered), pandas.Index(ordered)):
        assert named(labels) == ([1, 0, 2], ("low", "high", "missing"))
    assert named(pandas.array([3, None, 1], dtype="Int64")) == ([1, 2, 0], ("1", "3", "missing"))
    assert named(pandas.array([True, None, False], dtype="boolean")) == ([1, 2, 0], ("False", "True", "missing"))
    assert named(pandas.Series([2, 1], dtype="UInt64")) == ([1, 0], ("1", "2"))
    bins = pandas.cut(pandas.Series([15.0, 5.0, NAN]), [0, 10, 20])
    assert named(bins) == ([1, 0, 2], ("(0.0, 10.0]", "(10.0, 20.0]", "missing"))
    assert named(pandas.get_dummies(["dog", "cat"])) == ([1, 0], ("cat", "dog"))


# -- One-hot ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int64, np.float32, bool, object])
def test_one_hot_labels_are_the_numbers_of_their_columns(dtype):
    labels = np.array([[0, 0, 1], [1, 0, 0], [0, 0, 1]], dtype=dtype)
    assert named(labels) == ([1, 0, 1], ("0", "2"))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([[0.2, 0.8], [0.5, 0.5]], r"of shape \(2, 2\) to be one-hot, got other values than 0 and 1.*argmax"),
        ([[1, 1], [0, 1]], "one-hot, got 1 rows without exactly one 1"),
        ([[0, 0], [0, 1]], "one-hot, got 1 rows without exactly one 1"),
        ([["a", "b"]], "one-hot, got other values than 0 and 1"),
        (np.zeros((2, 2, 2)), r"to be of shape \(n,\), or one-hot \(n, K\), got \(2, 2, 2\)"),
        (5, r"to be of shape \(n,\)"),
        ([[1], [2, 3]], r"to be of shape \(n,\)"),
        (np.array([{"a": 1}, None], dtype=object), "one label per sample, got dict"),
        ([1j, 2], "one label per sample, got complex"),
    ],
    ids=str,
)
def test_what_are_no_labels_is_refused_by_name(labels, said):
    with pytest.raises(ValueError, match=f"Expected `labels` .*{said}"):
        name_classes(labels)


# -- Regression targets ----------------------------------------------------------------------------------------------


def test_regression_targets_are_put_into_ten_bins_of_equally_many():
    targets = np.random.default_rng(0).normal(size=1000)
    codes, classes = name_classes([*targets, np.nan])
    assert np.bincount(codes).tolist() == [100] * 10 + [1]
    assert classes[-1] == "missing"
    for code, values in enumerate(np.split(np.sort(targets), 10)):
        assert set(codes[:-1][np.isin(targets, values)]) == {code}


def test_infinite_targets_are_not_missing_and_in_no_bin():
    targets = np.random.default_rng(0).normal(size=1000)
    codes, classes = name_classes([*targets, np.inf, np.nan, -np.inf])
    assert classes[10:] == ("-inf", "inf", "missing")
    assert codes[-3:].tolist() == [11, 12, 10]


def test_bins_of_numbers_that_are_close_together_have_names_of_their_own():
    for low, high in ((293.12, 293.31), (1990.5, 1999.5)):
        classes = name_classes(np.linspace(low, high, 200))[1]
        assert len(set(classes)) == len(classes) == 10


# -- Where labels come in --------------------------------------------------------------------------------------------


def test_a_statistic_takes_labels_as_people_have_them():
    points = np.random.default_rng(0).normal(size=(60, 2))
    numbers = np.arange(60) % 3
    texts = np.array(["a", "b", None], dtype=object)[numbers]
    expected = MapperMajority()(points, numbers)
    assert expected < 1
    assert MapperMajority()(points, texts) == MapperMajority()(points, texts.tolist()) == expected
    assert MapperMajority()(points, np.eye(3)[numbers]) == expected
    assert MapperMajority()(points, CategoriesOfPandas(texts, ["b", "a"])) == expected
    with pytest.raises(ValueError, match=r"Expected `labels` to be of shape \(60,\), got \(59,\)"):
        MapperMajority()(points, texts[1:])
