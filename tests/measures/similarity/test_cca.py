"""Canonical correlations: against SciPy's angles between subspaces, scikit-learn's and the formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from scipy.stats import ortho_group
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA

from topocallback.measures import PWCCA, SVCCA, LayerFacts

both = pytest.mark.parametrize("measure", [SVCCA, PWCCA])


def by_scipy(x, y, variance):
    """1 less the mean cosine of the angles between what scikit-learn's principal components span."""
    reduced = [x - x.mean(axis=0), y - y.mean(axis=0)]
    if variance < 1:
        reduced = [PCA(variance, svd_solver="full").fit_transform(np.float64(cloud)) for cloud in reduced]
    return 1 - np.cos(subspace_angles(*map(np.float64, reduced))).mean()


def weighted_by_the_first(x, y):
    """The formula, value by value, with scikit-learn's canonical variates."""
    count = min(x.shape[1], y.shape[1])
    variates = CCA(count, scale=False, max_iter=100_000, tol=1e-14).fit(x, y).transform(x, y)
    x = x - x.mean(axis=0)
    alike, total = 0.0, 0.0
    for ours, theirs in zip(variates[0].T, variates[1].T, strict=True):
        weight = sum(abs(ours @ value) for value in x.T) / np.linalg.norm(ours)
        alike += weight * np.corrcoef(ours, theirs)[0, 1]
        total += weight
    return 1 - alike / total


def related(seed, widths=(5, 3), n=80):
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, widths[0])) * np.arange(1, widths[0] + 1)
    return x, x @ random.normal(size=widths) + 3 * random.normal(size=(n, widths[1])) + 7


@pytest.mark.parametrize("variance", [0.8, 0.99, 1])
def test_real_layers_give_what_scipy_gives(reference, reference_clouds, variance):
    for pair in reference["paired"]:
        clouds = [reference_clouds[layer] for layer in pair.split("~")]
        found = SVCCA(variance=variance)(*clouds)
        assert found == pytest.approx(by_scipy(*clouds, variance), abs=1e-6)
        assert 0.01 < found < 0.99


def test_of_a_layer_and_a_linear_image_of_it_every_correlation_is_1(toy):
    assert SVCCA(variance=1)(*toy) == pytest.approx(0, abs=1e-12)
    assert PWCCA()(*toy) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("widths", [(5, 3), (3, 5), (4, 4), (1, 4)])
def test_the_weighted_mean_is_that_of_both_layers_weights(widths):
    x, y = related(1, widths)
    expected = (weighted_by_the_first(x, y) + weighted_by_the_first(y, x)) / 2
    assert PWCCA()(x, y) == pytest.approx(expected, abs=1e-6)
    assert abs(weighted_by_the_first(x, y) - weighted_by_the_first(y, x)) > 1e-3 or min(widths) == 1


def test_of_one_value_each_both_are_1_less_the_correlation():
    x, y = related(2, (1, 1))
    expected = 1 - abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1])
    assert SVCCA()(x, y) == pytest.approx(expected)
    assert PWCCA()(x, y) == pytest.approx(expected)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_every_invertible_map_is_passed_over_where_all_directions_are_kept(seed):
    x, y = related(seed)
    image = x @ np.random.default_rng(seed).normal(size=(5, 5)) - 4
    assert SVCCA(variance=1)(image, y) == pytest.approx(SVCCA(variance=1)(x, y), abs=1e-6)


def test_rotations_change_weights():
    x, y = related(3)
    rotated = x @ ortho_group.rvs(5, random_state=0)
    assert abs(PWCCA()(rotated, y) - PWCCA()(x, y)) > 1e-4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@both
def test_constant_and_redundant_values_change_nothing(measure, dtype):
    x, y = (cloud.astype(dtype) for cloud in related(4))
    more = np.column_stack([x, np.full(len(x), 1000), x[:, 0] + x[:, 1], np.zeros(len(x))]).astype(dtype)
    facts = LayerFacts(more)
    kept = measure(variance=1).prepare(facts)
    assert (kept if measure is SVCCA else kept[0]).shape == (80, 5)
    if measure is SVCCA:  # redundant values add to the weights of what they repeat
        assert measure(variance=1)(more, y) == pytest.approx(measure(variance=1)(x, y), abs=1e-6)
    constant = np.column_stack([x, np.full(len(x), 1000)]).astype(dtype)
    assert measure()(constant, y) == pytest.approx(measure()(x, y), abs=1e-6)


def test_wide_layers_of_few_directions_are_compared():
    x, y = related(5, n=40)
    wide = x @ np.random.default_rng(0).normal(size=(5, 300))
    for measure in (SVCCA(variance=1), PWCCA()):
        assert measure.prepare(LayerFacts(wide))[0].shape == ((5,) if isinstance(measure, SVCCA) else (40, 5))
    assert SVCCA(variance=1)(wide, y) == pytest.approx(SVCCA(variance=1)(x, y), abs=1e-6)


def test_the_squares_of_independent_layers_have_the_mean_that_the_docstring_says():
    random = np.random.default_rng(0)
    squares = []
    for _ in range(300):
        bases = [SVCCA(variance=1).prepare(LayerFacts(random.normal(size=(31, width)))) for width in (4, 9)]
        squares.append(np.mean(np.linalg.svd(bases[0].T @ bases[1], compute_uv=False) ** 2))
    assert np.mean(squares) == pytest.approx(9 / 30, abs=4 * np.std(squares) / np.sqrt(300))


@both
def test_too_few_samples_for_the_directions_are_refused_by_name(measure):
    x = np.random.default_rng(0).normal(size=(20, 10))
    message = f"Expected more than 20 points for {measure.key} of a layer that spans 10 dimensions, got 20: raise the"
    with pytest.raises(ValueError, match=message):
        measure(variance=1)(x, x)
    assert measure(variance=0.5)(x, x) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match=f"points for {measure.key} of a layer that spans 19 dimensions, got 20"):
        measure(variance=1)(np.random.default_rng(0).normal(size=(20, 50)), x)


@pytest.mark.parametrize("variance", [0, -1, 1.1, "much"])
@both
def test_a_share_out_of_its_range_is_refused(measure, variance):
    with pytest.raises(ValueError, match=f"Expected `variance` of {measure.key} to be above 0 and at most 1"):
        measure(variance=variance)
