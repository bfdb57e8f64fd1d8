"""How long samples stay neighbours: small cases by hand, a count of runs, and what must not matter."""

import dataclasses
import warnings

import numpy as np
import pytest
import torch
from cloud_tools import gaussian
from sklearn.neighbors import NearestNeighbors

import topocallback
from topocallback import PointClouds
from topocallback.functional import neighbourhood_persistence
from topocallback.measures import NeighbourOverlap

LINE = np.array([[0.0], [1.0], [10.0], [11.0]])  # the nearest of each: 1, 0, 3, 2
HALF = np.array([[0.0], [1.0], [10.0], [1.5]])  # 1, 3, 3, 1
CLOSE = np.array([[0.0], [1.0], [1.4], [1.6]])  # 1, 2, 3, 2


def numbers(found):
    fields = ("kept", "kept_errors", "survival", "survival_errors", "lifetime", "lifetime_error", "lifetimes", "chance")
    return {name: getattr(found, name) for name in fields}


def assert_same(one, other):
    for name, value in numbers(one).items():
        np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)


def a_walk(length=5, n=80, seed=0):
    """Clouds of which each is the one before it, moved."""
    random = np.random.default_rng(seed)
    return list(np.cumsum([random.normal(size=(n, 3)), *(0.4 * random.normal(size=(length - 1, n, 3)))], axis=0))


def neighbours_by_sklearn(cloud, k):
    found = NearestNeighbors(n_neighbors=k + 1).fit(cloud).kneighbors(cloud, return_distance=False)
    return [set(row[1:]) for row in found]


def lengths_of_runs(neighbours):
    """For each sample, the lengths of all runs of clouds in which another one is its neighbour."""
    runs = [[] for _ in neighbours[0]]
    for sample, own in enumerate(runs):
        for other in range(len(runs)):
            there = "".join("x" if other in of_cloud[sample] else " " for of_cloud in neighbours)
            own.extend(map(len, there.split()))
    return runs


# -- The numbers -----------------------------------------------------------------------------------------------------


def test_four_points_on_a_line_by_hand():
    found = neighbourhood_persistence({"a": LINE, "b": HALF, "c": CLOSE, "d": LINE}, k=1)
    assert found.names == ("a", "b", "c", "d")
    # From a to b samples 0 and 2 keep their neighbour, from b to c too, from c to d all but sample 1.
    np.testing.assert_allclose(found.kept, [1 / 2, 1 / 2, 3 / 4])
    # Two later: a and c share all but sample 1's, b and d what a and b do. Three later: a and d are equal.
    np.testing.assert_allclose(found.survival, [1, 7 / 12, 5 / 8, 1])
    np.testing.assert_allclose(found.lifetimes, [4, 1, 4, 4 / 3])
    assert found.lifetime == pytest.approx(16 / 9)  # four samples in four clouds, in 1 + 4 + 1 + 3 runs
    assert found.chance == pytest.approx(1 / 3)


def test_shares_and_runs_are_those_that_are_counted_one_by_one():
    clouds, k = a_walk(), 4
    neighbours = [neighbours_by_sklearn(cloud, k) for cloud in clouds]
    found = neighbourhood_persistence(clouds, k=k)
    for lag in range(len(clouds)):
        pairs = zip(neighbours, neighbours[lag:], strict=False)
        shares = [[len(a & b) / k for a, b in zip(first, later, strict=True)] for first, later in pairs]
        assert found.survival[lag] == pytest.approx(np.mean(shares))
        if lag == 1:
            np.testing.assert_allclose(found.kept, np.mean(shares, axis=1))
    runs = lengths_of_runs(neighbours)
    np.testing.assert_allclose(found.lifetimes, [np.mean(own) for own in runs])
    assert found.lifetime == pytest.approx(np.mean(np.concatenate(runs)))


def test_equal_clouds_keep_all_whatever_their_rotation_scale_and_place():
    x = gaussian(60, 4)
    turned = np.linalg.qr(gaussian(4, 4, seed=1))[0]
    found = neighbourhood_persistence([x, x @ turned, 7 * x - 3, np.hstack([x, np.zeros((60, 2))])], k=5)
    for shares in (found.kept, found.survival):
        np.testing.assert_array_equal(shares, 1)
    for errors in (found.kept_errors, found.survival_errors, found.lifetime_error):
        np.testing.assert_array_equal(errors, 0)
    np.testing.assert_array_equal(found.lifetimes, 4)
    assert found.lifetime == 4


def test_unrelated_clouds_are_at_chance():
    found = neighbourhood_persistence([gaussian(300, 5, seed) for seed in range(4)])
    assert found.chance == pytest.approx(10 / 299)
    np.testing.assert_array_less(abs(found.kept - found.chance), 3 * found.kept_errors)
    np.testing.assert_array_less(abs(found.survival - found.chance)[1:], 3 * found.survival_errors[1:])
    assert abs(found.lifetime - found.chance_lifetime) < 3 * found.lifetime_error
    assert found.chance_lifetime == pytest.approx(4 / (1 + 3 * 289 / 299))


