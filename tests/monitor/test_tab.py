"""What TopologyMonitor writes for the Topology tab, in real, small trainings on images."""

import io
import json
import warnings

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from PIL import Image
from small_trainings import LeavesGroupAtExit
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_BLOB_SEQUENCE
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import topocallback.monitor.run
from topocallback import TopologyMonitor, load_history
from topocallback.findings.step_by_step import StepByStep
from topocallback.views.payload import encode

N = 60
SNAPSHOT, INPUTS = "topology/snapshot", "topology/inputs"


class Net(pl.LightningModule):
    """A convolution and a linear layer."""

    def __init__(self, shape=(3, 12, 12)):
        super().__init__()
        self.stem = nn.Conv2d(shape[0], 4, 3) if len(shape) == 3 else nn.Linear(*shape, 4)
        self.head = nn.LazyLinear(3) if len(shape) == 3 else nn.Linear(4, 3)
        self.head(torch.zeros(1, *self.stem(torch.zeros(1, *shape)).flatten(1).shape[1:]))

    def forward(self, x):
        return self.head(torch.relu(self.stem(x)).flatten(1))

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]), batch_size=len(batch[0]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def images(shape=(3, 12, 12)):
    """Each of one colour that tells its index."""
    shades = torch.arange(N, dtype=torch.float32) / N
    values = shades.reshape(-1, *[1] * len(shape)).expand(-1, *shape).clone()
    return TensorDataset(values, torch.arange(N) % 3)


def loader(dataset=None):
    return DataLoader(images() if dataset is None else dataset, batch_size=16)


def trainer_for(folder, *callbacks, **options):
    defaults = {
        "max_epochs": 3,
        "accelerator": "cpu",
        "logger": TensorBoardLogger(folder, name="run"),
        "default_root_dir": folder,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    return pl.Trainer(callbacks=list(callbacks), **(defaults | options))


def fit(folder, monitor, dataset=None, **options):
    pl.seed_everything(1, verbose=False)
    dataset = images() if dataset is None else dataset
    shape = next(iter(dataset))[0].shape
    trainer = trainer_for(folder, monitor, **options)
    trainer.fit(Net(shape), loader(images(shape)), loader(dataset))
    return trainer


def blobs(log_dir, tag):
    """Step to blobs, of one tag in the event file."""
    events = EventAccumulator(str(log_dir), size_guidance={"tensors": 0}).Reload()
    if tag not in events.Tags()["tensors"]:
        return {}
    metadata = events.SummaryMetadata(tag)
    assert metadata.plugin_data.plugin_name == "topology"
    assert metadata.data_class == DATA_CLASS_BLOB_SEQUENCE
    return {event.step: list(event.tensor_proto.string_val) for event in events.Tensors(tag)}


def assert_shows_the_sample(log_dir, sample_ids):
    """The sheet is one, in the event file as beside the archive, and has the colour of each sample in its tile."""
    (parts,) = blobs(log_dir, INPUTS).values()
    archive = load_history(log_dir).folder
    assert parts == [(archive / "inputs.png").read_bytes(), (archive / "inputs.json").read_bytes()]
    facts = json.loads(parts[1])
    assert facts["sample_ids"] == list(sample_ids)
    sheet = np.asarray(Image.open(io.BytesIO(parts[0])))
    side, columns = facts["tile"], facts["columns"]
    corners = [sheet[side * (i // columns), side * (i % columns)] for i in range(len(sample_ids))]
    ids = np.array(sample_ids, dtype=float)
    expected = 255 * (ids - ids.min()) / (ids.max() - ids.min())
    np.testing.assert_allclose(np.array(corners, dtype=float), np.repeat(expected[:, None], 3, axis=1), atol=1)


# -- Payloads --------------------------------------------------------------------------------------------------------


def payloads(history):
    """Step to what the tab reads, with what was found until then."""
    run = StepByStep(pytest.fail)
    return {snapshot.step: encode(snapshot, run(snapshot)) for snapshot in history}


@pytest.mark.parametrize("background", [True, False])
def test_every_snapshot_is_in_the_event_file_at_its_step(tmp_path, background):
    trainer = fit(tmp_path, TopologyMonitor(background=background))
    history = load_history(trainer.log_dir)
    assert len(history) == 3
    assert blobs(trainer.log_dir, SNAPSHOT) == {step: [payload] for step, payload in payloads(history).items()}
    assert len(list(load_history(trainer.log_dir).folder.parent.glob("events.out.tfevents.*"))) == 1


def test_a_payload_that_cannot_be_made_costs_nothing_else(tmp_path, monkeypatch):
    def fail(snapshot, findings):
        raise RuntimeError("no payload")

    monkeypatch.setattr(topocallback.monitor.run, "encode", fail)
    with pytest.warns(UserWarning, match="no payload"):
        trainer = fit(tmp_path, TopologyMonitor())
    assert len(load_history(trainer.log_dir)) == 3
    assert blobs(trainer.log_dir, SNAPSHOT) == {}
    assert len(blobs(trainer.log_dir, INPUTS)) == 1


# -- Inputs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("background", [True, False])
def test_the_sampled_inputs_are_written_once(tmp_path, background):
    monitor = TopologyMonitor(n_samples=24, background=background)
    trainer = fit(tmp_path, monitor)
    first = monitor.history[0]
    assert len(first.sample_ids) == 24
    assert list(blobs(trainer.log_dir, INPUTS)) == [first.step]
    assert_shows_the_sample(trainer.log_dir, first.sample_ids)


def test_a_single_channel_and_large_images_are_shown(tmp_path):
    trainer = fit(tmp_path, TopologyMonitor(n_samples=24), images((1, 64, 128)), max_epochs=1)
    (parts,) = blobs(trainer.log_dir, INPUTS).values()
    assert json.loads(parts[1])["tile"] == 48


class Stream(IterableDataset):
    """The images, without a length."""

    def __iter__(self):
        return iter(images())


def test_inputs_of_a_data_set_without_a_length_are_those_of_one_with_it(tmp_path):
    trainers = [fit(tmp_path, TopologyMonitor(n_samples=24), dataset) for dataset in (Stream(), images())]
    streamed, sized = (list(blobs(trainer.log_dir, INPUTS).values()) for trainer in trainers)
    assert streamed == sized


def test_inputs_that_are_not_images_are_silently_left_out(tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="TopologyMonitor")
        trainer = fit(tmp_path, TopologyMonitor(), images((5,)))
    assert blobs(trainer.log_dir, INPUTS) == {}
    assert len(blobs(trainer.log_dir, SNAPSHOT)) == 3
    assert not list(load_history(trainer.log_dir).folder.glob("inputs*"))


def test_inputs_are_left_out_if_asked_to(tmp_path):
    trainer = fit(tmp_path, TopologyMonitor(log_inputs=False))
    assert blobs(trainer.log_dir, INPUTS) == {}
    assert len(blobs(trainer.log_dir, SNAPSHOT)) == 3


def test_the_next_run_of_a_monitor_has_inputs_of_its_own(tmp_path):
    monitor = TopologyMonitor(n_samples=24)
    for _ in range(2):
        trainer = fit(tmp_path, monitor, max_epochs=1)
        assert_shows_the_sample(trainer.log_dir, monitor.history[0].sample_ids)


def test_validation_alone_shows_inputs(tmp_path):
    monitor = TopologyMonitor(n_samples=24)
    trainer = trainer_for(tmp_path, monitor)
    trainer.validate(Net(), loader(), verbose=False)
    assert_shows_the_sample(trainer.log_dir, monitor.history[0].sample_ids)


def test_inputs_that_cannot_be_drawn_cost_nothing_else(tmp_path, monkeypatch):
    def fail(inputs):
        raise RuntimeError("no picture")

    monkeypatch.setattr(topocallback.monitor.run, "make_sprite", fail)
    with pytest.warns(UserWarning, match="no picture"):
        trainer = fit(tmp_path, TopologyMonitor())
    assert blobs(trainer.log_dir, INPUTS) == {}
    assert len(blobs(trainer.log_dir, SNAPSHOT)) == 3


def test_another_logger_goes_without_and_the_inputs_lie_beside_the_archive(tmp_path):
    trainer = fit(tmp_path, TopologyMonitor(), logger=CSVLogger(tmp_path))
    folder = load_history(trainer.log_dir).folder
    assert {path.name for path in folder.iterdir()} >= {"inputs.png", "inputs.json"}


def test_a_fast_dev_run_writes_nothing(tmp_path):
    fit(tmp_path, TopologyMonitor(), fast_dev_run=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_weights_are_the_same_with_and_without(tmp_path):
    weights = [
        fit(tmp_path, *callbacks).lightning_module.state_dict() for callbacks in ([TopologyMonitor()], [pl.Callback()])
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_two_processes_show_the_inputs_of_one(tmp_path):
    alone = trainer_for(tmp_path / "one", TopologyMonitor(n_samples=24))
    alone.validate(Net(), loader(), verbose=False)
    ours = TopologyMonitor(n_samples=24), LeavesGroupAtExit()
    together = trainer_for(tmp_path / "two", *ours, strategy="ddp_spawn", devices=2)
    together.validate(Net(), loader(), verbose=False)
    log_dir = tmp_path / "two" / "run" / "version_0"
    assert_shows_the_sample(log_dir, load_history(log_dir)[0].sample_ids)
    assert list(blobs(log_dir, INPUTS).values()) == list(blobs(alone.log_dir, INPUTS).values())
