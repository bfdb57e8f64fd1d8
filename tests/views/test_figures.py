"""The pictures of a snapshot: right colours at the right places, readable, and no trace of pyplot."""

import dataclasses
import io
import subprocess
import sys
import threading
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.patches import PathPatch
from PIL import Image

from topocallback.analysis.analyse import AnalysisOptions, analyse
from topocallback.records.point_clouds import PointClouds
from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import render
from topocallback.views.figures import Ranges, diagrams_figure, heatmap_figure
from topocallback.views.lettering import Lettering

FIGURES = (heatmap_figure, diagrams_figure)
KEY = "sliced_wasserstein_H1"
LIMITS = {f"distances/{KEY}": 1.0, "bars": 1.0}
BLUE, ORANGE = (0, 114, 178), (213, 94, 0)
WHITE = (255, 255, 255)
LONG = "model.encoder.layers.{}.self_attention.output_projection.dense"


def example(layers=20, noise=0.01, seed=0, **fields):
    """A snapshot with made-up numbers: one measure in H1, distances in [0.1, 0.9], small noise."""
    rng = np.random.default_rng(seed)
    names = tuple(f"block{i}" for i in range(layers)) if isinstance(layers, int) else tuple(layers)
    matrix = rng.uniform(0.1, 0.9, size=(len(names), len(names)))
    matrix = np.triu(matrix, 1) + np.triu(matrix, 1).T
    snapshot = Snapshot(
        step=12345,
        epoch=12,
        layers=names,
        homology_dims=(1,),
        sample_ids=np.arange(4),
        labels=None,
        diagrams={name: [np.sort(rng.uniform(0, 1, size=(5, 2)), axis=1)] for name in names},
        distances={KEY: matrix},
        noise={KEY: np.broadcast_to(noise, len(names)).astype(float)},
        drift={KEY: np.zeros(len(names))},
        drift_from_first={KEY: np.zeros(len(names))},
        statistics={},
        scales=np.ones(len(names)),
        options={"scale": "quantile"},
    )
    return dataclasses.replace(snapshot, **fields)


def with_distances(snapshot, entries):
    matrix = snapshot.distances[KEY].copy()
    for (i, j), value in entries.items():
        matrix[i, j] = matrix[j, i] = value
    return dataclasses.replace(snapshot, distances={KEY: matrix})


