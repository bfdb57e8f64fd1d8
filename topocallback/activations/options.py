"""What is recorded of a validation, and what the options may be."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from topocallback.activations.layers import LayerSpec
from topocallback.activations.pooling import Pooling, check_pooling
from topocallback.activations.positions import Positions

__all__ = ["CALLS", "ValidationOptions", "by_name", "check_integer", "check_recorded", "check_seconds", "check_share"]

CALLS = ("first", "last", "each", "together")


@dataclass(frozen=True)
class ValidationOptions:
    """What is recorded of a validation.

    Args:
        layers: Which layers; see ``choose_layers``.
        pooling: How a layer's positions become one vector per sample, or ``Positions``; see ``to_vectors``.
        n_samples: How many samples, at least 2.
        dataloader_idx: Which validation data loader.
        labels: Where a batch has its labels; see ``find_labels``.
        seed: Seed of the choice of samples.
        mask: Where a batch says which positions are padding; see ``MaskFinder``.
        calls: Which output of a layer that runs several times in a batch; see ``ActivationRecorder`` for this and the
            following.
        channels: Where channels are.
        select: Takes the tensor out of a layer's output.

    Raises:
        ValueError: If an option is not one of those allowed.

    Example:
        >>> ValidationOptions("Conv2d", n_samples=100).pooling
        'auto'
    """

    layers: LayerSpec = "auto"
    pooling: Pooling | Positions = "auto"
    n_samples: int = 512
    dataloader_idx: int = 0
    labels: str | int | None = "auto"
    seed: int = 0
    mask: str | int | None = "auto"
    calls: str = "first"
    channels: int | None = None
    select: Callable[[Any], Tensor] | None = None

    def __post_init__(self) -> None:
        check_pooling(self.pooling)
        check_recorded(self.calls, self.channels, self.select)
        check_integer("n_samples", self.n_samples, least=2)
        check_integer("dataloader_idx", self.dataloader_idx, least=0)

    def describe(self) -> dict[str, Any]:
        """The options as JSON can hold them; functions by their names."""
        options = {field.name: getattr(self, field.name) for field in dataclasses.fields(ValidationOptions)}
        return {name: by_name(option) for name, option in options.items()}


def by_name(option: Any) -> Any:
    """An option as JSON can hold it: functions and classes by their names, without addresses.

    Example:
        >>> by_name(["Conv2d", dict]), by_name(None)
        (['Conv2d', 'dict'], None)
    """
    if option is None or isinstance(option, (str, int, float)):
        return option
    if isinstance(option, (list, tuple)):
        return [by_name(part) for part in option]
    if dataclasses.is_dataclass(option) and not isinstance(option, type):
        fields = {field.name: by_name(getattr(option, field.name)) for field in dataclasses.fields(option)}
        return f"{type(option).__name__}({', '.join(f'{name}={value!r}' for name, value in fields.items())})"
    return getattr(option, "__qualname__", type(option).__qualname__)


def check_integer(name: str, value: int, *, least: int) -> None:
    """Refuse an option that is no integer, or too small.

    Args:
        name: The option's name.
        value: Its value.
        least: The smallest one allowed.

    Raises:
        ValueError: If it is not allowed.

    Example:
        >>> check_integer("n_samples", 2, least=2)
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"Expected `{name}` to be an integer of at least {least}, got {value!r}.")


def check_seconds(name: str, value: bool | float) -> None:
    """Refuse an option that is neither a truth value nor a number of seconds.

    Raises:
        ValueError: If it is not allowed.

    Example:
        >>> check_seconds("figures", 60.0)
    """
    if not isinstance(value, bool) and not (isinstance(value, (int, float)) and 0 < value < math.inf):
        raise ValueError(f"Expected `{name}` to be True, False or a positive number of seconds, got {value!r}.")


def check_share(name: str, value: float | None) -> None:
    """Refuse an option that is neither a share nor ``None``.

    Raises:
        ValueError: If it is not allowed.

    Example:
        >>> check_share("max_overhead", 0.02)
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1):
        raise ValueError(f"Expected `{name}` to be None or a share between 0 and 1, got {value!r}.")


def check_recorded(calls: str, channels: int | None, select: Any) -> None:
    """Refuse options of recording that are not allowed.

    Args:
        calls: One of ``CALLS``.
        channels: 1, -1 or ``None``.
        select: A function, or ``None``.

    Raises:
        ValueError: If one is something else.

    Example:
        >>> check_recorded("each", -1, None)
    """
    if calls not in CALLS:
        raise ValueError(f"Expected `calls` to be one of {CALLS}, got {calls!r}.")
    if channels not in (None, 1, -1):
        raise ValueError(f"Expected `channels` to be 1, -1 or None, got {channels!r}.")
    if select is not None and not callable(select):
        raise ValueError(f"Expected `select` to be a function of a layer's output, got {select!r}.")
