"""Several positions of every sample: the full cloud, bounded, and parts of it."""

import numpy as np
import pytest
import torch
from torch import nn

from topocallback import ActivationRecorder, Positions, analyse
from topocallback.analysis.layers import layer_facts
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.noise import N_QUARTERS
from topocallback.records.snapshot import Snapshot

WIDE = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, stride=2))


def images(n=20, seed=0):
    return torch.randn(n, 3, 7, 7, generator=torch.Generator().manual_seed(seed))


def record(pooling, batch_size=20, **options):
    with ActivationRecorder(WIDE, pooling=pooling, **options) as recorder, torch.no_grad():
        for batch in images().split(batch_size):
            WIDE(batch)
    return recorder.point_clouds()


def all_positions(layer):
    """(20 x positions) channel vectors of every sample, as a list of sets."""
    with torch.no_grad():
        output = WIDE[: layer + 1](images())
    return [{tuple(vector) for vector in sample.flatten(1).T.tolist()} for sample in output]


def test_every_point_is_the_channel_vector_at_a_position_of_its_own():
    clouds = record(Positions(6), n_samples=15, length=20)
    for layer in (0, 2):
        everywhere = all_positions(layer)
        points, owners = clouds.clouds[str(layer)], clouds.owners_of(str(layer))
        assert points.shape == (15 * 6, (4, None, 2)[layer])
        for sample, index in enumerate(clouds.sample_ids):
            mine = {tuple(point) for point in points[owners == sample].tolist()}
            assert len(mine) == 6  # drawn without replacement
            assert mine <= everywhere[index]


def test_a_layer_with_fewer_positions_gives_all_of_them():
    clouds = record(Positions(20))
    assert clouds.clouds["0"].shape == (20 * 20, 4)
    assert clouds.clouds["2"].shape == (20 * 9, 2)
    owners = clouds.owners_of("2")
    for sample, everywhere in enumerate(all_positions(2)):
        assert {tuple(point) for point in clouds.clouds["2"][owners == sample].tolist()} == everywhere


@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_the_draw_does_not_depend_on_the_batch_size(batch_size):
    whole, parts = (
        record(Positions(5), n_samples=8, length=20),
        record(Positions(5), batch_size, n_samples=8, length=20),
    )
    for layer in whole.layers:
        np.testing.assert_array_equal(whole.owners_of(layer), parts.owners_of(layer))
        np.testing.assert_allclose(whole.clouds[layer], parts.clouds[layer], rtol=1e-5, atol=1e-6)


def test_positions_are_drawn_evenly():
    places = torch.arange(49.0).reshape(1, 1, 7, 7).expand(4000, -1, -1, -1)
    rows = Positions(2).pack(places, 1, np.arange(4000), seed=0).numpy()
    counts = np.bincount(Positions(2).unpack(rows)[0][:, 0].astype(int), minlength=49)
    expected = 8000 / 49
    assert ((counts - expected) ** 2 / expected).sum() < 93  # chi-squared with 48 degrees of freedom, p = 1e-4


def test_foreground_and_background_share_the_positions():
    def bright(activations, sample_ids):
        assert len(sample_ids) == len(activations)
        return activations.sum(dim=1) > 0

    foreground = record(Positions(49, mask=bright))
    background = record(Positions(49, mask=lambda activations, sample_ids: ~bright(activations, sample_ids)))
    everything = record(Positions(49))
    for layer in ("0", "2"):
        assert (foreground.clouds[layer].sum(axis=1) > -1e-6).all()
        assert (background.clouds[layer].sum(axis=1) < 1e-6).all()
        together = np.concatenate([foreground.clouds[layer], background.clouds[layer]])
        assert sorted(map(tuple, together)) == sorted(map(tuple, everything.clouds[layer]))


def test_a_mask_that_leaves_nothing_leaves_an_empty_layer_in_its_place():
    clouds = record(Positions(4, mask=lambda activations, sample_ids: activations[:, 0] > 1e9))
    assert clouds.clouds["0"].shape == (0, 4)
    snapshot = analyse(clouds)
    assert np.isnan(snapshot.distances["sliced_wasserstein", 1].noise).all()
    assert snapshot.mappers["0"].n_nodes == 0


