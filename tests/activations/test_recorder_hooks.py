"""The recorder's hooks: there inside of ``with`` only, however it is left, and beside the hooks of others."""

import copy
from contextlib import suppress

import pytest
import torch
from recording_tools import N, all_hooks_of, assert_same, record, record_and_fail
from torch import nn

from topocallback.activations.recorder import ActivationRecorder


def test_hooks_are_there_inside_of_with_only(net, images):
    assert all_hooks_of(net) == []
    with ActivationRecorder(net, "**") as recorder:
        assert len(all_hooks_of(net)) >= 3
        net(images)
    assert all_hooks_of(net) == []
    calls = recorder.calls
    net(images)
    assert recorder.calls == calls == {"conv": 1, "relu": 1, "head": 1}


def test_an_exception_inside_of_with_takes_the_hooks_off(net, images):
    with pytest.raises(KeyError, match="mine"):
        record_and_fail(net, images)
    assert all_hooks_of(net) == []


def test_a_forward_pass_that_fails_halfway_leaves_what_was_complete(net, images):
    recorder = ActivationRecorder(net, "**", n_samples=N)
    with recorder:
        net(images[:100])
        with pytest.raises(RuntimeError, match="shape"):
            net(images[:150, :, :4])
    assert all_hooks_of(net) == []
    clouds = recorder.point_clouds()
    assert clouds.layers == ("conv", "relu")
    assert clouds.problems == {"head": "it did not run for 150 of 250 samples."}


class Unwatchable(nn.Linear):
    """Refuses hooks, as scripted modules do."""

    def register_forward_hook(self, *args, **kwargs):
        raise RuntimeError("not supported")


def test_a_layer_that_refuses_hooks_leaves_none_on_the_others():
    model = nn.Sequential(nn.Linear(2, 2), Unwatchable(2, 2), nn.Linear(2, 2))
    with suppress(RuntimeError), ActivationRecorder(model, "**"):
        model(torch.ones(3, 2))
    assert all_hooks_of(model) == []


def test_attaching_and_detaching_twice_changes_nothing(net, images):
    recorder = ActivationRecorder(net, "**", n_samples=40)
    recorder.detach()
    recorder.attach()
    once = len(all_hooks_of(net))
    recorder.attach()
    assert len(all_hooks_of(net)) == once
    with torch.no_grad():
        net(images)
    recorder.detach()
    recorder.detach()
    assert all_hooks_of(net) == []
    assert recorder.calls == {"conv": 1, "relu": 1, "head": 1}
    assert_same(recorder.point_clouds(), record(net, images, n_samples=40))


def test_hooks_of_the_user_stay(net, images):
    seen = []
    handle = net.conv.register_forward_hook(lambda module, args, output: seen.append(len(output)))
    with ActivationRecorder(net, "**"):
        net(images)
    net(images)
    assert seen == [N, N]
    assert len(all_hooks_of(net)) == 1
    handle.remove()


def test_two_recorders_at_once_do_not_disturb_each_other(net, images):
    with (
        ActivationRecorder(net, "**", n_samples=40) as outer,
        ActivationRecorder(net, "head", n_samples=10, seed=1) as inner,
        torch.no_grad(),
    ):
        net(images)
    assert all_hooks_of(net) == []
    assert_same(outer.point_clouds(), record(net, images, n_samples=40))
    assert_same(inner.point_clouds(), record(net, images, layers="head", n_samples=10, seed=1))


def test_a_recorded_model_can_be_copied_after_the_recording(net, images):
    with ActivationRecorder(net, "**") as recorder:
        net(images)
    copied = copy.deepcopy(net)
    copied(images)
    assert recorder.calls == {"conv": 1, "relu": 1, "head": 1}
