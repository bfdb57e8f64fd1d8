"""How often two samples of one thing are told apart: the short form of benchmarks/calibration.py, with fixed seeds."""

import numpy as np
import pytest

from topocallback import PointClouds, analyse
from topocallback.functional import clouds_differ
from topocallback.records.results import LEVEL

TRIALS = 150
MOST = LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)  # three standard errors above the level


def two_samples(random, layers):
    """Of one layer, without a sample in common."""
    layer = layers[random.integers(len(layers))]
    rows = random.permutation(len(layer))
    return layer[rows[:144]], layer[rows[144:288]]


def seen_twice(random, layers):
    """The same samples, each time with other noise."""
    layer = two_samples(random, layers)[0]
    return [layer + 0.05 * layer.std(axis=0) * random.normal(size=layer.shape) for _ in range(2)]


def gaussians(random, layers):
    return random.normal(size=(144, 6)), random.normal(size=(144, 6))


@pytest.fixture(scope="module")
def layers(reference_clouds):
    return list(reference_clouds.values())


@pytest.mark.parametrize("homology_dim", [0, 1])
@pytest.mark.parametrize(("pairs", "paired"), [(two_samples, False), (seen_twice, True), (gaussians, False)])
def test_what_does_not_differ_is_told_apart_no_more_often_than_the_level(layers, pairs, paired, homology_dim):
    random = np.random.default_rng(homology_dim)
    told = [
        clouds_differ(*pairs(random, layers), homology_dim=homology_dim, paired=paired).told_apart
        for _ in range(TRIALS)
    ]
    assert np.mean(told) <= MOST


def test_noise_that_is_added_on_one_side_is_seen(layers):
    random = np.random.default_rng(0)
    noisy = [layer + 0.3 * layer.std(axis=0) * random.normal(size=layer.shape) for layer in layers]
    told = [clouds_differ(*pair, homology_dim=0).told_apart for pair in zip(layers, noisy, strict=True)]
    assert np.mean(told) >= 0.8


def test_the_noise_of_a_layer_is_the_distance_of_two_samples(layers):
    random = np.random.default_rng(0)
    found = [clouds_differ(*two_samples(random, layers), paired=False) for _ in range(60)]
    assert 0.85 < np.median([each.times_noise for each in found]) < 1.3


def test_a_network_that_stands_still_is_at_one_p_everywhere(reference_clouds):
    first = analyse(PointClouds(reference_clouds))
    again = analyse(PointClouds(reference_clouds), previous=first, reference=first)
    for table in again.distances.values():
        assert (table.drift_p == 1).all()
        assert not table.drift.any()
