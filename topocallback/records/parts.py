"""What a record keeps of the parts of a layer's samples: enough to test later whether two layers differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.expected import Expected, take_all, take_diagram

__all__ = ["LayerParts"]

_COUNTS = Expected("iu", ("parts",), low=0, high=2**53)


@dataclass(frozen=True, eq=False)
class LayerParts:
    """A layer's samples in K disjoint parts, the same in all layers, steps and runs.

    Attributes:
        n_points: (K,) how many finite points each part has.
        diagrams: One per homology dimension, each a sequence of K diagrams of shape (bars, 2), each in units of its own
            part's scale.
    """

    n_points: NDArray[np.int64]
    diagrams: Sequence[Sequence[NDArray[np.float64]]]

    def __repr__(self) -> str:
        return f"LayerParts({len(self.n_points)} parts, {self.n_points.sum()} points)"

    def to_arrays(self, homology_dims: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Arrays for a file: the diagrams of a dimension one after the other, and where each ends."""
        arrays: dict[str, NDArray[Any]] = {"n_points": np.asarray(self.n_points, dtype=np.int64)}
        for dim, diagrams in zip(homology_dims, self.diagrams, strict=True):
            arrays[f"H{dim}"] = np.concatenate([np.empty((0, 2)), *diagrams])
            arrays[f"H{dim}/ends"] = np.cumsum([len(diagram) for diagram in diagrams], dtype=np.int64)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], homology_dims: Sequence[int]) -> LayerParts:
        """The parts from what ``to_arrays`` gave.

        Raises:
            ValueError: If an array is missing, or they do not fit together.
        """
        expected = {"n_points": _COUNTS, **{f"H{dim}/ends": _COUNTS for dim in homology_dims}}
        found = take_all(arrays, expected, {})
        diagrams = []
        for dim in homology_dims:
            bars, ends = take_diagram(arrays, f"H{dim}"), found[f"H{dim}/ends"].astype(np.int64, copy=False)
            if (np.diff(ends, prepend=0) < 0).any() or (ends[-1] if len(ends) else 0) != len(bars):
                raise ValueError(f"Expected {len(ends)} diagrams in H{dim} of {len(bars)} bars, got ends {ends}.")
            diagrams.append(np.split(bars, ends[:-1]) if len(ends) else [])
        return cls(found["n_points"].astype(np.int64, copy=False), diagrams)
