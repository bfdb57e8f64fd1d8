"""What of two recordings differs, and how a recording reads."""

import json

import pytest

from topocallback.records.recorded import HowRecorded, differences, in_words, not_alike, told

PLAIN = HowRecorded({"pooling": "mean", "seed": 0, "layers": "auto"}, {"scale": "quantile", "mapper": {"radius": 1}})


def other(recording=(), options=()):
    return HowRecorded({**PLAIN.recording, **dict(recording)}, {**PLAIN.options, **dict(options)})


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        (other({"pooling": "flatten"}), "meaning"),
        (other((), {"scale": "none"}), "meaning"),
        (other({"seed": 1}), "samples"),
        (other((), {"mapper": {"radius": 2}}), "mapper"),
    ],
)
def test_each_difference_is_of_one_kind(changed, kind):
    found = differences(PLAIN, changed)
    assert [name for name in ("meaning", "samples", "mapper") if getattr(found, name)] == [kind]
    assert dict(found.all) == dict(getattr(found, kind))
    assert bool(found.minor) == (kind != "meaning")


@pytest.mark.parametrize(
    "alike",
    [
        PLAIN,
        other({"layers": ["stem"], "labels": 1, "pooled": {"stem": "mean over 4 positions"}}),
        other({"mask": None, "calls": "first"}),  # the other does not say
        HowRecorded({}, {}),
        other((), {"mapper": None}),
        other((), {"backend": "ripser"}),
    ],
)
def test_what_changes_no_number_and_what_is_not_known_is_no_difference(alike):
    assert not differences(PLAIN, alike).all
    assert not differences(alike, PLAIN).all


def test_a_recording_from_a_file_is_the_one_that_was_written():
    written = HowRecorded({"channels": {"a": (1, 2)}, "select": {1: "logits"}}, {})
    read = HowRecorded(json.loads(json.dumps(dict(written.recording))), {})
    assert not differences(written, read).all


def test_differences_are_told_with_both_values_and_names():
    found = differences(PLAIN, other({"pooling": "flatten", "seed": 1}))
    assert told(found.all, "a", "b") == "pooling is 'mean' in a and 'flatten' in b; seed is 0 in a and 1 in b"


def test_of_several_runs_each_that_is_not_like_the_first_is_told():
    runs = {"a": PLAIN, "b": PLAIN, "c": other({"pooling": "flatten"}), "d": other({"seed": 3})}
    assert not_alike(runs) == "pooling is 'mean' in a and 'flatten' in c; seed is 0 in a and 3 in d"
    assert not_alike({"a": PLAIN}) == not_alike({}) == ""


def test_a_recording_reads_as_one_line_whatever_it_holds():
    recording = {
        "layers": [f"net.{i}" for i in range(9)],
        "mask": None,
        "rows": True,
        "pooled": {"stem": "4 positions"},
    }
    assert in_words(recording) == "layers net.0, net.1, net.2 and 6 more; mask none; rows yes; pooled stem: 4 positions"
