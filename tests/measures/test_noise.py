"""How much of a number the choice of samples explains: noise, standard errors and p-values of layers."""

import dataclasses

import numpy as np
import pytest
from own_measures import LongBars, NearestAgree, Procrustes

from topocallback.measures import (
    CKA,
    SQNR,
    AlphaReQ,
    Bars,
    Distance,
    EffectiveRank,
    EuclideanShapeMetric,
    LongestBar,
    MeanCosine,
    MeanNorm,
    NeighbourAccuracy,
    PersistentEntropy,
    RTDLite,
    ShapeMetric,
    Silhouette,
    SlicedWasserstein,
    Statistic,
    TotalPersistence,
    TwoNN,
)
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.statistics import MapperCoverage
from topocallback.measures.noise import (
    N_QUARTERS,
    error_of,
    how_sure,
    noise_at_n,
    p_values_across,
    p_values_among,
    p_values_of_pairs,
    prepare_layer,
    spread_at_n,
)


def gaussian(n, dim=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim))


def circle(n, seed=0):
    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def prepared(distance, *clouds, **options):
    return [prepare_layer(distance, LayerFacts(cloud, scale="quantile", **options)) for cloud in clouds]


def sure(distance, layers):
    return how_sure(distance, layers, distance.matrix([layer.whole for layer in layers]))


# -- Noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 5])
@pytest.mark.parametrize("homology_dim", [0, 1])
def test_noise_is_what_independent_samples_have_on_average(dim, homology_dim):
    distance = SlicedWasserstein(homology_dim=homology_dim)
    layers = prepared(distance, *[gaussian(200, dim, seed) for seed in range(16)], homology_dims=(homology_dim,))
    apart = distance.matrix([layer.whole for layer in layers])[np.triu_indices(16, 1)]
    assert np.mean([layer.noise for layer in layers]) == pytest.approx(apart.mean(), rel=0.2)


class Known(Distance):
    """Any two prepared layers are as far apart as the first one says."""

    def between(self, first, second):
        return first


def test_without_a_size_the_growth_with_the_number_of_points_is_measured():
    # 4 among quarters and 12 among twelfths: it falls like 1 / n, and is 1 among layers of n points.
    assert noise_at_n(Known(), np.nan, [4.0] * 4, [12.0] * 12) == pytest.approx(1.0)
    assert noise_at_n(Known(), np.nan, [5.0] * 4, [5.0] * 12) == pytest.approx(5.0)
    assert noise_at_n(Known(), np.nan, [0.0] * 4, [0.0] * 12) == 0
    assert np.isnan(noise_at_n(Known(), np.nan, [4.0] * 4, []))
    assert np.isnan(noise_at_n(Known(), np.nan, [], []))


def test_noise_of_nothing_is_nothing():
    (layer,) = prepared(SlicedWasserstein(homology_dim=1), np.ones((48, 3)))
    assert (layer.noise, layer.size) == (0.0, 0.0)


@pytest.mark.parametrize(("n", "parts", "is_known"), [(7, 0, False), (23, 0, True), (24, 12, True)])
def test_noise_needs_quarters_of_two_samples_and_the_test_twelfths(n, parts, is_known):
    (layer,) = prepared(SlicedWasserstein(homology_dim=0), gaussian(n))
    assert len(layer.parts) == len(layer.n_points) == parts
    assert np.isfinite(layer.noise) == is_known
    assert np.isfinite(layer.size)


def test_a_paired_distance_has_parts_and_no_noise():
    (layer,) = prepared(Procrustes(), gaussian(48))
    assert len(layer.parts) == 12
    assert np.isnan([layer.noise, layer.size]).all()


def test_noise_and_test_of_a_distance_whose_size_is_infinite():
    distance = SlicedWasserstein(homology_dim=0, essential=True)
    layers = prepared(distance, *[gaussian(144, seed=seed) for seed in range(8)])
    assert {layer.problem for layer in layers} == {""}
    apart = distance.matrix([layer.whole for layer in layers])[np.triu_indices(8, 1)]
    assert np.mean([layer.noise for layer in layers]) == pytest.approx(apart.mean(), rel=0.4)
    assert np.isfinite(p_values_among(distance, layers)).all()


def test_a_distance_that_fails_on_parts_costs_its_noise_and_says_so():
    class ManyPoints(Distance):
        def prepare(self, facts):
            if facts.n_points < 20:
                raise ValueError(f"got {facts.n_points} points")
            return facts.cloud.mean()

    (layer,) = prepared(ManyPoints(), gaussian(48))
    assert layer.whole == gaussian(48).mean()
    assert (len(layer.parts), layer.problem) == (0, "ValueError: got 4 points")
    assert np.isnan(layer.noise)


# -- Standard errors -------------------------------------------------------------------------------------------------


