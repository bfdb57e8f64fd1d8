"""Where the numbers go: every logger, both import names, and configuration from YAML."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
import pytest
import pytorch_lightning
import torch
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from small_trainings import LAYERS, Net, events, fit, loader, steps_of, watch

from topocallback import TopologyMonitor, load_history


@pytest.mark.scenario("no logger")
def test_without_loggers_the_history_is_there(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, logger=False), figures=True)
    assert watched.warnings == []
    assert watched.monitor.history.steps == load_history(tmp_path).steps == (3, 7)


@pytest.mark.scenario("a second run in the directory of the first")
def test_a_second_run_in_the_same_place_does_not_mix_with_the_first(tmp_path):
    for epochs in (3, 1):
        monitor = TopologyMonitor()
        fit(tmp_path, monitor, logger=False, max_epochs=epochs)
        assert len(monitor.history) == epochs


def csv_rows(logger: CSVLogger) -> list[dict[str, str]]:
    header, *lines = (Path(logger.log_dir) / "metrics.csv").read_text().splitlines()
    return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]


@pytest.mark.scenario("the CSV logger")
def test_a_csv_file_has_the_numbers_at_the_steps_of_val_loss(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, logger=CSVLogger(tmp_path)), counted=False, figures=True)
    assert watched.warnings == []
    rows = csv_rows(watched.trainer.logger)
    for column, steps in (("val_loss", [3, 7]), ("topology/noise_H1/stem", [3, 7]), ("topology/drift_H1/head", [7])):
        assert [int(row["step"]) for row in rows if row[column]] == steps, column


@pytest.mark.scenario("TensorBoard")
def test_tensorboard_has_numbers_and_pictures_at_the_steps_of_val_loss(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours), figures=True)
    logged = events(watched.trainer.log_dir)
    for picture in ("topology/layer_distance", "topology/persistence_diagrams"):
        assert [event.step for event in logged.Images(picture)] == [3, 7]


@pytest.mark.scenario("several loggers")
def test_several_loggers_each_get_their_numbers(tmp_path):
    csv = CSVLogger(tmp_path, name="csv")
    monitor = TopologyMonitor()
    trainer = fit(tmp_path, monitor, logger=[csv, TensorBoardLogger(tmp_path, name="tb")])
    assert [int(row["step"]) for row in csv_rows(csv) if row["topology/noise_H1/stem"]] == [3, 7]
    assert steps_of(trainer.loggers[1].log_dir, "topology/noise_H1/stem") == (3, 7)
    assert load_history(csv.log_dir).steps == (3, 7)


class LikeWandb(Logger):
    """The part of Weights & Biases' logger that a callback meets."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = str(folder)
        self.numbers = []
        self.pictures = []

    @property
    def name(self):
        return "project"

    @property
    def version(self):
        return "1a2b3c"

    @property
    def save_dir(self):
        return self.folder

    @property
    def experiment(self):
        return object()

    def log_hyperparams(self, params, *args, **kwargs):
        pass

    def log_metrics(self, metrics, step=None):
        self.numbers.append((step, metrics))

    def log_image(self, key, images, step=None, **kwargs):
        self.pictures.append((step, key, images))


@pytest.mark.scenario("a logger with the interface of Weights & Biases")
def test_a_logger_with_log_image_gets_numbers_and_pictures(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, logger=LikeWandb(tmp_path)), counted=False, figures=True)
    assert watched.warnings == []
    logger = watched.trainer.logger
    assert [step for step, metrics in logger.numbers if "topology/noise_H1/stem" in metrics] == [3, 7]
    assert [(step, key) for step, key, _ in logger.pictures if "layer_distance" in key] == [
        (3, "topology/layer_distance"),
        (7, "topology/layer_distance"),
    ]
    assert load_history(tmp_path / "project" / "1a2b3c").steps == (3, 7)


class Refuses(LikeWandb):
    """The server cannot be reached."""

    def log_metrics(self, metrics, step=None):
        if any(name.startswith("topology") for name in metrics):
            raise ConnectionError("no network")

    def log_image(self, key, images, step=None, **kwargs):
        raise ConnectionError("no network")


@pytest.mark.scenario("a logger that fails")
def test_a_logger_that_fails_costs_a_warning_and_no_other_logger(tmp_path):
    loggers = []

    def train(*ours):
        loggers.append([Refuses(tmp_path), TensorBoardLogger(tmp_path, name="tb")])
        return fit(tmp_path, *ours, logger=loggers[-1])

    watched = watch(train, counted=False, figures=True)
    assert len(watched.warnings) == 2  # numbers and pictures, once each
    assert all("ConnectionError while logging" in message for message in watched.warnings)
    assert steps_of(loggers[-1][1].log_dir, "topology/noise_H1/stem") == (3, 7)
    assert len(watched.monitor.history) == 2


class OtherName(pytorch_lightning.LightningModule):
    """A module of the package under its other name."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = torch.nn.Linear(4, 8), torch.nn.Linear(8, 3)

    def forward(self, x):
        return self.head(torch.relu(self.stem(x)))

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.training_step(batch, batch_idx))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.scenario("the import name `pytorch_lightning`")
@pytest.mark.parametrize("background", [True, False])
def test_a_trainer_of_the_other_import_name_is_recorded(tmp_path, background):
    def train(*ours):
        pl.seed_everything(1, verbose=False)
        trainer = pytorch_lightning.Trainer(
            max_epochs=2,
            accelerator="cpu",
            callbacks=list(ours),
            logger=pytorch_lightning.loggers.TensorBoardLogger(tmp_path, name="run"),
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        trainer.fit(OtherName(), loader(shuffle=True), loader())
        return trainer

    watched = watch(train, background=background, figures=True)
    assert watched.warnings == []
    assert watched.monitor.history[0].layers == ("stem", "head")
    pictures = events(watched.trainer.log_dir).Images("topology/layer_distance")
    assert [event.step for event in pictures] == [3, 7]


@pytest.mark.scenario("LightningCLI from YAML")
def test_lightning_cli_configures_it_from_yaml(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        f"""
        trainer:
          max_epochs: 1
          accelerator: cpu
          logger: false
          enable_progress_bar: false
          enable_model_summary: false
          enable_checkpointing: false
          default_root_dir: {tmp_path}
          callbacks:
            - class_path: topocallback.TopologyMonitor
              init_args:
                layers: [Block, head]
                n_samples: 32
                homology_dims: [0, 1]
                measures: [sliced_wasserstein]
                scale: none
                labels: 1
                background: false
        """
    )

    class Data(pl.LightningDataModule):
        def train_dataloader(self):
            return loader()

        def val_dataloader(self):
            return loader()

    cli = LightningCLI(Net, Data, args=["fit", "--config", str(config)], save_config_callback=None)
    (monitor,) = (callback for callback in cli.trainer.callbacks if isinstance(callback, TopologyMonitor))
    assert monitor.history[0].layers == LAYERS[1:]
    assert len(monitor.history[0].sample_ids) == 32
