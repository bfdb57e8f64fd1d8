"""Lettering: labels of the right size at the right place, drawn together."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import text_to_path

from topocallback.views.lettering import Lettering


def draw(lettering):
    """What is drawn into new axes."""
    axis = Figure().add_axes((0, 0, 1, 1))
    lettering.draw(axis)
    return [artist for artist in axis.get_children() if isinstance(artist, PathPatch)]


def box(text, x=0.0, y=0.0, **how):
    """Left, bottom, right and top of a label's ink."""
    lettering = Lettering()
    lettering.write(x, y, text, **how)
    (patch,) = draw(lettering)
    return patch.get_path().get_extents().extents


@pytest.mark.parametrize(("text", "size"), [("model.encoder.0", 6.5), ("слой", 11), (" ", 1)])
def test_width_grows_with_the_size(text, size):
    assert Lettering().width(text, 3 * size) == pytest.approx(3 * Lettering().width(text, size))
    assert Lettering().width(text, size) > 0


@pytest.mark.parametrize("text", ["Sliced Wasserstein distance, H1", "0.123", "слой"])
def test_width_is_that_of_matplotlib_up_to_kerning(text):
    expected = text_to_path.get_text_width_height_descent(text, FontProperties(size=100), ismath=False)[0]
    assert Lettering().width(text, 100) == pytest.approx(expected, rel=0.03)


def test_widths_of_parts_add_up():
    lettering = Lettering()
    assert lettering.width("layer 1", 7) == pytest.approx(sum(lettering.width(letter, 7) for letter in "layer 1"))


def test_an_empty_text_has_no_width():
    assert Lettering().width("", 7) == 0


@pytest.mark.parametrize("text", ["", "   ", "\u00a0"])
def test_a_text_without_ink_draws_nothing(text):
    lettering = Lettering()
    lettering.write(10, 10, text)
    assert draw(lettering) == []


def test_spaces_move_what_follows():
    lettering = Lettering()
    left, _, right, _ = box("a  b", align=0)
    _, _, right_without, _ = box("ab", align=0)
    assert right - right_without == pytest.approx(2 * lettering.width(" ", 7))
    assert left == pytest.approx(box("ab", align=0)[0])


@pytest.mark.parametrize(("align", "start"), [(0, 0.0), (0.5, 0.5), (1, 1.0)])
def test_a_label_stands_with_its_start_middle_or_end_at_the_point(align, start):
    width = Lettering().width("layer1", 20)
    left, _, right, _ = box("layer1", x=100, align=align, size=20)
    begin = 100 - start * width
    assert begin <= left < begin + 0.1 * width
    assert begin + 0.9 * width < right <= begin + width


@pytest.mark.parametrize("size", [7, 11])
def test_digits_are_centred_on_the_line(size):
    _, bottom, _, top = box("1234", y=50, size=size)
    assert (bottom + top) / 2 == pytest.approx(50, abs=0.02 * size)
    assert top - bottom == pytest.approx(0.73 * size, rel=0.05)


def test_the_ink_grows_with_the_size():
    np.testing.assert_allclose(np.array(box("layer1", size=21)), 3 * np.array(box("layer1", size=7)), rtol=1e-9)


@pytest.mark.parametrize("align", [0, 0.5, 1])
def test_an_upright_label_is_a_level_one_turned_to_the_left(align):
    left, bottom, right, top = box("layer1", align=align)
    np.testing.assert_allclose(box("layer1", align=align, up=True), [-top, left, -bottom, right], atol=1e-9)


def test_a_label_moves_with_its_point():
    still, moved = box("layer1"), box("layer1", x=30, y=-4)
    np.testing.assert_allclose(np.subtract(moved, still), [30, -4, 30, -4], atol=1e-9)


def test_labels_of_one_colour_are_one_artist():
    lettering = Lettering()
    for i in range(20):
        lettering.write(i, i, f"label {i}")
    lettering.write(0, 0, "red", colour="red")
    lettering.write(9, 9, "also red", colour="red")
    patches = draw(lettering)
    assert [patch.get_facecolor() for patch in patches] == [to_rgba("black"), to_rgba("red")]


def test_drawing_leaves_the_limits_of_the_axes():
    axis = Figure().add_axes((0, 0, 1, 1), xlim=(0, 50), ylim=(0, 20))
    lettering = Lettering()
    lettering.write(1000, 1000, "far away")
    lettering.draw(axis)
    assert (axis.get_xlim(), axis.get_ylim()) == ((0, 50), (0, 20))


@pytest.mark.parametrize("text", ["$x_1^2$", r"\frac{100%}", "<img src=x>"])
def test_text_is_taken_literally(text):
    lettering = Lettering()
    lettering.write(0, 0, text)
    together = sum(len(draw_one(letter)) for letter in text if not letter.isspace())
    assert len(draw(lettering)[0].get_path()) == together


def draw_one(letter):
    lettering = Lettering()
    lettering.write(0, 0, letter)
    return draw(lettering)[0].get_path()
