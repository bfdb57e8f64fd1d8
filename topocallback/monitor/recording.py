"""Recording a Trainer's validation, and saying which layers could not be recorded."""

from __future__ import annotations

import functools

import lightning.pytorch as pl

from topocallback.activations.inputs import InputRecorder
from topocallback.activations.layers import LayerSpec
from topocallback.activations.options import ValidationOptions
from topocallback.activations.recording import Recording
from topocallback.activations.validation import ValidationRecorder
from topocallback.monitor.layer_problems import by_cause
from topocallback.monitor.reports import Reports
from topocallback.monitor.trainer import batch_indices, is_rehearsal
from topocallback.records.wording import layers_in_words
from topocallback.views.sprite import MOST_TILES, TILE

__all__ = ["report_recording", "start_recording"]


def start_recording(
    trainer: pl.Trainer, pl_module: pl.LightningModule, options: ValidationOptions, reports: Reports, *, inputs: bool
) -> ValidationRecorder:
    """Record the validation that starts. Each process records its own samples.

    Args:
        trainer: The Trainer, at the start of a validation.
        pl_module: Its model.
        options: What to record.
        reports: Where to say that a batch lacks its labels or its mask.
        inputs: Whether to keep the sampled inputs, where an index stands for the same input at every step.

    Returns:
        The recorder, with its hooks in place.

    Raises:
        ValueError: If ``options`` names layers or a data loader that there are not.
    """
    rehearsal = is_rehearsal(trainer)
    indices = batch_indices(trainer, options.dataloader_idx)
    if rehearsal:
        indices.length = None  # of which it may see none that would be chosen
    kept = None
    if inputs and not rehearsal and not indices.shuffled:
        kept = InputRecorder(min(options.n_samples, MOST_TILES), indices.length, options.seed, TILE)
    # Without labels there is still everything else.
    is_missing = functools.partial(reports.fail, "reading a batch")
    recorder = ValidationRecorder(pl_module, options, indices, inputs=kept, on_missing=is_missing)
    recorder.attach()
    return recorder


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
