"""Comparing checkpoints, models and recorded runs: every layer of each with every layer of all."""

from __future__ import annotations

import functools
import gc
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from topocallback.activations.layers import LayerSpec
from topocallback.analysis.analyse import AnalysisOptions, Measure, analyse
from topocallback.compare.checkpoints import (
    CheckpointError,
    ModelSource,
    checkpoint_files,
    module_facts,
    position_in_run,
    read_checkpoint,
    short_names,
    weights_fingerprint,
)
from topocallback.compare.collected import Collected, listed
from topocallback.compare.recording import RecordingOptions, ValidationData, record_clouds
from topocallback.compare.tasks import Store, fingerprint, run_tasks, workers
from topocallback.measures.mapper.graph import MapperOptions
from topocallback.measures.topology.diagrams import DISTANCES
from topocallback.records.comparison import Checkpoint, Comparison
from topocallback.records.point_clouds import PointClouds
from topocallback.records.snapshot import History, Snapshot, archive_path, load_history

__all__ = ["compare_checkpoints", "compare_models", "compare_runs"]

Data = DataLoader[Any] | pl.LightningDataModule
Path_ = str | os.PathLike[str]


def compare_checkpoints(
    model: type[pl.LightningModule] | nn.Module | Callable[[], nn.Module],
    checkpoints: Path_ | Sequence[Path_],
    data: Data,
    *,
    layers: LayerSpec = "auto",
    n_samples: int = 1000,
    measures: Sequence[Measure] = ("sliced_wasserstein",),
    homology_dims: Sequence[int] = (0, 1),
    scale: Literal["quantile", "none"] = "quantile",
    pooling: str | Callable[[Tensor], Tensor] = "auto",
    labels: str | int | None = "auto",
    dataloader_idx: int = 0,
    backend: Literal["auto", "redzed", "gudhi", "ripser"] = "auto",
    n_directions: int = 50,
    mapper: MapperOptions | None = None,
    seed: int = 0,
    trust: bool = False,
    forward: Callable[[nn.Module, Any], Any] | None = None,
    trainer_options: Mapping[str, Any] | None = None,
    folder: Path_ | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Comparison:
    """Compare the layers of checkpoints, of one run or of many, on the same samples.

    Each checkpoint is loaded, validated and measured for itself, as ``TopologyMonitor`` does during training: with the
    same options its ``Snapshot`` holds the same numbers, bit for bit. One model at a time is in memory.

    Args:
        model: The LightningModule class, built from each checkpoint's own hyperparameters; or a module whose copy takes
            the weights; or a function without arguments that makes one.
        checkpoints: A path or a glob, or a sequence of them. Those in one folder are one run.
        data: A data loader that does not shuffle, or a data module with a validation data loader.
        layers: Which layers; see ``TopologyMonitor`` for this and the following.
        n_samples: How many samples; fewer are used, with a warning, where there are fewer.
        measures: Distances between diagrams.
        homology_dims: Homology dimensions, ascending.
        scale: ``"quantile"`` divides each cloud by the 0.9 quantile of its pairwise distances; ``"none"`` does not.
        pooling: How a layer's positions become one vector per sample.
        labels: Where a batch has its labels.
        dataloader_idx: Which validation data loader.
        backend: What computes the diagrams.
        n_directions: Directions of the sliced Wasserstein distance.
        mapper: How to make Mapper graphs; they are kept in the snapshots in ``folder``. ``None`` makes none.
        seed: Seed of the choice of samples.
        trust: Whether checkpoints may hold any Python object. Loading such a file can run any code in it.
        forward: A function of model and batch that is called in place of the validation step.
        trainer_options: Arguments of the Trainer that validates, such as ``{"precision": "bf16-mixed"}``.
        folder: Where snapshots and distances are kept: an interrupted comparison goes on from there. ``None`` keeps
            nothing.
        n_jobs: How many diagrams or blocks of distances are computed at once; ``None``: what
            ``joblib.parallel_config`` says, or one per core, at most 4. The result does not depend on it.
        progress: Whether to show progress bars.

    Returns:
        The comparison. What could not be used is named in ``left_out``; the others are compared all the same.

    Raises:
        ValueError: If no checkpoint could be used, no file matches, or an option is not one of those allowed.
        TypeError: If ``model`` or ``data`` is of no kind listed above.

    Warns:
        UserWarning: For every checkpoint left out, and where there are fewer samples than asked for.
    """
    options = AnalysisOptions(homology_dims, measures, scale, backend, n_directions, mapper)
    recording = RecordingOptions(
        layers, pooling, n_samples, dataloader_idx, labels, seed, trainer_options or {}, forward
    )
    source = ModelSource(model)
    files = checkpoint_files(checkpoints)
    study = _Study(options, recording, ValidationData(data, dataloader_idx), Store(folder), n_jobs, progress)

    def subjects() -> Iterator[_Subject]:
        for file in files:
            yield _Subject(
                Checkpoint(file.name, file.run, path=str(file.path)),
                None if source.facts is None else {"model": source.facts, **_file_facts(file.path)},
                functools.partial(_load, source, file.path, trust),
            )

    return study.compare(list(subjects()))


def compare_models(
    models: Mapping[str, nn.Module | Callable[[], nn.Module]],
    data: Data,
    *,
    layers: LayerSpec = "auto",
    n_samples: int = 1000,
    measures: Sequence[Measure] = ("sliced_wasserstein",),
    homology_dims: Sequence[int] = (0, 1),
    scale: Literal["quantile", "none"] = "quantile",
    pooling: str | Callable[[Tensor], Tensor] = "auto",
    labels: str | int | None = "auto",
    dataloader_idx: int = 0,
    backend: Literal["auto", "redzed", "gudhi", "ripser"] = "auto",
    n_directions: int = 50,
    mapper: MapperOptions | None = None,
    seed: int = 0,
    forward: Callable[[nn.Module, Any], Any] | None = None,
    trainer_options: Mapping[str, Any] | None = None,
    folder: Path_ | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Comparison:
    """Compare the layers of models, which may be of different architecture, on the same samples.

    Args:
        models: Name to a module, or to a function without arguments that makes one: then one at a time is in memory.
        data: As in ``compare_checkpoints``, and so are all that follow.
        layers: Which layers, chosen in each model for itself.
        n_samples: How many samples.
        measures: Distances between diagrams.
        homology_dims: Homology dimensions, ascending.
        scale: ``"quantile"`` or ``"none"``.
        pooling: How a layer's positions become one vector per sample.
        labels: Where a batch has its labels.
        dataloader_idx: Which validation data loader.
        backend: What computes the diagrams.
        n_directions: Directions of the sliced Wasserstein distance.
        mapper: How to make Mapper graphs.
        seed: Seed of the choice of samples.
        forward: A function of model and batch that is called in place of the model.
        trainer_options: Arguments of the Trainer that validates a LightningModule.
        folder: Where snapshots and distances are kept.
        n_jobs: How many are computed at once.
        progress: Whether to show progress bars.

    Returns:
        The comparison: every model is a checkpoint and a run of its own.

    Raises:
        ValueError: If there is no model, none could be used, or an option is not one of those allowed.
        TypeError: If ``data`` is of no kind allowed.

    Warns:
        UserWarning: For every model left out.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> models = {"wide": nn.Sequential(nn.Linear(4, 9), nn.ReLU()), "narrow": nn.Sequential(nn.Linear(4, 3))}
        >>> comparison = compare_models(models, DataLoader(torch.randn(50, 4), batch_size=25), n_samples=50)
        >>> comparison.points, comparison.between("wide", "narrow").shape
        ([('wide', '0'), ('narrow', '0')], (1, 1))
    """
    options = AnalysisOptions(homology_dims, measures, scale, backend, n_directions, mapper)
    recording = RecordingOptions(
        layers, pooling, n_samples, dataloader_idx, labels, seed, trainer_options or {}, forward
    )
    if not models:
        raise ValueError("Expected `models` to hold at least one model, got none.")
    study = _Study(options, recording, ValidationData(data, dataloader_idx), Store(folder), n_jobs, progress)

    def subjects() -> Iterator[_Subject]:
        for name, model in models.items():
            # The weights of a model that is still to be made are not known before: it is measured again.
            made = (
                {"weights": weights_fingerprint(model), "model": module_facts(model)}
                if isinstance(model, nn.Module)
                else None
            )
            yield _Subject(Checkpoint(name, name), made, functools.partial(_made, model))

    return study.compare(list(subjects()))


def compare_runs(
    *runs: Path_ | History,
    measures: Sequence[Measure] | None = None,
    folder: Path_ | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Comparison:
    """Compare runs by the snapshots that ``TopologyMonitor`` archived: no model and no data are needed.

    Snapshots that were made with other options or samples than the first one cannot be compared with it and are left
    out.

    Args:
        *runs: Log directories, or ``topology`` folders in them.
        measures: Distances between diagrams; by default the named ones that the first snapshot was made with.
        folder: Where distances are kept; ``None`` keeps nothing.
        n_jobs: How many blocks of distances are computed at once.
        progress: Whether to show progress bars.

    Returns:
        The comparison; what could not be used is named in ``left_out``.

    Raises:
        FileNotFoundError: If a run has no snapshot.
        ValueError: If there is no run, no readable snapshot, or the runs have no layer in common.

    Warns:
        UserWarning: For every snapshot left out.
    """
    if not runs:
        raise ValueError("Expected `runs` to name at least one run, got none.")
    histories = [run if isinstance(run, History) else load_history(run) for run in runs]
    collected = Collected()
    for run, history in zip(_run_names(histories), histories, strict=True):
        for path, snapshot in _snapshots_in(history, collected):
            if difference := collected.differs(snapshot):
                collected.leave_out(str(path), f"{path}: cannot be compared with {collected.reference}: {difference}.")
            else:
                checkpoint = Checkpoint(f"{run}/step={snapshot.step}", run, snapshot.step, snapshot.epoch, str(path))
                collected.add(checkpoint, snapshot)
    collected.check_common_layers()
    recorded = collected.snapshots[0].options
    chosen = measures or [name for name in recorded.get("measures", ()) if name in DISTANCES] or ["sliced_wasserstein"]
    if lacking := [_name_of(measure) for measure in chosen if measure not in recorded.get("measures", ())]:
        message = (
            f"The runs were recorded without {lacking}, so there is no noise floor to hold these distances against."
        )
        collected.problems["noise"] = message
        warnings.warn(message, UserWarning, stacklevel=2)
    options = AnalysisOptions(
        collected.snapshots[0].homology_dims,
        chosen,
        recorded.get("scale", "none"),
        n_directions=recorded.get("n_directions", 50),
        mapper=None,
    )
    return collected.compare(options, dict(recorded), Store(folder), n_jobs, progress)


@dataclass(frozen=True)
class _Subject:
    """One model that is to be measured."""

    checkpoint: Checkpoint
    facts: Mapping[str, Any] | None  # tell it from all others, for what is kept on disk; None: nothing can be kept
    load: Callable[[], tuple[nn.Module, int, int]]  # the model, its step and its epoch


@dataclass
class _Study:
    """Measures one model after the other, on the same samples, and compares them."""

    options: AnalysisOptions
    recording: RecordingOptions
    data: ValidationData
    store: Store
    n_jobs: int | None
    progress: bool

    def compare(self, subjects: Sequence[_Subject]) -> Comparison:
        collected = Collected()
        described = {**self.options.describe(), **self.recording.describe()}
        if self.data.length is not None and self.data.length < self.recording.n_samples:
            message = f"Asked for {self.recording.n_samples} samples, the data have {self.data.length}: all are used."
            collected.problems["data"] = message
            warnings.warn(message, UserWarning, stacklevel=3)
        common = {**described, "data": self.data.fingerprint(), "version": version("topocallback")}
        size = workers(self.n_jobs)
        with tqdm(total=len(subjects), desc="checkpoints", disable=not self.progress) as bar:
            for start in range(0, len(subjects), size):
                batch = subjects[start : start + size]
                self._measure(batch, common, collected)
                bar.update(len(batch))
        if not collected.snapshots:
            raise ValueError(
                f"Expected at least one model that can be measured, got none. {listed(collected.left_out)}"
            )
        return collected.compare(self.options, described, self.store, self.n_jobs, self.progress)

    def _measure(self, subjects: Sequence[_Subject], common: Mapping[str, Any], collected: Collected) -> None:
        """As many as are analysed at once: loaded and recorded one by one, analysed together."""
        # Where something that changes the result has no name, nothing that is kept can be known to be the same.
        named = self.options.are_named and self.recording.are_named and common["data"] is not None
        keys = [fingerprint({**common, **s.facts}) if named and s.facts else None for s in subjects]
        kept = [None if key is None else self.store.snapshot(key) for key in keys]
        recorded: dict[int, tuple[PointClouds, int, int]] = {}
        for i, subject in enumerate(subjects):
            if kept[i] is None:
                name = subject.checkpoint.path or subject.checkpoint.name
                try:
                    recorded[i] = self._recorded(subject)
                except CheckpointError as error:
                    collected.leave_out(name, str(error))
                except Exception as error:  # whatever a file or a user's own code does must not cost the others
                    collected.leave_out(name, f"{name}: {type(error).__name__}: {error}")
                gc.collect()  # a Trainer and its model keep each other; before the next one is loaded
        arguments = ((clouds, self.options, step, epoch) for clouds, step, epoch in recorded.values())
        for i, snapshot in zip(recorded, run_tasks(_analyse, arguments, self.n_jobs), strict=True):
            kept[i] = snapshot
            if (key := keys[i]) is not None:
                self.store.keep_snapshot(key, snapshot)
        for subject, found in zip(subjects, kept, strict=True):
            if found is not None:
                known = subject.checkpoint
                collected.add(Checkpoint(known.name, known.run, found.step, found.epoch, known.path), found)

    def _recorded(self, subject: _Subject) -> tuple[PointClouds, int, int]:
        model, step, epoch = subject.load()
        return self._clouds(model, subject), step, epoch

    def _clouds(self, model: nn.Module, subject: _Subject) -> PointClouds:
        name = subject.checkpoint.path or subject.checkpoint.name
        try:
            clouds = record_clouds(model, self.data, self.recording)
        except Exception as error:  # whatever a model's own code raises must not cost the others
            raise CheckpointError(f"{name}: {type(error).__name__} while validating: {error}") from error
        if not clouds.layers:
            raise CheckpointError(f"{name}: no layer could be recorded: {dict(clouds.problems)}.")
        return clouds


def _analyse(clouds: PointClouds, options: AnalysisOptions, step: int, epoch: int) -> Snapshot:
    return analyse(clouds, options, step=step, epoch=epoch)


def _load(source: ModelSource, path: Path, trust: bool) -> tuple[nn.Module, int, int]:
    content = read_checkpoint(path, trust)
    step, epoch = position_in_run(content)
    if source.reads_files:  # not two copies of it in memory
        content = {}
    return source.load(path, content, trust), step, epoch


def _name_of(measure: Measure) -> str:
    return measure if isinstance(measure, str) else str(getattr(measure, "name", measure))


def _made(model: nn.Module | Callable[[], nn.Module]) -> tuple[nn.Module, int, int]:
    return model if isinstance(model, nn.Module) else model(), 0, 0


def _file_facts(path: Path) -> dict[str, Any]:
    """What tells a file's content from an earlier one's without reading it."""
    try:
        status = path.stat()
    except OSError:
        return {"path": str(path.absolute())}
    return {"path": str(path.absolute()), "size": status.st_size, "modified": status.st_mtime_ns}


def _snapshots_in(history: History, collected: Collected) -> Iterator[tuple[Path, Snapshot]]:
    for step in history.steps:
        path = archive_path(history.folder, step)
        try:
            yield path, Snapshot.load(path)
        except (OSError, ValueError) as error:
            collected.leave_out(str(path), str(error))


def _run_names(histories: Sequence[History]) -> list[str]:
    folders = [history.folder.absolute() for history in histories]
    return short_names([folder.parent if folder.name == "topology" else folder for folder in folders])
