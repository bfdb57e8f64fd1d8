"""Whether layers are told apart across checkpoints, on made-up distances whose answer is known."""

import numpy as np
import pytest

from topocallback.records.specificity import specificity


@pytest.fixture
def few_permutations(monkeypatch):
    """Where p is not what is asked."""
    monkeypatch.setattr("topocallback.records.specificity._PERMUTATIONS", 19)


def places_of(checkpoints, layers, *, of_layer=0.0, of_checkpoint=0.0, own=1.0, dim=3, seed=0):
    """Points of which some part is the layer's, some the checkpoint's, and the rest nobody's."""
    rng = np.random.default_rng(seed)
    checkpoint_of, layer_of = np.repeat(np.arange(checkpoints), layers), np.tile(np.arange(layers), checkpoints)
    places = own * rng.normal(size=(checkpoints * layers, dim))
    places += of_layer * rng.normal(size=(layers, dim))[layer_of]
    places += of_checkpoint * rng.normal(size=(checkpoints, dim))[checkpoint_of]
    return places, checkpoint_of, layer_of


def found_in(places, checkpoint_of, layer_of):
    matrix = np.linalg.norm(places[:, None] - places, axis=2)
    return specificity(matrix, checkpoint_of, layer_of, tuple(f"layer {i}" for i in range(layer_of.max() + 1)))


def test_all_pairs_are_across_checkpoints():
    found = found_in(*places_of(4, 5))
    assert len(found.same) == 5 * 6  # layers, pairs of checkpoints
    assert len(found.different) == 5 * 4 * 6


def test_layers_that_are_distinct_have_an_area_near_1_and_the_smallest_p():
    found = found_in(*places_of(4, 6, of_layer=20))
    assert found.auc > 0.95
    assert found.p_value == 1 / 1000
    assert found.ratio > 3


@pytest.mark.usefixtures("few_permutations")
def test_where_checkpoints_differ_as_wholes_the_area_is_chance_all_the_same():
    found = [found_in(*places_of(4, 6, of_checkpoint=20, seed=seed)) for seed in range(30)]
    assert np.mean([each.auc for each in found]) == pytest.approx(0.5, abs=0.03)


@pytest.mark.usefixtures("few_permutations")
def test_where_names_of_layers_mean_nothing_p_is_small_no_more_often_than_it_says():
    found = [found_in(*places_of(3, 5, seed=seed)) for seed in range(60)]
    p_values = np.array([each.p_value for each in found])
    assert np.mean([each.auc for each in found]) == pytest.approx(0.5, abs=0.04)
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p_values <= level) <= level + 3 * np.sqrt(level * (1 - level) / len(p_values))
    assert p_values.mean() == pytest.approx(0.5, abs=0.15)


def test_the_area_is_the_share_of_pairs_of_pairs_in_order_and_ties_are_half():
    places, checkpoint_of, layer_of = places_of(3, 4, of_layer=1)
    found = found_in(places.round(), checkpoint_of, layer_of)
    apart, same = found.different[:, None], found.same[None]
    assert found.auc == pytest.approx(np.mean((apart > same) + 0.5 * (apart == same)))
    nowhere = found_in(np.zeros_like(places), checkpoint_of, layer_of)
    assert (nowhere.auc, nowhere.p_value, nowhere.error) == (0.5, 1.0, 0.0)


@pytest.mark.usefixtures("few_permutations")
def test_the_error_is_about_the_spread_of_the_area():
    found = [found_in(*places_of(4, 8, of_layer=0.7, seed=seed)) for seed in range(60)]
    spread = np.std([each.auc for each in found])
    assert np.mean([each.error for each in found]) == pytest.approx(spread, rel=0.35)


def test_the_mean_distances_of_each_layer_are_across_checkpoints_too():
    places = np.array([[0.0], [5], [1], [8]])
    found = found_in(places, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert found.by_layer == {"layer 0": (1, 6), "layer 1": (3, 6)}  # to itself; 8 and 4 to the other


@pytest.mark.parametrize(("checkpoints", "layers", "has_auc"), [(1, 4, False), (3, 1, False), (2, 2, True)])
def test_what_cannot_be_said_is_nan(checkpoints, layers, has_auc):
    found = found_in(*places_of(checkpoints, layers))
    assert np.isnan(found.error)
    assert (np.isfinite(found.auc), np.isfinite(found.p_value)) == (has_auc, has_auc)
    assert "AUC" in repr(found)


def test_distances_that_are_not_known_are_left_out():
    places, checkpoint_of, layer_of = places_of(3, 4, of_layer=5)
    without = np.delete(np.arange(12), [3, 7, 11])  # the last layer
    matrix = np.linalg.norm(places[:, None] - places, axis=2)
    matrix[[3, 7, 11]] = matrix[:, [3, 7, 11]] = np.nan
    found = specificity(matrix, checkpoint_of, layer_of, tuple("abcd"))
    alone = specificity(matrix[np.ix_(without, without)], checkpoint_of[without], layer_of[without], tuple("abcd"))
    assert found.auc == alone.auc
    assert np.isnan(found.by_layer["d"]).all()
    assert np.isfinite(found.p_value)
