"""The layers on a fixed sample of the training data, beside every recorded validation."""

from __future__ import annotations

import functools
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.trainer.states import TrainerFn

from topocallback.activations.options import ValidationOptions
from topocallback.activations.training_items import UnknownItemsError, sampled_loader
from topocallback.monitor.model_copy import CannotBeCopiedError, copy_of, free, is_ready_everywhere, run_through
from topocallback.monitor.reports import Reports
from topocallback.monitor.trainer import is_rehearsal
from topocallback.records.point_clouds import PointClouds

__all__ = ["TrainingSamples"]

_WHAT_TO_DO = "`train_samples=0` leaves it out."


class TrainingSamples:
    """Records the monitor's layers on a fixed sample of the training data.

    It is a copy of the model that runs them, once for each recorded validation; see ``model_copy`` for how the run is
    kept from noticing.

    Args:
        n_samples: How many training samples, 0 for none.
        options: How layers are recorded.
        reports: Where to say what went wrong: validation's snapshot is there all the same.

    Raises:
        ValueError: If ``n_samples`` is neither 0 nor an integer of at least 2.
    """

    def __init__(self, n_samples: int, options: ValidationOptions, reports: Reports) -> None:
        if not isinstance(n_samples, int) or isinstance(n_samples, bool) or n_samples < 0 or n_samples == 1:
            raise ValueError(f"Expected `train_samples` to be 0 or an integer of at least 2, got {n_samples!r}.")
        self.n_samples = n_samples
        self._options = options
        self._reports = reports
        self._model: pl.LightningModule | None = None
        self._clouds: PointClouds | None = None
        self._has_failed = False

    def __getstate__(self) -> dict[str, Any]:
        """Without the model, so that the callback can travel to other processes."""
        return self.__dict__ | {"_model": None, "_clouds": None}

    def begin(self) -> None:
        """Say that a run begins: what failed in an earlier one is tried again."""
        self._has_failed = False

    def let_go(self) -> None:
        """Let go of the model's copy and of what was recorded."""
        self._model = self._clouds = None

    def take(self) -> PointClouds | None:
        """What was recorded, which is the caller's from now on."""
        clouds, self._clouds = self._clouds, None
        return clouds

    def take_copy(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Copy the model, before the first batch of a validation that is recorded.

        Args:
            trainer: The Trainer, at the start of a validation batch.
            pl_module: Its model.
        """
        if not self.n_samples or self._model is not None or self._has_failed or not self._is_due(trainer):
            return
        try:
            self._model = copy_of(trainer, pl_module)
        except Exception as error:
            self._fail(error)

    def record(self, trainer: pl.Trainer) -> None:
        """Run the training samples through the copy; the first process then has something to ``take``.

        All processes must call this at the end of a validation that all of them record.

        Args:
            trainer: The Trainer.
        """
        if not self.n_samples or not self._is_due(trainer):
            return
        model, self._model = self._model, None
        if not is_ready_everywhere(trainer, model) or model is None:
            return
        try:
            clouds = self._run(trainer, model)
            self._clouds = clouds if trainer.is_global_zero else None
        except Exception as error:
            self._fail(error)
        finally:
            free(model, trainer.lightning_module)

    def _is_due(self, trainer: pl.Trainer) -> bool:
        if is_rehearsal(trainer):
            return False
        if trainer.state.fn == TrainerFn.FITTING and trainer.train_dataloader is not None:
            return True
        self._reports.tell(
            "training samples",
            "the training data are not loaded before training begins, so this validation has no `train_samples` beside "
            "it.",
        )
        return False

    def _fail(self, error: Exception) -> None:
        self._has_failed = True
        why = str(error) if isinstance(error, (UnknownItemsError, CannotBeCopiedError)) else ""
        self._reports.complain(
            "the gap between training and validation data is not measured, because "
            f"{why or f'running the training samples failed ({type(error).__name__}: {error})'}. {_WHAT_TO_DO}"
        )

    def _run(self, trainer: pl.Trainer, model: pl.LightningModule) -> PointClouds:
        seed, most = self._options.seed, trainer.num_training_batches
        loader = sampled_loader(trainer.train_dataloader, self.n_samples, seed, most)
        is_missing = functools.partial(self._reports.fail, "reading a batch of training samples")
        return run_through(trainer, model, loader, self._options, is_missing)
