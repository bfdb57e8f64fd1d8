"""The picture of neuron activity patterns: every cell in its place, and readable whatever is in it."""

import warnings

import numpy as np
import pytest
from drawn_figures import Drawn, decode, viridis
from hostile_names import HOSTILE

from topocallback import PointClouds, plot_neuron_activity
from topocallback.views.canvas import render

CLOUD = np.array([[1.0, -4.0, 0.0], [1.0, 0.0, 0.0], [3.0, 0.0, -6.0]])
LONG = "model.encoder.layers.{}.self_attention.output_projection.dense.of.many.letters"


def clouds(widths, classes=("cat", "dog"), n=40, name="layer{}"):
    random = np.random.default_rng(0)
    labels = [classes[i % len(classes)] for i in range(max(n, len(classes)))]
    layers = {name.format(i): random.random((len(labels), width)) for i, width in enumerate(widths)}
    return PointClouds(layers, labels=labels)


def cells(drawn, panel, rows, columns):
    """The middle of every cell of a panel, of which the last one is the scale."""
    shape, (left, right, bottom, top) = drawn.meshes()[panel]
    assert shape == (rows, columns)
    x = left + (right - left) * (np.arange(columns) + 0.5) / columns
    y = top - (top - bottom) * (np.arange(rows) + 0.5) / rows
    return [[drawn.colour_at(a, b) for a in x] for b in y]


def test_a_cell_has_the_colour_of_its_unit_and_class():
    drawn = Drawn(plot_neuron_activity(PointClouds({"a": CLOUD, "b": CLOUD[:, :1]}, labels=["dog", "dog", "cat"])))
    found = np.array(cells(drawn, 0, 2, 3))
    for (row, column), share in np.ndenumerate([[0.5, 0, 1], [0.5, 1, 0]]):  # cat comes first
        np.testing.assert_allclose(found[row, column], viridis(share), atol=4)
    np.testing.assert_allclose(np.array(cells(drawn, 1, 2, 1))[:, 0], [viridis(1.0)] * 2, atol=4)


def test_what_is_not_known_is_blank():
    cloud = np.array([[1.0, 2.0], [np.nan, 0.0]])
    drawn = Drawn(plot_neuron_activity(PointClouds({"a": cloud}, labels=["cat", "dog"])))
    np.testing.assert_array_equal(cells(drawn, 0, 2, 2)[1], np.full((2, 3), 255))


def test_of_many_units_neighbours_share_a_column_which_shows_the_most_active(labels):
    cloud = np.zeros((2, 2048))
    cloud[:, [3, 1000, 2047]] = [1.0, 0.5, 0.25]
    drawn = Drawn(plot_neuron_activity(PointClouds({"a": cloud}, labels=["cat", "dog"])))
    row = np.array(cells(drawn, 0, 2, 240)[0])
    for column, share in [(0, 1.0), (1000 * 240 // 2048, 0.5), (239, 0.25), (120, 0.0)]:
        np.testing.assert_allclose(row[column], viridis(share), atol=4)
    assert "2048 units, up to 9 a column, 100% of cells under 0.2" in {label.text for label in labels}


def test_layers_and_classes_are_named_and_as_many_units_as_there_are(labels):
    plot_neuron_activity(clouds([1, 5], classes=("ape", "bee", "cow")))
    texts = {label.text for label in labels}
    assert {"layer0", "layer1", "ape", "bee", "cow", "Neuron activity by class"} < texts
    assert {"1 unit, 0% of cells under 0.2", "5 units, 0% of cells under 0.2"} < texts


def test_layers_are_those_asked_for_in_that_order(labels):
    plot_neuron_activity(clouds([2, 3, 4]), ["layer2", "layer0"])
    drawn = [label for label in labels if label.text.startswith("layer")]
    assert [label.text for label in sorted(drawn, key=lambda label: label.left)] == ["layer2", "layer0"]


MANY = [f"class {i}" for i in range(100)]


@pytest.mark.parametrize(
    ("widths", "classes", "name"),
    [
        ([7], ["cat"], "layer{}"),
        ([64, 128, 256, 512], [f"class {i}" for i in range(10)], "layer{}"),
        ([16] * 53, [f"class {i}" for i in range(10)], LONG),
        ([16, 2048], MANY, "layer{}"),
        (
            [3],
            [f"one of the classes that are called by more letters than fit, {i}" for i in range(2)],
            LONG,
        ),
    ],
    ids=["1", "4", "53", "100 classes", "long"],
)
def test_nothing_that_is_written_is_cut_off_or_overlaps(labels, widths, classes, name):
    axis = plot_neuron_activity(clouds(widths, classes, name=name)).axes[0]
    left, right, bottom, top = np.array([label[1:] for label in labels]).T[:, :, None]
    assert min(left.min(), bottom.min()) >= 0
    assert right.max() <= axis.get_xlim()[1]
    assert top.max() <= axis.get_ylim()[1]
    apart = (right <= left.T) | (left >= right.T) | (top <= bottom.T) | (bottom >= top.T)
    assert [(labels[i].text, labels[j].text) for i, j in np.argwhere(np.triu(~apart, 1))] == []


def test_of_a_hundred_classes_evenly_many_are_named(labels):
    plot_neuron_activity(clouds([4], MANY))
    named = [int(label.text.split()[1]) for label in labels if label.text.startswith("class ")]
    assert 20 < len(named) < 60
    order = sorted(str(i) for i in range(100))  # as text is
    places = [order.index(str(number)) for number in named]
    assert len(set(np.diff(places))) == 1


def test_a_picture_of_very_many_layers_is_about_as_high_as_wide():
    width, height = plot_neuron_activity(clouds([4] * 300)).get_size_inches()
    assert 0.25 < height / width < 4


@pytest.mark.parametrize("name", HOSTILE)
def test_layers_and_classes_of_any_name_cost_no_picture(name):
    layers = {"stem": CLOUD, HOSTILE[name]: CLOUD}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = plot_neuron_activity(PointClouds(layers, labels=[HOSTILE[name], "cat", "dog"]))
        picture = render("neurons", drawn)
    assert (decode(picture.png) < 250).any(axis=2).sum() > 1000
    assert max(picture.width, picture.height) < 1500


@pytest.mark.parametrize("layer", [np.empty((3, 0)), np.full((3, 2), np.nan), np.zeros((3, 2))])
def test_layers_without_numbers_are_drawn(layer):
    assert render("neurons", plot_neuron_activity(PointClouds({"a": layer}, labels=[0, 1, 1]))).width > 0


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ValueError, match="Expected `clouds` with labels"):
        plot_neuron_activity(PointClouds({"a": CLOUD}))
    with pytest.raises(ValueError, match=r"Expected `layers` to be among \['layer0'\], got \['stem'\]"):
        plot_neuron_activity(clouds([3]), ["stem"])
    with pytest.raises(ValueError, match="Expected at least one layer to show, got none"):
        plot_neuron_activity(clouds([3]), [])
    with pytest.raises(ValueError, match="Expected at least one layer to show, got none"):
        plot_neuron_activity(PointClouds({}, labels=[]))
