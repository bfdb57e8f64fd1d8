"""The pictures of a comparison: every layer is in them, and what they say of a measure is its own description."""

import dataclasses

import numpy as np
import pytest
from synthetic_comparison import example

from topocallback.records.results import DistanceTable, Results
from topocallback.views.comparison import FIGURES, distances_figure, settling_figure
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
    for homology_dim, dims in ((None, "H0 + H1"), (1, "H1")):
        said = "\n".join(texts(FIGURES[name](example(), "sliced_wasserstein", homology_dim)))
        assert f"Sliced Wasserstein distance, {dims}\n" in f"{said}\n"
        assert "distance (0.9 quantiles)" in said


def cells(figure):
    return figure.axes[0].collections[0].get_array()


def test_the_matrix_is_ordered_by_layer_and_has_the_noise_on_its_diagonal():
    found = example(runs=2, epochs=2)
    order = np.lexsort((found.checkpoint_of, found.layer_of))
    expected = found.matrix()[np.ix_(order, order)].copy()
    np.fill_diagonal(expected, sum(table.noise[order] for table in found.distances.values()))
    np.testing.assert_array_equal(cells(distances_figure(found)), expected)


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
    assert figure.axes[0].get_xlabel().endswith("; blank: not known")


def test_settling_needs_a_run_with_two_checkpoints():
    with pytest.raises(ValueError, match="at least two checkpoints"):
        settling_figure(example(epochs=1))
