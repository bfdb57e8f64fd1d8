"""Recording a Trainer's validation, and saying which layers could not be recorded."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import lightning.pytorch as pl

from topocallback.activations.batches import BatchIndices
from topocallback.activations.inputs import InputRecorder
from topocallback.activations.layers import LayerSpec
from topocallback.activations.validation import ValidationOptions, ValidationRecorder
from topocallback.monitor.layer_problems import by_cause, named
from topocallback.monitor.reports import Reports
from topocallback.monitor.trainer import batch_indices, is_rehearsal
from topocallback.views.sprite import MOST_TILES, TILE

__all__ = ["report_layers", "start_recording"]


def start_recording(
    trainer: pl.Trainer, pl_module: pl.LightningModule, options: ValidationOptions, reports: Reports, *, inputs: bool
) -> ValidationRecorder:
    """Record the validation that starts. Each process records its own samples.

    Args:
        trainer: The Trainer, at the start of a validation.
        pl_module: Its model.
        options: What to record.
        reports: Where to say that the data loader shuffles, or that a batch lacks its labels.
        inputs: Whether to keep the sampled inputs, where an index stands for the same input at every step.

    Returns:
        The recorder, with its hooks in place.

    Raises:
        ValueError: If ``options`` names layers or a data loader that there are not.
    """
    rehearsal = is_rehearsal(trainer)
    indices = BatchIndices(None) if rehearsal else batch_indices(trainer, options.dataloader_idx)
    if indices.shuffled:
        reports.warn(
            "the validation data loader shuffles, so every snapshot sees other samples, drift shows the samples "
            "changing as well as the network, and the inputs are not shown. Set `shuffle=False` on it."
        )
    kept = None
    if inputs and not rehearsal and not indices.shuffled:
        kept = InputRecorder(min(options.n_samples, MOST_TILES), indices.length, options.seed, TILE)
    # Without labels there is still everything else.
    no_labels = functools.partial(reports.fail, "finding labels")
    recorder = ValidationRecorder(pl_module, options, indices, inputs=kept, on_missing_labels=no_labels)
    recorder.attach()
    return recorder


def report_layers(reports: Reports, layers: LayerSpec, problems: Mapping[str, str], repeated: Sequence[str]) -> None:
    """Say which layers were left out, and which ran several times: of all layers with the same cause in one sentence.

    Args:
        reports: Where to say it.
        layers: Which layers should have been recorded.
        problems: Layer to why it was left out.
        repeated: The layers of which the first of several outputs was recorded.
    """
    # A layer that the user did not ask for by name is no mistake of theirs.
    report = reports.warn if layers == "auto" else reports.complain
    for found in by_cause(reports, problems):
        report(f"{named(found.layers)} {'was' if len(found.layers) == 1 else 'were'} left out: {found.problem}")
    if several := reports.news("repeated", repeated):
        what = (
            "runs several times in one batch; its first output is"
            if len(several) == 1
            else ("run several times in one batch; the first output of each is")
        )
        reports.warn(f"{named(several)} {what} recorded.")
