import dataclasses

import numpy as np
from finding_tools import drifting, snapshot

from topocallback.findings.course import Course


def test_a_line_has_a_number_for_every_step_and_nan_where_a_layer_is_not_there():
    run = Course([snapshot(0, layers=("stem",), drift=1), snapshot(5, layers=("stem", "new"), drift=[2, 3])])
    assert run.steps == [0, 5]
    np.testing.assert_array_equal(run.line(("sliced_wasserstein", 1), "drift", "stem"), [1, 2])
    np.testing.assert_array_equal(run.line(("sliced_wasserstein", 1), "drift", "new"), [np.nan, 3])
    np.testing.assert_array_equal(run.line(("cka", None), "drift", "stem"), [np.nan, np.nan])


def test_a_snapshot_that_was_recorded_otherwise_begins_the_course_anew():
    early, late = ([*drifting(1, 2)], [*drifting(3)])
    late = [dataclasses.replace(each, step=each.step + 50, recording={"pooling": "mean"}) for each in late]
    early = [dataclasses.replace(each, recording={"pooling": "flatten"}) for each in early]
    assert Course([*early, *late]).steps == [50, 60]


def test_a_snapshot_of_the_same_step_takes_the_place_of_the_last_one():
    run = Course([snapshot(0, drift=1), snapshot(5, drift=2), snapshot(5, drift=3)])
    assert run.steps == [0, 5]
    np.testing.assert_array_equal(run.line(("sliced_wasserstein", 1), "drift", "stem"), [1, 3])


def test_without_snapshots_there_is_no_last_one_and_no_table():
    run = Course()
    assert run.last is None
    assert run.diagram_distances() == []
