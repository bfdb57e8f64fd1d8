"""How much of a number the choice of samples explains: against what many samples show."""

import numpy as np
import pytest
from own_measures import Procrustes

from topocallback import PointClouds, Snapshot, analyse
from topocallback.measures import Bars, Distance, SlicedWasserstein, Statistic, TotalPersistence, Wasserstein
from topocallback.measures.facts import LayerFacts
from topocallback.measures.noise import (
    among,
    error_of,
    noise_at_n,
    p_values_across,
    p_values_among,
    p_values_of_pairs,
    prepare_layer,
    spread_at_n,
)

H0, H1 = SlicedWasserstein().by_dimension((0, 1))


def layers_of(distance, *clouds, **options):
    return [prepare_layer(distance, LayerFacts(cloud, **options)) for cloud in clouds]


def gaussians(count, n=120, d=3, seed=0):
    return list(np.random.default_rng(seed).normal(size=(count, n, d)))


class Means(Distance):
    """An unpaired distance that knows no size."""

    def prepare(self, facts):
        return facts.cloud.mean(axis=0)

    def between(self, first, second):
        return float(np.linalg.norm(first - second))


# -- Noise at n ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [H0, H1, Wasserstein(homology_dim=1), Means()])
def test_noise_is_what_two_samples_of_one_layer_are_apart(distance):
    layers = layers_of(distance, *gaussians(14, n=240))
    apart = distance.matrix([layer.whole for layer in layers])[np.triu_indices(len(layers), 1)].mean()
    assert np.mean([layer.noise for layer in layers]) == pytest.approx(apart, rel=0.3)


def test_a_layer_without_bars_has_no_noise_in_that_dimension():
    line = np.linspace(0, 1, 60)[:, None]
    (layer,) = layers_of(H1, line)
    assert (layer.noise, layer.size) == (0, 0)
    table = among(H1, layers_of(H1, line, 2 * line))
    assert table["matrix"].tolist() == [[0, 0], [0, 0]]
    assert table["p_values"].tolist() == [[1, 1], [1, 1]]


def test_without_a_size_the_growth_with_the_number_of_points_is_measured():
    class Known(Distance):
        def between(self, first, second):
            return first

    # 4 among quarters and 12 among twelfths: it falls like 1 / n, and is 1 among layers of n points.
    assert noise_at_n(Known(), np.nan, [4.0] * 4, [12.0] * 12) == pytest.approx(1.0)
    assert noise_at_n(Known(), np.nan, [5.0] * 4, [5.0] * 12) == pytest.approx(5.0)
    assert noise_at_n(Known(), np.nan, [0.0] * 4, [0.0] * 12) == 0
    assert np.isnan(noise_at_n(Known(), np.nan, [4.0] * 4, []))
    assert np.isnan(noise_at_n(Known(), np.nan, [], []))


def test_noise_and_test_of_a_distance_of_essential_classes_which_has_no_size():
    distance = SlicedWasserstein(homology_dim=0, essential=True)
    layers = layers_of(distance, *gaussians(3))
    assert {layer.problem for layer in layers} == {""}
    assert np.isnan([layer.size for layer in layers]).all()
    assert all(layer.noise > 0 for layer in layers)
    assert np.isfinite(p_values_among(distance, layers)).all()


@pytest.mark.parametrize("n", [1, 3, 23])
def test_too_few_points_have_no_test(n):
    layers = layers_of(H0, *gaussians(2, n=n))
    assert not any(len(layer.parts) for layer in layers)
    assert np.isnan(among(H0, layers)["p_values"]).all()
    assert np.isnan(layers[0].noise) == (n < 8)


def test_constant_clouds_do_not_differ():
    found = among(H0, layers_of(H0, np.ones((60, 2)), np.zeros((60, 3)), scale="quantile"))
    assert found["matrix"].max() == 0
    assert found["p_values"].tolist() == [[1, 1], [1, 1]]


class NeedsMany(Distance):
    def prepare(self, facts):
        if facts.n_points < 30:
            raise ValueError(f"Expected at least 30 points, got {facts.n_points}.")
        return facts.cloud.std()

    def between(self, first, second):
        return abs(first - second)


def test_a_distance_that_fails_on_parts_keeps_the_whole_and_says_why_its_noise_is_not_known():
    (layer,) = layers_of(NeedsMany(), *gaussians(1))
    assert layer.whole > 0
    assert np.isnan(layer.noise)
    assert layer.problem == "ValueError: Expected at least 30 points, got 10."


