"""The pictures of a snapshot: readable, of the whole run's ranges, and no trace of pyplot."""

import io
import subprocess
import sys
import threading
from dataclasses import replace

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pytest
from drawn_figures import KEY, Drawn, decode, distances, example, with_distances
from matplotlib.collections import LineCollection
from matplotlib.patches import PathPatch
from PIL import Image

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.records.point_clouds import PointClouds
from topocallback.records.results import Description, Results
from topocallback.views.canvas import render
from topocallback.views.figures import Ranges, diagrams_figure, heatmap_figure

FIGURES = (heatmap_figure, diagrams_figure)
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)
LONG = "model.encoder.layers.{}.self_attention.output_projection.dense"


# -- Both pictures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("layers", [1, 40])
def test_a_picture_is_a_png_of_the_size_it_states(draw, layers):
    picture = render("name", draw(example(layers)))
    assert picture.name == "name"
    with Image.open(io.BytesIO(picture.png)) as image:
        assert (image.format, image.size) == ("PNG", (picture.width, picture.height))
    assert len(np.unique(decode(picture.png) @ [1 << 16, 1 << 8, 1])) > 10


@pytest.mark.parametrize("draw", FIGURES)
def test_real_snapshots_of_several_measures_and_dimensions_are_drawn(draw):
    rng = np.random.default_rng(0)
    clouds = PointClouds({name: rng.normal(size=(20, 3)) for name in "abc"})
    options = AnalysisOptions(homology_dims=(0, 1, 2), measures=("sliced_wasserstein", "bottleneck"))
    drawn = Drawn(draw(analyse(clouds, options)))
    assert len(drawn.panels(3)) == (6 if draw is heatmap_figure else 0)


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize(
    "clouds",
    [
        {"a": np.full((5, 2), np.nan)},
        {"a": np.full((5, 2), np.nan), "b": np.zeros((5, 2)), "c": np.eye(5)},
        {"a": np.zeros((0, 2)), "b": np.zeros((0, 2))},
        {"a": np.zeros((1, 2)), "b": np.ones((1, 2))},
    ],
    ids=["all NaN", "one NaN", "no samples", "one sample"],
)
def test_snapshots_without_numbers_are_drawn(draw, clouds):
    picture = render("name", draw(analyse(PointClouds(clouds))))
    assert (decode(picture.png) != 255).any()


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("value", [1e-12, 1e12])
def test_numbers_of_any_size_are_drawn_within_range(draw, value):
    snapshot = with_distances(example(2, noise=0.0), {(0, 1): value})
    snapshot = replace(snapshot, diagrams={name: [np.array([[0, value]])] for name in snapshot.layers})
    assert (decode(render("name", draw(snapshot)).png) != 255).any()


NAMES = pytest.mark.parametrize(
    "names",
    [
        ("a",),
        [f"layer{i}.conv1" for i in range(40)],
        [LONG.format(i) for i in range(7)],
        ["слой", "λ/β→δ", "<img src=x onerror=alert(1)>", "$x$"],
    ],
    ids=["1 short", "40", "7 long", "odd"],
)


@pytest.mark.parametrize("draw", FIGURES)
@NAMES
def test_nothing_that_is_written_is_cut_off(draw, names):
    axis = draw(example(names)).axes[0]
    (_, width), (_, height) = axis.get_xlim(), axis.get_ylim()
    letters = [artist.get_path().get_extents() for artist in axis.get_children() if isinstance(artist, PathPatch)]
    assert letters
    assert min(box.x0 for box in letters) >= 0
    assert min(box.y0 for box in letters) >= 0
    assert max(box.x1 for box in letters) <= width
    assert max(box.y1 for box in letters) <= height


def test_of_many_layers_a_heatmap_names_as_many_as_can_be_read(labels):
    names = [f"stages.{i // 50}.blocks.{i % 50}" for i in range(200)]
    heatmap_figure(example(names))
    written = [label for label in labels if label.text in names]
    assert [label.text for label in written if label.right - label.left > label.top - label.bottom] == names[::2]
    assert sorted({label.text for label in written}) == sorted(names[::2])
    heights = [min(label.right - label.left, label.top - label.bottom) for label in written]
    assert min(heights) > 3.4  # of letters of 5 points
    assert any("1 layer in 2 is named" in label.text for label in labels)


@pytest.mark.parametrize("draw", FIGURES)
@NAMES
def test_nothing_that_is_written_overlaps(labels, draw, names):
    draw(example(names))
    assert len(labels) > len(names)
    boxes = np.array([label[1:] for label in labels])
    left, right, bottom, top = boxes.T[:, :, None]
    apart = (right <= left.T) | (left >= right.T) | (top <= bottom.T) | (bottom >= top.T)
    overlapping = [(labels[i].text, labels[j].text) for i, j in np.argwhere(np.triu(~apart, 1))]
    assert overlapping == []


