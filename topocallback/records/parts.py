"""What a record keeps of the parts of a layer's samples: enough to test later whether two layers differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LayerParts"]


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
            KeyError: If an array is missing.
            ValueError: If they do not fit together.
        """
        n_points = np.asarray(arrays["n_points"], dtype=np.int64)
        diagrams = []
        for dim in homology_dims:
            bars, ends = np.asarray(arrays[f"H{dim}"], dtype=np.float64), arrays[f"H{dim}/ends"]
            if len(ends) != len(n_points) or (len(ends) and ends[-1] != len(bars)) or bars.shape[1:] != (2,):
                raise ValueError(f"Expected {len(n_points)} diagrams in H{dim} of {len(bars)} bars, got ends {ends}.")
            diagrams.append(np.split(bars, ends[:-1]))
        return cls(n_points, diagrams)
