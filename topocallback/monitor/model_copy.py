"""A copy of a run's model, which runs samples through its validation step without the run noticing.

The run must not notice. A validation step logs, updates metrics and fills lists, so it is a copy of the model that
takes the samples through its own ``validation_step``, in evaluation mode and without gradients:

- The copy is made before the first validation batch. By then callbacks that average weights have put theirs in
  place, metrics and lists are as empty as they will be, and no hook of this package is on the model. It is run when
  validation is over and all processes have agreed to record, and is gone afterwards: in between it takes as much
  memory of the device as the weights.
- ``log`` and ``log_dict`` of the copy do nothing. Its Trainer is a stand-in that can be read and has loggers that
  write nothing. Data sets, data loaders and data modules that the model holds are not copied.
- Items come from the data set itself; see ``sampled_loader``. All random generators are put back.
  They are seeded before, so that random augmentation is the same at every step, unless the data set has generators
  of its own: these go on from where training has brought them.
- Hooks of others on the model would be called more often than without the monitor, so such a model is not run.

The copy runs where validation does, under the Trainer's precision, and batches are moved as validation's are.
With several processes every one of them runs all of the samples, and the first one's recording is kept: the others
would wait for it anyway, and a step that exchanges something with the other processes finds them there.

What cannot be kept from being done twice is what a step does elsewhere: writing files, calling a logger's module.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers.logger import DummyLogger, Logger
from lightning.pytorch.utilities.compile import to_uncompiled
from lightning.pytorch.utilities.model_helpers import is_overridden
from lightning.pytorch.utilities.signature_utils import is_param_in_hook_signature
from torch import nn
from torch.utils.data import DataLoader, Dataset

from topocallback.activations.gather import gather_numbers
from topocallback.activations.generators import forked_generators, seed_generators
from topocallback.activations.indices import BatchIndices, flatten_loaders
from topocallback.activations.options import ValidationOptions
from topocallback.activations.trainer_batches import holds_several_loaders
from topocallback.activations.validation import ValidationRecorder
from topocallback.monitor.trainer import is_distributed
from topocallback.records.point_clouds import PointClouds

__all__ = ["CannotBeCopiedError", "copy_of", "free", "is_ready_everywhere", "run_through"]

_SHARDING = ("FSDPStrategy", "XLAFSDPStrategy", "DeepSpeedStrategy", "ModelParallelStrategy")
_SHARED = (Dataset, DataLoader, pl.LightningDataModule, pl.Trainer)


# -- The copy ---------------------------------------------------------------------------------------------------------


class CannotBeCopiedError(Exception):
    """A model that is not copied; the text is a clause that says why."""


class _StandIn:
    """A Trainer that can be read like the model's own, and to which nothing that is done reaches through.

    Args:
        trainer: The Trainer.
        model: The copy, whose Trainer it is.
    """

    def __init__(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        self._trainer = trainer
        self._model = weakref.ref(model)
        self.logger = DummyLogger()
        self.loggers = [self.logger]

    @property
    def lightning_module(self) -> pl.LightningModule | None:
        """The copy."""
        return self._model()

    model = lightning_module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)


def copy_of(trainer: pl.Trainer, module: pl.LightningModule) -> pl.LightningModule:
    """The model with weights, metrics and lists of its own, in the mode in which it is."""
    if any(kind.__name__ in _SHARDING for kind in type(trainer.strategy).__mro__):
        raise CannotBeCopiedError(f"{type(trainer.strategy).__name__} shares the weights out among processes")
    if hook := next(_hooks_of_others(module), None):
        raise CannotBeCopiedError(f"the model has a forward hook ({hook}), which would see the training samples too")
    model: pl.LightningModule = copy.deepcopy(module, dict(_notcopy_of(module)))
    if model._compiler_ctx is not None:  # whose functions would run the model itself
        to_uncompiled(model)
    owner: object = getattr(model.validation_step, "__self__", None)
    if owner is not model:
        raise CannotBeCopiedError("the model's `validation_step` is a function that a copy would share with it")
    for each in model.modules():
        if isinstance(each, pl.LightningModule):
            each._trainer = _StandIn(trainer, model)  # type: ignore[assignment]
            each.log = each.log_dict = _nothing  # type: ignore[method-assign]
    return model


def _nothing(*args: Any, **kwargs: Any) -> None:
    """What the copy does in place of logging."""


def free(model: nn.Module, original: nn.Module) -> None:
    """Free a copy's weights at once: its layers and what recorded them hold on to each other.

    What a module shares with its copies, by a ``__deepcopy__`` of its own, is the original's.
    """
    kept = {id(each) for each in (*original.parameters(), *original.buffers())}
    for each in (*model.parameters(), *model.buffers()):
        if id(each) not in kept:
            with contextlib.suppress(Exception):
                each.data = torch.empty(0, dtype=each.dtype, device=each.device)


def _hooks_of_others(module: nn.Module) -> Iterator[str]:
    """Forward hooks that are neither torch's, as those of weight norm, nor methods of the model, nor ours.

    Methods of the model's modules are copied with them, and ours leave nothing in a copy.
    """
    members = {id(each) for each in module.modules()}
    for layer in module.modules():
        for hook in (*layer._forward_hooks.values(), *layer._forward_pre_hooks.values()):
            function: Any = hook
            while isinstance(function, functools.partial):
                function = function.func
            package = str(getattr(function, "__module__", "")).partition(".")[0]
            if id(getattr(function, "__self__", None)) not in members and package not in ("torch", "topocallback"):
                yield f"{package}'s {getattr(function, '__qualname__', type(function).__name__)}"


def _notcopy_of(module: nn.Module) -> Iterator[tuple[int, Any]]:
    """What stands in the copy for what a module holds, by its id, as ``deepcopy`` takes it."""
    for each in module.modules():
        for value in vars(each).values():
            if isinstance(value, _SHARED):
                yield id(value), value
            elif isinstance(value, Logger):
                yield id(value), DummyLogger()
    compiled = getattr(module, "_compiler_ctx", None)
    if compiled is not None:
        yield id(compiled["dynamo_ctx"]), compiled["dynamo_ctx"]


# -- A run ------------------------------------------------------------------------------------------------------------


def is_ready_everywhere(trainer: pl.Trainer, model: pl.LightningModule | None) -> bool:
    """Whether all processes have a copy: a step that some of them do not run would have the others wait for ever.

    Args:
        trainer: The Trainer; all of its processes must call this.
        model: This one's copy, if it has one.
    """
    if not is_distributed(trainer):
        return model is not None
    return all(ready for (ready,) in gather_numbers([model is not None], trainer.strategy.root_device))


def run_through(
    trainer: pl.Trainer,
    model: pl.LightningModule,
    loader: DataLoader[Any],
    options: ValidationOptions,
    on_missing: Callable[[ValueError], None],
) -> PointClouds:
    """Run every batch of a data loader through a copy's validation step.

    Args:
        trainer: The Trainer.
        model: The copy.
        loader: What ``sampled_loader`` gives.
        options: How layers are recorded.
        on_missing: What to do where a batch lacks its labels or its mask; see ``ValidationRecorder``.
    """
    seed, dataloader_idx = options.seed, options.dataloader_idx
    n_items = sum(map(len, loader.batch_sampler or ()))
    options = dataclasses.replace(options, n_samples=max(2, n_items))
    recorder = ValidationRecorder(model, options, BatchIndices(loader), on_missing=on_missing)
    users = (loader.dataset, loader.collate_fn, model, _data_module(trainer))
    step = _step_of(trainer, model, dataloader_idx)
    with forked_generators(*users), torch.no_grad():
        _seed(seed)
        for i, batch in enumerate(loader):
            moved = _moved(trainer, model, batch, dataloader_idx)
            recorder.start_batch(moved, dataloader_idx)
            with recorder, trainer.precision_plugin.val_step_context():
                step(moved, i)
            recorder.end_batch()
    recording = recorder.recording()
    recorder.let_go()
    return recording.to_point_clouds(hand_over=True)


def _seed(seed: int) -> None:
    seed = seed & (2**32 - 1)  # what NumPy takes
    seed_generators(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)


def _data_module(trainer: Any) -> Any:
    return getattr(trainer, "datamodule", None)


def _moved(trainer: pl.Trainer, model: pl.LightningModule, batch: Any, dataloader_idx: int) -> Any:
    """A batch as validation gives it to the model: by the data module's hooks, or the copy's own."""
    data = _data_module(trainer)
    batch = trainer.precision_plugin.convert_input(batch)
    device = trainer.strategy.root_device
    for name, where in (
        ("on_before_batch_transfer", ()),
        ("transfer_batch_to_device", (device,)),
        ("on_after_batch_transfer", ()),
    ):
        owner = data if data is not None and is_overridden(name, data) else model
        batch = getattr(owner, name)(batch, *where, dataloader_idx)
    return batch


def _step_of(trainer: pl.Trainer, model: pl.LightningModule, dataloader_idx: int) -> Callable[[Any, int], Any]:
    """The copy's validation step as a function of a batch and its number."""
    step = model.validation_step
    if is_param_in_hook_signature(step, "dataloader_iter", explicit=True):
        return lambda batch, i: step(iter([(batch, i, dataloader_idx)]))
    several = len(flatten_loaders(trainer.val_dataloaders)) > 1 and not holds_several_loaders(trainer)
    which = (dataloader_idx,) if several else ()
    if is_param_in_hook_signature(step, "batch_idx", min_args=2):
        return lambda batch, i: step(batch, i, *which)
    return lambda batch, i: step(batch, *which)
