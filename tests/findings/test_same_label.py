"""How many neighbours carry a sample's label, and how sure it is that this is no chance."""

import dataclasses
import itertools

import numpy as np
import pytest
from neighbour_tools import classes_apart, with_neighbours
from sklearn.neighbors import NearestNeighbors

from topocallback.findings.classes import Classes
from topocallback.findings.same_label import SameLabel, same_label
from topocallback.records.nearest import NearestSamples


def of_shares(*shares, n_samples=400):
    """Layers in which so large a share of all samples' ten neighbours carry their label, with two classes."""
    classes = Classes(np.arange(n_samples) % 2, ("a", "b"))
    draws = np.random.default_rng(0).binomial
    own = np.array([draws(10, share, n_samples) for share in shares])
    layers = tuple(f"layer{i}" for i in range(len(shares)))
    return SameLabel(classes, layers, own, np.full(own.shape, 10), np.full(len(shares), 0.001))


def test_the_share_is_that_of_the_neighbours_of_scikit_learn():
    cloud, labels = classes_apart(distance=2.0)
    nearest = NearestNeighbors(n_neighbors=10).fit(cloud).kneighbors(return_distance=False)
    found = same_label(with_neighbours({"stem": cloud}, labels))
    assert found.shares == pytest.approx([(labels[nearest] == labels[:, None]).mean()])


def test_samples_without_a_label_do_not_count_neither_as_neighbours():
    cloud, labels = classes_apart()
    without = labels.astype(np.float64)
    without[::3] = np.nan
    found = same_label(with_neighbours({"stem": cloud}, without))
    assert found.counted[0, ::3].tolist() == [0] * 40
    assert found.counted.max() < 10
    assert found.shares == pytest.approx([1.0])


def test_samples_that_are_nan_in_one_layer_do_not_count_there():
    cloud, labels = classes_apart()
    broken = cloud.copy()
    broken[:50] = np.nan
    found = same_label(with_neighbours({"whole": cloud, "broken": broken}, labels))
    assert (found.counted.sum(axis=1) == [1200, 700]).all()
    assert found.is_above_chance.all()


def test_the_p_value_is_that_of_all_permutations():
    positions = np.array([[1, 2], [0, 2], [0, 1], [4, 5], [3, 5], [3, 0]])
    labels = np.array([0, 0, 1, 1, 1, 1])
    of_all = np.array([(shuffled[positions] == shuffled[:, None]).sum() for shuffled in _permutations(labels)])
    snapshot = with_neighbours({"stem": np.arange(6.0)[:, None]}, labels)
    nearest = {"stem": NearestSamples(positions, np.ones((6, 3)))}
    (found,) = same_label(dataclasses.replace(snapshot, nearest=nearest)).p_values
    observed = (labels[positions] == labels[:, None]).sum()
    assert found == pytest.approx((of_all >= observed).mean(), abs=0.1)  # three standard errors of 199 permutations


def _permutations(labels):
    return (labels[list(order)] for order in itertools.permutations(range(len(labels))))


@pytest.mark.parametrize("labels", [np.arange(48) % 4, np.arange(48) % 16 // 15], ids=["equal classes", "a rare one"])
def test_shuffled_labels_are_above_chance_in_at_most_one_of_twenty_cases_for_all_layers_together(labels):
    rng = np.random.default_rng(1)
    snapshot = with_neighbours({f"layer{i}": rng.normal(size=(48, 3)) for i in range(4)})
    found = [same_label(dataclasses.replace(snapshot, labels=rng.permutation(labels))) for _ in range(100)]
    assert sum(each.is_above_chance.any() for each in found) <= 10  # of a binomial distribution at 0.05, 99 %


def test_the_depth_is_the_first_layer_from_which_on_the_share_stays_near_the_best():
    assert of_shares(0.5, 0.7, 0.9, 0.9).depth == 2
    assert of_shares(0.9, 0.5, 0.9, 0.92).depth == 2  # it had been less again
    assert of_shares(0.91, 0.9, 0.9, 0.9).depth == 0
    assert of_shares(0.5, 0.6, 0.9, 0.6).depth == 2  # what is behind the best layer does not matter


def test_the_share_falls_where_all_later_layers_are_surely_below_the_best():
    assert of_shares(0.5, 0.9, 0.6, 0.6).falls == 2
    assert of_shares(0.5, 0.9, 0.6, 0.9).falls is None
    assert of_shares(0.5, 0.9, 0.89, 0.88).falls is None
    assert of_shares(0.5, 0.9, 0.6, 0.6, n_samples=6).falls is None  # too few to be sure
    assert of_shares(0.6).falls is None


def test_equally_good_layers_are_said_to_fall_in_at_most_one_of_twenty_cases():
    said = 0
    for seed in range(20):
        clouds = {f"layer{i}": classes_apart(distance=2.0, seed=1000 * seed + i)[0] for i in range(5)}
        found = same_label(with_neighbours(clouds, classes_apart()[1]))
        said += found.is_above_chance.any() and found.falls is not None
    assert said <= 1


def test_the_order_of_samples_and_the_names_of_classes_do_not_matter_for_the_share():
    cloud, labels = classes_apart(distance=2.0)
    order = np.random.default_rng(0).permutation(len(labels))
    first = same_label(with_neighbours({"stem": cloud}, labels))
    other = same_label(with_neighbours({"stem": cloud[order]}, [f"class {9 - label}" for label in labels[order]]))
    assert first.shares == pytest.approx(other.shares)
    assert first.p_values.tolist() == other.p_values.tolist() == [0.005]
