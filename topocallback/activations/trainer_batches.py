"""The batch that a Trainer's validation step is about to get, in whatever way. Nothing here imports Lightning."""

from __future__ import annotations

from typing import Any

from topocallback.activations.batches import select_part, tensors_in
from topocallback.activations.indices import flatten_loaders
from topocallback.activations.validation import ValidationRecorder

__all__ = ["holds_several_loaders", "start_batch"]


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
    fetcher = getattr(_evaluation_loop(trainer), "_data_fetcher", None)
    # By name, for it exists twice: in `lightning` and in `pytorch_lightning`.
    if any(kind.__name__ == "_DataLoaderIterDataFetcher" for kind in type(fetcher).__mro__):
        recorder.expect_batch(_Fetched(fetcher))
    elif holds_several_loaders(trainer):
        loaders = trainer.val_dataloaders
        own = select_part(batch, loaders, recorded_idx)
        others = [select_part(batch, loaders, i) for i in range(len(flatten_loaders(loaders))) if i != recorded_idx]
        if own is not None:
            recorder.start_batch(own, recorded_idx, [tensor for other in others for tensor in tensors_in(other)])
    else:
        recorder.start_batch(batch, dataloader_idx)


def holds_several_loaders(trainer: Any) -> bool:
    """Whether a validation batch is one of each of several loaders."""
    mode = getattr(getattr(_evaluation_loop(trainer), "_combined_loader", None), "_mode", "sequential")
    return mode != "sequential" and len(flatten_loaders(trainer.val_dataloaders)) > 1


def _evaluation_loop(trainer: Any) -> Any:
    try:
        return trainer._evaluation_loop
    except (AttributeError, RuntimeError):
        return None


class _Fetched:
    """The batch that a step has fetched since this was made; none if it has not fetched exactly one."""

    def __init__(self, fetcher: Any) -> None:
        self._fetcher = fetcher
        self._before = fetcher.fetched

    def __call__(self) -> tuple[Any, int] | None:
        if self._fetcher.fetched != self._before + 1:
            return None
        return self._fetcher._batch, self._fetcher._dataloader_idx
