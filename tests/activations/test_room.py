"""Memory for what is recorded: a layer that does not fit costs itself, never the others and never a forward pass."""

import itertools

import pytest
import torch
from torch import nn

from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.room import Room

CPU, OTHER = torch.device("cpu"), torch.device("meta")


@pytest.fixture
def available(monkeypatch):
    def set_to(size):
        monkeypatch.setattr("topocallback.activations.room.available_memory", lambda: size)

    return set_to


def net(*widths):
    return nn.Sequential(*[nn.Linear(first, second) for first, second in itertools.pairwise(widths)])


def test_what_layers_take_adds_up():
    room = Room(available=lambda device: 1000)
    for _ in range(8):
        room.take(100, CPU)
    with pytest.raises(MemoryError, match="Expected 100 bytes to fit beside the 800 bytes of other layers"):
        room.take(100, CPU)
    room.give_back(100, CPU)
    room.take(100, CPU)


def test_each_device_has_room_of_its_own():
    room = Room(available=lambda device: 100 if device == CPU else 1000)
    room.take(700, OTHER)
    room.take(80, CPU)
    with pytest.raises(MemoryError, match="80% of the 100 bytes that cpu has"):
        room.take(1, CPU)


def test_where_nobody_knows_what_there_is_everything_fits():
    Room(available=lambda device: None).take(10**15, CPU)


def test_a_layer_that_does_not_fit_is_left_out_and_smaller_ones_are_not(available):
    available(10_000)
    model = net(4, 10, 500, 10)
    with ActivationRecorder(model, n_samples=20) as recorder:
        out = model(torch.ones(20, 4))
    assert torch.equal(out, model(torch.ones(20, 4)))
    recording = recorder.recording()
    assert list(recording.vectors) == ["0", "2"]
    assert list(recording.problems) == ["1"]
    for part in ("40 kB", "800 bytes", "10 kB", "`n_samples`", "`layers`", "`pooling='mean'`"):
        assert part in recording.problems["1"].replace(".0 kB", " kB")


def test_calls_of_a_layer_are_counted_together(available):
    available(2400)  # for four of the five
    shared = nn.Linear(5, 5)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU(), shared)
    with ActivationRecorder(model, [nn.Linear, nn.ReLU], n_samples=20, calls="each") as recorder:
        model(torch.ones(20, 5))
    found = recorder.recording()
    assert "MemoryError" in found.problems["0@2"]
    assert {"1", "3"} <= set(found.vectors) | {name.split("@")[0] for name in found.vectors}


class FailsToAllocate(torch.overrides.TorchFunctionMode):
    """New tensors of one width cannot be had, as when a GPU is full."""

    def __init__(self, width, error):
        super().__init__()
        self.width, self.error = width, error

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.new_zeros and args[1][-1] == self.width:
            raise self.error
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("error", [MemoryError("none left"), torch.OutOfMemoryError("CUDA out of memory.")])
def test_an_allocation_that_fails_costs_its_layer_and_leaves_its_room_to_others(available, error):
    available(50_000)
    model = net(4, 300, 301)  # both do not fit together
    with FailsToAllocate(300, error), ActivationRecorder(model, n_samples=20) as recorder:
        out = model(torch.ones(20, 4))
    assert torch.equal(out, model(torch.ones(20, 4)))
    recording = recorder.recording()
    assert list(recording.vectors) == ["1"]
    assert recording.problems["0"] == f"{type(error).__name__}: {error}"
