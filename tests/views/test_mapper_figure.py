"""The picture of Mapper graphs: right colours and sizes at the right places, and defined for odd graphs."""

import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba
from PIL import Image

import topocallback
from topocallback.analysis.analyse import analyse
from topocallback.records.mapper_graph import MapperGraph
from topocallback.records.point_clouds import PointClouds
from topocallback.views.canvas import render
from topocallback.views.mapper_figure import CLASS_COLOURS, mapper_figure


def snapshot(layers=1, labels=None, graphs=None):
    rng = np.random.default_rng(0)
    clouds = {f"block{i}": rng.normal(size=(60, 3)) for i in range(layers)}
    made = analyse(PointClouds(clouds, labels=labels))
    return made if graphs is None else dataclasses.replace(made, mappers=dict(zip(made.layers, graphs, strict=False)))


def graph(members, labels=None, classes=(), positions=None, edges=(), shared=()):
    count = len(members)
    return MapperGraph(
        members=tuple(np.array(points) for points in members),
        filter_means=np.linspace(1, 2, count),
        intervals=np.arange(count),
        edges=np.array(edges, dtype=np.int64).reshape(-1, 2),
        shared=np.array(shared, dtype=np.int64),
        sample_ids=np.arange(60),
        positions=np.zeros((count, 2)) if positions is None else np.array(positions, dtype=float),
        labels=labels,
        classes=classes,
    )


def polygons(figure):
    """(outline, face colour) of everything that the nodes are drawn with, slices and rims."""
    found = [part for part in figure.axes[0].collections if isinstance(part, PolyCollection)]
    return [
        (path.vertices, tuple(colour))
        for part in found
        for path, colour in zip(part.get_paths(), part.get_facecolors(), strict=True)
    ]


def area(outline):
    x, y = outline.T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def areas_by_colour(figure):
    total = {}
    for outline, colour in polygons(figure):
        total[colour] = total.get(colour, 0) + area(outline)
    return total


def test_slices_are_the_shares_of_the_classes_and_areas_the_numbers_of_members():
    labels = np.array([0] * 30 + [1] * 30)
    pies = graph([range(20, 60), range(10)], labels, ("a", "b"), [(-1, 0), (1, 0)])
    by_colour = areas_by_colour(mapper_figure(snapshot(labels=labels, graphs=[pies])))
    first, second = (by_colour[to_rgba(colour)] for colour in CLASS_COLOURS[:2])
    assert second / first == pytest.approx(30 / 20, rel=0.02)


def test_nodes_stand_at_their_positions_inside_the_panel():
    pies = graph([range(10)] * 3, positions=[(-1, -1), (1, 1), (0, 0)], edges=[(0, 2), (1, 2)], shared=[10, 10])
    figure = mapper_figure(snapshot(graphs=[pies]))
    centres = np.unique(np.round([outline.mean(axis=0) for outline, _ in polygons(figure)]), axis=0)
    frame, edges = [part for part in figure.axes[0].collections if isinstance(part, LineCollection)]
    (corners,) = frame.get_segments()
    outlines = np.concatenate([outline for outline, _ in polygons(figure)])
    assert (outlines > corners.min(axis=0)).all()
    assert (outlines < corners.max(axis=0)).all()
    ends = np.unique(np.round(np.concatenate(edges.get_segments())), axis=0)
    assert len(ends) == 3
    assert np.abs(ends - centres).max() <= 1.5


def test_without_labels_colours_go_from_the_lowest_filter_value_to_the_highest():
    figure = mapper_figure(snapshot(graphs=[graph([range(10), range(5)], positions=[(-1, 0), (1, 0)])]))
    filled = {colour for _, colour in polygons(figure) if colour[3] == 1}
    assert {tuple(np.round(colour, 2)) for colour in filled} == {(0.27, 0.0, 0.33, 1.0), (0.99, 0.91, 0.15, 1.0)}


@pytest.mark.parametrize("n_classes", [1, 10, 11, 60])
def test_ten_classes_have_colours_of_their_own_and_of_more_the_largest(n_classes):
    labels = np.arange(60) % n_classes
    pies = graph([range(60)], labels, tuple(f"class {i}" for i in range(n_classes)))
    colours = {colour for _, colour in polygons(mapper_figure(snapshot(labels=labels, graphs=[pies]))) if colour[3]}
    own = {to_rgba(colour) for colour in CLASS_COLOURS}
    assert len(colours & own) == (n_classes if n_classes <= 10 else 9)
    assert len(colours - own) == (n_classes > 10)


def test_layers_without_a_graph_and_graphs_without_nodes_are_drawn_as_such():
    figure = mapper_figure(snapshot(layers=3, graphs=[graph([])]))
    assert polygons(figure) == []
    picture = render("mapper", figure)
    with Image.open(io.BytesIO(picture.png)) as image:
        assert image.size == (picture.width, picture.height)


@pytest.mark.parametrize(("layers", "rows"), [(1, 1), (5, 1), (6, 2), (23, 5)])
def test_the_picture_grows_with_the_layers_and_never_beyond_five_columns(layers, rows):
    one, figure = mapper_figure(snapshot(1)), mapper_figure(snapshot(layers))
    assert figure.get_size_inches()[0] < 12.5
    height = figure.get_size_inches()[1] - one.get_size_inches()[1]
    assert height * 72 == pytest.approx((rows - 1) * 188)


def test_the_tab_gives_the_classes_the_same_colours():
    static = Path(topocallback.__file__).parent / "tensorboard_tab" / "static"
    in_tab = re.findall(r'"(#[0-9a-f]{6})"', (static / "colours.js").read_text(encoding="utf-8"))
    ours = [colour.lower() for colour in CLASS_COLOURS]
    assert any(in_tab[start : start + len(ours)] == ours for start in range(len(in_tab)))
