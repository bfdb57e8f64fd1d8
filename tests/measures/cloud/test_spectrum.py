"""How many directions a cloud fills: against singular values, and cases that are known."""

import numpy as np
import pytest
from scipy.stats import entropy, linregress
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_distances

from topocallback.measures import MEASURES, AlphaReQ, EffectiveRank, MeanCosine, ParticipationRatio, RankMe

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


def test_one_minus_mean_cosine_is_the_mean_average_distance_of_graph_networks():
    apart = cosine_distances(CLOUD)
    of_each = apart.sum(axis=1) / (apart > 1e-12).sum(axis=1)  # Chen et al. 2020, with all pairs
    assert 1 - MeanCosine()(CLOUD) == pytest.approx(of_each.mean(), abs=1e-12)


@pytest.mark.parametrize("n_directions", [1, 3, 8])
def test_points_that_fill_some_directions_alike_have_as_many(n_directions):
    cross = np.concatenate([np.eye(8)[:n_directions], -np.eye(8)[:n_directions]])
    assert ParticipationRatio()(cross) == pytest.approx(n_directions)
    assert EffectiveRank()(cross) == pytest.approx(n_directions)
    assert RankMe()(cross) == pytest.approx(n_directions, rel=1e-2)


@pytest.mark.parametrize("key", ["rankme", "effective_rank", "participation_ratio", "alpha_req", "mean_cosine"])
def test_a_dead_layer_has_none(key):
    assert np.isnan(MEASURES[key]()(np.zeros((5, 3))))
    assert np.isnan(MEASURES[key]()(np.empty((0, 3))))


@pytest.mark.parametrize("key", ["rankme", "effective_rank", "participation_ratio", "alpha_req", "mean_cosine"])
def test_one_factor_for_all_values_changes_nothing(key):
    assert MEASURES[key]()(1e3 * CLOUD) == pytest.approx(MEASURES[key]()(CLOUD), rel=1e-9)


# -- alpha-ReQ -------------------------------------------------------------------------------------------------------


def power_law(exponent, n_directions=12):
    """A cloud of which covariance has the eigenvalues i to the power of minus the exponent."""
    axes = np.diag(np.arange(1.0, n_directions + 1) ** (-exponent / 2))
    return np.concatenate([axes, -axes])


@pytest.mark.parametrize("exponent", [0, 0.5, 1, 2])
def test_a_power_law_has_its_exponent(exponent):
    assert AlphaReQ()(power_law(exponent)) == pytest.approx(exponent, abs=1e-9)


@pytest.mark.parametrize(
    ("options", "ranks"), [({}, (1, 12)), ({"first": 3, "last": 8}, (3, 8)), ({"last": 99}, (1, 12))]
)
def test_alpha_is_scipys_slope_of_scikit_learns_eigenvalues(options, ranks):
    first, last = ranks
    values = PCA().fit(CLOUD).explained_variance_[first - 1 : last]
    slope = linregress(np.log(np.arange(first, last + 1)), np.log(values)).slope
    assert AlphaReQ(**options)(CLOUD) == pytest.approx(-slope, rel=1e-9)


def test_directions_that_are_not_filled_do_not_count():
    random = np.random.default_rng(0)
    for dtype in (np.float64, np.float32):
        flat = (power_law(1.5, 8) @ random.normal(size=(8, 8)) @ random.normal(size=(8, 40)) + 3).astype(dtype)
        values = np.linalg.svd(flat.astype(np.float64) - flat.mean(axis=0, dtype=np.float64))[1][:8] ** 2
        slope = linregress(np.log(np.arange(1, 9)), np.log(values)).slope
        assert AlphaReQ()(flat) == pytest.approx(-slope, rel=1e-9)


def test_alpha_depends_neither_on_the_order_of_samples_nor_on_rotations():
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0]
    order = np.random.default_rng(2).permutation(len(CLOUD))
    assert AlphaReQ()(CLOUD[order] @ rotation + 9) == pytest.approx(AlphaReQ()(CLOUD), rel=1e-9)


def test_alpha_of_more_dimensions_than_samples_ends_at_the_samples():
    wide = np.random.default_rng(0).normal(size=(5, 40))
    assert AlphaReQ()(wide) == pytest.approx(AlphaReQ(last=4)(wide), rel=1e-12)


def test_a_line_has_no_decay():
    assert np.isnan(AlphaReQ()(np.arange(9.0)[:, None] * [1.0, 2.0]))
    assert np.isnan(AlphaReQ(first=20)(CLOUD))
    assert np.isnan(AlphaReQ()(np.ones((1, 3))))


@pytest.mark.parametrize("options", [{"first": 0}, {"first": 1.5}, {"first": 5, "last": 5}, {"last": "all"}])
def test_ranks_that_are_none_are_refused(options):
    name = list(options)[-1]
    with pytest.raises(ValueError, match=f"Expected `{name}` of alpha_req to be an integer"):
        AlphaReQ(**options)
