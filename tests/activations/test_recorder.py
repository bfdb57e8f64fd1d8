"""ActivationRecorder: which samples, in every batching, against what the model gives for the chosen samples alone."""

import dataclasses

import numpy as np
import pytest
import torch
from recording_tools import N, all_hooks_of, assert_same, generator, record
from torch import nn

from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.samples import bottom_k


def largest(outputs):
    """The channel vector of largest norm of every image, by a plain loop over positions."""
    vectors = []
    for image in outputs:
        columns = image.flatten(1).t().tolist()
        vectors.append(max(columns, key=lambda column: sum(x * x for x in column)))
    return np.array(vectors, dtype=np.float32)


# -- The same samples, whatever the batches ----------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_every_batch_size_records_what_the_chosen_samples_alone_would_give(net, images, batch_size, length):
    clouds = record(net, images, batch_size, n_samples=40, length=length, seed=3)
    chosen = bottom_k(N, 40, seed=3)
    assert clouds.sample_ids.tolist() == chosen.tolist()
    assert clouds.layers == ("conv", "relu", "head")
    with torch.no_grad():
        convolved = net.conv(images[chosen])
        np.testing.assert_array_equal(clouds.clouds["conv"], largest(convolved))
        np.testing.assert_array_equal(clouds.clouds["relu"], largest(convolved.clamp(min=0)))
        np.testing.assert_array_equal(clouds.clouds["head"], net(images[chosen]).numpy())
    assert clouds.problems == {}


def beginning(values):
    return values.flatten(1)[:, :4]


