"""Runs of which little can be said of samples: whatever they lack, the findings say less, and none fails."""

import dataclasses

import numpy as np
import pytest
from neighbour_tools import LIGHT, classes_apart, with_neighbours

from topocallback import PointClouds, analyse
from topocallback.findings.alike import near_duplicates
from topocallback.findings.course import Course
from topocallback.findings.outliers import outliers
from topocallback.findings.separation import separation
from topocallback.findings.suspects import label_suspects

KINDS = (separation, label_suspects, near_duplicates, outliers)
CLOUD, LABELS = classes_apart()
NAN = np.full((3, 2), np.nan)


def with_nan(rows):
    cloud = CLOUD.copy()
    cloud[rows] = np.nan
    return cloud


def several_points_per_sample():
    owners = {"tokens": np.repeat(np.arange(20), 3)}
    clouds = {"tokens": np.random.default_rng(0).normal(size=(60, 3))}
    return PointClouds(clouds, labels=np.arange(20) % 2, owners=owners, sample_ids=np.arange(20))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "clouds",
    [
        PointClouds({"stem": np.eye(3)}, labels=[0, 0, 1]),
        PointClouds({"stem": np.ones((1, 3))}, labels=[0]),
        PointClouds({"stem": np.eye(2)}, labels=[0, 1]),
        PointClouds({"stem": NAN, "head": np.eye(3)}, labels=["a", None, "b"]),
        PointClouds({"stem": NAN}, labels=[True, False, None]),
        PointClouds({"stem": np.zeros((30, 2))}, labels=np.arange(30) % 2),
        several_points_per_sample(),
    ],
    ids=["three", "one", "two", "NaN in one layer", "NaN", "one point", "several points per sample"],
)
def test_nothing_is_said_of_too_little(kind, clouds):
    assert kind(Course([analyse(clouds, LIGHT)])) == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_said_of_no_snapshot_nor_of_one_without_neighbours_as_earlier_versions_wrote(kind):
    assert kind(Course()) == []
    snapshot = dataclasses.replace(with_neighbours({"stem": CLOUD}, LABELS), nearest={})
    assert kind(Course([snapshot])) == []


@pytest.mark.parametrize("labels", [None, LABELS, LABELS % 2 == 0, [None, *map(str, LABELS[1:])], np.full(120, np.nan)])
def test_every_kind_answers_whatever_the_labels_are_and_where_layers_lack_samples(labels):
    clouds = {"whole": CLOUD, "lacking": with_nan(slice(0, 40)), "few": with_nan(slice(0, 117))}
    run = Course([with_neighbours(clouds, labels)])
    said = {kind.__name__ for kind in KINDS if kind(run)}
    has_classes = labels is not None and len(set(labels)) <= 5
    assert said == ({"separation"} if has_classes else set())


def test_only_the_last_snapshot_counts():
    clouds = {"stem": CLOUD}
    first, last = with_neighbours(clouds, LABELS), with_neighbours(clouds, LABELS[::-1] * 0)
    assert separation(Course([last, first])) != []
    assert separation(Course([first, last])) == []