def test_the_error_of_a_mean_is_that_of_the_textbook():
    values = np.random.default_rng(0).normal(3, 1, size=(1200, 500))
    errors = spread_at_n(values.reshape(12, 100, 500).mean(axis=1), values.mean(axis=0))
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(1 / np.sqrt(1200), rel=0.05)


def test_errors_are_not_known_where_a_value_is_not_or_there_are_no_parts():
    parts = np.array([[1.0, 1.0, np.nan], [2.0, 3.0, 1.0]])
    for behaves_as in ("mean", "sum", "extreme"):
        found = spread_at_n(parts, np.array([np.nan, 2.0, 2.0]), behaves_as)
        assert np.isnan(found).tolist() == [True, False, True]
        assert np.isnan(spread_at_n(np.empty((0, 2)), np.ones(2), behaves_as)).all()


def test_the_error_of_an_extreme_does_not_fall():
    random = np.random.default_rng(0)
    largest = random.exponential(size=(500, 12, 100)).max(axis=2)  # as wide among 100 as among 1200
    errors = spread_at_n(largest.T, largest.max(axis=1), "extreme")
    assert errors.mean() == pytest.approx(largest.max(axis=1).std(), rel=0.1)


def test_a_sum_of_which_parts_have_nothing_has_no_error_and_nothing_that_of_nothing():
    found = spread_at_n(np.zeros((12, 2)), np.array([3.0, 0.0]), "sum")
    np.testing.assert_array_equal(found, [np.nan, 0.0])


class Mean(Statistic):
    def value(self, facts):
        return float(facts.cloud.mean())


class Total(Mean):
    behaves_as = "sum"

    def value(self, facts):
        return float(facts.cloud.sum())


class Largest(Mean):
    behaves_as = "extreme"

    def value(self, facts):
        return float(facts.cloud.max())


@pytest.mark.parametrize(("statistic", "spread"), [(Mean(), 480**-0.5), (Total(), 480**0.5), (Largest(), 0.41)])
def test_the_error_of_a_statistic_comes_from_its_quarters(statistic, spread):
    clouds = [LayerFacts(gaussian(480, 1, seed) + 3) for seed in range(30)]
    errors = [error_of(statistic, statistic.value(facts), facts) for facts in clouds]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(spread, rel=0.2)
    assert np.isnan(error_of(statistic, 0.0, LayerFacts(gaussian(7))))


def test_statistics_of_diagrams_are_asked_for_quarters_whose_diagrams_are_there():
    facts = LayerFacts(gaussian(48), homology_dims=(0,))
    facts.measure_parts(N_QUARTERS)
    statistic = TotalPersistence(homology_dim=0)
    of_quarters = np.array([statistic.value(part) for part in facts.parts(N_QUARTERS)])
    value = statistic.value(facts)
    assert error_of(statistic, value, facts) == pytest.approx(float(spread_at_n(of_quarters, value, "sum")))
    assert not any("diagrams" in part.__dict__ for part in facts.parts(N_QUARTERS, 1))


def test_parts_tell_nothing_of_a_statistic_that_is_another_one_on_them():
    facts = LayerFacts(gaussian(48))
    assert not MapperCoverage.on_parts
    assert np.isnan(error_of(MapperCoverage(), 0.9, facts))
    labels = np.arange(240) % 2
    assert error_of(NearestAgree(), 0.5, LayerFacts(gaussian(240), labels)) < 0.1


# -- Errors held against the spread over many samples: the short form of benchmarks/errors.py --------------------------

SAMPLES = 48
RIGHT_ENOUGH = 0.7, 1.5  # the mean error over the spread, of which 48 samples tell 10 %


def classes(random, n=300):
    """Three classes that overlap, in six dimensions."""
    labels = random.integers(3, size=n)
    return 0.7 * np.random.default_rng(7).normal(size=(3, 6))[labels] + random.normal(size=(n, 6)), labels


@pytest.fixture(scope="module")
def samples():
    random = np.random.default_rng(0)
    found = [LayerFacts(*classes(random), scale="quantile") for _ in range(SAMPLES)]
    for facts in found:
        facts.measure_parts(N_QUARTERS)
    return found


def rightness(values, errors):
    return np.mean(errors) / np.std(values, ddof=1)


STATISTICS = [
    Bars(homology_dim=1),
    *(kind(homology_dim=dim) for kind in (TotalPersistence, PersistentEntropy) for dim in (0, 1)),
    LongestBar(homology_dim=0),
    EffectiveRank(),
    MeanCosine(),
    MeanNorm(),
    AlphaReQ(),
    TwoNN(),
    Silhouette(),
    NeighbourAccuracy(),
]


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda statistic: statistic.describe().tag)
def test_errors_of_statistics_are_the_spread_over_samples(samples, statistic):
    values = [statistic.value(facts) for facts in samples]
    errors = [error_of(statistic, value, facts) for value, facts in zip(values, samples, strict=True)]
    assert RIGHT_ENOUGH[0] < rightness(values, errors) < RIGHT_ENOUGH[1]


