"""Receptive fields and norms: cases that are known."""

import numpy as np
import pytest

from topocallback.measures import WeightNorm, WeightParticipationRatio

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n_used", [1, 3, 8])
def test_a_unit_that_uses_some_weights_alike_uses_as_many(n_used):
    weight = np.zeros((5, 8))
    weight[:, :n_used] = RNG.choice([-2.0, 2.0], size=(5, n_used))
    assert WeightParticipationRatio()(weight) == pytest.approx(n_used)


def test_the_mean_is_over_the_units_that_have_weights():
    assert WeightParticipationRatio()([[1.0, 1.0], [0.0, 3.0], [0.0, 0.0]]) == pytest.approx(1.5)


def test_gaussian_weights_use_a_third_of_them():
    # The fourth moment of a normal variable is 3: Ingrosso and Goldt's value before training.
    assert WeightParticipationRatio()(RNG.normal(size=(200, 3000))) == pytest.approx(1000, rel=0.01)


@pytest.mark.parametrize("scale", [1e-200, 1e-90, 1.0, 1e90, 1e200])
def test_the_scale_does_not_matter(scale):
    weight = RNG.normal(size=(4, 9))
    assert WeightParticipationRatio()(scale * weight) == pytest.approx(WeightParticipationRatio()(weight))


@pytest.mark.parametrize(
    "weight", [np.zeros((3, 4)), np.empty((0, 3)), np.empty((3, 0)), [[np.nan, 1.0]], [[np.inf, 1]]]
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_where_no_weight_counts_there_is_no_number(weight):
    assert np.isnan(WeightParticipationRatio()(weight))


def test_the_norm_is_that_of_all_weights_together():
    weight = RNG.normal(size=(4, 3, 5, 5)).astype(np.float32)
    assert WeightNorm()(weight, RNG.normal(size=4)) == pytest.approx(np.sqrt((weight.astype(float) ** 2).sum()))
    assert WeightNorm()(np.zeros((3, 2))) == 0
    assert np.isnan(WeightNorm()([[np.nan, 1.0]]))
