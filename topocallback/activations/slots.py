"""Slots: the places of a bounded sample, each with the row of one sample."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topocallback.activations.samples import Sample

__all__ = ["Slots", "arrived"]


class Slots:
    """One tensor with a row for every slot of a sample, written as the samples come.

    Nothing is read back from the device. The tensor is made when the first rows come, because only they tell its width,
    type and device; it takes the same memory from then on.

    Args:
        count: How many slots there are.

    Attributes:
        held: (slots,) int64, the index of the sample whose row each slot holds, -1 for none.
        rows: (slots, ...) one row per slot, zeros where none has come; ``None`` before the first.

    Example:
        >>> slots = Slots(3)
        >>> slots.write(np.array([2, 0]), np.array([70, 10]), torch.tensor([[7.0], [1.0]]))
        >>> slots.held.tolist(), slots.rows.tolist()
        ([10, -1, 70], [[1.0], [0.0], [7.0]])
    """

    def __init__(self, count: int) -> None:
        self.held = np.full(count, -1)
        self.rows: Tensor | None = None

    def write(self, slots: NDArray[np.intp], ids: NDArray[np.int64], rows: Tensor) -> None:
        """Put rows into slots, in place of what is there.

        Args:
            slots: (n,) which slots, each at most once.
            ids: (n,) the samples whose rows they are.
            rows: (n, ...) the rows. All but the first to come are cast to the type of those, which move to the later
                ones' device.
        """
        if self.rows is None:
            with torch.inference_mode(False):  # what is made inside of it could not be written outside of it
                self.rows = rows.new_zeros((len(self.held), *rows.shape[1:]))
        if len(slots):
            self.rows = self.rows.to(rows.device)
            self.rows[torch.from_numpy(slots).to(rows.device, non_blocking=True)] = rows.to(self.rows.dtype)
            self.held[slots] = ids

    def clear(self, slots: NDArray[np.intp]) -> None:
        """Say that slots hold no sample's row any more.

        Args:
            slots: (n,) which slots.
        """
        self.held[slots] = -1


def arrived(sample: Sample, tables: Iterable[Slots]) -> NDArray[np.int64]:
    """The samples of which at least one table has a row.

    With a known length the sample is decided beforehand: where the data set ends early, some of it never comes.

    Args:
        sample: The sample whose slots the tables have.
        tables: The tables.

    Returns:
        (slots,) the index of the sample in each slot, -1 where none has come.
    """
    there = np.zeros(len(sample.ids), dtype=bool)
    for table in tables:
        there |= table.held == sample.ids
    return np.where(there, sample.ids, -1)
