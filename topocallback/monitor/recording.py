"""Recording a Trainer's validation, and saying which layers could not be recorded."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import lightning.pytorch as pl

from topocallback.activations.indices import BatchIndices
from topocallback.activations.inputs import InputRecorder
from topocallback.activations.layers import LayerSpec
from topocallback.activations.validation import ValidationOptions, ValidationRecorder
from topocallback.monitor.reports import Reports
from topocallback.monitor.trainer import batch_indices, is_rehearsal
from topocallback.views.sprite import MOST_TILES, TILE

__all__ = ["report_identity", "report_layers", "start_recording"]


def start_recording(
    trainer: pl.Trainer, pl_module: pl.LightningModule, options: ValidationOptions, reports: Reports, *, inputs: bool
) -> ValidationRecorder:
    """Record the validation that starts. Each process records its own samples.

    Args:
        trainer: The Trainer, at the start of a validation.
        pl_module: Its model.
        options: What to record.
        reports: Where to say that the samples are not identified, or that a batch lacks its labels.
        inputs: Whether to keep the sampled inputs, where an index stands for the same input at every step.

    Returns:
        The recorder, with its hooks in place.

    Raises:
        ValueError: If ``options`` names layers or a data loader that there are not.
    """
    rehearsal = is_rehearsal(trainer)
    indices = BatchIndices(None) if rehearsal else batch_indices(trainer, options.dataloader_idx)
    report_identity(reports, indices)
    kept = None
    if inputs and not rehearsal and not indices.shuffled:
        kept = InputRecorder(min(options.n_samples, MOST_TILES), indices.length, options.seed, TILE)
    # Without labels there is still everything else.
    no_labels = functools.partial(reports.fail, "finding labels")
    recorder = ValidationRecorder(pl_module, options, indices, inputs=kept, on_missing_labels=no_labels)
    recorder.attach()
    return recorder


def report_identity(reports: Reports, indices: BatchIndices) -> None:
    """Say where it is not known which item of the data set a row is; once, however often this is called.

    Args:
        reports: Where to say it.
        indices: The indices of the recorded data loader's batches, before the first batch or after any.
    """
    if indices.unidentified is not None and indices.is_defect:
        consequence = (
            "every snapshot sees other samples, drift shows the samples changing as well as the network, and the "
            "inputs are not shown"
            if indices.shuffled
            else "samples are numbered in the order in which they come, and nothing leads from them back to the items"
        )
        reports.warn(
            "it is not known which items of the data set the validation's samples are, because "
            f"{indices.unidentified}: {consequence}. Give the data loader `shuffle=False`, `in_order=True`, and a "
            "sampler and a collate function that draw nothing at random and leave nothing out; or put the items' "
            "indices into the batch, under `sample_ids`."
        )
    if indices.left_out:
        reports.warn(
            "validation batches were left out, because they have more samples or fewer than the data loader's sampler "
            "put into them, so that it is not known which items they are. Put the items' indices into the batch, under "
            "`sample_ids`."
        )


def report_layers(reports: Reports, layers: LayerSpec, problems: Mapping[str, str], repeated: Sequence[str]) -> None:
    """Say which layers were left out, and which ran several times.

    Args:
        reports: Where to say it.
        layers: Which layers should have been recorded.
        problems: Layer to why it was left out.
        repeated: The layers of which the first of several outputs was recorded.
    """
    # A layer that the user did not ask for by name is no mistake of theirs.
    report = reports.warn if layers == "auto" else reports.complain
    for layer, problem in problems.items():
        report(f"layer {layer!r} was left out: {problem}")
    for layer in repeated:
        reports.warn(f"layer {layer!r} runs several times in one batch; its first output is recorded.")
