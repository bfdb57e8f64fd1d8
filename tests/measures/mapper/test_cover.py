"""The cover of a filter's range: KeplerMapper's, and defined for every range."""

import kmapper
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topocallback.measures.mapper.cover import cover


def test_the_cover_is_kepler_mappers(reference_clouds):
    for cloud in reference_clouds.values():
        values = np.linalg.norm(cloud.astype(np.float64), axis=1)
        theirs = kmapper.Cover(40, 0.3)
        centres = theirs.fit(np.column_stack([np.arange(len(values)), values]))
        table = np.column_stack([np.arange(len(values)), values])
        expected = [theirs.transform_single(table, centre)[:, 0].tolist() for centre in centres]
        assert [points.tolist() for points in cover(values, 40, 0.3)] == expected


@given(
    values=st.lists(st.floats(-100, 100), min_size=1, max_size=40),
    n_intervals=st.integers(1, 12),
    overlap=st.floats(0, 0.95),
)
def test_the_intervals_of_any_values_are_those_of_their_definition(values, n_intervals, overlap):
    values = np.array(values)
    length = np.ptp(values)
    found = cover(values, n_intervals, overlap)
    assert len(found) == (n_intervals if length else 1)
    if length:
        shares = (values - values.min()) / length
        for number, points in enumerate(found):
            off_centre = np.abs(shares - (number + 0.5) / n_intervals) * 2 * n_intervals * (1 - overlap)
            assert (off_centre[points] <= 1 + 1e-9).all()
            assert (np.delete(off_centre, points) >= 1 - 1e-9).all()


def test_intervals_without_a_point_keep_their_place():
    assert [points.tolist() for points in cover(np.array([0.0, 1.0]), 4, 0.0)] == [[0], [], [], [1]]


@pytest.mark.parametrize("n_intervals", [1, 7])
def test_equal_values_are_one_interval_and_none_are_none(n_intervals):
    assert [points.tolist() for points in cover(np.full(3, 0.1), n_intervals, 0.3)] == [[0, 1, 2]]
    assert cover(np.empty(0), n_intervals, 0.3) == []