@pytest.mark.parametrize(
    ("draw", "names"),
    [(heatmap_figure, ["層", "a\nb", "\u0007", ""]), (diagrams_figure, ["块", "a\tb", "\u0008", ""])],
)
def test_names_that_the_font_cannot_write_are_drawn_without_a_warning(recwarn, draw, names):
    assert render("name", draw(example(names))).width > 0
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize(
    "style",
    [
        {"image.origin": "lower", "image.cmap": "gray", "axes.grid": True, "figure.autolayout": True},
        {"lines.marker": "x", "lines.linestyle": "--", "figure.constrained_layout.use": True, "figure.dpi": 30},
        "dark_background",
    ],
    ids=str,
)
def test_a_users_matplotlib_style_changes_no_picture(draw, style):
    expected = render("name", draw(example(3))).png
    with mpl.rc_context():
        mpl.style.use(style)
        picture = render("name", draw(example(3)))
    changed = (decode(picture.png) != decode(expected)).any()
    assert not changed


@pytest.mark.parametrize("draw", FIGURES)
def test_a_picture_drawn_in_another_thread_is_the_same(draw):
    pictures = [None] * 2

    def draw_into(i):
        pictures[i] = render("name", draw(example()))

    threads = [threading.Thread(target=draw_into, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pictures == [render("name", draw(example()))] * 2


def test_drawing_does_not_touch_pyplot():
    script = (
        "import sys, numpy as np\n"
        "from topocallback import PointClouds, analyse\n"
        "from topocallback.views.canvas import render\n"
        "from topocallback.views.figures import diagrams_figure, heatmap_figure\n"
        "snapshot = analyse(PointClouds({'a': np.eye(5), 'b': np.ones((5, 2))}))\n"
        "[render('name', draw(snapshot)) for draw in (diagrams_figure, heatmap_figure)]\n"
        "assert 'matplotlib.figure' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_drawing_leaves_no_figure_open():
    import matplotlib.pyplot as plt

    for draw in FIGURES:
        render("name", draw(example(3)))
    assert plt.get_fignums() == []


def test_a_picture_says_what_it_shows_and_in_which_unit(labels):
    heatmap_figure(example(3))
    diagrams_figure(example(3))
    texts = [label.text for label in labels]
    assert "Layer distance at step 12345 (epoch 12)" in texts
    assert "Sliced Wasserstein distance, H1 (0.9 quantiles)" in texts
    assert "Persistence diagrams at step 12345 (epoch 12), in 0.9 quantiles" in texts
    assert {"block0", "block1", "block2"} < set(texts)


# -- The diagrams ----------------------------------------------------------------------------------------------------


def boxes(drawn):
    """Lower left corner and side of each layer's small multiple."""
    (frames,) = [artist for artist in drawn.axis.collections if isinstance(artist, LineCollection)]
    return [(*np.min(lines, axis=0), np.ptp(lines, axis=0)[0]) for lines in frames.get_segments()]


def blended(colour):
    return 0.6 * np.array(colour) + 0.4 * 255


def test_a_bar_stands_at_its_birth_and_death_in_its_dimensions_colour():
    bars = {"h0": np.array([[0.0, 3.0]]), "h1": np.array([[1.0, 2.0]]), "none": np.empty((0, 2))}
    snapshot = example(
        ["a", "b"],
        homology_dims=(0, 1),
        diagrams={"a": [bars["h0"], bars["h1"]], "b": [bars["none"], np.array([[2.0, 3.5]])]},
    )
    drawn = Drawn(diagrams_figure(snapshot, {"bars": 4.0}))
    (x, y, side), (x2, y2, side2) = boxes(drawn)
    assert side == side2 > 0
    for place, colour in [
        ((x, y + 0.75 * side), BLUE),
        ((x + 0.25 * side, y + 0.5 * side), ORANGE),
        ((x2 + 0.5 * side, y2 + 0.875 * side), ORANGE),
    ]:
        np.testing.assert_allclose(drawn.colour_at(*place), blended(colour), atol=60)
    for place in [(x + 0.75 * side, y + 0.25 * side), (x + 0.5 * side, y + 0.875 * side), (x2, y2 + 0.75 * side)]:
        assert not any(np.allclose(drawn.colour_at(*place), blended(colour), atol=60) for colour in (BLUE, ORANGE))


def test_bars_that_never_die_are_not_drawn():
    bars = np.array([[0.1, 0.5], [0.2, np.inf]])
    with_essential = example(2, diagrams={"block0": [bars], "block1": [bars]})
    without = example(2, diagrams={"block0": [bars[:1]], "block1": [bars[:1]]})
    assert render("a", diagrams_figure(with_essential)) == render("a", diagrams_figure(without))


@pytest.mark.parametrize(("layers", "columns", "rows"), [(1, 1, 1), (5, 5, 1), (6, 5, 2), (11, 5, 3)])
def test_layers_fill_rows_of_five_in_their_order(labels, layers, columns, rows):
    places = boxes(Drawn(diagrams_figure(example(layers))))
    assert len(places) == layers
    assert places == sorted(places, key=lambda place: (-place[1], place[0]))
    assert len({x for x, _, _ in places}) == columns
    assert len({y for _, y, _ in places}) == rows
    for i, (x, y, side) in enumerate(places):
        label = next(label for label in labels if label.text == f"block{i}")
        assert (label.left + label.right) / 2 == pytest.approx(x + side / 2)
        assert label.bottom > y + side


# -- Ranges ----------------------------------------------------------------------------------------------------------


def largest(value):
    """A snapshot whose largest distance, noise and bar is the value."""
    snapshot = example(3, noise=value / 2)
    matrix = snapshot.distances[KEY].matrix
    return replace(
        snapshot,
        distances=Results([distances(value * matrix / matrix.max(), value / 2)]),
        diagrams={name: [np.array([[0.0, value]])] for name in snapshot.layers},
    )


@pytest.mark.parametrize("value", [3e-7, 0.04, 0.8, 1.0, 37.0, 8.1e5])
def test_the_first_snapshot_sets_a_round_range_with_room_to_grow(value):
    ranges = Ranges()
    ranges.include(largest(value))
    assert ranges.limits.keys() == {KEY, "bars"}
    for limit in ranges.limits.values():
        assert 1.25 * value * (1 - 1e-6) <= limit <= 1.25 * value * 1.5
        digits = limit / 10 ** np.floor(np.log10(limit) + 1e-9)
        assert min(abs(digits - np.array([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8]))) < 1e-6


def test_a_range_widens_only_for_a_value_beyond_it_and_at_least_twofold():
    ranges, limit, widened = Ranges(), 0.0, 0
    for value in 10 ** np.random.default_rng(0).uniform(-3, 3, size=200):
        ranges.include(largest(value))
        new = ranges.limits["bars"]
        if value > limit:
            assert new >= max(2 * limit, 1.25 * value) * (1 - 1e-6)
            widened += 1
        else:
            assert new == limit
        limit = new
    assert widened > 1


def test_noise_counts_for_the_range_of_its_distances():
    ranges = Ranges()
    ranges.include(example(3, noise=[0.1, 8.0, np.nan]))
    assert ranges.limits[KEY] == 10.0


def test_each_measure_has_its_own_range():
    ranges, other = Ranges(), Description("bottleneck", 0)
    tables = [distances(np.full((3, 3), 4.0), 0.0), distances(np.full((3, 3), 0.4), 0.0, other)]
    ranges.include(example(3, distances=Results(tables)))
    assert ranges.limits[KEY] == pytest.approx(5.0)
    assert ranges.limits[other.key] == pytest.approx(0.5)


@pytest.mark.parametrize(("largest_value", "limit"), [(0.3, 0.4), (0.7, 1.0), (1.0, 1.0)])
def test_a_range_ends_where_the_measures_own_does(largest_value, limit):
    ranges, about = Ranges(), Description("cka", range=(0.0, 1.0))
    ranges.include(example(3, distances=Results([distances(np.full((3, 3), largest_value), np.nan, about)])))
    assert ranges.limits[about.key] == pytest.approx(limit)


@pytest.mark.parametrize("nothing", [0.0, np.nan, np.inf])
def test_zeros_nan_and_infinity_set_no_range(nothing):
    ranges = Ranges()
    snapshot = example(3, distances=Results([distances(np.full((3, 3), nothing), nothing)]))
    ranges.include(replace(snapshot, diagrams={name: [np.empty((0, 2))] for name in snapshot.layers}))
    assert ranges.limits == {}
    ranges.include(largest(4.0))
    assert ranges.limits == {KEY: 5.0, "bars": 5.0}


def test_a_range_that_goes_on_from_known_limits_is_that_of_the_whole_run():
    values = [1.0, 3.0, 2.0, 50.0, 7.0]
    whole = Ranges()
    for value in values:
        whole.include(largest(value))
    first, second = Ranges(), Ranges()
    for value in values[:2]:
        first.include(largest(value))
    second.limits.update(first.limits)
    for value in values[2:]:
        second.include(largest(value))
    assert second.limits == whole.limits