def decode(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


class Drawn:
    """A rendered figure whose pixels can be asked for in the figure's own coordinates."""

    def __init__(self, figure):
        self.axis = figure.axes[0]
        self.pixels = decode(render("drawn", figure).png)

    def position(self, x, y):
        across, up = self.axis.transData.transform((x, y))
        return len(self.pixels) - up, across

    def panels(self, size):
        """Left, right, bottom and top of the square matrices."""
        return [extent for shape, extent in self.meshes() if shape == (size, size)]

    def meshes(self):
        """Shape, and left, right, bottom and top, of everything that is drawn in cells."""
        found = [artist for artist in self.axis.collections if isinstance(artist, QuadMesh)]
        corners = [mesh.get_coordinates() for mesh in found]
        return [
            (mesh.get_array().shape, (*corner[0, [0, -1], 0], *corner[[-1, 0], 0, 1]))
            for mesh, corner in zip(found, corners, strict=True)
        ]

    def cell(self, i, j, size, panel=0):
        """The pixels inside a cell: row i from the top, column j from the left."""
        left, right, bottom, top = self.panels(size)[panel]
        width, height = (right - left) / size, (top - bottom) / size
        first, start = self.position(left + j * width, top - i * height)
        last, end = self.position(left + (j + 1) * width, top - (i + 1) * height)
        return self.pixels[int(first) + 3 : int(last) - 2, int(start) + 3 : int(end) - 2].reshape(-1, 3)

    def colour_at(self, x, y):
        row, column = self.position(x, y)
        return self.pixels[int(row), int(column)]


def viridis(share):
    return np.array(mpl.colormaps["viridis"](share)[:3]) * 255


def is_plain(cell):
    return len(cell) > 100 and bool((cell == cell[0]).all())


def assert_colour(cell, expected):
    assert is_plain(cell)
    np.testing.assert_allclose(cell[0], expected, atol=4)  # neighbouring entries of the colour map


class Label(NamedTuple):
    text: str
    left: float
    right: float
    bottom: float
    top: float


@pytest.fixture
def labels(monkeypatch):
    """What is written into figures from now on, and where."""
    written, write = [], Lettering.write

    def note(self, x, y, text, *, size=7, align=0.5, up=False, **how):
        length, half = self.width(text, size), 0.35 * size
        along = -align * length, (1 - align) * length
        box = (
            (x - half, x + half, y + along[0], y + along[1]) if up else (x + along[0], x + along[1], y - half, y + half)
        )
        written.append(Label(text, *box))
        write(self, x, y, text, size=size, align=align, up=up, **how)

    monkeypatch.setattr(Lettering, "write", note)
    return written


# -- Both pictures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("layers", [1, 2, 10, 40])
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
    snapshot = with_distances(example(2), {(0, 1): value})
    snapshot = dataclasses.replace(snapshot, noise={KEY: np.zeros(2)}, diagrams={"block0": [np.array([[0, value]])]})
    snapshot = dataclasses.replace(snapshot, diagrams={name: [np.array([[0, value]])] for name in snapshot.layers})
    assert (decode(render("name", draw(snapshot)).png) != 255).any()


NAMES = pytest.mark.parametrize(
    "names",
    [
        ("a",),
        ("a", "b"),
        [f"layer{i}.conv1" for i in range(16)],
        [f"layer{i}.conv1" for i in range(40)],
        [LONG.format(0)],
        [LONG.format(i) for i in range(7)],
        ["слой", "λ/β→δ", "<img src=x onerror=alert(1)>", "$x$"],
    ],
    ids=["1 short", "2 short", "16", "40", "1 long", "7 long", "odd"],
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
        {"image.origin": "lower"},
        {"image.cmap": "gray", "image.interpolation": "bilinear", "axes.grid": True, "savefig.dpi": 10},
        {"lines.marker": "x", "lines.linestyle": "--", "lines.markersize": 20},
        {"figure.autolayout": True},
        {"figure.constrained_layout.use": True},
        {"figure.dpi": 30, "figure.figsize": (1, 1)},
        "dark_background",
        "ggplot",
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


# -- The heatmap -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1.0, 3.0])
def test_a_cells_colour_is_its_distance_on_the_given_range(limit):
    snapshot = example()
    drawn = Drawn(heatmap_figure(snapshot, {f"distances/{KEY}": limit}))
    for i, j in [(0, 1), (1, 0), (0, 19), (19, 0), (7, 12), (12, 7), (18, 19)]:
        assert_colour(drawn.cell(i, j, 20), viridis(snapshot.distances[KEY][i, j] / limit))


def test_without_a_given_range_the_snapshots_own_is_taken():
    snapshot = with_distances(example(), {(3, 4): 4.0})  # with room to grow: 5
    drawn = Drawn(heatmap_figure(snapshot))
    assert_colour(drawn.cell(3, 4, 20), viridis(4 / 5))


def test_the_diagonal_shows_the_noise():
    noise = np.linspace(0.05, 0.95, 20)
    drawn = Drawn(heatmap_figure(example(noise=noise), LIMITS))
    for i in range(20):
        assert_colour(drawn.cell(i, i, 20), viridis(noise[i]))


def test_nan_and_infinity_are_left_blank():
    snapshot = with_distances(example(noise=[np.nan] + [0.01] * 19), {(2, 5): np.nan, (2, 6): np.inf})
    drawn = Drawn(heatmap_figure(snapshot, LIMITS))
    for i, j in [(2, 5), (5, 2), (2, 6), (0, 0)]:
        assert_colour(drawn.cell(i, j, 20), WHITE)
    assert_colour(drawn.cell(2, 4, 20), viridis(snapshot.distances[KEY][2, 4]))


def test_a_distance_beyond_the_range_has_the_colour_of_its_end():
    drawn = Drawn(heatmap_figure(with_distances(example(), {(2, 5): 7.0}), LIMITS))
    assert_colour(drawn.cell(2, 5, 20), viridis(1.0))


def test_only_distances_within_the_larger_noise_of_their_layers_are_hatched():
    noise = np.full(20, 0.01)
    noise[[3, 8]] = 0.5, np.nan
    within = {(3, 10): 0.49, (3, 8): 0.3, (3, 11): 0.5, (0, 1): 0.01, (1, 2): 0.0}
    beyond = {(3, 12): 0.51, (8, 9): 0.02, (2, 4): 0.011, (5, 6): np.nan}
    others = {(3, j): 0.9 for j in range(20) if j not in (3, 8, 10, 11, 12)}
    snapshot = with_distances(example(noise=noise), {**others, **within, **beyond})
    drawn = Drawn(heatmap_figure(snapshot, LIMITS))
    hatched = {(i, j) for i in range(20) for j in range(20) if not is_plain(drawn.cell(i, j, 20))}
    assert hatched == set(within) | {(j, i) for i, j in within}


def test_a_distance_between_layers_without_known_noise_is_not_hatched():
    drawn = Drawn(heatmap_figure(with_distances(example(noise=np.nan), {(0, 1): 0.0}), LIMITS))
    assert_colour(drawn.cell(0, 1, 20), viridis(0.0))


def test_every_measure_and_dimension_has_its_own_panel_and_range():
    snapshot = example()
    other = "bottleneck_H0"
    snapshot = dataclasses.replace(
        snapshot,
        distances={KEY: snapshot.distances[KEY], other: 10 * snapshot.distances[KEY]},
        noise={KEY: snapshot.noise[KEY], other: snapshot.noise[KEY]},
    )
    drawn = Drawn(heatmap_figure(snapshot, {f"distances/{KEY}": 1.0, f"distances/{other}": 20.0}))
    share = snapshot.distances[KEY][4, 9]
    assert_colour(drawn.cell(4, 9, 20, panel=0), viridis(share))
    assert_colour(drawn.cell(4, 9, 20, panel=1), viridis(share / 2))


@pytest.mark.parametrize(("layers", "numbers"), [(1, 1), (16, 256), (17, 0)])
def test_numbers_are_written_where_there_is_room(labels, layers, numbers):
    names = [f"name {i}" for i in range(layers)]
    heatmap_figure(example(names, noise=0.5), {})
    with_numbers = [label for label in labels if label.text.replace(".", "").isdigit()]
    in_colour_bar = 5
    # Those of the colour bar, 0 to 1 in quarters, are always there.
    assert len(with_numbers) == numbers + in_colour_bar


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.1234, "0.12"), (1.26, "1.3"), (12.6, "13"), (1234.4, "1234"), (12345.0, "1.2e+04")],
)
def test_numbers_have_two_digits_or_are_whole(labels, value, text):
    heatmap_figure(with_distances(example(2, noise=0.5), {(0, 1): value}), {f"distances/{KEY}": 1.1e6})
    assert [label.text for label in labels].count(text) == (2 if value else 3)  # a colour bar starts with 0


