"""When a layer came to stay within noise of where it ends."""

import dataclasses

import numpy as np
import pytest
from synthetic_comparison import H1, described, example

from topocallback.records.results import DistanceTable, Results
from topocallback.records.settling import FEWEST_BETWEEN, settled_from


def all_settling(places, noise=0.5, p_values=None):
    """One layer of one run, at places on a line."""
    places = np.asarray(places, dtype=np.float64)
    noise = np.broadcast_to(noise, len(places)).astype(np.float64)
    table = DistanceTable(described(1), abs(places[:, None] - places), noise, p_values=p_values)
    comparison = example(runs=1, epochs=len(places), layers=("stem",))
    return dataclasses.replace(comparison, distances=Results([table])).settling()


def walk(*args, **options):
    (found,) = all_settling(*args, **options)
    return found


def test_each_layer_settles_when_it_came_to_rest():
    found = example(epochs=8).settling(*H1)
    assert len(found) == 9
    for entry in found:
        position = ("stem", "a<b>", "head").index(entry.layer)
        assert (entry.position, entry.step, entry.settled) == (position, 10 * position, True)
    assert [entry.layer for entry in found][:3] == ["stem"] * 3


@pytest.mark.parametrize(("epochs", "settled"), [(2, False), (4, False), (5, True), (6, True)])
def test_with_fewer_than_three_checkpoints_between_there_are_too_few_to_say(epochs, settled):
    found = walk([0] * epochs)
    assert (found.position, found.settled) == (0, settled)
    assert FEWEST_BETWEEN == 3


def test_a_layer_that_comes_to_rest_late_has_not_settled_yet():
    found = walk([9, 6, 3, 0, 0, 0, 0])
    assert (found.position, found.settled) == (3, False)
    assert walk([9, 6, 3, 0, 0, 0, 0, 0]).settled


def test_a_layer_that_leaves_again_has_not_settled_before():
    assert walk([0, 5, 0, 0, 0, 0, 0]).step == 20


def test_the_noise_of_a_distance_is_the_geometric_mean_of_its_checkpoints():
    found = walk([2.1, 1.9, 0, 0], noise=[4, 4, 1, 1])
    assert found.noise.tolist() == [2, 2, 1, 1]
    assert found.position == 1


def test_the_last_step_is_given_by_size_and_p():
    p_values = np.full((4, 4), 0.3)
    p_values[2, 3] = p_values[3, 2] = 0.01
    found = walk([0, 0, 0, 1], noise=[1, 1, 0.5, 0.3], p_values=p_values)
    assert found.last_times_noise == pytest.approx(1 / 0.4)
    assert found.last_p == 0.01
    assert np.isnan(walk([0, 1]).last_p)


@pytest.mark.parametrize("unknown", [0, 1, 3])
def test_a_layer_whose_noise_is_not_known_is_not_said_to_have_settled(unknown):
    noise = np.full(4, 0.5)
    noise[unknown] = np.nan
    assert all_settling([0] * 4, noise) == []


def test_a_walk_of_constant_speed_is_rarely_called_settled():
    random, settled = np.random.default_rng(0), 0
    for _ in range(200):
        places = 0.8 * np.arange(8) + 0.3 * random.normal(size=8)
        away = abs(places - places[-1])
        settled += settled_from(away, np.ones(8)) < len(away) - 1 - FEWEST_BETWEEN
    assert settled <= 20


def test_nothing_is_within_a_distance_that_is_not_known():
    assert settled_from(np.array([0, np.nan, 0, 0.0]), np.ones(4)) == 2