# -- Standard errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statistic", [Bars(homology_dim=1), TotalPersistence(homology_dim=0)])
def test_the_error_of_a_statistic_is_its_spread_over_samples(statistic):
    facts = [LayerFacts(cloud) for cloud in gaussians(30, n=240)]
    values = [statistic.value(each) for each in facts]
    errors = [error_of(statistic, value, each) for value, each in zip(values, facts, strict=True)]
    assert np.median(errors) == pytest.approx(np.std(values), rel=0.5)


def test_values_near_zero_tell_no_growth():
    of_parts = np.array([1.0, -1.0] * 6)
    assert spread_at_n(of_parts, np.float64(0.0)) == pytest.approx(np.std(of_parts, ddof=1) / np.sqrt(12))
    assert np.isnan(spread_at_n(of_parts, np.float64(np.nan)))
    assert np.isnan(spread_at_n(np.empty(0), np.float64(1.0)))


def test_a_statistic_that_is_no_number_of_the_same_kind_on_parts_has_no_error():
    class OfAll(Statistic):
        on_parts = False

        def value(self, facts):
            raise AssertionError("It was asked of a part.")

    assert np.isnan(error_of(OfAll(), 1.0, LayerFacts(gaussians(1)[0])))


def test_a_paired_distance_has_standard_errors_and_no_p():
    first, other = gaussians(2)
    found = among(Procrustes(), layers_of(Procrustes(), first, first + 0.3 * other))
    assert found.keys() == {"matrix", "sizes", "errors"}
    assert 0 < found["errors"][0, 1] < found["matrix"][0, 1]


# -- Tests -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [H1, Wasserstein(homology_dim=1)])
def test_p_values_are_the_same_among_across_and_of_pairs(distance):
    clouds = [*gaussians(2), 3 * gaussians(1, d=1, seed=1)[0], gaussians(1, d=8, seed=2)[0]]
    layers = layers_of(distance, *clouds)
    expected = p_values_among(distance, layers)
    np.testing.assert_array_equal(expected, expected.T)
    np.testing.assert_array_equal(np.diagonal(expected), 1)
    np.testing.assert_array_equal(p_values_across(distance, layers[:1], layers[1:]), expected[:1, 1:])
    np.testing.assert_array_equal(p_values_of_pairs(distance, layers[:2], layers[2:]), expected[[0, 1], [2, 3]])
    np.testing.assert_array_equal(p_values_of_pairs(distance, layers, layers), 1)
    np.testing.assert_array_equal(p_values_across(distance, layers, layers), expected)


def test_equal_layers_are_not_told_apart_wherever_they_come_from():
    first, same = (layers_of(H0, *gaussians(3)) for _ in range(2))
    assert (np.diagonal(p_values_across(H0, first, same)) == 1).all()
    assert (p_values_of_pairs(H0, first, same) == 1).all()
    assert (np.diagonal(p_values_among(H0, [*first, *same]), 3) == 1).all()


def test_a_p_value_is_of_two_layers_whatever_others_there_are():
    layers = layers_of(H0, *gaussians(3), 1e3 * gaussians(1, seed=5)[0], 1e-3 * gaussians(1, seed=6)[0])
    alone = p_values_among(H0, layers[:2])
    np.testing.assert_array_equal(p_values_among(H0, layers)[:2, :2], alone)


@pytest.mark.parametrize(("lost", "is_tested"), [(2, True), (12, False)])
def test_layers_of_which_one_lacks_many_points_are_not_tested(lost, is_tested):
    first, second = gaussians(2)
    second[:lost] = np.nan
    for found in (
        p_values_among(H0, layers_of(H0, first, second))[0, 1],
        p_values_across(H0, layers_of(H0, first), layers_of(H0, second))[0, 0],
        p_values_of_pairs(H0, layers_of(H0, first), layers_of(H0, second))[0],
    ):
        assert np.isfinite(found) == is_tested


def test_two_snapshots_are_tested_from_their_files_as_they_were_with_their_clouds(tmp_path):
    clouds = dict(zip("ab", gaussians(2), strict=True))
    snapshot = analyse(PointClouds(clouds))
    read = Snapshot.load(snapshot.save(tmp_path / "step=0.npz"))
    facts = [LayerFacts.of_diagrams(read.diagrams[layer], (0, 1), read.parts[layer]) for layer in "ab"]
    for distance in (H0, H1):
        expected = p_values_among(distance, layers_of(distance, *clouds.values(), scale="quantile"))
        np.testing.assert_array_equal(
            p_values_among(distance, [prepare_layer(distance, each) for each in facts]), expected
        )
        np.testing.assert_array_equal(read.distances["sliced_wasserstein", distance.homology_dim].p_values, expected)
