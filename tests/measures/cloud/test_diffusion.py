"""Diffusion spectral entropy: published values, and what it says of clouds that are known."""

import numpy as np
import pytest

from topocallback.measures import DiffusionSpectralEntropy, DiffusionSpectralMutualInformation, LayerFacts


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


# -- What labels say of it -------------------------------------------------------------------------------------------


def test_the_toy_value_with_labels_is_about_the_published_one():
    labels = np.arange(200) % 4
    found = [DiffusionSpectralMutualInformation(sigma=3, seed=seed)(toy(), labels) for seed in range(10)]
    assert np.mean(found) == pytest.approx(0.357, abs=0.04)  # measured 0.330, with a spread of 0.009 over seeds
    assert np.std(found) < 0.03


@pytest.mark.parametrize("options", [{}, {"sigma": 2.0, "t": 2.0, "seed": 3, "repetitions": 2}])
def test_it_is_the_entropy_of_subsets_less_that_of_classes(options):
    cloud, labels = toy(), np.random.RandomState(1).permutation(np.repeat(list("abc"), [100, 70, 30]))
    of_points = DiffusionSpectralEntropy(**{name: options[name] for name in ("sigma", "t") if name in options})
    generator, expected = np.random.default_rng(options.get("seed", 0)), 0.0
    for name in "abc":
        members = cloud[labels == name]
        draws = [generator.choice(200, len(members), replace=False) for _ in range(options.get("repetitions", 5))]
        gained = np.mean([of_points(cloud[draw]) for draw in draws]) - of_points(members)
        expected += len(members) / 200 * gained
    assert DiffusionSpectralMutualInformation(**options)(cloud, labels) == pytest.approx(expected, abs=1e-9)


def test_of_many_subsets_it_is_the_mean_over_all_of_them():
    # Two places far apart, of two points each: two points of all are in two places, of 1 bit, in 4 of 6 subsets.
    information = DiffusionSpectralMutualInformation(repetitions=1500)([[0.0], [0.0], [1e3], [1e3]], list("aabb"))
    assert information == pytest.approx(4 / 6, abs=0.03)


def test_labels_that_say_nothing_give_about_none_and_one_class_none_at_all():
    random = np.random.default_rng(0)
    cloud, measure = random.normal(size=(300, 5)), DiffusionSpectralMutualInformation(sigma="median")
    assert measure(cloud, random.integers(3, size=300)) == pytest.approx(0, abs=0.1)
    assert measure(cloud, np.zeros(300)) == pytest.approx(0, abs=1e-9)


def test_rotations_change_nothing_and_the_order_of_samples_no_more_than_the_draw():
    cloud, labels = toy(), np.arange(200) % 4
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(16, 16)))[0]
    order = np.random.default_rng(2).permutation(200)
    measure = DiffusionSpectralMutualInformation(sigma=3, repetitions=20)
    expected = measure(cloud, labels)
    assert measure(cloud @ rotation, labels) == pytest.approx(expected, abs=1e-9)
    assert measure(cloud[order], labels[order]) == pytest.approx(expected, abs=0.03)
    relative = DiffusionSpectralMutualInformation(sigma="median")
    assert relative(50 * cloud, labels) == pytest.approx(relative(cloud, labels), abs=1e-9)


def test_the_information_of_nothing_is_not_known():
    assert np.isnan(DiffusionSpectralMutualInformation()(np.empty((0, 3)), []))
    assert np.isnan(DiffusionSpectralMutualInformation().value(LayerFacts(toy())))
    assert DiffusionSpectralMutualInformation()(np.eye(4), list("abcd")) == 0  # of one point each
    with pytest.raises(ValueError, match="Expected `labels` for diffusion_spectral_mutual_information"):
        DiffusionSpectralMutualInformation()(toy())


@pytest.mark.parametrize("options", [{"sigma": -1}, {"t": 0}, {"repetitions": 0}, {"seed": -1}])
def test_options_with_labels_out_of_their_range_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"Expected `{name}` of diffusion_spectral_mutual_information to be"):
        DiffusionSpectralMutualInformation(**options)
