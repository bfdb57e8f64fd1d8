"""What a run has too little for is said in a sentence each."""

import numpy as np

from topocallback.analysis.analyse import analyse
from topocallback.findings.course import Course
from topocallback.findings.lacking import lacking
from topocallback.records.point_clouds import PointClouds


def snapshots(labels=None):
    cloud = np.random.default_rng(0).normal(size=(30, 3))
    return [analyse(PointClouds({"stem": cloud}, labels=labels), step=step) for step in (3, 7)]


def test_one_snapshot_is_too_few_for_what_moves_and_two_are_not():
    with_labels = snapshots(np.arange(30) % 3)
    assert [sentence.split(":")[0] for sentence in lacking(Course(with_labels[:1]))] == [
        "Step 3 is the only one of its kind"
    ]
    assert lacking(Course(with_labels)) == []


def test_without_labels_nothing_is_said_of_classes():
    assert [sentence.split(":")[0] for sentence in lacking(Course(snapshots()))] == ["There are no labels"]
