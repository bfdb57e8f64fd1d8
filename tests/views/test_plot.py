"""One function draws every record: what there is, of which measure, and errors that say so."""

import io

import numpy as np
import pytest
from drawn_figures import Drawn, distances, example
from matplotlib.figure import Figure
from synthetic_comparison import example as comparison

import topocallback
from topocallback.analysis.analyse import analyse
from topocallback.records.point_clouds import PointClouds
from topocallback.records.results import Description, Results
from topocallback.views.canvas import render
from topocallback.views.comparison import FIGURES
from topocallback.views.figures import diagrams_figure, heatmap_figure
from topocallback.views.lettering import Lettering
from topocallback.views.mapper_figure import mapper_figure
from topocallback.views.plot import plot


@pytest.fixture(scope="module")
def snapshot():
    rng = np.random.default_rng(0)
    return analyse(PointClouds({name: rng.normal(size=(40, 3)) for name in ("stem", "head")}))


def pixels(figure):
    return render("name", figure).png


def test_a_snapshot_is_drawn_as_the_monitor_draws_it(snapshot):
    assert pixels(plot(snapshot)) == pixels(plot(snapshot, "heatmap")) == pixels(heatmap_figure(snapshot))
    assert pixels(plot(snapshot, "diagrams")) == pixels(diagrams_figure(snapshot))
    assert pixels(plot(snapshot, "mapper")) == pixels(mapper_figure(snapshot))
    assert topocallback.plot is plot


def test_a_heatmap_can_be_of_one_measure_or_one_homology_dimension():
    rows = [("sliced_wasserstein", 0), ("sliced_wasserstein", 1), ("bottleneck", 1), ("cka", None)]
    tables = [distances(np.full((3, 3), 0.5), 0.1, Description(*row)) for row in rows]
    snapshot = example(3, distances=Results(tables))

    def count(**choice):
        return len(Drawn(plot(snapshot, **choice)).panels(3))

    assert count() == 4
    assert count(measure="sliced_wasserstein") == 2
    assert count(measure="cka") == count(measure="bottleneck", homology_dim=1) == 1
    assert count(homology_dim=1) == 2


def test_diagrams_can_be_of_one_homology_dimension(snapshot, labels):
    plot(snapshot, "diagrams", homology_dim=1)
    texts = [label.text for label in labels]
    assert "H1" in texts
    assert "H0" not in texts


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (("mapp",), r"one of \('heatmap', 'diagrams', 'mapper'\) for a Snapshot, got 'mapp'"),
        (("heatmap", "botleneck"), "'sliced_wasserstein', 0.*got 'botleneck'"),
        (("heatmap", None, 7), r"got \('sliced_wasserstein', 7\)"),
        (("diagrams", None, 7), r"`homology_dim` to be one of \(0, 1\), got 7"),
        (("diagrams", "bottleneck"), "no `measure` for 'diagrams', got 'bottleneck'"),
        (("mapper", None, 1), "no `homology_dim` for 'mapper', got 1"),
    ],
)
def test_what_a_snapshot_has_not_is_refused_with_what_it_has(snapshot, choice, message):
    with pytest.raises(ValueError, match=message):
        plot(snapshot, *choice)


def test_a_snapshot_without_graphs_has_no_picture_of_them():
    with pytest.raises(ValueError, match="analyse with `mapper=True`"):
        plot(example(3), "mapper")


def test_a_comparison_is_drawn_whichever_way():
    found = comparison()
    for what in (None, *FIGURES):
        assert isinstance(plot(found, what), Figure)
    with pytest.raises(ValueError, match=r"'distances'.*'map'.* for a Comparison, got 'heatmap'"):
        plot(found, "heatmap")
    for choice in (("cka", None), ("sliced_wasserstein", 7)):
        for what in FIGURES:
            with pytest.raises(ValueError, match=r"'sliced_wasserstein', 0.*got .*(cka|7)"):
                plot(found, what, *choice)


@pytest.mark.parametrize("record", [None, "runs", example])
def test_what_is_no_record_is_refused(record):
    with pytest.raises(
        TypeError, match="Expected `record` to be a Comparison, a Snapshot or a NeighbourhoodPersistence"
    ):
        plot(record)


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_figures_can_be_saved_with_their_letters(snapshot, suffix, monkeypatch):
    def saved():
        file = io.BytesIO()
        plot(snapshot).savefig(file, format=suffix)
        return len(file.getvalue())

    with_letters = saved()
    monkeypatch.setattr(Lettering, "draw", lambda self, axis: None)
    assert with_letters > saved() + 2000
