"""A snapshot's numbers and pictures in real loggers, each at its step and taking what it can."""

import csv
import gc
import io
import json
import weakref
from dataclasses import replace

import numpy as np
import pytest
from hostile_names import HOSTILE
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.loggers.logger import DummyLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard_server import tensorboard, wait_until

from topocallback.records.results import Description, LayerDistances, Results, StatisticTable
from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import Picture
from topocallback.views.logging import scalar_tags, scalars, write_for_tab, write_pictures, write_scalars

EXPECTED = {
    "topology/drift_H0/conv1": 0.5,
    "topology/drift_H0/head": 1.0,
    "topology/drift_H1/conv1": 0.25,
    "topology/drift_H1/head": 3.0,
    "topology/drift_from_reference_H0/conv1": 2.0,
    "topology/drift_from_reference_H1/conv1": 3.0,
    "topology/drift_from_reference_H1/head": 1.0,
    "topology/noise_H0/conv1": 0.125,
    "topology/noise_H0/head": 0.25,
    "topology/noise_H1/conv1": 0.0,
    "topology/noise_H1/head": 0.0,
    "topology/drift_p_H1/conv1": 0.5,
    "topology/drift_bottleneck_H1/conv1": 2.0,
    "topology/drift_bottleneck_H1/head": 0.0,
    "topology/drift_from_reference_bottleneck_H1/conv1": 0.5,
    "topology/drift_from_reference_bottleneck_H1/head": 0.75,
    "topology/drift_p_bottleneck_H1/conv1": 0.25,
    "topology/drift_cka/conv1": 0.125,
    "topology/drift_cka/head": 0.0,
    "topology/bars_H0/conv1": 7.0,
    "topology/bars_H0/head": 0.0,
    "topology/longest_bar_H1/head": 0.5,
    "topology/mapper_purity/head": 0.25,
    "topology/seconds": 1.5,
}


def example(step=42):
    """Two layers, and three measures: in two dimensions, in one and in none; NaN and infinity here and there."""
    nan, quantiles = np.nan, "0.9 quantiles"
    first = [Description("sliced_wasserstein", dim, "Sliced Wasserstein distance", quantiles) for dim in (0, 1)]
    bottleneck = Description("bottleneck", 1, "Bottleneck distance", quantiles)
    cka = Description("cka", label="1 - CKA")

    def table(about, noise, drift, from_first, p):
        numbers = {"noise": noise, "drift": drift, "drift_from_reference": from_first, "drift_p": p}
        return LayerDistances(about, np.zeros((2, 2)), **{name: np.array(values) for name, values in numbers.items()})

    return Snapshot(
        step=step,
        epoch=3,
        layers=("conv1", "head"),
        homology_dims=(0, 1),
        n_points=np.array([4, 4]),
        sample_ids=np.arange(4),
        labels=None,
        diagrams={"conv1": [np.empty((0, 2))] * 2, "head": [np.empty((0, 2))] * 2},
        distances=Results(
            [
                table(first[0], [0.125, 0.25], [0.5, 1.0], [2.0, nan], [nan, nan]),
                table(first[1], [0.0, 0.0], [0.25, 3.0], [3.0, 1.0], [0.5, nan]),
                table(bottleneck, [nan, np.inf], [2.0, 0.0], [0.5, 0.75], [0.25, nan]),
                table(cka, [nan, nan], [0.125, 0.0], [nan, nan], [nan, nan]),
            ]
        ),
        statistics=Results(
            [
                StatisticTable(
                    Description("bars", 0, "Number of bars", "bars", kind="statistic", more="more features"),
                    np.array([7.0, 0.0]),
                ),
                StatisticTable(Description("longest_bar", 1, kind="statistic"), np.array([np.inf, 0.5])),
                StatisticTable(Description("mapper_purity", kind="statistic"), np.array([np.nan, 0.25])),
            ]
        ),
        scales=np.ones(2),
        seconds={"total": 1.5, "diagrams": 1.0},
    )


def picture(name="layer_distance", colour=(200, 30, 10)):
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 5), (*colour, 255)).save(buffer, format="PNG")
    return Picture(name, buffer.getvalue(), width=8, height=5)


