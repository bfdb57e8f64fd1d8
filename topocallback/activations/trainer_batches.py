"""The batch that a Trainer's validation step is about to get, in whatever way. Nothing here imports Lightning."""

from __future__ import annotations

from typing import Any

from topocallback.activations.batches import select_part, tensors_in
from topocallback.activations.indices import flatten_loaders
from topocallback.activations.validation import ValidationRecorder

__all__ = ["holds_several_loaders", "number_of_batches", "start_batch"]


def start_batch(recorder: ValidationRecorder, trainer: Any, batch: Any, dataloader_idx: int, recorded_idx: int) -> None:
    """Say that a validation batch begins, in a callback's ``on_validation_batch_start``.

    A step that takes ``dataloader_iter`` fetches its batches itself: the hook is given the previous one, and the right
    one is known when the model is called. A combined loader that is not sequential gives a batch of every loader.

    Args:
        recorder: Records the validation.
        trainer: The Trainer.
        batch: What the hook is given.
        dataloader_idx: The loader's number that the hook is given.
        recorded_idx: The number of the loader that is recorded.

    Raises:
        ValueError: What ``ValidationRecorder.start_batch`` raises.
    """
    fetcher: Any = getattr(_evaluation_loop(trainer), "_data_fetcher", None)
    # By name, for it exists twice: in `lightning` and in `pytorch_lightning`.
    if any(kind.__name__ == "_DataLoaderIterDataFetcher" for kind in type(fetcher).__mro__):
        before = fetcher.fetched
        recorder.expect_batch(
            lambda: fetcher.fetched - before,
            lambda: _start(recorder, trainer, fetcher._batch, fetcher._dataloader_idx, recorded_idx),
        )
    else:
        _start(recorder, trainer, batch, dataloader_idx, recorded_idx)


def _start(recorder: ValidationRecorder, trainer: Any, batch: Any, dataloader_idx: int, recorded_idx: int) -> None:
    if not holds_several_loaders(trainer):
        recorder.start_batch(batch, dataloader_idx)
        return
    loaders = trainer.val_dataloaders
    own = select_part(batch, loaders, recorded_idx)
    others = [select_part(batch, loaders, i) for i in range(len(flatten_loaders(loaders))) if i != recorded_idx]
    if own is not None:
        recorder.start_batch(own, recorded_idx, [tensor for other in others for tensor in tensors_in(other)])


def holds_several_loaders(trainer: Any) -> bool:
    """Whether a validation batch is one of each of several loaders."""
    return _mode(trainer) != "sequential" and len(flatten_loaders(trainer.val_dataloaders)) > 1


def number_of_batches(trainer: Any, dataloader_idx: int) -> float:
    """How many batches of a validation loader will be run; ``inf`` where that is not known."""
    numbers = trainer.num_val_batches
    shortest_ends = holds_several_loaders(trainer) and _mode(trainer) == "min_size"
    return float(min(numbers) if shortest_ends else numbers[dataloader_idx])


def _mode(trainer: Any) -> str:
    """How several loaders are run: one after the other, or in one of several ways at once."""
    return str(getattr(getattr(_evaluation_loop(trainer), "_combined_loader", None), "_mode", "sequential"))


def _evaluation_loop(trainer: Any) -> Any:
    try:
        return trainer._evaluation_loop
    except (AttributeError, RuntimeError):
        return None
