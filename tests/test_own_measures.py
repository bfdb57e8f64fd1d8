"""Measures from outside the package go everywhere that the package's own go, with label and unit, from one list."""

import csv
import inspect

import numpy as np
import own_measures
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from own_measures import LongBars, NearestAgree, Procrustes
from small_classifier import LAYERS, N_SAMPLES, Classifier, loader, train
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard_tab.browser_tools import Page, chromium

import topocallback
from topocallback import ActivationRecorder, compare_checkpoints, load_history
from topocallback.cli import main
from topocallback.views.payload import decode
from topocallback.views.report import write_report

MEASURES = ["sliced_wasserstein", Procrustes(), LongBars(longer_than=0.1), NearestAgree()]
PROCRUSTES, LONG_BARS, AGREE = "procrustes", "long_bars(longer_than=0.1)", "nearest_agree"
LABELS = {
    PROCRUSTES: "Procrustes distance (0 alike, 1 unlike)",
    LONG_BARS: "Difference of long bars (longer_than=0.1)",
    AGREE: "Nearest neighbour of the same class",
}
UNITS = {PROCRUSTES: "", LONG_BARS: "bars", AGREE: "share of samples"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A training under a monitor with TensorBoard's logger; its log directory."""
    folder = tmp_path_factory.mktemp("runs") / "one"
    logger = TensorBoardLogger(folder, name="", version="")
    return train(folder, 0, measures=MEASURES, figures=True, logger=logger)


@pytest.fixture(scope="module")
def snapshot(run):
    """The last step, read from the archive."""
    return load_history(run)[-1]


@pytest.fixture(scope="module")
def clouds():
    """What the last checkpoint's layers give, recorded once more."""

    def of(model):
        with ActivationRecorder(model, n_samples=N_SAMPLES, length=120) as recorder, torch.no_grad():
            for x, labels in loader():
                recorder.start_batch(len(x), labels=labels)
                model(x)
                recorder.end_batch()
        return recorder.point_clouds()

    return of


@pytest.fixture(scope="module")
def comparison(run):
    files = str(run / "checkpoints" / "*.ckpt")
    return compare_checkpoints(Classifier, files, loader(), n_samples=N_SAMPLES, measures=MEASURES)


@pytest.mark.parametrize("measure", [Procrustes, LongBars, NearestAgree])
def test_a_measure_is_a_class_of_at_most_fifteen_lines(measure):
    lines = inspect.getsource(measure).splitlines()
    assert len([line for line in lines if line.strip()]) <= 15
    assert measure.__module__ == own_measures.__name__


def test_the_archive_holds_their_numbers_and_what_they_are(snapshot):
    assert snapshot.distances.measures == ("sliced_wasserstein", PROCRUSTES, LONG_BARS)
    for name in (PROCRUSTES, LONG_BARS, AGREE):
        table = (snapshot.statistics if name == AGREE else snapshot.distances).of(name)[-1]
        assert (table.about.label, table.about.unit) == (LABELS[name], UNITS[name])
    assert [table.about.homology_dim for table in snapshot.distances.of(LONG_BARS)] == [0, 1]
    about = snapshot.distances[PROCRUSTES].about
    assert (about.paired, about.direction, about.range) == (True, "similarity", (0.0, 1.0))


def test_the_numbers_are_those_of_the_measure_on_the_same_activations(run, snapshot, clouds):
    last = max((run / "checkpoints").glob("*.ckpt"), key=lambda path: path.stat().st_mtime)
    found = clouds(Classifier.load_from_checkpoint(last).eval())
    np.testing.assert_array_equal(found.sample_ids, snapshot.sample_ids)
    by_hand = [[Procrustes()(found[a], found[b]) for b in LAYERS] for a in LAYERS]
    np.testing.assert_allclose(snapshot.distances[PROCRUSTES].matrix, by_hand, atol=1e-6)
    agree = [NearestAgree()(found[layer], found.labels) for layer in LAYERS]
    np.testing.assert_allclose(snapshot.statistics[AGREE].values, agree, atol=1e-12)


def test_the_event_file_has_their_scalars_with_label_and_unit(run):
    events = EventAccumulator(str(run))
    events.Reload()
    tag = f"topology/{AGREE}/net.4"
    assert [event.step for event in events.Scalars(tag)] == list(load_history(run).steps)
    said = events.SummaryMetadata(tag).summary_description
    assert said.startswith("Nearest neighbour of the same class (share of samples)")
    assert "classes further apart" in said
    assert f"topology/drift_{LONG_BARS}_H1/net.4" in events.Tags()["scalars"]
    assert "topology/layer_distance" in events.Tags()["images"]


def test_the_heatmap_has_a_panel_for_each(snapshot):
    figure = topocallback.plot(snapshot)
    plain = topocallback.plot(snapshot, measure="sliced_wasserstein")
    assert figure.get_size_inches()[0] > plain.get_size_inches()[0] * 1.5
    assert topocallback.plot(snapshot, measure=PROCRUSTES).axes[0].collections


def test_the_tab_and_the_report_show_them_by_label(run, snapshot, tmp_path):
    payload = decode(topocallback.views.payload.encode(snapshot))
    assert {table["label"] for table in payload["distances"]} >= {LABELS[PROCRUSTES], LABELS[LONG_BARS]}
    page = write_report(run, tmp_path / "report.html")
    with chromium() as browser:
        report = Page(browser, page.as_uri())
        report.wait_until_ready()
        heatmap = report.frame.locator(".panel-heatmap")
        heatmap.get_by_label("Measure").select_option(label=LABELS[PROCRUSTES])
        assert LABELS[PROCRUSTES] in heatmap.locator("canvas").get_attribute("aria-label")
        curves = report.frame.locator(".panel-series select").first
        assert any(
            LABELS[AGREE] in text and UNITS[AGREE] in text for text in curves.locator("option").all_inner_texts()
        )
        report.close()


def test_checkpoints_are_compared_by_them(run, comparison):
    for number, recorded in enumerate(load_history(run)):
        for key, table in recorded.distances.items():
            np.testing.assert_array_equal(comparison.over_layers(number, *key), table.matrix)
            assert comparison.distances[key].about == table.about
        np.testing.assert_array_equal(
            comparison.statistics[AGREE].values[comparison.rows(checkpoint=number)], recorded.statistics[AGREE].values
        )
    across = comparison.matrix(PROCRUSTES)
    assert across.shape == (9, 9)
    assert np.isfinite(across).all()
    assert across[0, 3] > 0  # the same layer of two checkpoints, on the same samples


def test_the_command_says_and_writes_them(run, comparison, tmp_path, capsys):
    topology = [str(run / "topology"), "-o", str(tmp_path / "out"), "--quiet"]
    assert main(["compare", *topology]) == 0
    said = capsys.readouterr().out
    assert LABELS[AGREE] in said
    with open(tmp_path / "out" / "comparison.csv", newline="", encoding="utf-8") as file:
        assert AGREE in next(csv.reader(file))
    assert PROCRUSTES in comparison.pairs_table()