def read_events(log_dir):
    events = EventAccumulator(str(log_dir), size_guidance={"scalars": 0, "images": 0})
    return events.Reload()


# -- Names and values ------------------------------------------------------------------------------------------------


def test_every_number_has_its_name_and_those_that_are_not_finite_are_left_out():
    assert scalars(example()) == EXPECTED


def test_scalars_are_plain_floats():
    assert {type(value) for value in scalars(example()).values()} == {float}


def test_another_separator_parts_the_names():
    assert scalars(example(), separator="-") == {name.replace("/", "-"): value for name, value in EXPECTED.items()}


def test_layers_keep_their_names_whatever_they_are():
    snapshot = example()
    odd = ("layers.0/conv 1", "слой <img>")
    named = scalars(replace(snapshot, layers=odd))
    expected = {name.replace("conv1", odd[0]).replace("head", odd[1]): value for name, value in EXPECTED.items()}
    assert named == expected


@pytest.mark.parametrize("name", HOSTILE)
def test_a_layer_of_any_name_has_its_numbers_in_tensorboard(tmp_path, name):
    snapshot = example()
    layers = (HOSTILE[name], *snapshot.layers[1:])
    logger = TensorBoardLogger(tmp_path)
    write_scalars(logger, replace(snapshot, layers=layers))
    logger.finalize("done")
    tags = EventAccumulator(logger.log_dir).Reload().Tags()["scalars"]
    assert set(tags) >= set(scalars(replace(snapshot, layers=layers)))
    assert len(tags) == len(set(tags)) >= len(scalars(snapshot))
    assert max(map(len, tags)) <= 250
    assert all(tag.isprintable() for tag in tags)


def test_the_names_of_all_numbers_are_those_that_are_logged_whatever_layers_are_called():
    snapshot = replace(example(), layers=tuple(list(HOSTILE.values())[-len(example().layers) :]))
    tables = [table.about for table in snapshot.distances.values()]
    statistics = [table.about for table in snapshot.statistics.values()]
    assert set(scalars(snapshot)) <= set(scalar_tags(tables, statistics, snapshot.layers))


def test_alerts_are_numbers_of_layers_beside_those_of_layers():
    alerts = {"nan_layers": 2, "dead_units": 0}
    more = {"topology/alert/nan_layers": 2.0, "topology/alert/dead_units": 0.0}
    assert scalars(example(), alerts=alerts) == EXPECTED | more
    assert scalar_tags([], [], [], alerts) == [*more, "topology/seconds"]


