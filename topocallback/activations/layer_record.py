"""What one hooked layer has given so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from topocallback.activations.channels import ChannelAxis, channel_axis
from topocallback.activations.pooling import check_lengths
from topocallback.activations.slots import Slots

__all__ = ["LayerRecord"]

# Of one layer: 4 GiB in single precision.
_MOST_VALUES = 1 << 30


@dataclass
class LayerRecord:
    """One hooked layer and what it has given so far.

    Attributes:
        module: The layer.
        around: The modules that hold it, from the inside to the outside.
        n_slots: How many samples are kept.
        slots: Its vectors, one table per call within a batch.
        calls: How often it ran inside of a batch.
        calls_outside: How often it ran while no batch was open, or in a call that is not of the batch's samples.
        call: The number of its next call within the current batch.
        most_calls: How often it ran in one batch, at most.
        problem: Why it cannot be recorded.
        samples_axis: Where its samples were.
        pooled: What was done with its positions, in words.
        unmasked: Its positions and those of the mask, where a mask did not fit.
        doubt: The shape of an output whose channels could be in another axis.
        counts_positions: Whether positions that may be padding are in its vectors.
    """

    module: nn.Module
    around: Sequence[nn.Module]
    n_slots: int
    slots: list[Slots] = field(default_factory=list)
    calls: int = 0
    calls_outside: int = 0
    call: int = 0
    most_calls: int = 0
    problem: str | None = None
    samples_axis: int | None = None
    pooled: str | None = None
    unmasked: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    doubt: tuple[int, ...] | None = None
    counts_positions: bool = False
    _channels: dict[int, ChannelAxis] = field(default_factory=dict)

    def next_call(self) -> int:
        """The number of this call within the batch."""
        number = self.call
        self.call += 1
        self.most_calls = max(self.most_calls, self.call)
        return number

    def fail(self, problem: str) -> None:
        """Say that it cannot be recorded, and let go of what there is."""
        self.problem = problem
        for table in self.slots:
            table.rows = None

    def channels(self, shape: tuple[int, ...]) -> int:
        """Where its channels are: decided once, for positions may come in other numbers in the next batch.

        Args:
            shape: The output's shape, samples first.
        """
        if len(shape) not in self._channels:
            self._channels[len(shape)] = channel_axis(self.module, shape, self.around)
            if not self._channels[len(shape)].is_certain:
                self.doubt = shape
        return self._channels[len(shape)].axis

    def write(self, call: int, slots: NDArray[np.intp], ids: NDArray[np.int64], vectors: Tensor) -> None:
        """Keep the vectors of some samples.

        Args:
            call: The number of the call within the batch.
            slots: (n,) which slots.
            ids: (n,) the samples.
            vectors: (n, d) their vectors.

        Raises:
            ValueError: If they are of another length than the earlier ones, or there are too many values.
        """
        while len(self.slots) <= call:
            self.slots.append(Slots(self.n_slots))
        table = self.slots[call]
        if table.rows is not None:
            check_lengths(table.rows, vectors)
        elif self.n_slots * vectors.shape[1] > _MOST_VALUES:
            raise ValueError(
                f"Expected at most {_MOST_VALUES} values to keep, got {self.n_slots} vectors of "
                f"{vectors.shape[1]}. Lower `n_samples`, or choose `pooling='mean'`, 'max_norm' or 'token'."
            )
        table.write(slots, ids, vectors)

    def missing(self, call: int, ids: NDArray[np.int64]) -> int:
        """Of how many samples there is no vector of a call.

        Args:
            call: The number of the call within the batch.
            ids: (slots,) the samples that came, -1 where none has come.
        """
        held = self.slots[call].held if call < len(self.slots) else np.full(len(ids), -1)
        return int(((held != ids) & (ids >= 0)).sum())
