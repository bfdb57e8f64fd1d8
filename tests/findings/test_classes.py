"""Which labels are classes, whatever kind they are of."""

import numpy as np
import pytest
from neighbour_tools import with_neighbours

from topocallback.findings.classes import classes_of, labels_in_words


def of_labels(labels):
    return with_neighbours({"stem": np.arange(len(labels), dtype=np.float64)[:, None]}, labels)


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        ([3, 7, 3], [0, 1, 0], ("3", "7")),
        ([1.0, 2.0, np.nan], [0, 1, -1], ("1", "2")),
        (["cat", None, "ape"], [1, -1, 0], ("ape", "cat")),
        ([True, None, False, True], [1, -1, 0, 1], ("False", "True")),
        (np.eye(3)[[2, 0, 2]], [1, 0, 1], ("0", "2")),
        (["a\x1b", "b", "b"], [0, 1, 1], ("a\\x1b", "b")),
    ],
)
def test_classes_are_numbered_and_named_and_missing_ones_are_none(labels, codes, names):
    found = classes_of(of_labels(labels))
    assert found.codes.tolist() == codes
    assert found.names == names


@pytest.mark.parametrize("labels", [None, [4, 4, 4], [None, None, None], [4, None, 4], np.linspace(0, 1, 30)])
def test_no_labels_one_class_and_targets_of_a_regression_are_no_classes(labels):
    snapshot = with_neighbours({"stem": np.arange(30.0 if labels is None else float(len(labels)))[:, None]}, labels)
    assert classes_of(snapshot) is None


def test_chance_is_what_random_labels_give():
    labels = np.repeat([0, 1, 2], [20, 9, 1])
    rng = np.random.default_rng(0)
    drawn = np.array([rng.choice(labels, 2, replace=False) for _ in range(3_000)])
    assert classes_of(of_labels(labels)).chance == pytest.approx((drawn[:, 0] == drawn[:, 1]).mean(), abs=0.03)


def test_labels_are_shown_as_they_are():
    assert labels_in_words(with_neighbours({"stem": np.eye(3)})) == ["", "", ""]
    assert labels_in_words(of_labels(np.linspace(0, 1, 41)))[1] == "0.025"
    assert labels_in_words(of_labels(["b", None, "a"])) == ["b", "missing", "a"]