def test_tensorboard_has_alerts_at_their_step(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    write_scalars(logger, example(), {"nan_layers": 2})
    logger.save()
    accumulator = EventAccumulator(logger.log_dir)
    accumulator.Reload()
    assert [(event.step, event.value) for event in accumulator.Scalars("topology/alert/nan_layers")] == [(42, 2.0)]


def test_without_a_measured_time_the_time_is_zero():
    assert scalars(replace(example(), seconds={}))["topology/seconds"] == 0.0


# -- TensorBoard -----------------------------------------------------------------------------------------------------


def test_tensorboard_has_every_number_at_its_step(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    write_scalars(logger, example(step=42))
    write_scalars(logger, example(step=1042))
    logger.finalize("success")
    events = read_events(logger.log_dir)
    assert set(EXPECTED) <= set(events.Tags()["scalars"])
    for name, value in EXPECTED.items():
        assert [(event.step, event.value) for event in events.Scalars(name)] == [(42, value), (1042, value)]
    assert not [tag for tag in events.Tags()["scalars"] if tag.startswith("topology") and tag not in EXPECTED]


def test_tensorboard_has_the_numbers_bit_for_bit_as_log_metrics_would_write_them(tmp_path):
    values = np.random.default_rng(0).normal(size=2) * [1e-30, 1e30]
    statistic = StatisticTable(Description("own", kind="statistic"), values)
    snapshot = replace(example(), statistics=Results([statistic]))
    found = []
    for name in ("ours", "lightnings"):
        logger = TensorBoardLogger(tmp_path, name=name, prefix="fold 1")
        if name == "ours":
            write_scalars(logger, snapshot)
        else:
            logger.log_metrics(scalars(snapshot), step=snapshot.step)
        logger.finalize("success")
        events = read_events(logger.log_dir)
        found.append({tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]})
    assert found[0] == found[1]
    assert "fold 1-topology/own/head" in found[0]


@pytest.mark.parametrize("fast", ["true", "false"])
def test_both_of_tensorboards_backends_say_what_a_number_is(tmp_path, fast):
    logger = TensorBoardLogger(tmp_path, name=None, version="run")
    write_scalars(logger, example(step=42))
    write_scalars(logger, example(step=1042))
    logger.finalize("success")
    expected = {
        "topology/drift_H1/head": "Sliced Wasserstein distance, H1 (0.9 quantiles): from the same layer in the "
        "previous snapshot",
        "topology/drift_bottleneck_H1/head": "Bottleneck distance, H1 (0.9 quantiles): from the same layer in the "
        "previous snapshot",
        "topology/noise_H0/head": "Sliced Wasserstein distance, H0 (0.9 quantiles): between two independent samples of "
        "the layer, of as many points, on average",
        "topology/drift_p_H1/conv1": "Sliced Wasserstein distance, H1: p-value of the drift: how often it comes out at "
        "least as different where nothing has changed",
        "topology/drift_cka/head": "1 - CKA: from the same layer in the previous snapshot",
        "topology/bars_H0/head": "Number of bars, H0 (bars): larger means more features",
        "topology/longest_bar_H1/head": "longest_bar, H1",
        "topology/mapper_purity/head": "mapper_purity",
        "topology/seconds": "What the step took (processor seconds)",
    }
    with tensorboard(tmp_path, f"--load_fast={fast}") as server:
        tags = wait_until(lambda: json.loads(server.get("/data/plugin/scalars/tags").body).get("run"))
        assert {tag for tag in tags if tag.startswith("topology")} == set(EXPECTED)
        assert {tag: tags[tag]["description"] for tag in expected} == {
            tag: f"<p>{text}</p>" for tag, text in expected.items()
        }
        for tag in expected:
            points = json.loads(server.get("/data/plugin/scalars/scalars", run="run", tag=tag).body)
            assert [point[1:] for point in points] == [[42, EXPECTED[tag]], [1042, EXPECTED[tag]]]


def test_a_tensorboard_logger_that_changes_what_it_logs_does_so_with_ours(tmp_path):
    class Chosen(TensorBoardLogger):
        def log_metrics(self, metrics, step=None):
            super().log_metrics({f"mine/{name}": value for name, value in metrics.items() if "drift" in name}, step)

    logger = Chosen(tmp_path)
    write_scalars(logger, example())
    logger.finalize("success")
    ours = {tag for tag in read_events(logger.log_dir).Tags()["scalars"] if "topology" in tag}
    assert ours == {f"mine/{name}" for name in EXPECTED if "drift" in name}


def test_tensorboard_has_the_pictures_as_they_were_rendered(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    pictures = [picture(), picture("persistence_diagrams", colour=(1, 2, 3))]
    write_pictures(logger, pictures, step=42)
    write_pictures(logger, pictures[:1], step=43)
    logger.finalize("success")
    events = read_events(logger.log_dir)
    assert sorted(events.Tags()["images"]) == ["topology/layer_distance", "topology/persistence_diagrams"]
    assert [image.step for image in events.Images("topology/layer_distance")] == [42, 43]
    (image,) = events.Images("topology/persistence_diagrams")
    assert (image.step, image.width, image.height) == (42, 8, 5)
    assert image.encoded_image_string == pictures[1].png
    with Image.open(io.BytesIO(image.encoded_image_string)) as decoded:
        assert decoded.getpixel((4, 2)) == (1, 2, 3, 255)


# -- Other loggers ---------------------------------------------------------------------------------------------------


def test_a_csv_file_has_every_number_at_its_step_and_no_pictures(tmp_path):
    logger = CSVLogger(tmp_path)
    write_scalars(logger, example(step=42))
    write_pictures(logger, [picture()], step=42)
    logger.finalize("success")
    with open(f"{logger.log_dir}/metrics.csv", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert int(row.pop("step")) == 42
    assert {name: float(value) for name, value in row.items()} == EXPECTED


class LikeWandb:
    """What a snapshot needs of Lightning's WandbLogger, with its signatures."""

    def __init__(self):
        self.experiment = object()
        self.images = []

    def log_image(self, key, images, step=None, **kwargs):
        assert isinstance(images, list)
        self.images.append((key, images, step))


def test_a_logger_like_wandbs_has_the_pictures_at_their_step():
    logger = LikeWandb()
    write_pictures(logger, [picture(), picture("persistence_diagrams", (1, 2, 3))], step=42)
    assert [(key, step) for key, _, step in logger.images] == [
        ("topology/layer_distance", 42),
        ("topology/persistence_diagrams", 42),
    ]
    ((decoded,),) = [images for _, images, _ in logger.images[1:]]
    assert (decoded.size, decoded.getpixel((4, 2))) == ((8, 5), (1, 2, 3, 255))


class MLflowClient:
    """What a snapshot needs of MLflow's client, with its signature."""

    def __init__(self):
        self.images = []

    def log_image(self, run_id, image, artifact_file=None, key=None, step=None):
        self.images.append((run_id, image, artifact_file))


class LikeMLFlow:
    """What a snapshot needs of Lightning's MLFlowLogger."""

    def __init__(self):
        self.experiment = MLflowClient()
        self.run_id = "run-17"


def test_a_logger_like_mlflows_has_the_pictures_as_files_named_by_their_step():
    logger = LikeMLFlow()
    write_pictures(logger, [picture(colour=(1, 2, 3))], step=42)
    ((run_id, decoded, file),) = logger.experiment.images
    assert (run_id, file) == ("run-17", "topology/layer_distance/step=42.png")
    assert (decoded.size, decoded.getpixel((4, 2))) == ((8, 5), (1, 2, 3, 255))


class OnlyMetrics(Logger):
    """The least that Lightning asks of a logger."""

    name, version = "mine", 0

    def __init__(self):
        super().__init__()
        self.metrics = []

    def log_metrics(self, metrics, step=None):
        self.metrics.append((metrics, step))

    def log_hyperparams(self, params, *args, **kwargs):
        pass


def test_a_logger_that_can_nothing_but_metrics_has_the_numbers():
    logger = OnlyMetrics()
    write_scalars(logger, example())
    assert logger.metrics == [(EXPECTED, 42)]


def test_a_logger_that_can_nothing_but_metrics_goes_without_pictures():
    logger = OnlyMetrics()
    write_pictures(logger, [picture()], step=42)
    assert logger.metrics == []


@pytest.mark.parametrize("experiment", [None, object(), "a string"])
def test_an_experiment_that_can_nothing_goes_without_pictures(experiment):
    logger = OnlyMetrics()
    logger.experiment = experiment
    write_pictures(logger, [picture()], step=42)
    assert logger.metrics == []


def test_the_logger_of_a_fast_dev_run_takes_everything_and_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logger, snapshot, shown = DummyLogger(), example(), picture()
    before = dict(vars(logger)), dict(vars(logger.experiment))
    write_scalars(logger, snapshot)
    write_pictures(logger, [shown], step=42)
    write_for_tab(logger, b"payload", None, step=42)
    assert (vars(logger), vars(logger.experiment)) == before
    assert list(tmp_path.iterdir()) == []
    written = [weakref.ref(snapshot), weakref.ref(shown)]
    del snapshot, shown
    gc.collect()
    assert [reference() for reference in written] == [None, None]


def test_a_loggers_own_separator_parts_the_names():
    class Dashed(OnlyMetrics):
        group_separator = "-"

    logger = Dashed()
    write_scalars(logger, example())
    ((metrics, _),) = logger.metrics
    assert set(metrics) == {name.replace("/", "-") for name in EXPECTED}
