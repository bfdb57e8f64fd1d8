"""Centred kernel alignment: against its definition with centring matrices, and what it passes over."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from topocallback.measures import CKA, MEASURES, UnbiasedCKA


def hsic(k, l):  # noqa: E741
    """By its definition, with a centring matrix."""
    centring = np.eye(len(k)) - 1 / len(k)
    return np.trace(k @ centring @ l @ centring)


def unbiased_hsic(k, l):  # noqa: E741
    """Nguyen et al. (2021), equation 3."""
    n = len(k)
    k, l = (m - np.diag(np.diag(m)) for m in (k, l))  # noqa: E741
    ones = np.ones(n)
    means = (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (ones @ k @ l @ ones)
    return (np.trace(k @ l) + means) / (n * (n - 3))


def alignment(of, k, l):  # noqa: E741
    return of(k, l) / np.sqrt(of(k, k) * of(l, l))


def gaussian(cloud, bandwidth):
    distances = squareform(pdist(cloud))
    return np.exp(-(distances**2) / (2 * (bandwidth * np.median(pdist(cloud))) ** 2))


def test_the_toy_value_is_the_published_one(toy):
    assert CKA()(*toy) == pytest.approx(0.309729, abs=1e-6)
    assert np.arccos(1 - CKA()(*toy)) == pytest.approx(0.808932, abs=1e-6)


def test_real_layers_give_what_the_definitions_give(reference, reference_clouds):
    for pair, expected in reference["paired"].items():
        first, second = (reference_clouds[layer] for layer in pair.split("~"))
        assert 1 - CKA()(first, second) == pytest.approx(expected["linear_cka"], abs=1e-9)
        assert 1 - UnbiasedCKA()(first, second) == pytest.approx(expected["unbiased_linear_cka"], abs=1e-9)


@pytest.mark.parametrize("bandwidth", [0.2, 0.5, 2.0])
@pytest.mark.parametrize(("measure", "of"), [(CKA, hsic), (UnbiasedCKA, unbiased_hsic)])
def test_a_gaussian_kernel_gives_what_the_definitions_give(toy, measure, of, bandwidth):
    expected = alignment(of, *(gaussian(cloud, bandwidth) for cloud in toy))
    assert 1 - measure(kernel="rbf", bandwidth=bandwidth)(*toy) == pytest.approx(expected, abs=1e-9)


def test_independent_layers_of_many_values_look_alike_to_the_biased_estimate_alone():
    random = np.random.default_rng(0)
    clouds = [random.normal(size=(30, 2000)) for _ in range(12)]
    biased, unbiased = (
        [measure()(x, y) for x, y in zip(clouds[::2], clouds[1::2], strict=True)] for measure in (CKA, UnbiasedCKA)
    )
    assert np.mean(biased) < 0.1
    assert np.mean(unbiased) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("options", [{"kernel": "cosine"}, {"bandwidth": 0}, {"bandwidth": "wide"}])
def test_options_that_make_no_kernel_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"Expected `{name}` of cka to be"):
        MEASURES["cka"](**options)


def test_where_most_points_are_equal_a_gaussian_has_no_width():
    cloud = np.zeros((20, 2))
    cloud[0] = 1
    with pytest.raises(ValueError, match=r"Expected a median distance above 0 for cka\(kernel=rbf\), got 0"):
        CKA(kernel="rbf")(cloud, cloud)
