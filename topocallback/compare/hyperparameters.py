"""A LightningModule made of a checkpoint that has been read: nothing in it runs, and its file is not read again."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.utilities.data import AttributeDict
from lightning.pytorch.utilities.migration.utils import migrate_checkpoint
from lightning.pytorch.utilities.model_helpers import is_overridden

__all__ = ["model_of_hyperparameters", "names_of_code"]

_VERSION = "pytorch-lightning_version"
# Where Lightning imports what they name, and calls it: `load_from_checkpoint` does so by itself before 2.6.6.
_NAMES_OF_CODE = ("_instantiator", "_class_path")
_MOST_NAMES = 3


def names_of_code(kind: type[pl.LightningModule], content: Mapping[str, Any]) -> list[str]:
    """Where a checkpoint's hyperparameters name code that Lightning would import or call.

    Args:
        kind: The model's class.
        content: What is in the checkpoint.

    Returns:
        The places, with what is there.

    Example:
        >>> names_of_code(pl.LightningModule, {"hyper_parameters": {"width": 8, "_instantiator": "os.system"}})
        ["hyper_parameters['_instantiator'] is 'os.system'"]
    """
    found = [place for key in _keys(kind) for place in _named_below(content.get(key), key)]
    type_key = kind.CHECKPOINT_HYPER_PARAMS_TYPE
    given = content.get(type_key)
    if given is not None and not isinstance(given, str):
        found.append(f"{type_key!r} is {given!r:.100}")
    return found


def _keys(kind: type[pl.LightningModule]) -> tuple[str, ...]:
    """Where hyperparameters are; those of Lightning before 1.0 first, as they give way to later ones."""
    return ("hparams", "module_arguments", kind.CHECKPOINT_HYPER_PARAMS_KEY)


def _named_below(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            where = f"{place}[{key!r:.100}]"
            if key in _NAMES_OF_CODE:
                yield f"{where} is {item!r:.100}"
            else:
                yield from _named_below(item, where)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _named_below(item, f"{place}[{i}]")


def model_of_hyperparameters(kind: type[pl.LightningModule], content: Mapping[str, Any]) -> pl.LightningModule:
    """What ``kind.load_from_checkpoint`` makes of a checkpoint whose hyperparameters name no code.

    Args:
        kind: The model's class.
        content: What is in the checkpoint, on the CPU; see ``names_of_code``.

    Returns:
        The model with its weights.

    Raises:
        Exception: Whatever the class raises; what ``load_state_dict`` raises if the weights do not fit.

    Warns:
        UserWarning: If the class loads weights that do not all fit.

    Example:
        >>> class Wide(pl.LightningModule):
        ...     def __init__(self, width):
        ...         super().__init__()
        ...         self.width = width
        >>> model_of_hyperparameters(Wide, {"hyper_parameters": {"width": 8}, "state_dict": {}}).width
        8
    """
    checkpoint = dict(content)
    if _VERSION in checkpoint:
        checkpoint, _ = migrate_checkpoint(checkpoint)
    checkpoint.setdefault(kind.CHECKPOINT_HYPER_PARAMS_KEY, {})
    model = kind(**_arguments(kind, checkpoint))
    if is_overridden("configure_model", model):
        model.configure_model()
    model.on_load_checkpoint(checkpoint)
    keys = model.load_state_dict(checkpoint["state_dict"], strict=model.strict_loading)
    for names, what in ((keys.missing_keys, "not in the file"), (keys.unexpected_keys, "not in the model")):
        if names:
            listed = ", ".join(names[:_MOST_NAMES])
            warnings.warn(f"{kind.__name__}: {len(names)} weights {what} ({listed}).", UserWarning, stacklevel=2)
    return model


def _arguments(kind: type[pl.LightningModule], checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What the class is called with."""
    found: dict[str, Any] = {}
    for key in _keys(kind):
        given = checkpoint.get(key) or {}
        if not isinstance(given, Mapping):
            raise TypeError(f"Expected {key!r} to hold hyperparameters by name, got {type(given).__name__}")
        found.update(given)
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    of_any_name = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind not in of_any_name]
    if checkpoint.get(kind.CHECKPOINT_HYPER_PARAMS_TYPE):
        found = AttributeDict(found)
    if (name := checkpoint.get(kind.CHECKPOINT_HYPER_PARAMS_NAME)) and name in names:
        found = {name: found}
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return dict(found)
    return {name: value for name, value in found.items() if name in names}
