"""What a Lightning Trainer says about its run: step, folder, data loaders and processes."""

from __future__ import annotations

import os

import lightning.pytorch as pl
import torch.distributed as dist

from topocallback.activations.indices import BatchIndices, flatten_loaders
from topocallback.activations.trainer_batches import number_of_batches

__all__ = ["batch_indices", "is_distributed", "is_rehearsal", "last_step", "logging_step", "run_directory"]


def logging_step(trainer: pl.Trainer) -> int:
    """The step under which Lightning logs validation metrics; ``trainer.global_step`` is one ahead of it or more."""
    return int(trainer.fit_loop.epoch_loop._batches_that_stepped)


def last_step(trainer: pl.Trainer) -> int:
    """The last step at which a run that goes on can have logged before it was saved; -1 for a new run.

    A checkpoint may be written before or after ``logging_step`` goes up, which says so only by what ``global_step`` is.
    """
    return min(logging_step(trainer), int(trainer.global_step) - 1)


def is_rehearsal(trainer: pl.Trainer) -> bool:
    """Whether this validation is a sanity check that is not measured: on a few batches only, or of a trained network.

    Lightning checks again where a run goes on from the end of an epoch, whose validation has been measured.
    """
    untrained = trainer.global_step == 0
    return bool(trainer.sanity_checking) and not (untrained and trainer.num_sanity_val_steps == float("inf"))


def run_directory(trainer: pl.Trainer) -> str:
    """Where the run logs: a path, or an address such as ``s3://bucket/logs``.

    Every process must call this, because ``trainer.log_dir`` broadcasts.
    """
    base = os.fspath(trainer.log_dir or trainer.default_root_dir)
    logger = trainer.loggers[0] if trainer.loggers else None
    # By name, for they exist twice: in `lightning` and in `pytorch_lightning`.
    if logger is None or any(kind.__name__ in ("TensorBoardLogger", "CSVLogger") for kind in type(logger).__mro__):
        return base
    # Other loggers share one `save_dir` among all runs.
    version = logger.version if isinstance(logger.version, str) else f"version_{logger.version}"
    return os.path.join(base, str(logger.name), version)


def batch_indices(trainer: pl.Trainer, dataloader_idx: int) -> BatchIndices:
    """The sample indices of a validation data loader's batches.

    Args:
        trainer: The Trainer, in a validation.
        dataloader_idx: Which validation data loader.

    Returns:
        The indices of this process's samples.

    Raises:
        ValueError: If there is no such data loader.
    """
    loaders = flatten_loaders(trainer.val_dataloaders)
    if dataloader_idx >= len(loaders):
        raise ValueError(
            f"Expected `dataloader_idx` to be below {len(loaders)}, the number of validation data loaders, "
            f"got {dataloader_idx}."
        )
    return BatchIndices(
        loaders[dataloader_idx],
        number_of_batches(trainer, dataloader_idx),
        rank=trainer.global_rank,
        world_size=trainer.world_size,
    )


def is_distributed(trainer: pl.Trainer) -> bool:
    """Whether the run has several processes that can exchange tensors."""
    return trainer.world_size > 1 and dist.is_available() and dist.is_initialized()