@pytest.mark.parametrize(
    ("draw", "what"), [(heatmap_figure, "Layer distance"), (diagrams_figure, "Persistence diagrams")]
)
@pytest.mark.parametrize(
    ("scale", "unit"), [("quantile", "scaled by each layer's 0.9 quantile"), ("none", "raw scale")]
)
def test_a_picture_says_what_it_shows(labels, draw, what, scale, unit):
    draw(example(3, options={"scale": scale}))
    texts = [label.text for label in labels]
    assert f"{what} at step 12345 (epoch 12), {unit}" in texts
    assert {"block0", "block1", "block2"} < set(texts)


def test_rows_and_columns_are_named_beside_their_cells(labels):
    figure = heatmap_figure(example(20), LIMITS)
    left, right, bottom, top = Drawn(figure).panels(20)[0]
    cell = (right - left) / 20
    for i in range(20):
        row, column = sorted((label for label in labels if label.text == f"block{i}"), key=lambda label: label.bottom)[
            ::-1
        ]
        assert row.right <= left
        assert (row.bottom + row.top) / 2 == pytest.approx(top - (i + 0.5) * cell)
        assert column.top <= bottom
        assert (column.left + column.right) / 2 == pytest.approx(left + (i + 0.5) * cell)


def test_the_colour_bar_runs_from_zero_to_the_limit(labels):
    figure = heatmap_figure(example(3), {f"distances/{KEY}": 40.0})
    drawn = Drawn(figure)
    left, right, bottom, top = next(extent for shape, extent in drawn.meshes() if shape != (3, 3))
    for share, text in ((0.25, "10"), (0.5, "20"), (0.75, "30")):
        label = next(label for label in labels if label.text == text)
        height = (label.bottom + label.top) / 2
        assert height == pytest.approx(bottom + share * (top - bottom))
        np.testing.assert_allclose(drawn.colour_at((left + right) / 2, height), viridis(share), atol=8)


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
    return dataclasses.replace(
        snapshot,
        distances={KEY: value * snapshot.distances[KEY] / snapshot.distances[KEY].max()},
        diagrams={name: [np.array([[0.0, value]])] for name in snapshot.layers},
    )


@pytest.mark.parametrize("value", [3e-7, 0.04, 0.8, 1.0, 37.0, 8.1e5])
def test_the_first_snapshot_sets_a_round_range_with_room_to_grow(value):
    ranges = Ranges()
    ranges.include(largest(value))
    assert ranges.limits.keys() == {f"distances/{KEY}", "bars"}
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
    assert ranges.limits[f"distances/{KEY}"] == 10.0


def test_each_measure_has_its_own_range():
    snapshot = example(3)
    ranges = Ranges()
    distances = {KEY: np.full((3, 3), 4.0), "bottleneck_H0": np.full((3, 3), 0.4)}
    ranges.include(dataclasses.replace(snapshot, distances=distances, noise=dict.fromkeys(distances, np.zeros(3))))
    assert ranges.limits[f"distances/{KEY}"] == pytest.approx(5.0)
    assert ranges.limits["distances/bottleneck_H0"] == pytest.approx(0.5)


@pytest.mark.parametrize("nothing", [0.0, np.nan, np.inf])
def test_zeros_nan_and_infinity_set_no_range(nothing):
    ranges = Ranges()
    snapshot = example(3, noise=nothing, distances={KEY: np.full((3, 3), nothing)})
    ranges.include(dataclasses.replace(snapshot, diagrams={name: [np.empty((0, 2))] for name in snapshot.layers}))
    assert ranges.limits == {}
    ranges.include(largest(4.0))
    assert ranges.limits == {f"distances/{KEY}": 5.0, "bars": 5.0}


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
