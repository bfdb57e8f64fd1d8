"""How many units are active, and how strongly: against values by hand."""

import numpy as np
import pytest

from topocallback.measures import MEASURES, DeadUnits, LayerFacts, MeanNorm, NeuronActivitySparsity, Sparsity

KEYS = ["sparsity", "dead_units", "mean_norm", "neuron_activity_sparsity"]
RANDOM = np.random.default_rng(0)
CLOUD = np.maximum(0, RANDOM.normal(size=(60, 12))) * (RANDOM.random(12) > 0.3)
LABELS = RANDOM.integers(3, size=60)
# Ten activations, of which three are 0, four at most a tenth of 5 and five at most a fifth of it.
BY_HAND = np.array([[0.0, 0.0, -5.0, 2.0, 0.5], [0.0, 1.0, 3.0, -4.0, 2.0]])


@pytest.mark.parametrize(("at_most", "expected"), [(0, 0.3), (0.1, 0.4), (0.2, 0.5), (0.99, 0.9)])
def test_sparsity_is_the_share_of_magnitudes_up_to_a_share_of_the_largest(at_most, expected):
    assert Sparsity(at_most=at_most)(BY_HAND) == pytest.approx(expected, abs=1e-12)
    assert Sparsity(at_most=at_most)(-BY_HAND) == pytest.approx(expected, abs=1e-12)


def test_units_that_are_constant_are_dead_whatever_their_constant():
    columns = [[0, 0, 0], [-2, -2, -2], [0, 0, 1e-30], [1, 2, 3]]
    assert DeadUnits()(np.array(columns, dtype=float).T) == 0.5


def test_dead_units_have_no_error_from_parts_of_which_more_are_constant():
    cloud = np.zeros((240, 10))
    cloud[np.arange(10), np.arange(10)] = 1.0  # each unit is active for one sample
    facts = LayerFacts(cloud)
    assert DeadUnits().value(facts) == 0
    assert min(DeadUnits().value(part) for part in facts.parts(12)) > 0.5
    assert not DeadUnits.on_parts


def test_mean_norm_is_the_mean_of_numpys_norms():
    assert MeanNorm()(BY_HAND) == pytest.approx((np.sqrt(29.25) + np.sqrt(30)) / 2, rel=1e-12)


def test_mean_norm_grows_with_the_activations_and_does_not_depend_on_rotations():
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0]
    assert MeanNorm()(7 * CLOUD @ rotation) == pytest.approx(7 * MeanNorm()(CLOUD), rel=1e-9)


def test_units_are_quiet_for_a_class_under_a_share_of_its_most_active_unit():
    # Summed magnitudes (4, 1, 0.5, 0) of the first class and (0, 10, 2, 1) of the second one.
    cloud = [[-1, 1, 0, 0], [3, 0, 0.5, 0], [0, 10, -2, 1]]
    for under, quiet in [(0.1, 2), (0.2, 4), (0.3, 6), (1, 6)]:
        found = NeuronActivitySparsity(under=under)(cloud, ["a", "a", "b"])
        assert found == quiet / 8, under


def test_one_class_is_compared_with_none_and_all_zeros_are_quiet():
    assert NeuronActivitySparsity()(BY_HAND, [0, 0]) == 0.4  # sums of 0, 1, 8, 6 and 2.5 over 8
    assert NeuronActivitySparsity()(np.zeros((4, 3)), [0, 0, 1, 1]) == 1
    assert Sparsity()(np.zeros((4, 3))) == 1


@pytest.mark.parametrize("key", KEYS)
def test_the_order_of_the_samples_does_not_matter(key):
    order = np.random.default_rng(1).permutation(len(CLOUD))
    assert MEASURES[key]()(CLOUD[order], LABELS[order]) == pytest.approx(MEASURES[key]()(CLOUD, LABELS), rel=1e-12)


@pytest.mark.parametrize("measure", [Sparsity(), Sparsity(at_most=0.1), DeadUnits(), NeuronActivitySparsity()])
def test_one_factor_for_all_values_changes_no_share(measure):
    assert measure(-1024 * CLOUD, LABELS) == measure(CLOUD, LABELS)


@pytest.mark.parametrize("key", KEYS)
def test_nothing_has_no_number(key):
    assert np.isnan(MEASURES[key]()(np.empty((0, 3)), []))
    assert np.isnan(DeadUnits()(np.ones((1, 3))))


def test_points_that_are_not_finite_are_left_out():
    cloud = np.concatenate([BY_HAND, [[np.nan, 100, 0, 0, 0]]])
    for key in KEYS:
        measure = MEASURES[key]()
        assert measure.value(LayerFacts(cloud, [0, 1, 0])) == measure(BY_HAND, [0, 1])
        with pytest.raises(ValueError, match=f"Expected finite points for {key}, got NaN or infinity in 1 of 3"):
            measure(cloud, [0, 1, 0])


def test_what_is_needed_is_said():
    with pytest.raises(ValueError, match="Expected `labels` for neuron_activity_sparsity"):
        NeuronActivitySparsity()(CLOUD)
    with pytest.raises(ValueError, match="Expected `at_most` of sparsity to be at least 0 and below 1, got 1"):
        Sparsity(at_most=1)
    with pytest.raises(ValueError, match="Expected `under` of neuron_activity_sparsity to be above 0 and at most 1"):
        NeuronActivitySparsity(under=0)
