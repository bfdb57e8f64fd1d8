"""Room for what is recorded: a layer that would not fit into memory is left out before it is there."""

from __future__ import annotations

from collections.abc import Callable

import torch

from topocallback.memory import available_memory, size_in_words

__all__ = ["Room", "available_on"]

_SHARE = 0.8


def available_on(device: torch.device) -> int | None:
    """How many bytes a device has for new tensors; ``None`` where that is not known.

    What torch holds of a GPU and does not use counts as well.

    Example:
        >>> available_on(torch.device("meta")) is None
        True
    """
    if device.type == "cpu":
        return available_memory()
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + held
    return None


class Room:
    """The memory that all layers' vectors may take: 80 % of what each device had when the first of them came.

    Args:
        available: Bytes that a device has; ``None`` where that is not known.

    Example:
        >>> room = Room(available=lambda device: 1000)
        >>> room.take(700, torch.device("cpu"))
        >>> try:
        ...     room.take(200, torch.device("cpu"))
        ... except MemoryError as error:
        ...     print(str(error).split(". ")[0])
        Expected 200 bytes to fit beside the 700 bytes of other layers into 80% of the 1.0 kB that cpu has
    """

    def __init__(self, available: Callable[[torch.device], int | None] = available_on) -> None:
        self._available = available
        self._there: dict[torch.device, int | None] = {}
        self._taken: dict[torch.device, int] = {}

    def take(self, n_bytes: int, device: torch.device) -> None:
        """Note that a layer will take memory. Memory that is asked for is often not in use yet, so it is added up here.

        Args:
            n_bytes: How much.
            device: Where.

        Raises:
            MemoryError: If it does not fit beside what has been taken.
        """
        if device not in self._there:
            self._there[device] = self._available(device)
        there, taken = self._there[device], self._taken.get(device, 0)
        if there is not None and taken + n_bytes > _SHARE * there:
            raise MemoryError(
                f"Expected {size_in_words(n_bytes)} to fit beside the {size_in_words(taken)} of other layers into "
                f"{_SHARE:.0%} of the {size_in_words(there)} that {device} has. Lower `n_samples`, choose fewer "
                "`layers`, or `pooling='mean'`, 'max_norm' or 'token'."
            )
        self._taken[device] = taken + n_bytes

    def give_back(self, n_bytes: int, device: torch.device) -> None:
        """Note that memory is not taken after all, or no longer."""
        self._taken[device] = self._taken.get(device, 0) - n_bytes