@pytest.mark.parametrize("pooling", ["random", "mean", "flatten", "token", beginning])
def test_every_pooling_gives_the_same_for_all_batch_sizes_and_both_ways_of_sampling(net, images, pooling):
    expected = record(net, images, 1000, n_samples=40, length=N, pooling=pooling)
    assert expected.problems == {}
    for batch_size in (7, 64):
        for length in (N, None):
            assert_same(record(net, images, batch_size, n_samples=40, length=length, pooling=pooling), expected)


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_samples_told_by_their_ids_may_come_in_any_order(net, images, length):
    expected = record(net, images, n_samples=40, length=length)
    order = torch.randperm(N, generator=generator(2))
    with ActivationRecorder(net, "**", n_samples=40, length=length) as recorder, torch.no_grad():
        for ids in order.split(33):
            recorder.start_batch(sample_ids=ids.tolist())
            net(images[ids])
    assert_same(recorder.point_clouds(), expected)


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_a_sample_that_comes_again_counts_once(net, images, length):
    expected = record(net, images, n_samples=40, length=length)
    with ActivationRecorder(net, "**", n_samples=40, length=length) as recorder, torch.no_grad():
        for ids in [np.arange(N), np.arange(N // 2), np.array([3, 3, 4, 3]), bottom_k(N, 40, 0)]:
            recorder.start_batch(sample_ids=ids)
            net(images[ids])
    assert_same(recorder.point_clouds(), expected)


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_more_places_than_samples_keep_all_samples(net, images, length):
    clouds = record(net, images, n_samples=512, length=length)
    assert clouds.sample_ids.tolist() == list(range(N))
    np.testing.assert_array_equal(clouds.clouds["head"], net(images).detach().numpy())


def test_a_data_set_that_ends_early_leaves_its_missing_samples_out(net, images):
    clouds = record(net, images[:100], n_samples=40, length=N)
    chosen = [i for i in bottom_k(N, 40, seed=0) if i < 100]
    assert clouds.sample_ids.tolist() == chosen
    np.testing.assert_array_equal(clouds.clouds["head"], net(images[chosen]).detach().numpy())


def test_samples_beyond_the_known_length_are_padding(net, images):
    assert_same(record(net, images, n_samples=40, length=100), record(net, images[:100], n_samples=40, length=100))


def test_seeds_record_different_samples(net, images):
    first, second = (record(net, images, n_samples=40, seed=seed).sample_ids.tolist() for seed in (0, 1))
    assert first != second


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_empty_batches_change_nothing(net, images, length):
    expected = record(net, images, n_samples=40, length=length)
    with ActivationRecorder(net, "**", n_samples=40, length=length) as recorder, torch.no_grad():
        for batch in images.split(64):
            net(batch[:0])
            net(batch)
    assert_same(recorder.point_clouds(), expected)
    with ActivationRecorder(net, "**", n_samples=40, length=length) as recorder, torch.no_grad():
        for batch in (images[:0], images):
            recorder.start_batch(len(batch))
            net(batch)
    assert_same(recorder.point_clouds(), expected)


def test_nothing_run_is_no_point_and_a_problem_of_every_layer(net):
    with ActivationRecorder(net, "**") as recorder:
        pass
    clouds = recorder.point_clouds()
    assert (clouds.n_points, clouds.layers, set(clouds.problems)) == (0, (), {"conv", "relu", "head"})


def test_empty_batches_alone_are_no_point(net, images):
    assert record(net, images[:0]).n_points == 0


def test_recording_goes_on_where_it_was_interrupted(net, images):
    recorder = ActivationRecorder(net, "**", n_samples=40)
    with torch.no_grad():
        with recorder:
            net(images[:100])
        net(images)
        with recorder:
            net(images[100:])
    assert_same(recorder.point_clouds(), record(net, images, n_samples=40))


# -- Options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "maximum"}, "Expected `pooling` to be one of .* got 'maximum'"),
        ({"n_samples": 0}, "Expected `n_samples` to be at least 1, got 0"),
        ({"n_samples": -3}, "Expected `n_samples` to be at least 1, got -3"),
        ({"layers": "nothing like it"}, "matches no layer of ConvNet"),
        ({"layers": []}, "selects no layer of ConvNet"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_at_once(net, options, message):
    with pytest.raises(ValueError, match=message):
        ActivationRecorder(net, **options)
    assert all_hooks_of(net) == []


def test_layers_are_those_that_were_chosen(net):
    assert ActivationRecorder(net).layers == ("conv", "head")
    assert ActivationRecorder(net, ["head", "relu"]).layers == ("relu", "head")


@pytest.mark.parametrize("channels", [1, -1])
def test_channels_can_be_told(channels):
    model = nn.Sequential(nn.ReLU())
    data = torch.rand(6, 2, 3, 4, generator=generator(0))
    clouds = record(model, data, pooling="mean", channels=channels)
    expected = data.mean(dim=(2, 3)) if channels == 1 else data.mean(dim=(1, 2))
    np.testing.assert_allclose(clouds.clouds["0"], expected, rtol=1e-6)


# -- Batches told from outside -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
@pytest.mark.parametrize("told", [True, False], ids=["size", "no size"])
def test_labels_stay_with_their_samples(net, images, length, told):
    labels = torch.arange(N) * 3
    with ActivationRecorder(net, n_samples=40, length=length) as recorder, torch.no_grad():
        for batch, own in zip(images.split(33), labels.split(33), strict=True):
            recorder.start_batch(len(batch) if told else None, labels=own)
            net(batch)
    clouds = recorder.point_clouds()
    assert clouds.labels.dtype == np.int64
    assert clouds.labels.tolist() == (clouds.sample_ids * 3).tolist()


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        (torch.float32, np.float64),
        (torch.bfloat16, np.float64),
        (torch.float64, np.float64),
        (torch.int8, np.int64),
        (torch.bool, np.int64),
    ],
    ids=str,
)
def test_labels_are_whole_or_real_numbers(net, images, dtype, kept):
    labels = torch.tensor([0, 1, 1, 0, 1]).to(dtype) / (2 if dtype.is_floating_point else 1)
    labels = labels.to(dtype)
    with ActivationRecorder(net) as recorder:
        recorder.start_batch(5, labels=labels)
        net(images[:5])
    clouds = recorder.point_clouds()
    assert clouds.labels.dtype == kept
    assert clouds.labels.tolist() == labels.tolist()


def test_labels_that_one_batch_did_not_have_are_not_invented(net, images):
    with ActivationRecorder(net) as recorder:
        recorder.start_batch(3, labels=torch.tensor([7, 8, 9]))
        net(images[:3])
        recorder.start_batch(2)
        net(images[3:5])
    assert recorder.point_clouds().sample_ids.tolist() == [0, 1, 2, 3, 4]
    assert recorder.point_clouds().labels is None


@pytest.mark.parametrize("shape", [(4,), (5, 1), ()], ids=str)
def test_labels_of_a_wrong_shape_are_refused(net, shape):
    recorder = ActivationRecorder(net)
    with pytest.raises(ValueError, match=r"Expected `labels` to be of shape \(5,\), got "):
        recorder.start_batch(5, labels=torch.zeros(shape))


def test_negative_sample_ids_are_refused(net):
    with pytest.raises(ValueError, match="Expected `sample_ids` to be at least 0, got -2"):
        ActivationRecorder(net).start_batch(sample_ids=[0, -2])


def test_what_runs_after_the_end_of_a_batch_is_not_recorded(net, images):
    with ActivationRecorder(net, "**", n_samples=40) as recorder, torch.no_grad():
        net.conv(images[:3])
        for batch in images.split(100):
            recorder.start_batch(len(batch))
            net(batch)
            recorder.end_batch()
            net(batch * 2)
    assert recorder.calls == {"conv": 3, "relu": 3, "head": 3}
    assert set(recorder.calls_per_batch.values()) == {1}
    assert_same(recorder.point_clouds(), record(net, images, n_samples=40))


def test_without_automatic_batches_nothing_is_recorded_before_the_first_one_is_started(net, images):
    with ActivationRecorder(net, "**", n_samples=40, automatic_batches=False) as recorder, torch.no_grad():
        net(images[:50] + 1)
        assert recorder.calls == {"conv": 0, "relu": 0, "head": 0}
        for batch in images.split(100):
            recorder.start_batch(len(batch))
            net(batch)
            recorder.end_batch()
            net(batch + 1)
    assert_same(recorder.point_clouds(), record(net, images, n_samples=40))


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_batches_are_automatic_until_one_is_started(net, images, length):
    with ActivationRecorder(net, "**", n_samples=40, length=length) as recorder, torch.no_grad():
        net(images[:50])
        recorder.start_batch(50)
        net(images[50:100])
        net(images[:50] + 1)  # a second pass of the batch that was started, and no batch of its own
        recorder.start_batch(150)
        net(images[100:])
    assert recorder.calls_per_batch == {"conv": 2, "relu": 2, "head": 2}
    assert_same(recorder.point_clouds(), record(net, images, n_samples=40, length=length))


def test_batches_are_automatic_until_one_is_ended(net, images):
    with ActivationRecorder(net, "**", n_samples=40, length=N) as recorder, torch.no_grad():
        net(images[:100])
        recorder.end_batch()
        net(images[100:])
    assert_same(recorder.point_clouds(), record(net, images[:100], n_samples=40, length=N))


def test_several_passes_within_a_batch_give_the_first(net, images):
    with ActivationRecorder(net, "**", n_samples=40) as recorder, torch.no_grad():
        for batch in images.split(100):
            recorder.start_batch(len(batch))
            net(batch)
            net(batch.flip(0))
    assert recorder.calls_per_batch == {"conv": 2, "relu": 2, "head": 2}
    assert_same(recorder.point_clouds(), record(net, images, n_samples=40))


# -- Modes -------------------------------------------------------------------------------------------------------------


def test_recording_works_in_inference_mode(net, images):
    with ActivationRecorder(net, "**", n_samples=40) as recorder, torch.inference_mode():
        for batch, labels in zip(images.split(64), torch.arange(N).split(64), strict=True):
            recorder.start_batch(len(batch), labels=labels)
            net(batch)
    clouds = recorder.point_clouds()
    assert clouds.labels.tolist() == clouds.sample_ids.tolist()
    expected = record(net, images, n_samples=40)
    assert_same(dataclasses.replace(clouds, labels=None), expected)


@pytest.mark.parametrize("modes", [(torch.inference_mode, torch.no_grad), (torch.no_grad, torch.inference_mode)])
def test_modes_may_change_between_batches(net, images, modes):
    with ActivationRecorder(net, "**", n_samples=40) as recorder:
        for mode, batch, labels in zip(modes, images.split(125), torch.arange(N).split(125), strict=True):
            with mode():
                recorder.start_batch(len(batch), labels=labels)
                net(batch)
    clouds = recorder.point_clouds()
    assert clouds.labels.tolist() == clouds.sample_ids.tolist()
    assert_same(dataclasses.replace(clouds, labels=None), record(net, images, n_samples=40))


def test_autocast_outputs_are_recorded_as_they_are(net, images):
    outputs = []
    net.head.register_forward_hook(lambda module, args, output: outputs.append(output))
    with ActivationRecorder(net, "head") as recorder, torch.autocast("cpu", torch.bfloat16):
        net(images)
    assert outputs[0].dtype == torch.bfloat16
    cloud = recorder.point_clouds().clouds["head"]
    assert cloud.dtype == np.float32
    np.testing.assert_array_equal(cloud, outputs[0].detach().float())


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.optim.swa_utils.AveragedModel])
def test_a_wrapped_model_records_the_same_under_the_same_names(net, images, wrap):
    assert_same(record(wrap(net), images, n_samples=40), record(net, images, n_samples=40))
