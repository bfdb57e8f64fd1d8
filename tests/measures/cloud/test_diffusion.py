"""Diffusion spectral entropy: published values, and what it says of clouds that are known."""

import numpy as np
import pytest

from topocallback.measures import DiffusionSpectralEntropy


def toy():
    return np.random.RandomState(0).randn(200, 16) + 3 * np.eye(16)[np.arange(200) % 4]


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, 1.578186), ({"t": 2}, 0.055572), ({"sigma": 3}, 6.592300), ({"sigma": 1}, 7.643707)],
)
def test_the_toy_values_are_the_published_ones(options, expected):
    assert DiffusionSpectralEntropy(**options)(toy()) == pytest.approx(expected, abs=1e-6)


def test_real_layers_give_what_the_definition_gives(reference, reference_clouds):
    for layer, expected in reference["diffusion_spectral_entropy_sigma10_t1"].items():
        assert DiffusionSpectralEntropy()(reference_clouds[layer]) == pytest.approx(expected, abs=1e-9)


def test_groups_that_are_far_apart_are_as_many_places():
    cloud = np.repeat(1000 * np.eye(8), 20, axis=0) + np.random.default_rng(0).normal(size=(160, 8)) * 1e-3
    assert DiffusionSpectralEntropy()(cloud) == pytest.approx(3, abs=1e-3)


def test_with_the_median_as_width_one_factor_for_all_values_changes_nothing():
    relative = DiffusionSpectralEntropy(sigma="median")
    assert relative(100 * toy()) == pytest.approx(relative(toy()), rel=1e-9)
    assert DiffusionSpectralEntropy()(100 * toy()) > DiffusionSpectralEntropy()(toy()) + 1


def test_one_point_is_in_one_place_and_none_nowhere():
    assert DiffusionSpectralEntropy(sigma="median")(np.zeros((1, 3))) == 0
    assert DiffusionSpectralEntropy(sigma="median")(np.zeros((9, 3))) == pytest.approx(0, abs=1e-9)
    assert np.isnan(DiffusionSpectralEntropy()(np.empty((0, 3))))


@pytest.mark.parametrize("options", [{"sigma": 0}, {"sigma": "mean"}, {"t": 0}])
def test_options_out_of_their_range_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"Expected `{name}` of diffusion_spectral_entropy to be above 0"):
        DiffusionSpectralEntropy(**options)