def test_errors_are_near_the_spread_of_repeated_samples():
    found = [neighbourhood_persistence(a_walk(3, 120, seed), k=5) for seed in range(40)]
    for name in ("kept", "survival", "lifetime"):
        spread = np.std([getattr(one, name) for one in found], axis=0, ddof=1)
        error = np.sqrt(
            np.mean([np.square(getattr(one, f"{name}_error{'s' * (name != 'lifetime')}")) for one in found], 0)
        )
        changes = spread > 0  # nothing to survive at lag 0
        ratio = np.asarray(error / np.where(changes, spread, 1))[changes]
        assert (ratio > 0.8).all(), name
        assert (ratio < 2).all(), name


def test_a_sample_that_moves_among_others_has_the_shortest_lifetime():
    steady = np.repeat(gaussian(6, 3) * 50, 10, axis=0) + gaussian(60, 3, seed=1)
    moved = steady.copy()
    moved[7] = steady[55]
    found = neighbourhood_persistence([steady, moved, steady], k=5)
    assert found.sample_ids[np.argmin(found.lifetimes)] == 7
    assert found.lifetimes[7] == 1


def test_the_share_of_one_step_is_that_of_knn_overlap():
    x, y = a_walk(2)
    k = 6
    found = neighbourhood_persistence([x, y], k=k)
    share = 2 - 2 / found.lifetimes  # of two clouds, a run is 2 / (2 - share) clouds long
    assert share.mean() == pytest.approx(found.kept[0])
    assert NeighbourOverlap(k)(x, y) == pytest.approx(1 - np.mean(share / (2 - share)))


# -- What must not matter --------------------------------------------------------------------------------------------


def test_the_order_of_samples_does_not_matter_but_for_which_parts_are_left_out():
    clouds, order = a_walk(), np.random.default_rng(1).permutation(80)
    found = neighbourhood_persistence(clouds, k=5)
    shuffled = neighbourhood_persistence([cloud[order] for cloud in clouds], k=5)
    np.testing.assert_allclose(shuffled.kept, found.kept)
    np.testing.assert_allclose(shuffled.survival, found.survival)
    np.testing.assert_allclose(shuffled.lifetimes, found.lifetimes[order])


def test_the_reverse_order_has_the_same_survival_and_lifetimes():
    found, reverse = (neighbourhood_persistence(clouds) for clouds in (a_walk(), a_walk()[::-1]))
    np.testing.assert_allclose(reverse.kept, found.kept[::-1])
    np.testing.assert_allclose(reverse.survival, found.survival)
    np.testing.assert_allclose(reverse.lifetimes, found.lifetimes)


def test_tensors_arrays_and_recorded_layers_are_the_same():
    clouds = dict(zip("abcde", a_walk(), strict=True))
    found = neighbourhood_persistence(clouds)
    assert_same(neighbourhood_persistence({name: torch.tensor(cloud) for name, cloud in clouds.items()}), found)
    assert_same(neighbourhood_persistence(PointClouds(clouds)), found)
    assert neighbourhood_persistence(PointClouds(clouds, np.arange(80) * 3)).sample_ids[-1] == 237
    assert neighbourhood_persistence(list(clouds.values())).names == ("0", "1", "2", "3", "4")


def test_one_layer_over_steps_is_taken_from_what_was_recorded():
    steps = {f"epoch {i}": PointClouds({"head": cloud, "stem": 2 * LINE}) for i, cloud in enumerate((LINE, HALF))}
    found = neighbourhood_persistence(steps, k=1, layer="head")
    assert found.names == ("epoch 0", "epoch 1")
    assert_same(found, neighbourhood_persistence([LINE, HALF], k=1))


# -- The edge of what is allowed -------------------------------------------------------------------------------------


def test_of_equally_near_samples_the_one_recorded_first_counts():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])  # nearest by rule: 1, 0, 1, 0
    found = neighbourhood_persistence([square, np.array([[0.0], [1], [1.5], [-1.5]])], k=1)  # 1, 2, 1, 0
    assert found.kept[0] == 0.75


def test_duplicates_are_each_others_neighbours():
    twice = np.repeat(gaussian(20, 3), 2, axis=0)
    found = neighbourhood_persistence([twice, np.repeat(gaussian(20, 3, seed=1), 2, axis=0)], k=1)
    assert found.kept[0] == 1


def test_a_constant_layer_is_named_and_at_chance_with_others():
    x = gaussian(200, 3)
    with pytest.warns(UserWarning, match=r"All points of \['dead'\] are equal: the neighbours there are"):
        found = neighbourhood_persistence({"stem": x, "dead": np.zeros((200, 4)), "head": x})
    assert found.survival[2] == 1
    np.testing.assert_allclose(found.kept, found.chance, atol=0.03)


