"""How many directions a cloud fills: against singular values, and cases that are known."""

import numpy as np
import pytest
from scipy.stats import entropy

from topocallback.measures import MEASURES, EffectiveRank, MeanCosine, ParticipationRatio, RankMe

CLOUD = np.random.default_rng(0).normal(size=(60, 12)) * np.arange(1, 13) + 2


def test_rankme_is_what_practitioners_compute():
    singular = np.linalg.svd(CLOUD)[1]
    shares = singular / singular.sum() + 1e-5
    assert RankMe()(CLOUD) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-9)


@pytest.mark.parametrize("centred", [True, False])
def test_effective_rank_is_the_exponential_of_scipys_entropy(centred):
    singular = np.linalg.svd(CLOUD - CLOUD.mean(axis=0) if centred else CLOUD)[1]
    assert EffectiveRank(centred=centred)(CLOUD) == pytest.approx(np.exp(entropy(singular)), rel=1e-9)


def test_participation_ratio_is_that_of_the_covariances_eigenvalues(reference_clouds):
    for cloud in (CLOUD, CLOUD[:8], reference_clouds["05_block5"]):
        values = np.linalg.eigvalsh(np.cov(cloud, rowvar=False))
        assert ParticipationRatio()(cloud) == pytest.approx(values.sum() ** 2 / (values**2).sum(), rel=1e-6)


def test_mean_cosine_is_the_mean_over_all_pairs():
    directions = CLOUD / np.linalg.norm(CLOUD, axis=1, keepdims=True)
    cosines = (directions @ directions.T)[np.triu_indices(len(CLOUD), 1)]
    assert MeanCosine()(CLOUD) == pytest.approx(cosines.mean(), abs=1e-12)


@pytest.mark.parametrize("n_directions", [1, 3, 8])
def test_points_that_fill_some_directions_alike_have_as_many(n_directions):
    cross = np.concatenate([np.eye(8)[:n_directions], -np.eye(8)[:n_directions]])
    assert ParticipationRatio()(cross) == pytest.approx(n_directions)
    assert EffectiveRank()(cross) == pytest.approx(n_directions)
    assert RankMe()(cross) == pytest.approx(n_directions, rel=1e-2)


@pytest.mark.parametrize("key", ["rankme", "effective_rank", "participation_ratio", "mean_cosine"])
def test_a_dead_layer_has_none(key):
    assert np.isnan(MEASURES[key]()(np.zeros((5, 3))))
    assert np.isnan(MEASURES[key]()(np.empty((0, 3))))


@pytest.mark.parametrize("key", ["rankme", "effective_rank", "participation_ratio", "mean_cosine"])
def test_one_factor_for_all_values_changes_nothing(key):
    assert MEASURES[key]()(1e3 * CLOUD) == pytest.approx(MEASURES[key]()(CLOUD), rel=1e-9)
