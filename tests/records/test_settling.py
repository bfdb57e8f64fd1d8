"""When a layer came to stay within noise of where it ends: by the size of distances, and only if that can be said."""

import dataclasses

import numpy as np
import pytest
from synthetic_comparison import H1, described, example, with_distances

from topocallback.records.results import DistanceTable, Results
from topocallback.records.settling import FEWEST_BETWEEN


def run_of(places, noise=1.0):
    """One run of one layer, which at each checkpoint is somewhere on a line."""
    places = np.asarray(places, dtype=np.float64)
    made = example(runs=1, epochs=len(places), layers=("stem",))
    return with_distances(made, abs(places[:, None] - places), noise)


@pytest.mark.parametrize(
    ("places", "step", "settled"),
    [
        ([9, 0, 0, 0, 0, 0], 10, True),
        ([0, 0, 0, 0, 0, 0], 0, True),
        ([9, 1, -1, 1, -1, 0], 10, True),  # as far as its noise
        ([9, 9, 0, 0, 0, 0], 20, False),  # two checkpoints between
        ([0, 9, 0, 0, 0, 0, 0], 20, True),  # it left again
        ([0, 0, 0, 0, 9, 0], 50, False),
        ([0, 0, 0, 0], 0, False),
        ([5, 4, 3, 2, 1, 0], 40, False),  # a walk
    ],
)
def test_a_layer_has_settled_if_enough_checkpoints_lie_between_then_and_the_end(places, step, settled):
    (entry,) = run_of(places).settling(*H1)
    assert (entry.step, entry.settled) == (step, settled)
    between = len(places) - 2 - entry.position
    assert entry.settled == (between >= FEWEST_BETWEEN)


def test_the_noise_of_a_distance_in_time_is_the_geometric_mean_of_both_ends():
    (entry,) = run_of([3, 0, 0, 0, 0], noise=[4.0, 9.0, 1.0, 1.0, 4.0]).settling()
    assert entry.noise.tolist() == [4, 6, 2, 2, 4]
    assert entry.distances.tolist() == [3, 0, 0, 0, 0]
    assert entry.settled


def test_a_distance_that_is_not_known_is_within_nothing():
    found = run_of([0, 0, 0, 0, 0, 0])
    matrix = found.matrix().copy()
    matrix[1, 5] = matrix[5, 1] = np.nan
    (entry,) = with_distances(found, matrix, 1.0).settling()
    assert entry.step == 20


def test_beside_it_stand_size_and_p_of_the_last_step():
    places = np.array([9, 9, 3, 3, 3, 3, 4.5])
    made = run_of(places)
    p_values = np.full((7, 7), 0.3)
    p_values[5, 6] = p_values[6, 5] = 0.01
    table = DistanceTable(described(1), abs(places[:, None] - places), np.full(7, 2.0), p_values=p_values)
    (entry,) = dataclasses.replace(made, distances=Results([table])).settling()
    assert (entry.step, entry.settled) == (20, True)
    assert (entry.last_times_noise, entry.last_p) == (0.75, 0.01)


def test_that_layers_are_not_told_apart_does_not_settle_them():
    found = run_of([5, 4, 3, 2, 0, 0])
    table = dataclasses.replace(found.table_of(), p_values=np.ones((6, 6)))
    (entry,) = dataclasses.replace(found, distances=Results([table])).settling()
    assert entry.step == 40


def test_without_noise_or_a_second_checkpoint_nothing_is_said():
    assert run_of([9, 0, 0, 0, 0, 0], noise=[np.nan, 1, 1, 1, 1, 1]).settling() == []
    assert run_of([0]).settling() == []


def test_a_layer_that_is_gone_at_the_end_has_not_settled_in_between():
    found = example(runs=1, epochs=6)
    kept = ~((found.layer_of == 2) & (found.checkpoint_of == 5))
    rows = np.flatnonzero(kept)
    found = dataclasses.replace(
        with_distances(found, found.matrix()[np.ix_(rows, rows)]),
        checkpoint_of=found.checkpoint_of[rows],
        layer_of=found.layer_of[rows],
    )
    assert {entry.layer for entry in found.settling()} == {"stem", "a<b>"}


def test_each_layer_of_each_run_settles_when_it_came_to_rest_earliest_first():
    found = example(epochs=6).settling(*H1)
    assert len(found) == 9
    for entry in found:
        position = ("stem", "a<b>", "head").index(entry.layer)
        assert (entry.position, entry.step) == (position, 10 * position)
        assert entry.settled == (position < 2)
    assert [entry.layer for entry in found][:3] == ["stem"] * 3
