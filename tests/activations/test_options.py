"""The options of recording: which are allowed, and how JSON holds them."""

import json
from functools import partial

import pytest
import torch
from torch import nn

from topocallback.activations.options import ValidationOptions, by_name, check_integer, check_recorded
from topocallback.activations.positions import Positions


def bright(activations, sample_ids):
    return activations.sum(dim=1) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("all", None, None), r"`calls` to be one of \('first', 'last', 'each', 'together'\), got 'all'"),
        ((None, None, None), "`calls` to be one of .*, got None"),
        (("first", 0, None), "`channels` to be 1, -1 or None, got 0"),
        (("first", "last", None), "`channels` to be 1, -1 or None, got 'last'"),
        (("first", None, "x"), "`select` to be a function of a layer's output, got 'x'"),
    ],
    ids=str,
)
def test_an_option_of_recording_that_is_not_allowed_is_refused(options, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        check_recorded(*options)


@pytest.mark.parametrize("value", [1, 2.0, "3", None, True, float("nan")], ids=str)
def test_what_is_no_integer_or_too_small_is_refused(value):
    with pytest.raises(ValueError, match="Expected `n_samples` to be an integer of at least 2, got"):
        check_integer("n_samples", value, least=2)


@pytest.mark.parametrize("calls", ["first", "last", "each"])
@pytest.mark.parametrize("channels", [1, -1, None])
def test_every_allowed_option_is_allowed(calls, channels):
    assert ValidationOptions(calls=calls, channels=channels, select=torch.relu).calls == calls


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layers": ["conv*", nn.Linear], "pooling": torch.flatten},
        {"layers": nn.Conv2d, "pooling": Positions(3, mask=bright)},
        {"pooling": partial(torch.mean, dim=1), "select": lambda output: output[0]},
        {"layers": lambda name, module: True, "labels": "digit", "mask": 1},
    ],
    ids=["defaults", "classes", "positions", "partial", "functions"],
)
def test_options_can_be_written_as_json_without_addresses(options):
    written = json.dumps(ValidationOptions(**options).describe())
    assert "0x" not in written
    assert set(json.loads(written)) >= {"layers", "pooling", "n_samples", "seed", "mask", "calls", "channels", "select"}


def test_options_that_mean_the_same_are_written_alike():
    assert by_name(Positions(3, mask=bright)) == by_name(Positions(3, mask=bright))
    assert by_name(Positions(3)) != by_name(Positions(4))
    assert by_name((nn.Conv2d, "x", 1)) == ["Conv2d", "x", 1]
