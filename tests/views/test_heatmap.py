"""One geometry of a heatmap: right colours, numbers, names and marks at the right places, on a canvas and on axes."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_figures import ABOUT, KEY, Drawn, assert_colour, distances, example, is_plain, viridis, with_distances
from matplotlib.figure import Figure

from topocallback.records.results import Description, DistanceTable, Results
from topocallback.views.figures import heatmap_figure
from topocallback.views.heatmap import Heatmap, draw_on_axes, note

LIMITS = {KEY: 1.0, "bars": 1.0}
WHITE = (255, 255, 255)


# -- The monitor's picture ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1.0, 3.0])
def test_a_cells_colour_is_its_distance_on_the_given_range(limit):
    snapshot = example()
    drawn = Drawn(heatmap_figure(snapshot, {KEY: limit}))
    for i, j in [(0, 1), (1, 0), (0, 19), (19, 0), (7, 12), (12, 7), (18, 19)]:
        assert_colour(drawn.cell(i, j, 20), viridis(snapshot.distances[KEY].matrix[i, j] / limit))


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
    assert_colour(drawn.cell(2, 4, 20), viridis(snapshot.distances[KEY].matrix[2, 4]))


def test_a_distance_beyond_the_range_has_the_colour_of_its_end():
    drawn = Drawn(heatmap_figure(with_distances(example(), {(2, 5): 7.0}), LIMITS))
    assert_colour(drawn.cell(2, 5, 20), viridis(1.0))


def test_only_layers_that_are_not_told_apart_are_hatched():
    hatched = {(3, 10): 0.051, (3, 8): 1.0, (0, 1): 0.3}
    told_apart = {(3, 12): 0.05, (8, 9): 1 / 2048, (2, 4): 0.049, (5, 6): np.nan, (7, 7): 1.0}
    snapshot = with_distances(example(noise=5.0), hatched | told_apart, "p_values")
    drawn = Drawn(heatmap_figure(snapshot, LIMITS))
    marked = {(i, j) for i in range(20) for j in range(20) if not is_plain(drawn.cell(i, j, 20))}
    assert marked == set(hatched) | {(j, i) for i, j in hatched}


def test_without_p_values_nothing_is_hatched_and_nothing_is_said_of_it(labels):
    drawn = Drawn(heatmap_figure(with_distances(example(noise=0.5), {(0, 1): 0.0}), LIMITS))
    assert all(is_plain(drawn.cell(i, j, 20)) for i in range(20) for j in range(20))
    written = {label.text for label in labels}
    assert {"not tested", "diagonal: the layer's own noise"} <= written
    assert not any("hatched" in text for text in written)


def test_a_panel_says_how_many_of_its_pairs_are_not_tested(labels):
    tested = np.full((4, 4), 0.5)
    tested[1, 3] = tested[3, 1] = np.nan
    matrix, others = example(4).distances[KEY].matrix, [Description("own", dim) for dim in (0, 1)]
    tables = [
        distances(matrix, 0.1, p_values=np.full((4, 4), 0.5)),
        distances(matrix, 0.1, others[0], p_values=tested),
        distances(matrix, 0.1, others[1]),
    ]
    panels = Drawn(heatmap_figure(example(4, distances=Results(tables)), {})).panels(4)
    found = {label.text: label for label in labels if "tested" in label.text}
    assert set(found) == {"1 of 6 not tested", "not tested"}
    for text, (left, right, _, top) in zip(("1 of 6 not tested", "not tested"), panels[1:], strict=True):
        assert (found[text].left + found[text].right) / 2 == pytest.approx((left + right) / 2)
        assert found[text].bottom >= top
    assert "diagonal: the layer's own noise; hatched: not told apart at 5 % per cell" in {x.text for x in labels}


def test_every_measure_and_dimension_has_its_own_panel_range_and_title(labels):
    snapshot, other = example(), Description("bottleneck(order=2)", 0, "Bottleneck distance")
    matrix = snapshot.distances[KEY].matrix
    snapshot = replace(snapshot, distances=Results([distances(matrix, 0.01), distances(10 * matrix, 0.01, other)]))
    drawn = Drawn(heatmap_figure(snapshot, {KEY: 1.0, other.key: 20.0}))
    assert_colour(drawn.cell(4, 9, 20, panel=0), viridis(matrix[4, 9]))
    assert_colour(drawn.cell(4, 9, 20, panel=1), viridis(matrix[4, 9] / 2))
    middles = [(left + right) / 2 for left, right, _, _ in drawn.panels(20)]
    for middle, title in zip(
        middles, ("Sliced Wasserstein distance, H1 (0.9 quantiles)", "Bottleneck distance, H0"), strict=True
    ):
        label = next(label for label in labels if label.text == title)
        assert (label.left + label.right) / 2 == pytest.approx(middle)


def test_after_four_panels_a_new_row_begins():
    tables = [distances(np.ones((3, 3)), 0.1, Description("own", dim)) for dim in range(5)]
    places = Drawn(heatmap_figure(example(3, distances=Results(tables)))).panels(3)
    assert len({bottom for _, _, bottom, _ in places[:4]}) == 1
    assert places[4][0] == places[0][0]
    assert places[4][3] < places[0][2]


def test_a_paired_distance_without_dimension_and_noise_has_a_blank_diagonal_and_nothing_hatched(labels):
    about = Description("cka", label="1 - CKA", range=(0.0, 1.0), direction="similarity", paired=True)
    matrix = example().distances[KEY].matrix
    drawn = Drawn(heatmap_figure(example(distances=Results([distances(matrix, np.nan, about)])), {about.key: 1.0}))
    for i, j in np.ndindex(20, 20):
        assert_colour(drawn.cell(i, j, 20), WHITE if i == j else viridis(matrix[i, j]))
    assert {"1 - CKA", "not tested", "blank: not known"} <= {label.text for label in labels}


def test_a_paired_distance_has_its_standard_error_beside_its_name(labels):
    about = Description("cka", label="1 - CKA", range=(0.0, 1.0), direction="similarity", paired=True)
    errors = np.full((3, 3), 0.01)
    errors[0, 1] = errors[1, 0] = 0.034
    errors[0, 2] = errors[2, 0] = np.nan
    heatmap_figure(example(3, distances=Results([distances(np.ones((3, 3)), np.nan, about, errors=errors)])), {})
    written = {label.text for label in labels}
    assert {"± 0.034 at most (standard error)", "blank: not known"} <= written
    assert not any("noise" in text for text in written)


def test_without_a_distance_the_picture_is_empty(labels):
    assert Drawn(heatmap_figure(example(3, distances=Results()))).meshes() == []
    assert [label.text for label in labels] == ["Layer distance at step 12345 (epoch 12)", ""]


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
    heatmap_figure(with_distances(example(2, noise=0.5), {(0, 1): value}), {KEY: 1.1e6})
    assert [label.text for label in labels].count(text) == (2 if value else 3)  # a colour bar starts with 0


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
    figure = heatmap_figure(example(3), {KEY: 40.0})
    drawn = Drawn(figure)
    left, right, bottom, top = next(extent for shape, extent in drawn.meshes() if shape != (3, 3))
    for share, text in ((0.25, "10"), (0.5, "20"), (0.75, "30")):
        label = next(label for label in labels if label.text == text)
        height = (label.bottom + label.top) / 2
        assert height == pytest.approx(bottom + share * (top - bottom))
        np.testing.assert_allclose(drawn.colour_at((left + right) / 2, height), viridis(share), atol=8)


# -- Axes of their own -----------------------------------------------------------------------------------------------


def table(size, noise=0.01, seed=0, p_values=None):
    """Distances in [0.1, 0.9]."""
    matrix = np.random.default_rng(seed).uniform(0.1, 0.9, size=(size, size))
    matrix = np.triu(matrix, 1) + np.triu(matrix, 1).T
    return DistanceTable(ABOUT, matrix, np.broadcast_to(noise, size).astype(float), p_values=p_values)


def on_axes(heatmap, side=6):
    figure = Figure(figsize=(side, side))
    axes = figure.add_subplot()
    draw_on_axes(axes, heatmap, "a title", "a unit")
    return axes


def test_cells_of_own_axes_are_where_matplotlib_has_those_of_matrices():
    found = table(20, noise=np.linspace(0.05, 0.95, 20))
    axes = on_axes(Heatmap.of_table(found, 1.0, [f"block{i}" for i in range(20)]))
    drawn = Drawn(axes.figure)
    for row, column in [(0, 3), (3, 0), (19, 2), (0, 0), (7, 7)]:
        value = found.noise[row] if row == column else found.matrix[row, column]
        # Beside the middle, which no stroke of a hatched cell is in.
        np.testing.assert_allclose(drawn.colour_at(column, row), viridis(value), atol=4)
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"block{i}" for i in range(20)]
    assert list(axes.get_yticks()) == list(axes.get_xticks()) == list(range(20))
    assert not axes.texts


def test_own_axes_have_numbers_where_there_is_room_and_their_limits_unit_and_title():
    axes = on_axes(Heatmap.of_table(table(3, noise=[0.25, np.nan, 0.5]), 2.0, ("a", "$b$", "c")))
    places = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in axes.texts}
    assert len(places) == 8  # all but the blank one
    assert (places[0, 0], places[2, 2]) == ("0.25", "0.5")
    (bar,) = axes.child_axes
    assert [label.get_text() for label in bar.get_yticklabels()] == ["0", "0.5", "1", "1.5", "2"]
    assert (bar.get_ylabel(), axes.get_title()) == ("a unit", "a title")


def test_the_colour_bar_of_own_axes_is_as_high_as_the_cells():
    axes = on_axes(Heatmap.of_table(table(5), 1.0, "abcde"))
    axes.figure.canvas.draw()
    (bar,) = axes.child_axes
    cells = axes.get_window_extent()
    found = bar.get_window_extent()
    np.testing.assert_allclose((found.y0, found.y1), (cells.y0, cells.y1), atol=1)
    assert cells.x1 < found.x0 < cells.x1 + 0.1 * cells.width


def test_names_of_several_rows_stand_in_the_middle_of_them_with_lines_between():
    axes = on_axes(Heatmap.of_table(table(6), 1.0, ("a", "b", "c"), counts=(3, 1, 2)))
    assert list(axes.get_yticks()) == [1, 3, 4.5]
    drawn = Drawn(axes.figure)
    for place in [(0.2, 2.5), (2.5, 0.2), (0.2, 3.5), (3.5, 0.2)]:
        row, column = map(int, drawn.position(*place))
        assert drawn.pixels[row - 1 : row + 2, column - 1 : column + 2].min(axis=2).max() > 150


@pytest.mark.parametrize(("size", "how"), [(60, "hatched"), (61, "pale")])
def test_what_is_not_told_apart_is_hatched_or_where_cells_are_small_paler(size, how):
    p_values = np.full((size, size), 0.01)
    p_values[5] = p_values[:, 5] = 0.4
    heatmap = Heatmap.of_table(table(size, p_values=p_values), 1.0, [str(i) for i in range(size)])
    drawn = Drawn(on_axes(heatmap, side=20).figure)
    plain = np.abs(drawn.cell(2, 9, size) - viridis(heatmap.values[2, 9])).max(axis=1) < 5
    marked = drawn.cell(5, 9, size)
    changed = np.abs(marked - viridis(heatmap.values[5, 9])).max(axis=1) > 10
    assert plain.all()
    assert changed.all() if how == "pale" else 0.1 < changed.mean() < 0.9
    assert note([heatmap]) == f"diagonal: the layer's own noise; {how}: not told apart at 5 % per cell"


def test_nothing_but_what_is_to_be_seen_is_noted():
    names, told_apart = ("a", "b"), np.full((2, 2), 0.01)
    assert note([Heatmap.of_table(table(2, np.nan), 1.0, names)]) == "blank: not known"
    assert note([Heatmap.of_table(table(2), 1.0, names)]) == "diagonal: the layer's own noise"
    several = [Heatmap.of_table(table(2, noise, p_values=told_apart), 1.0, names) for noise in (0.1, np.nan)]
    assert note(several) == (
        "diagonal: the layer's own noise; hatched: not told apart at 5 % per cell; blank: not known"
    )
    assert note([]) == ""
