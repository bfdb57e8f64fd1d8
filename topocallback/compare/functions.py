"""Comparing checkpoints, models and recorded runs: every layer of each with every layer of all."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from torch import nn

from topocallback.activations.checkpoint_file import read_checkpoint
from topocallback.activations.generators import forked_generators, seed_generators
from topocallback.analysis.options import AnalysisOptions
from topocallback.compare.checkpoints import (
    ModelSource,
    checkpoint_files,
    position_in_run,
    short_names,
)
from topocallback.compare.comparable import ComparableSnapshots
from topocallback.compare.measuring import Subject
from topocallback.compare.options import CompareOptions, takes_compare_options
from topocallback.compare.recording import Data, ValidationData
from topocallback.compare.store import Store
from topocallback.compare.study import Study
from topocallback.measures.base import Distance
from topocallback.measures.table import MeasureLike, from_record, resolve_all
from topocallback.records.archive import run_directory
from topocallback.records.comparison import Checkpoint, Comparison
from topocallback.records.history import History
from topocallback.records.runs import histories_below
from topocallback.records.snapshot import Snapshot

__all__ = ["compare_checkpoints", "compare_models", "compare_runs"]

FilePath = str | os.PathLike[str]


@takes_compare_options
def compare_checkpoints(
    model: type[pl.LightningModule] | nn.Module | Callable[[], nn.Module],
    checkpoints: FilePath | Sequence[FilePath],
    data: Data,
    *,
    trust: bool = False,
    **options: Any,
) -> Comparison:
    """Compare the layers of checkpoints, of one run or of many, on the same samples.

    Each checkpoint is loaded, validated and measured for itself, as ``TopologyMonitor`` does during training: with the
    same options its ``Snapshot`` holds the same numbers, bit for bit. One model at a time is in memory, or one in each
    process that joblib has been told to use.

    Args:
        model: The LightningModule class, built from each checkpoint's own hyperparameters; or a module whose copy takes
            the weights; or a function without arguments that makes one.
        checkpoints: A path or a glob, or a sequence of them. Those in one folder are one run.
        data: A data loader that does not shuffle, or a data module with a validation data loader.
        trust: Whether checkpoints may hold any Python object, and name code that makes the model of their
            hyperparameters, as those of ``LightningCLI`` do. Loading such a file can run any code in it.
        **options: Those of ``CompareOptions``.

    Returns:
        The comparison. What could not be used is named in ``left_out``; the others are compared all the same.

    Raises:
        ValueError: If no checkpoint could be used, no file matches, or an option is not one of those allowed.
        TypeError: If ``model`` or ``data`` is of no kind listed above, or there is no such option.

    Warns:
        UserWarning: For every checkpoint left out, where there are fewer samples than asked for, and for what cannot be
            kept in ``folder``.
    """
    asked = CompareOptions.of(options)
    source = ModelSource(model)
    files = checkpoint_files(checkpoints)
    study = Study(asked, ValidationData(data, asked.dataloader_idx), source)
    subjects = [
        Subject(
            Checkpoint(file.name, file.run, path=str(file.path)),
            functools.partial(_load, path=file.path, trust=trust),
        )
        for file in files
    ]
    return study.compare(subjects)


@takes_compare_options
def compare_models(models: Mapping[str, nn.Module | Callable[[], nn.Module]], data: Data, **options: Any) -> Comparison:
    """Compare the layers of models, which may be of different architecture, on the same samples.

    Args:
        models: Name to a module, or to a function without arguments that makes one: then one at a time is in memory.
        data: As in ``compare_checkpoints``.
        **options: Those of ``CompareOptions``.

    Returns:
        The comparison: every model is a checkpoint and a run of its own.

    Raises:
        ValueError: If there is no model, none could be used, or an option is not one of those allowed.
        TypeError: If ``data`` is of no kind allowed, or there is no such option.

    Warns:
        UserWarning: For every model left out, and for what cannot be kept in ``folder``.

    Example:
        >>> import torch
        >>> from torch.utils.data import DataLoader
        >>> _ = torch.manual_seed(0)
        >>> models = {"wide": nn.Sequential(nn.Linear(4, 9), nn.ReLU()), "narrow": nn.Sequential(nn.Linear(4, 3))}
        >>> comparison = compare_models(models, DataLoader(torch.randn(50, 4), batch_size=25), n_samples=50)
        >>> comparison.points, comparison.between("wide", "narrow").shape
        ([('wide', '0'), ('narrow', '0')], (1, 1))
    """
    asked = CompareOptions.of(options)
    if not models:
        raise ValueError("Expected `models` to hold at least one model, got none.")
    study = Study(asked, ValidationData(data, asked.dataloader_idx))
    subjects = [
        Subject(Checkpoint(name, name), functools.partial(_made, model=model), may_be_random=True)
        for name, model in models.items()
    ]
    return study.compare(subjects)


def compare_runs(
    *runs: FilePath | History,
    measures: Sequence[MeasureLike] | None = None,
    folder: FilePath | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Comparison:
    """Compare runs by the snapshots that ``TopologyMonitor`` archived: no model and no data are needed.

    Numbers that do not mean the same are never mixed: runs that were recorded otherwise, such as with another pooling,
    are refused; snapshots with other homology dimensions or samples than the first one, and those of one run that was
    gone on with under other options, are left out. So are measures that need more than persistence diagrams: an archive
    holds no activations. What differs otherwise, such as how Mapper graphs are made, is in ``problems``.

    Args:
        *runs: Log directories, ``topology`` folders in them, or folders of several log directories.
        measures: Distances between diagrams; by default those in the table of measures that the first snapshot was made
            with.
        folder: Where distances are kept; ``None`` keeps nothing.
        n_jobs: How many blocks of distances are computed at once.
        progress: Whether to show progress bars.

    Returns:
        The comparison; what could not be used is named in ``left_out``. Statistics are those of the snapshots.

    Raises:
        FileNotFoundError: If a run has no snapshot.
        ValueError: If there is no run, no readable snapshot, no measure that can be taken of diagrams, the runs have no
            layer in common, or were recorded otherwise: ``pooling``, ``points``, ``mask``, ``channels``, ``calls``,
            ``select``, ``dataloader_idx`` or ``scale`` differ.

    Warns:
        UserWarning: For every snapshot and measure left out, and for runs that were not recorded alike and are compared
            all the same.
    """
    if not runs:
        raise ValueError("Expected `runs` to name at least one run, got none.")
    histories = [each for run in runs for each in ([run] if isinstance(run, History) else histories_below(run))]
    comparable = ComparableSnapshots()
    names = short_names([run_directory(history.folder.absolute()) for history in histories])

    def leave_out(path: Path, error: Exception) -> None:
        comparable.leave_out(str(path), str(error))

    for run, history in zip(names, histories, strict=True):
        for path, snapshot in history.readable(left_out=leave_out):
            checkpoint = Checkpoint(f"{run}/step={snapshot.step}", run, snapshot.step, snapshot.epoch, str(path))
            comparable.add(checkpoint, snapshot)
    comparable.check_common_layers()
    first = comparable.snapshots[0]
    options = AnalysisOptions(
        _of_diagrams(measures, first, comparable), first.homology_dims, first.options.get("scale", "none"), mapper=False
    )
    lacking = [each.describe().label for each in options.distances if each.describe().key not in first.distances]
    if lacking:
        labels = list(dict.fromkeys(lacking))
        message = (
            f"The runs were recorded without {labels}: the size of these distances' noise is not known. Whether layers "
            "differ is tested all the same."
        )
        comparable.problems["noise"] = message
        warnings.warn(message, UserWarning, stacklevel=2)
    return comparable.compare(options, {**first.options, **first.recording}, Store(folder), n_jobs, progress)


def _of_diagrams(
    measures: Sequence[MeasureLike] | None, first: Snapshot, comparable: ComparableSnapshots
) -> Sequence[Distance]:
    """The distances that can be taken of what archives hold; the others are named."""
    if measures is None:
        found = [from_record(recorded) for recorded in first.options.get("measures", ())]
        chosen = [measure for measure in found if isinstance(measure, Distance)]
        taken = {measure.name for measure in chosen}
        others = [name for name in first.distances.measures if name not in taken]
        labels = [first.distances.of(name)[0].about.label for name in others]
    else:
        chosen = [measure for measure in resolve_all(measures) if isinstance(measure, Distance)]
        labels = [measure.describe().label for measure in chosen if not measure.from_diagrams]
    if labels:
        message = (
            f"The runs cannot be compared by {labels}: archives hold diagrams, no activations, and measures of one's "
            "own have to be named. Compare their checkpoints."
        )
        comparable.problems["measures"] = message
        warnings.warn(message, UserWarning, stacklevel=3)
    kept = [measure for measure in chosen if measure.from_diagrams]
    if not kept:
        raise ValueError(f"Expected `measures` that can be taken of persistence diagrams, got {measures or labels}.")
    return kept


def _load(source: ModelSource, path: Path, trust: bool) -> tuple[nn.Module, int, int]:
    content = read_checkpoint(path, trust)
    step, epoch = position_in_run(content)
    # Weights come from the file. What else a model draws when it is made is the same in every one, and in any process.
    with forked_generators():
        seed_generators(0)
        return source.load(path, content, trust), step, epoch


def _made(source: None, model: nn.Module | Callable[[], nn.Module]) -> tuple[nn.Module, int, int]:
    return model if isinstance(model, nn.Module) else model(), 0, 0
