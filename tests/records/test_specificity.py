"""Whether layers are told apart across checkpoints."""

import numpy as np
import pytest

from topocallback.records.specificity import specificity


def found_at(places, n_layers, noise=0.0, seed=0):
    """Of layers at places of one row per point, checkpoint by checkpoint."""
    places = np.asarray(places, dtype=np.float64).reshape(len(places), -1)
    places = places + noise * np.random.default_rng(seed).normal(size=places.shape)
    matrix = np.linalg.norm(places[:, None] - places, axis=2)
    checkpoint_of, layer_of = np.divmod(np.arange(len(places)), n_layers)
    return specificity(matrix, checkpoint_of, layer_of, tuple(f"layer {i}" for i in range(n_layers)), ("x", "y"))


def named_at_random(n_checkpoints, n_layers, seed, apart=0.0):
    """Layers whose names mean nothing, in checkpoints that may lie apart as wholes."""
    random = np.random.default_rng(seed)
    places = random.normal(size=(n_checkpoints, n_layers, 2))
    places[:, :, 0] += apart * np.arange(n_checkpoints)[:, None]
    return found_at(places.reshape(-1, 2), n_layers)


def test_layers_that_have_a_place_of_their_own_are_told_apart():
    found = found_at(np.tile(np.arange(6.0), 3), 6, noise=0.05)
    assert found.auc == 1
    assert found.ratio > 10
    assert (found.p_value, found.error) == (1 / 1000, 0)
    assert (len(found.same), len(found.different)) == (3 * 6, 3 * 30)
    assert found.same.max() < found.different.min()
    assert found.checkpoints == ("x", "y")


def test_every_pair_is_of_two_checkpoints():
    found = found_at([0, 5, 1, 6.5, 100, 200], 2)
    assert sorted(found.same) == [1, 1.5, 99, 100, 193.5, 195]
    assert sorted(found.different) == [4, 6.5, 93.5, 95, 199, 200]
    assert found.by_layer["layer 0"] == (pytest.approx(200 / 3), pytest.approx(598 / 6))


def test_names_that_mean_nothing_are_chance_also_where_checkpoints_differ_as_wholes():
    for apart in (0.0, 5.0):
        aucs = [named_at_random(2, 8, seed, apart).auc for seed in range(30)]
        assert np.mean(aucs) == pytest.approx(0.5, abs=0.06)


def test_p_is_small_no_more_often_than_it_says_where_names_mean_nothing():
    p_values = np.array([named_at_random(2, 6, seed, apart=1.0).p_value for seed in range(40)])
    assert (p_values <= 0.1).mean() <= 0.1 + 3 * np.sqrt(0.09 / 40)
    assert 0.35 < p_values.mean() < 0.65
    assert (p_values >= 1 / 1000).all()


def test_the_error_is_about_the_spread_over_other_layers():
    places = [np.random.default_rng(seed).normal(size=10) for seed in range(30)]
    found = [found_at(np.tile(own, 2), 10, noise=0.4, seed=seed) for seed, own in enumerate(places)]
    spread = np.std([each.auc for each in found])
    assert np.sqrt(np.mean([each.error**2 for each in found])) == pytest.approx(spread, rel=0.5)


def test_with_fewer_than_three_layers_the_error_is_not_known():
    assert np.isnan(found_at([0, 5, 1, 6], 2).error)
    assert np.isfinite(found_at([0, 5, 9, 1, 6, 9], 3).error)


def test_ties_count_half():
    checkpoint_of, layer_of = np.divmod(np.arange(6), 3)
    found = specificity(np.ones((6, 6)), checkpoint_of, layer_of, ("a", "b", "c"))
    assert (found.auc, found.ratio, found.p_value) == (0.5, 1, 1)


def test_pairs_that_are_not_known_are_left_out():
    places = np.tile(np.arange(4.0), 3)
    matrix = abs(places[:, None] - places)
    matrix[5] = matrix[:, 5] = np.nan
    found = specificity(matrix, np.arange(12) // 4, np.arange(12) % 4, tuple("abcd"))
    assert (len(found.same), len(found.different)) == (12 - 2, 36 - 6)
    assert found.auc == 1


@pytest.mark.parametrize("n_layers", [1, 4])
def test_where_there_is_nothing_to_compare_nothing_is_said(n_layers):
    found = found_at(np.arange(4.0), n_layers)  # four checkpoints of one layer, or one of four
    assert np.isnan([found.auc, found.error, found.p_value]).all()


def test_it_prints_what_it_says():
    text = repr(found_at(np.tile(np.arange(6.0), 3), 6, noise=0.05))
    assert text.startswith("Specificity(AUC 1.00 ± 0.00, p 0.001, ratio ")
