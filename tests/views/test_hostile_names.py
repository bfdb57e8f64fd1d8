"""Pictures of names that hold anything: each is drawn as text, within a size that no name can change."""

import dataclasses
import warnings

import matplotlib as mpl
import numpy as np
import pytest
import synthetic_comparison
from drawn_figures import decode, example
from hostile_names import HOSTILE
from matplotlib.text import Text

from topocallback import AnalysisOptions, PointClouds, analyse
from topocallback.records.results import Results
from topocallback.views.canvas import MOST_PIXELS, canvas, render
from topocallback.views.comparison import FIGURES
from topocallback.views.comparison_report import to_png
from topocallback.views.figures import diagrams_figure, heatmap_figure
from topocallback.views.mapper_figure import mapper_figure

NAMES = list(HOSTILE.values())
OF_SNAPSHOTS = [heatmap_figure, diagrams_figure, mapper_figure]


@pytest.fixture(autouse=True)
def _no_warnings():
    """Neither ours nor matplotlib's, such as of letters that a font lacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def snapshot_of(layers, classes=None, points=30):
    rng = np.random.default_rng(0)
    clouds = {layer: rng.normal(size=(points, 3)) for layer in layers}
    labels = None if classes is None else [classes[i % len(classes)] for i in range(points)]
    return analyse(PointClouds(clouds, labels=labels), AnalysisOptions(mapper=True))


def many(layers):
    """A snapshot of very many layers, which shows what few of them have."""
    few = snapshot_of([f"layer{i}" for i in range(3)])
    made_up = example(layers)
    mappers = {layer: few.mappers[f"layer{i % 3}"] for i, layer in enumerate(made_up.layers)}
    return dataclasses.replace(made_up, mappers=mappers)


def comparison_of(layers=("stem", "head"), runs=("a", "b"), about=None):
    made_up = synthetic_comparison.example(runs=len(runs), epochs=3, layers=tuple(layers))
    names = dict(zip(made_up.runs, runs, strict=True))
    checkpoints = [dataclasses.replace(each, run=names[each.run]) for each in made_up.checkpoints]
    return dataclasses.replace(made_up, checkpoints=tuple(checkpoints))


def ink(png):
    """How many pixels are not white."""
    return int((decode(png) < 250).any(axis=2).sum())


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.parametrize("draw", OF_SNAPSHOTS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_layer_of_any_name_costs_no_picture(draw, name):
    picture = render("drawn", draw(snapshot_of(["stem", HOSTILE[name], "head"])))
    assert ink(picture.png) > 1000
    assert max(picture.width, picture.height) < 1500


@pytest.mark.parametrize("draw", OF_SNAPSHOTS)
def test_layers_of_all_names_together_cost_no_picture(draw):
    assert ink(render("drawn", draw(snapshot_of(NAMES))).png) > 10_000


@pytest.mark.parametrize("classes", [NAMES, [f"class {i}" for i in range(1000)], [b"a", b"\xff<"], [1, None, 3]])
def test_classes_of_any_name_and_number_cost_no_picture(classes):
    picture = render("mapper", mapper_figure(snapshot_of(["stem"], classes, points=max(40, len(classes)))))
    assert ink(picture.png) > 1000
    assert max(picture.width, picture.height) < 1500


@pytest.mark.parametrize("draw", OF_SNAPSHOTS)
def test_a_picture_of_very_many_layers_is_about_as_high_as_wide(draw):
    picture = render("drawn", draw(many(300)))
    assert max(picture.width, picture.height) < 5000


@pytest.mark.parametrize(("width", "height"), [(100, 100_000), (70_000, 10)])
def test_no_picture_has_a_side_of_more_pixels_than_the_bound(width, height):
    picture = render("drawn", canvas(width, height)[0])
    assert max(picture.width, picture.height) == MOST_PIXELS


@pytest.mark.parametrize("name", ["formula", "empty", "lone surrogate", "long and wide"])
@pytest.mark.parametrize("figure", FIGURES)
def test_a_run_and_a_layer_of_any_name_cost_no_figure_of_a_comparison(figure, name):
    drawn = FIGURES[figure](comparison_of(["stem", HOSTILE[name]], [HOSTILE[name], "other"]), None, None)
    assert ink(to_png(drawn)) > 1000


@pytest.mark.parametrize("figure", FIGURES)
def test_runs_and_layers_of_all_names_together_cost_no_figure_of_a_comparison(figure):
    pixels = decode(to_png(FIGURES[figure](comparison_of(NAMES, NAMES[:10]), None, None)))
    assert max(pixels.shape) <= MOST_PIXELS


@pytest.mark.parametrize("figure", ["map", "settling"])
def test_a_legend_names_all_runs_as_they_are_called(figure):
    runs = ["_private", "$a_1$ and $b_2$", "plain"]
    drawn = FIGURES[figure](comparison_of(runs=runs), None, None)
    assert set(runs) <= set(texts(drawn))


@pytest.mark.parametrize("figure", FIGURES)
def test_a_layer_is_named_as_it_is_called(figure):
    layers = ["_$a_1$ and $b_2$", "_private"]
    assert set(layers) <= set(texts(FIGURES[figure](comparison_of(layers), None, None)))


@pytest.mark.parametrize("figure", FIGURES)
def test_a_measure_of_any_label_and_unit_costs_no_figure(figure):
    comparison = comparison_of()
    for name in (HOSTILE["formula"], "".join(NAMES)):
        table = next(iter(comparison.distances.values()))
        renamed = dataclasses.replace(table, about=dataclasses.replace(table.about, label=name, unit=name))
        other = dataclasses.replace(comparison, distances=Results([renamed]))
        assert ink(to_png(FIGURES[figure](other, None, None))) > 1000


@pytest.mark.parametrize("figure", FIGURES)
def test_names_are_no_tex_where_a_user_has_everything_set_in_tex(figure):
    with mpl.rc_context({"text.usetex": True}):
        drawn = FIGURES[figure](comparison_of(["$a_1$ & b", "head"], ["50 %", "#2"]), None, None)
    named = {"$a_1$ & b", "50 %", "#2"}
    assert [text.get_text() for text in drawn.findobj(Text) if text.get_text() in named and text.get_usetex()] == []


@pytest.mark.parametrize("figure", ["specificity", "distances"])
def test_a_comparison_of_very_many_layers_is_no_larger_than_a_picture_may_be(figure):
    pixels = decode(to_png(FIGURES[figure](comparison_of([f"layer{i}" for i in range(200)]), None, None)))
    assert max(pixels.shape) <= 5000
