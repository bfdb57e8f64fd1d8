"""What an analysis will cost is said once, before it begins, with the options that make it less."""

import gc
import threading
import warnings
import weakref

import pytest
from lightning.pytorch import Callback
from small_trainings import fit, our_warnings

from topocallback import Positions, TopologyMonitor
from topocallback.activations.validation import ValidationRecorder
from topocallback.monitor.run import Run


@pytest.fixture
def dear(monkeypatch):
    """Makes pairs of layers, pictures or the width of clouds as expensive as those of a large model."""

    def make(name, value):
        monkeypatch.setattr(f"topocallback.measures.cost.{name}", value)

    return make


def said(folder, *, epochs=2, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        monitor = TopologyMonitor(**{"figures": False, "mapper": False, "log_inputs": False, **options})
        fit(folder, monitor, max_epochs=epochs)
    assert len(monitor.history) == epochs
    return [message for message in our_warnings(caught) if "will take about" in message]


def test_a_small_analysis_is_not_worth_a_word(tmp_path):
    assert said(tmp_path) == []


@pytest.mark.parametrize("background", [True, False])
def test_many_layers_are_said_once_per_run_with_what_helps(tmp_path, dear, background):
    dear("_TEST", 60.0)
    (message,) = said(tmp_path, background=background, epochs=3)
    assert message.startswith("TopologyMonitor: ")
    assert " layers of 64 points will take about " in message
    assert message.endswith(" at every recorded validation: choose fewer `layers` or raise `every_n_validations`.")


def test_pictures_and_mapper_graphs_are_counted_where_they_are_made(tmp_path, dear):
    dear("_FIGURES", 100.0)
    assert said(tmp_path / "without") == []
    (message,) = said(tmp_path / "with", figures=True, epochs=1)
    assert ": set `figures=False` or raise `every_n_validations`." in message


@pytest.mark.parametrize(
    ("pooling", "advice"),
    [("flatten", "choose a `pooling`"), ("auto", "choose fewer `layers`"), (Positions(2), "fewer")],
)
def test_the_pooling_is_named_where_it_makes_clouds_wide(tmp_path, dear, monkeypatch, pooling, advice):
    monkeypatch.setattr("topocallback.measures.cost.WIDE", 1)
    dear("_PRODUCT", 1.0)
    (message,) = said(tmp_path, pooling=pooling, epochs=1)
    assert advice in message


def test_little_memory_is_said_without_a_word_of_fewer_validations(tmp_path, monkeypatch):
    monkeypatch.setattr("topocallback.measures.cost_told.available_memory", lambda: 50_000)
    (message,) = said(tmp_path)
    assert "every_n_validations" not in message
    assert "choose fewer `layers`" in message


def test_a_prediction_that_fails_costs_no_snapshot(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no such file")

    monkeypatch.setattr("topocallback.monitor.predicted.predict_cost", fail)
    monitor = TopologyMonitor(figures=False, mapper=False)
    with pytest.warns(UserWarning, match="OSError while predicting the cost of an analysis: no such file"):
        fit(tmp_path, monitor, max_epochs=1)
    assert len(monitor.history) == 1


def test_layers_that_do_not_fit_into_memory_are_left_out_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr("topocallback.activations.room.available_memory", lambda: 64 * 4 * 8 * 2)
    monitor = TopologyMonitor("**", figures=False, mapper=False)
    with pytest.warns(UserWarning, match="left out: MemoryError: Expected .* to fit .* Lower `n_samples`"):
        fit(tmp_path, monitor, max_epochs=1)
    assert 0 < len(monitor.history[-1].layers) < 5


@pytest.mark.parametrize("background", [True, False])
def test_vectors_are_gone_as_soon_as_they_are_analysed(tmp_path, monkeypatch, background):
    recorded, record = [], ValidationRecorder.recording

    def noted(self, device=None):
        recording = record(self, device)
        recorded.extend(weakref.ref(vectors) for vectors in recording.vectors.values())
        return recording

    monkeypatch.setattr(ValidationRecorder, "recording", noted)
    monitor = TopologyMonitor(figures=False, background=background)
    gc.disable()  # which would find them in the end
    try:
        fit(tmp_path, monitor, max_epochs=2)
    finally:
        gc.enable()
    assert len(monitor.history) == 2
    assert len(recorded) > 4
    assert not [vectors for vectors in recorded if vectors() is not None]


@pytest.mark.parametrize("waits", [True, False])
def test_a_validation_that_would_not_fit_beside_another_one_waits_or_is_left_out(tmp_path, monkeypatch, waits):
    if not waits:
        monkeypatch.setattr("topocallback.monitor.delivery.LONGEST_WAIT", 0.0)
    monkeypatch.setattr("topocallback.monitor.delivery.available_memory", lambda: 1)
    measured, measure = threading.Event(), Run.measure

    def slow(self, *args, **kwargs):
        measured.wait(0.3 if waits else 60)
        return measure(self, *args, **kwargs)

    monkeypatch.setattr(Run, "measure", slow)
    monitor = TopologyMonitor(figures=False, mapper=False)
    release = Callback()
    release.on_train_end = lambda *_: measured.set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(tmp_path, monitor, release, max_epochs=3)
    monitor.wait()
    said = [message for message in our_warnings(caught) if "no memory" in message]
    assert len(said) == (not waits)
    assert not waits or len(monitor.history) == 3


def test_a_layer_too_wide_to_keep_is_left_out_with_what_makes_it_less(tmp_path, monkeypatch):
    monkeypatch.setattr("topocallback.activations.layer_record._MOST_VALUES", 64 * 8 - 1)
    monitor = TopologyMonitor(["stem", "head"], pooling="flatten", figures=False, mapper=False)
    with pytest.warns(UserWarning, match="'stem' was left out: .*Lower `n_samples`, or choose `pooling='mean'`"):
        fit(tmp_path, monitor, max_epochs=1)
    assert monitor.history[-1].layers == ("head",)
