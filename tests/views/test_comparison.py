"""The pictures of a comparison: every layer is in them, and what they say of a measure is its own description."""

import dataclasses

import numpy as np
import pytest
from synthetic_comparison import H1, example

from topocallback.records.results import DistanceTable, Results
from topocallback.views.comparison import FIGURES, distances_figure, settling_figure, specificity_figure
from topocallback.views.comparison_report import to_png


def texts(figure):
    return [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_is_drawn_and_shows_each_layer(name):
    figure = FIGURES[name](example(), None, None)
    assert all(layer in texts(figure) for layer in ("stem", "a<b>", "head"))
    assert to_png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", list(FIGURES))
def test_a_figure_says_which_distance_it_is_of_and_in_which_unit(name):
    for homology_dim, dim in ((None, "H1"), (0, "H0")):
        said = "\n".join(texts(FIGURES[name](example(), "sliced_wasserstein", homology_dim)))
        assert f"Sliced Wasserstein distance, {dim}\n" in f"{said}\n"
        assert "distance (0.9 quantiles)" in said


def cells(figure):
    return figure.axes[0].collections[0].get_array()


def test_the_matrix_is_ordered_by_layer_and_has_the_noise_on_its_diagonal():
    found = example(runs=2, epochs=2)
    order = np.lexsort((found.checkpoint_of, found.layer_of))
    expected = found.matrix()[np.ix_(order, order)].copy()
    np.fill_diagonal(expected, found.distances[H1].noise[order])
    np.testing.assert_array_equal(cells(distances_figure(found)), expected)


def test_the_matrix_is_hatched_where_points_are_not_told_apart():
    found = example(runs=2, epochs=2)
    order = np.lexsort((found.checkpoint_of, found.layer_of))
    figure = distances_figure(found)
    strokes = np.array(figure.axes[0].collections[1].get_segments()).mean(axis=1)
    hatched = np.zeros((len(order), len(order)), dtype=bool)
    columns, rows = np.rint(strokes).astype(int).T
    hatched[rows, columns] = True
    np.testing.assert_array_equal(hatched, found.distances[H1].not_told_apart[np.ix_(order, order)])
    assert (
        figure.axes[0]
        .get_xlabel()
        .endswith("\ndiagonal: the layer's own noise; hatched: not told apart at 5 % per cell")
    )


def test_what_is_not_known_is_blank_and_marked_nowhere():
    found = example(runs=1, epochs=2)
    tables = []
    for table in found.distances.values():
        matrix, noise = table.matrix.copy(), np.full(len(table.noise), np.nan)
        matrix[1] = matrix[:, 1] = np.nan
        tables.append(DistanceTable(table.about, matrix, noise))
    figure = distances_figure(dataclasses.replace(found, distances=Results(tables)))
    shown = np.ma.filled(cells(figure), np.nan)
    assert np.isnan(np.diagonal(shown)).all()
    assert np.isnan(shown).sum() > len(shown)
    assert figure.axes[0].get_xlabel().endswith("\nblank: not known\nnot tested")


def test_specificity_is_across_checkpoints_and_says_how_sure_it_is():
    said = "\n".join(texts(specificity_figure(example())))
    for part in ("the same layer in another checkpoint", "other layers in another checkpoint", "AUC 1.00 ± 0.00, p = "):
        assert part in said


def rings(figure):
    """Layer to the steps at which a ring is."""
    return {
        axis.get_title(): [line.get_xdata()[0] for line in axis.lines if line.get_markerfacecolor() == "none"]
        for axis in figure.axes
        if axis.get_title()
    }


def test_a_ring_is_where_a_layer_has_settled_and_nowhere_if_it_has_not():
    assert rings(settling_figure(example(runs=1, epochs=6))) == {"stem": [0], "a<b>": [10], "head": []}
    assert not any(rings(settling_figure(example(runs=1, epochs=4))).values())


def test_the_band_is_the_noise_and_the_last_step_is_below_its_panel():
    figure = settling_figure(example(runs=1, epochs=2, noise=0.8))
    band = figure.axes[1].collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(0.8)
    assert [axis.get_xlabel() for axis in figure.axes] == [
        "last: 0 x noise, p = 0.3",
        "last: 2.5 x noise, p < 0.001",
        "last: 2.5 x noise, p < 0.001",
    ]


def test_settling_needs_a_run_with_two_checkpoints():
    with pytest.raises(ValueError, match="at least two checkpoints"):
        settling_figure(example(epochs=1))


def test_settling_needs_noise():
    with pytest.raises(ValueError, match="the noise of Sliced Wasserstein distance, H1"):
        settling_figure(example(noise=np.nan))