def test_layers_without_positions_give_their_one_vector():
    model = nn.Linear(3, 5)
    mask = Positions(4, mask=lambda activations, sample_ids: activations > 1e9)
    with ActivationRecorder(nn.Sequential(model), pooling=mask) as recorder:
        recorder.module(torch.randn(6, 3))
    assert recorder.point_clouds().clouds["0"].shape == (6, 5)


def test_channels_that_come_last_are_the_vectors():
    tokens = torch.arange(24.0).reshape(1, 6, 4)
    points, _ = Positions(6).unpack(Positions(6).pack(tokens, -1, np.array([0]), seed=0).numpy())
    assert sorted(map(tuple, points)) == [tuple(row) for row in tokens[0].tolist()]


def test_the_points_of_one_sample_are_in_one_part():
    clouds = record(Positions(3))
    for layer in clouds:
        parts = layer_facts(clouds, layer, AnalysisOptions()).parts(N_QUARTERS)
        assert {part.n_points for part in parts} == {3 * len(np.unique(part.sample_ids)) for part in parts}
        samples = [set(part.sample_ids.tolist()) for part in parts]
        assert len(set().union(*samples)) == sum(map(len, samples)) == 20
    assert (analyse(clouds).distances["sliced_wasserstein", 0].noise > 0).all()


def test_an_archive_holds_which_sample_each_point_comes_from(tmp_path):
    snapshot = analyse(record(Positions(3)))
    again = Snapshot.load(snapshot.save(tmp_path / "step=0.npz"))
    for layer in snapshot.layers:
        np.testing.assert_array_equal(again.owners[layer], snapshot.owners[layer])
        np.testing.assert_array_equal(again.mappers[layer].sample_ids, snapshot.mappers[layer].sample_ids)


def test_bad_options_and_masks_are_named():
    with pytest.raises(ValueError, match="Expected `per_sample` to be an integer of at least 1, got 0"):
        Positions(0)
    with pytest.raises(TypeError, match="Expected `mask` to be a function or None, got str"):
        Positions(mask="foreground")
    clouds = record(Positions(2, mask=lambda activations, sample_ids: activations > 0))
    assert "Expected `mask` to give a tensor of shape (20, 7, 7), got (20, 4, 7, 7)" in clouds.problems["0"]


def test_layers_with_one_number_per_sample_give_it():
    model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    with ActivationRecorder(model, "1", pooling=Positions(4)) as recorder:
        model(torch.randn(6, 3))
    assert recorder.point_clouds().clouds["1"].shape == (6, 1)


def test_points_of_a_single_sample_have_no_noise_rather_than_one_of_zero():
    def first_only(activations, sample_ids):
        inside = torch.ones(len(activations), *activations.shape[2:], dtype=torch.bool)
        inside[torch.from_numpy(sample_ids > 0)] = False
        return inside

    snapshot = analyse(record(Positions(9, mask=first_only)))
    assert np.isnan(snapshot.distances["sliced_wasserstein", 0].noise).all()


def test_a_layer_without_any_point_says_why():
    snapshot = analyse(record(Positions(4, mask=lambda activations, sample_ids: activations[:, 0] > 1e9)))
    assert snapshot.problems["0"].startswith("No points")


@pytest.mark.parametrize("left", [True, False], ids=["left", "right"])
@pytest.mark.parametrize("longest", [6, 9, 20])
def test_padding_changes_neither_which_positions_are_drawn_nor_how_many(left, longest):
    lengths = [1, 2, 6, 4]
    sentences = [torch.randn(n, 3, generator=torch.Generator().manual_seed(n)) for n in lengths]
    values, inside = torch.full((4, longest, 3), float("nan")), torch.zeros(4, longest, dtype=torch.bool)
    for row, (n, sentence) in enumerate(zip(lengths, sentences, strict=True)):
        where = slice(longest - n, longest) if left else slice(n)
        values[row, where], inside[row, where] = sentence, True
    packed = Positions(3).pack(values, -1, np.arange(4), seed=0, inside=inside)
    for row, sentence in enumerate(sentences):
        alone = Positions(3).pack(sentence[None], -1, np.array([row]), seed=0)
        torch.testing.assert_close(packed[row : row + 1], alone)
