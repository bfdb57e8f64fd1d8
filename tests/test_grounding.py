"""The scores of benchmarks/grounding.py, on clouds of which it is known what they have to be."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from scipy.stats import spearmanr

from topocallback.measures import CKA, MEASURES, Distance, Procrustes

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from grounding import page
from grounding_networks import Group, probe_accuracy
from grounding_scores import (
    Epoch,
    Study,
    distances_of_table,
    first_beyond,
    nearest_is_itself,
    rank_correlation,
    removed_variance,
)

LAYERS = 6


@dataclass(frozen=True)
class NoDistance(Distance):
    """Says nothing of what it compares."""

    paired: ClassVar[bool] = True

    def prepare(self, facts):
        return facts.cloud

    def between(self, first, second):
        return float(np.random.default_rng(int(1e6 * abs(first.sum() + second.sum()))).random())


@dataclass(frozen=True)
class RefusesOtherWidths(NoDistance):
    def between(self, first, second):
        if first.shape != second.shape:
            raise ValueError("Expected layers of one width.")
        return float(abs(first - second).mean())


def planted(networks=6, weaker=6, n=60, seed=0):
    """Layers that all networks have in common, each network with noise of its own; the weaker, the more of it."""
    random = np.random.default_rng(seed)
    layers = [random.normal(size=(n, 4 + layer)) * 0.7 ** np.arange(4 + layer) for layer in range(LAYERS)]
    noise = [0.05] * networks + list(np.linspace(0.2, 3, weaker))
    clouds = [[layer + share * random.normal(size=layer.shape) for layer in layers] for share in noise]
    accuracy = 0.9 - np.array(noise) / 10
    return Group(clouds, np.arange(n) % 3, accuracy, np.repeat(accuracy[:, None], LAYERS, axis=1), accuracy)


@pytest.fixture(scope="module")
def study():
    return Study(planted(), strong=6, removed_from=2, limit=60)


@pytest.mark.parametrize("distance", [CKA(), Procrustes()])
def test_planted_layers_are_found_again_and_worse_networks_are_further(study, distance):
    score = study.score(distance)
    assert score.networks == 6
    assert score.itself == score.specificity.auc == 1
    middle, low, high = score.correlation
    assert 0.6 < low <= middle <= high <= 1
    assert len(score.components) == len(score.variance) == 2 * LAYERS
    assert all(0 < share < 1 for share in score.variance)
    assert not score.refusals


def test_a_distance_that_says_nothing_is_at_chance(study):
    score = study.score(NoDistance())
    assert score.itself == pytest.approx(1 / LAYERS, abs=0.12)
    assert score.specificity.auc == pytest.approx(0.5, abs=0.12)
    _, low, high = score.correlation
    assert low < 0 < high


def test_more_noise_between_seeds_hides_more_components():
    shares = []
    for noise in (0.02, 0.5):
        random = np.random.default_rng(1)
        base = planted()
        clouds = [[layer + noise * random.normal(size=layer.shape) for layer in base.clouds[0]] for _ in range(4)]
        group = Group(clouds, base.labels, base.accuracy[:4], base.probed[:4], base.fitted[:4])
        shares.append(np.mean(Study(group, strong=4, removed_from=1, limit=60).score(Procrustes()).variance))
    assert shares[0] < shares[1] / 3


def test_what_a_distance_refuses_costs_that_test_alone(study):
    score = study.score(RefusesOtherWidths())
    assert score.refusals == ["Expected layers of one width."]
    assert score.itself is None
    assert score.specificity is None
    assert score.components
    assert score.correlation[0] > 0.6


def test_a_slow_distance_is_put_to_fewer_networks():
    score = Study(planted(), strong=6, removed_from=1, limit=0.0).score(CKA())
    assert score.networks == 3
    assert score.itself == 1


def test_all_distances_of_the_table_are_put_to_the_tests():
    assert {each.key for each in distances_of_table()} == {
        key for key, kind in MEASURES.items() if issubclass(kind, Distance)
    }


def test_the_nearest_layer_is_counted_by_hand():
    # Two networks of two layers: a0 is nearest to b0, a1 to b0 too, b0 to a0, and b1 is as far from both.
    matrix = np.array([[0, 9, 1, 3], [9, 0, 2, 3], [1, 2, 0, 9], [3, 3, 9, 0.0]])
    networks, layers = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert nearest_is_itself(matrix, networks, layers) == (1 + 0 + 1 + 0.5) / 4


def test_the_first_removal_beyond_a_threshold_counts():
    assert first_beyond([0.1, 0.2, 0.5, 0.4], 0.3) == 3
    assert first_beyond([0.1, 0.3], 0.3) is None


def test_variances_are_removed_from_the_smallest_on():
    cloud = np.array([[3.0, 0, 5], [-3, 0, 5], [0, 1, 5], [0, -1, 5]])  # 18 and 2 about the mean, and none
    np.testing.assert_allclose(removed_variance(cloud), [0, 0, 0.1, 1], atol=1e-12)


def test_a_rank_correlation_is_that_of_each_layer_in_the_mean():
    lost = np.column_stack([np.arange(12.0), np.arange(12.0), np.zeros(12)])
    assert rank_correlation(lost**3, lost) == pytest.approx((1, 1, 1))  # a layer that loses nothing has none
    random = np.random.default_rng(0)
    apart, lost_by_chance = random.normal(size=(2, 15, 4))
    expected = np.mean([spearmanr(apart[:, layer], lost_by_chance[:, layer]).statistic for layer in range(4)])
    assert rank_correlation(apart, lost_by_chance)[0] == pytest.approx(expected)
    upside_down = np.column_stack([lost[:, 0], -lost[:, 1], lost[:, 2]])
    middle, low, high = rank_correlation(upside_down, lost)
    assert middle == pytest.approx(0, abs=1e-12)
    assert low == pytest.approx(high, abs=1e-9)


def test_a_probe_is_tested_on_what_it_was_not_fitted_on():
    random = np.random.default_rng(0)
    labels = np.arange(400) % 2
    told, noise = random.normal(size=(400, 5)) + 4 * labels[:, None], random.normal(size=(400, 300))
    assert probe_accuracy(told, labels, 100) > 0.98
    assert probe_accuracy(noise, labels, 100) < 0.65  # fitted on 300 points of 300 coordinates, it is right on all


def test_what_was_recorded_is_read_back(tmp_path):
    group = planted(2, 1)
    group.save(tmp_path / "kept" / "group.npz")
    again = Group.load(tmp_path / "kept" / "group.npz")
    for ours, theirs in zip(group.clouds, again.clouds, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    for name in ("labels", "accuracy", "probed", "fitted"):
        np.testing.assert_array_equal(getattr(group, name), getattr(again, name))


def test_the_page_shows_every_score_and_every_refusal(study):
    scores = [study.score(CKA()), study.score(RefusesOtherWidths())]
    shares = np.array([[0.9, 0.7], [0.1, 0.3]])
    first = Epoch(0, shares, shares, {"hidden, sigma = median": np.array([[0.1, 0.2], [0.1, 0.2]])})
    last = Epoch(9, shares, shares, {"hidden, sigma = median": np.array([[0.9, 1.2], [0.0, 0.3]])})
    options = argparse.Namespace(networks=6, weaker=6, steps=30, samples=60, removed_from=2, size=50, seeds=2)
    written = page(options, planted(), scores, [first, last])
    rows = [line.split(" | ") for line in written.splitlines() if line.startswith("| ")]
    assert [len(row) for row in rows] == [7] * 4 + [4] * 4
    assert rows[2][:2] == ["| CKA distance (0 alike, 1 unlike)", "1.00"]
    assert rows[3][1:3] == ["refused", "refused"]
    assert "- Refuses other widths: Expected layers of one width." in written
    assert rows[-1][0] == "| 9"
    assert rows[-1][1:3] == ["80% / 20%"] * 2
    assert "up in 2 of 2 seeds) and 0.00 ± 0.14 with shuffled labels (up in 1 of 2 seeds)" in written
    assert "takes long" not in written
    assert "Not put to the tests: Sliced Wasserstein distance, H0, " in written
