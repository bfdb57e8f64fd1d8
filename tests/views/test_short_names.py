"""Names that are cut to fit: whatever the room, different names stay different."""

import pytest

from topocallback.views.lettering import Lettering
from topocallback.views.short_names import short_layer_names, short_names

NAMES = {
    "same ends": [f"layer{stage}.0.downsample.0" for stage in (2, 3, 4)],
    "blocks": [f"encoder.layers.{i}.attention.self.query" for i in range(12)],
    "inside": [f"a.long.common.beginning.{i}.and.a.long.common.end" for i in range(12)],
    "one within another": ["x" * 30, "x" * 31, "x" * 40, "x" * 20 + "y" + "x" * 20],
    "runs": ["run/version_0/checkpoints/last", "run/version_1/checkpoints/last", "run/version_1/checkpoints/best"],
    "no dots": ["airplane of the first kind", "airplane of the other kind", "ship"],
}


def at_most(letters):
    return lambda text: len(text) <= letters


@pytest.mark.parametrize("letters", [10, 14, 18, 26])
@pytest.mark.parametrize(
    "names", [*NAMES.values(), [name for names in NAMES.values() for name in names]], ids=[*NAMES, "all"]
)
@pytest.mark.parametrize("shorten", [short_names, short_layer_names])
def test_different_names_stay_different_and_fit(shorten, names, letters):
    short = shorten(names, at_most(letters))
    assert len(set(short)) == len(names)
    assert max(map(len, short)) <= letters


def test_names_that_fit_are_left_as_they_are():
    names = ["net.layer1.0", "net.layer1.1"]
    assert short_names(names, at_most(12)) == short_layer_names(names, at_most(12)) == names
    assert short_names([], at_most(3)) == short_layer_names([], at_most(3)) == []


def test_long_names_are_cut_at_their_start_where_that_tells_them_apart():
    assert short_names(["encoder.layer.11.output", "head"], at_most(10)) == ["…11.output", "head"]


def test_names_that_end_alike_are_cut_in_the_middle():
    expected = ["layer2…ample.0", "layer3…ample.0", "layer4…ample.0"]
    assert short_names(NAMES["same ends"], at_most(14)) == expected
    assert short_layer_names([f"net.{name}" for name in NAMES["same ends"]], at_most(14)) == expected


def test_layers_lose_the_parts_that_all_share_only_where_they_do_not_fit():
    layers = ["net.backbone.stem", "net.backbone.head"]
    assert short_layer_names(layers, at_most(17)) == layers
    assert short_layer_names(layers, at_most(16)) == ["stem", "head"]
    assert short_layer_names(["net.backbone.stem"], at_most(5)) == ["…stem"]
    assert short_layer_names(["net.layer", "net.layer.conv"], at_most(10)) == ["layer", "layer.conv"]


def test_equal_names_stay_equal():
    first, second, other = short_names(["a" * 20, "a" * 20, "b" + "a" * 19], at_most(6))
    assert first == second != other


def test_names_are_told_apart_in_points_as_well():
    lettering = Lettering()
    fits = lettering.fits(8, 60.0)
    short = short_layer_names(NAMES["same ends"], fits)
    assert len(set(short)) == 3
    assert max(lettering.width(name, 8) for name in short) <= 60


@pytest.mark.parametrize(
    "names",
    [
        ["x" * 3000 + str(i) for i in range(60)],
        ["x" * (2900 + i) for i in range(60)],
        ["x" * (40 * i) + "y" + "x" * (3000 - 40 * i) for i in range(60)],
    ],
    ids=["ends", "one within another", "inside"],
)
@pytest.mark.parametrize("shorten", [short_names, short_layer_names])
def test_very_long_names_are_told_apart_after_few_looks(shorten, names):
    looks = []

    def fits(text):
        looks.append(text)
        return len(text) <= 20

    short = shorten(names, fits)
    assert len(set(short)) == len(names)
    assert max(map(len, short)) <= 20
    assert len(looks) < 60 * 1000
    assert sum(len(text) > 100 for text in looks) < 60 * 100