@pytest.mark.parametrize(
    "distance", [CKA(), ShapeMetric(), EuclideanShapeMetric(), RTDLite(), SQNR()], ids=lambda distance: distance.key
)
def test_errors_of_paired_distances_are_the_spread_over_samples(distance):
    random = np.random.default_rng(1)
    found = []
    for _ in range(SAMPLES):
        cloud = classes(random, 240)[0] * 0.8 ** np.arange(6)
        layers = prepared(distance, cloud, cloud + 0.5 * random.normal(size=cloud.shape))
        matrix = distance.matrix([layer.whole for layer in layers])
        found.append((matrix[0, 1], how_sure(distance, layers, matrix)["errors"][0, 1]))
    assert RIGHT_ENOUGH[0] < rightness(*np.transpose(found)) < RIGHT_ENOUGH[1]


# -- p-values of layers ----------------------------------------------------------------------------------------------

DISTANCES = [SlicedWasserstein(homology_dim=0), SlicedWasserstein(homology_dim=1), LongBars(homology_dim=0)]


@pytest.fixture(scope="module")
def clouds():
    same = gaussian(144)
    return [same, same + 0.1 * gaussian(144, seed=1), gaussian(144, 8, seed=2), circle(144)]


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda distance: distance.describe().tag)
def test_p_is_the_same_however_layers_are_asked_for(distance, clouds):
    layers = prepared(distance, *clouds)
    found = p_values_among(distance, layers)
    assert (np.diagonal(found) == 1).all()
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(p_values_among(distance, layers, n_threads=3), found)
    np.testing.assert_array_equal(p_values_across(distance, layers[:1], layers[1:]), found[:1, 1:])
    np.testing.assert_array_equal(p_values_across(distance, layers, layers), found)
    rows, columns = np.triu_indices(4, 1)
    pairs = [[layers[i] for i in side] for side in (rows, columns)]
    np.testing.assert_array_equal(p_values_of_pairs(distance, *pairs), found[rows, columns])


def test_layers_that_differ_are_told_apart_and_those_that_do_not_are_not(clouds):
    distance = SlicedWasserstein(homology_dim=0)
    found = p_values_among(distance, prepared(distance, *clouds, gaussian(144, seed=9)))
    assert (found[[0, 0, 2], [2, 3, 3]] <= 0.05).all()
    assert found[0, 4] > 0.05


def test_layers_without_parts_or_with_unequal_ones_are_not_tested(clouds):
    distance = SlicedWasserstein(homology_dim=0)
    layers = prepared(distance, clouds[0], clouds[1][:20], clouds[2], clouds[3][:141], clouds[3][:132])
    assert [int(layer.n_points.sum()) for layer in layers] == [144, 0, 144, 132, 132]
    is_known = np.isfinite(p_values_among(distance, layers))
    expected = np.zeros((5, 5), dtype=bool)
    expected[np.ix_([0, 2], [0, 2])] = expected[np.ix_([3, 4], [3, 4])] = True
    np.testing.assert_array_equal(is_known, expected)
    np.testing.assert_array_equal(np.isfinite(p_values_across(distance, layers[:2], layers[2:])), expected[:2, 2:])
    assert np.isfinite(p_values_of_pairs(distance, layers[:3], layers[2:])).tolist() == [True, False, False]
    assert np.isnan(p_values_among(distance, layers[1:2])).all()


def test_parts_may_lack_two_points_in_a_hundred():
    distance = SlicedWasserstein(homology_dim=0)
    full, lacking = prepared(distance, gaussian(144), gaussian(144, seed=1))
    for lost, is_known in ((2, True), (3, False)):
        counts = full.n_points - np.eye(12, dtype=np.int64)[0] * lost
        found = p_values_of_pairs(distance, [full], [dataclasses.replace(lacking, n_points=counts)])
        assert np.isfinite(found).tolist() == [is_known]


def test_what_is_known_among_layers_are_the_fields_of_their_table(clouds):
    distance = LongBars(homology_dim=1)
    layers = prepared(distance, *clouds)
    known = sure(distance, layers)
    assert known.keys() == {"sizes", "noise", "p_values"}
    np.testing.assert_array_equal(known["sizes"], [layer.whole for layer in layers])
    np.testing.assert_array_equal(known["noise"], [layer.noise for layer in layers])


def test_a_paired_distance_has_errors_and_no_p(clouds):
    layers = prepared(Procrustes(), *clouds)
    known = sure(Procrustes(), layers)
    assert known.keys() == {"sizes", "errors"}
    assert (known["errors"][~np.eye(4, dtype=bool)] > 0).all()
    np.testing.assert_allclose(known["errors"], known["errors"].T)
    assert sure(Procrustes(), prepared(Procrustes(), gaussian(20), gaussian(20))).keys() == {"sizes"}
