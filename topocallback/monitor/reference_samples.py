"""The layers of another network than the run's, on the run's samples: of the untrained one, or of a checkpoint."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from topocallback.activations.checkpoint_file import read_checkpoint
from topocallback.activations.indices import flatten_loaders
from topocallback.activations.options import ValidationOptions
from topocallback.activations.training_items import sampled_loader
from topocallback.monitor.model_copy import copy_of, free, is_ready_everywhere, run_through
from topocallback.monitor.reference import FIRST, UNTRAINED, RecordedReference, is_run, name_of
from topocallback.monitor.reports import Reports
from topocallback.monitor.trainer import is_rehearsal
from topocallback.records.point_clouds import PointClouds
from topocallback.records.wording import layers_in_words

__all__ = ["ReferenceSamples"]

_MOST_NAMES = 3
_SAVE_WEIGHTS = "Give a file that holds the weights alone: `torch.save({'state_dict': model.state_dict()}, ...)`."


class ReferenceSamples:
    """Records the network that a run's layers are held against, once, beside the first recorded validation.

    A copy of the model takes its weights and runs the validation's samples: see ``model_copy`` for how the run is kept
    from noticing. The weights of the untrained network are kept on the CPU from before the first step until then.

    Args:
        reference: What ``check_reference`` gives.
        options: How layers are recorded.
        reports: Where to say that a batch lacks its labels or its mask.
    """

    def __init__(self, reference: str, options: ValidationOptions, reports: Reports) -> None:
        self._reference = reference
        self._options = options
        self._reports = reports
        self._is_due = False
        self._weights: Mapping[str, Tensor] | None = None
        self._model: pl.LightningModule | None = None
        self._problem = ""
        self._lacking: list[str] = []
        self._recorded: RecordedReference | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without weights and models, so that the callback can travel to other processes."""
        return self.__dict__ | {"_weights": None, "_model": None, "_recorded": None}

    def begin(self) -> None:
        """Say that a call of ``fit`` begins."""
        self._is_due = self._reference != FIRST and not is_run(self._reference)
        self._weights = None

    def take_weights(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the weights of the untrained network, where a run begins that needs them.

        Args:
            trainer: The Trainer, before its first step, and after a checkpoint's step has been restored.
            pl_module: Its model.
        """
        if not self._is_due or self._reference != UNTRAINED or self._weights is not None:
            return
        if trainer.global_step:  # a run that is gone on with has it beside its archive
            self._is_due = False
            return
        self._weights = {name: value.detach().cpu().clone() for name, value in pl_module.state_dict().items()}

    def let_go(self) -> None:
        """Let go of the model's copy."""
        self._model = None

    def take(self) -> RecordedReference | None:
        """What was recorded, which is the caller's from now on."""
        recorded, self._recorded = self._recorded, None
        return recorded

    def take_copy(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Copy the model, before the first batch of a validation that is recorded.

        Args:
            trainer: The Trainer, at the start of a validation batch.
            pl_module: Its model.
        """
        if not self._is_due or self._model is not None or self._problem or not _records(trainer):
            return
        try:
            model = copy_of(trainer, pl_module)
            self._lacking = _give_weights(model, self._read_weights(), name_of(self._reference))
            self._model = model
        except Exception as error:
            self._problem = f"{type(error).__name__}: {error}"

    def record(self, trainer: pl.Trainer) -> None:
        """Run the validation's samples through the copy; the first process then has something to ``take``.

        All processes must call this at the end of a validation that all of them record.

        Args:
            trainer: The Trainer.
        """
        if not self._is_due or not _records(trainer):
            return
        model, problem = self._model, self._problem
        self._model, self._problem, self._weights, self._is_due = None, "", None, False
        if not is_ready_everywhere(trainer, model) or model is None:
            self._recorded = RecordedReference(None, problem or "Another process could not copy the model.")
            return
        try:
            found = self._without_lacking(self._run(trainer, model))
            self._recorded = found if trainer.is_global_zero else None
        except Exception as error:
            self._recorded = RecordedReference(None, f"{type(error).__name__}: {error}")
        finally:
            free(model, trainer.lightning_module)

    def _read_weights(self) -> Mapping[str, Tensor]:
        if self._weights is not None:
            return self._weights
        content: Mapping[str, Tensor] = read_checkpoint(self._reference, advice=_SAVE_WEIGHTS)["state_dict"]
        return content

    def _run(self, trainer: pl.Trainer, model: pl.LightningModule) -> PointClouds:
        options = self._options
        loader = flatten_loaders(trainer.val_dataloaders)[options.dataloader_idx]
        most = trainer.num_sanity_val_batches if trainer.sanity_checking else trainer.num_val_batches
        batches = float(most[options.dataloader_idx]) if isinstance(most, list) else float(most)
        is_missing = functools.partial(self._reports.fail, "reading a batch of the reference")
        sample = sampled_loader(loader, options.n_samples, options.seed, batches)
        clouds = run_through(trainer, model, sample, options, is_missing)
        # As the run's own are, of which it does not matter how many there could have been.
        return dataclasses.replace(clouds, recording={**clouds.recording, "n_samples": options.n_samples})

    def _without_lacking(self, clouds: PointClouds) -> RecordedReference:
        """Without the layers that have weights of their own which are not the reference's."""
        lacking = [layer for layer in clouds.layers if any(key.startswith(_weights_of(layer)) for key in self._lacking)]
        if not self._lacking:
            return RecordedReference(clouds)
        problem = (
            f"{name_of(self._reference)} lacks {len(self._lacking)} of the model's weights, or has others of that name "
            f"({', '.join(self._lacking[:_MOST_NAMES])}): there the model's own are used, as they are at the first "
            "snapshot."
        )
        if lacking:
            problem += f" Nothing is held against its {layers_in_words(lacking)}."
        kept = {layer: cloud for layer, cloud in clouds.clouds.items() if layer not in lacking}
        if not kept:
            return RecordedReference(None, problem)
        owners = {layer: owners for layer, owners in clouds.owners.items() if layer in kept}
        return RecordedReference(dataclasses.replace(clouds, clouds=kept, owners=owners), problem)


def _records(trainer: pl.Trainer) -> bool:
    """Whether the run's snapshots begin with this validation, or go on with it."""
    return trainer.state.fn == TrainerFn.FITTING and not is_rehearsal(trainer)


def _give_weights(model: pl.LightningModule, weights: Mapping[str, Tensor], name: str) -> list[str]:
    """Load what fits, and give the names of the model's weights for which there is nothing."""
    own = {_uncompiled(key): (key, value) for key, value in model.state_dict().items()}
    found = {_uncompiled(key): value for key, value in weights.items()}
    fitting = {
        key: found[plain]
        for plain, (key, value) in own.items()
        if isinstance(found.get(plain), Tensor) and found[plain].shape == value.shape
    }
    if not fitting:
        raise ValueError(
            f"no weight of {name} is one of the model's: it has {list(found)[:_MOST_NAMES]}, and the model "
            f"{list(own)[:_MOST_NAMES]}."
        )
    model.load_state_dict(fitting, strict=False)
    return [plain for plain, (key, _) in own.items() if key not in fitting]


def _uncompiled(key: str) -> str:
    return key.replace("_orig_mod.", "")


def _weights_of(layer: str) -> str:
    """What the names of a layer's own weights begin with."""
    return f"{layer.partition('@')[0]}."