@pytest.mark.parametrize(("n", "k", "known"), [(24, 5, True), (23, 5, False), (24, 21, True), (24, 22, False)])
def test_too_few_samples_for_an_error_give_none(n, k, known):
    found = neighbourhood_persistence([gaussian(n, 3), gaussian(n, 3, seed=1)], k=k)
    assert 0 <= found.kept[0] <= 1
    assert np.isfinite(found.kept_errors[0]) == np.isfinite(found.lifetime_error) == known
    assert "neighbours" in repr(found)


def test_all_others_as_neighbours_stay():
    assert neighbourhood_persistence([LINE, CLOSE], k=3).kept[0] == 1


@pytest.mark.parametrize(
    ("clouds", "options", "message"),
    [
        ([LINE], {"k": 1}, "Expected at least 2 clouds, got 1"),
        ([], {}, "Expected at least 2 clouds, got 0"),
        ({}, {"layer": "x"}, "Expected at least 2 clouds, got 0"),
        ([LINE, LINE], {"k": 4}, "Expected more than k=4 samples, got 4"),
        ([LINE, LINE], {"k": 0}, "Expected `k` to be an integer of at least 1, got 0"),
        ([LINE, LINE], {"k": 2.0}, "Expected `k` to be an integer of at least 1, got 2.0"),
        ({"a": LINE, "b": LINE[:3]}, {"k": 1}, r"clouds of the same samples, got \{'a': 4, 'b': 3\} points"),
        ({"a": LINE, "b": LINE * np.nan}, {"k": 1}, r"Expected `clouds\['b'\]` to be finite, got NaN"),
        ([LINE, LINE.reshape(2, 2, 1)], {"k": 1}, r"`clouds\['1'\]` to be of shape \(n, d\)"),
        (
            {"a": PointClouds({"x": LINE}), "b": PointClouds({"x": LINE}, np.arange(4) + 1)},
            {"layer": "x"},
            "Expected the same samples at every step, got others at 'b' than at 'a'",
        ),
        (
            {"a": PointClouds({"x": LINE}), "b": PointClouds({"y": LINE})},
            {"layer": "x"},
            r"Expected `layer` to be one of \('y',\), got 'x', which 'b' lacks",
        ),
        (
            PointClouds({"x": LINE, "y": LINE[:2]}, np.arange(2), owners={"x": np.array([0, 0, 1, 1])}),
            {},
            r"Expected one point per sample, got several in \['x'\]",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(clouds, options, message):
    with pytest.raises(ValueError, match=message):
        neighbourhood_persistence(clouds, **options)


@pytest.mark.parametrize(
    ("clouds", "layer"),
    [
        ([LINE, LINE], "x"),
        (PointClouds({"x": LINE, "y": LINE}), "x"),
        ({"a": PointClouds({"x": LINE}), "b": PointClouds({"x": LINE})}, None),
        ({"a": PointClouds({"x": LINE}), "b": LINE}, "x"),
    ],
)
def test_a_layer_is_said_for_steps_and_only_for_them(clouds, layer):
    with pytest.raises(TypeError, match="`layer`"):
        neighbourhood_persistence(clouds, k=1, layer=layer)


def test_what_was_found_is_frozen_and_prints_as_one_line():
    found = neighbourhood_persistence(a_walk())
    assert repr(found).startswith("NeighbourhoodPersistence(5 clouds, 10 neighbours of 80 samples: 0.")
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.k = 3
    assert found != neighbourhood_persistence(a_walk())


# -- The picture -----------------------------------------------------------------------------------------------------


def test_it_is_drawn_with_its_numbers():
    found = neighbourhood_persistence({f"blocks.{i}": cloud for i, cloud in enumerate(a_walk())})
    figure = topocallback.plot(found)
    kept, survival = figure.axes
    np.testing.assert_allclose(kept.lines[1].get_ydata(), found.kept)
    np.testing.assert_allclose(survival.lines[1].get_ydata(), found.survival)
    np.testing.assert_allclose(kept.lines[0].get_ydata(), found.chance)
    assert f"{found.lifetime:.2f} of 5" in figure.get_suptitle()


def test_few_samples_many_names_and_hostile_ones_are_drawn():
    clouds = {f"$_{i}^" + "x" * 400: gaussian(12, 3, seed=i) for i in range(90)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = topocallback.plot(neighbourhood_persistence(clouds, k=3))
        figure.canvas.draw()
    assert len(figure.axes[0].get_xticks()) <= 40


def test_a_picture_has_no_measure_to_choose():
    with pytest.raises(ValueError, match="Expected no `measure` for 'persistence', got 'cka'"):
        topocallback.plot(neighbourhood_persistence([LINE, HALF], k=1), measure="cka")
