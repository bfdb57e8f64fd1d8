"""What a monitor is called in a checkpoint: by its options, in words that are the same in every process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["without_addresses"]


def without_addresses(option: Any) -> Any:
    """An option by names: the addresses of functions differ from one process to the next.

    Args:
        option: A layer, a pooling, or a sequence of them.

    Example:
        >>> without_addresses(["Conv2d", len])
        ['Conv2d', 'len']
    """
    if isinstance(option, str):
        return option
    if isinstance(option, Sequence):
        return [without_addresses(part) for part in option]
    return getattr(option, "__qualname__", type(option).__qualname__)
