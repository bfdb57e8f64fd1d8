"""Recording a Trainer's validation, and saying which layers could not be recorded."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Collection

import lightning.pytorch as pl

from topocallback.activations.inputs import InputRecorder
from topocallback.activations.layers import LayerSpec
from topocallback.activations.options import ValidationOptions
from topocallback.activations.recording import Recording
from topocallback.activations.validation import ValidationRecorder
from topocallback.monitor.layer_problems import by_cause
from topocallback.monitor.reports import Reports
from topocallback.monitor.trainer import batch_indices, is_distributed, is_rehearsal, run_directory
from topocallback.records.point_clouds import PointClouds, SampledInputs
from topocallback.records.wording import layers_in_words
from topocallback.views.sprite import MOST_TILES, TILE

__all__ = ["finish_recording", "report_recording", "start_recording"]


def start_recording(
    trainer: pl.Trainer,
    pl_module: pl.LightningModule,
    options: ValidationOptions,
    reports: Reports,
    *,
    inputs: bool,
    needs: Collection[str] = (),
) -> ValidationRecorder:
    """Record the validation that starts. Each process records its own samples.

    Args:
        trainer: The Trainer, at the start of a validation.
        pl_module: Its model.
        options: What to record.
        reports: Where to say that a batch lacks its labels or its mask.
        inputs: Whether to keep the sampled inputs, where an index stands for the same input at every step.
        needs: What measures need besides clouds; see ``ValidationRecorder``.

    Returns:
        The recorder, without any hook on the model yet.

    Raises:
        ValueError: If ``options`` names layers or a data loader that there are not.
    """
    rehearsal = is_rehearsal(trainer)
    indices = batch_indices(trainer, options.dataloader_idx)
    if rehearsal:
        # As many places as there will be: a layer that fits is not to be called too wide before the first step.
        options = dataclasses.replace(options, n_samples=max(2, min(options.n_samples, indices.length or sys.maxsize)))
        indices.length = None  # of which it may see none that would be chosen
    kept = None
    if inputs and not rehearsal and not indices.shuffled:
        kept = InputRecorder(min(options.n_samples, MOST_TILES), indices.length, options.seed, TILE)
    # Without labels there is still everything else.
    is_missing = functools.partial(reports.fail, "reading a batch")
    return ValidationRecorder(
        pl_module, options, indices, inputs=kept, on_missing=is_missing, needs=() if rehearsal else needs
    )


def finish_recording(
    trainer: pl.Trainer, recorder: ValidationRecorder, layers: LayerSpec, reports: Reports, *, inputs: bool
) -> tuple[PointClouds, SampledInputs | None, str] | None:
    """Bring together what was recorded, and say how it went.

    All processes must call this with the same ``inputs``: see ``agree``.

    Args:
        trainer: The Trainer, at the end of a validation.
        recorder: What recorded it.
        layers: Which layers should have been recorded.
        reports: Where to say which of them were left out.
        inputs: Whether all processes have kept the sampled inputs.

    Returns:
        On the first process the clouds, the inputs and the run's log directory. ``None`` on the others, where nothing
        could be recorded, and after a sanity check that is not measured.
    """
    if is_rehearsal(trainer):
        report_recording(reports, layers, recorder, recorder.recording())
        return None
    device = trainer.strategy.root_device if is_distributed(trainer) else None
    recording = recorder.recording(device)
    recorder.let_go()  # so that vectors which are put in order leave one layer after the other
    kept = recorder.inputs.collect(device) if inputs and recorder.inputs is not None else None
    directory = run_directory(trainer)
    if not trainer.is_global_zero:
        return None
    report_recording(reports, layers, recorder, recording)
    if not recording.vectors:  # why, has been said of each layer
        return None
    reports.tell(f"recording for {directory}", recorder.summary())
    return recording.to_point_clouds(hand_over=True), kept, directory


def report_recording(reports: Reports, layers: LayerSpec, recorder: ValidationRecorder, recording: Recording) -> None:
    """Say which layers were left out, and what is to be known of the others: in one sentence for each cause.

    Args:
        reports: Where to say it.
        layers: Which layers should have been recorded.
        recorder: What recorded them.
        recording: What was recorded.
    """
    # A layer that the user did not ask for by name is no mistake of theirs, as long as there are others.
    report = reports.warn if layers == "auto" and recording.vectors else reports.complain
    for found in by_cause(reports, recording.problems):
        report(
            f"{layers_in_words(found.layers)} {'was' if len(found.layers) == 1 else 'were'} left out: {found.problem}"
        )
    for note in recorder.notes():
        reports.warn(note)
