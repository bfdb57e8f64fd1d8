"""Which samples are nearest to each one in a layer: what says that a sample is odd, and beside which ones it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.expected import Expected, take_all

__all__ = ["N_NEAREST", "NearestSamples"]

N_NEAREST = 10
"""How many neighbours of a sample a record keeps."""

_EXPECTED = {
    "positions": Expected("i", ("samples", "neighbours"), low=-1),
    "distances": Expected("f", ("samples", 3), low=0, unknown=True),
}


@dataclass(frozen=True, eq=False)
class NearestSamples:
    """The k samples that are nearest to each of n in one layer, from the nearest on.

    Of equally near samples the one that was recorded first counts as nearer. A sample whose activations are not finite
    is nobody's neighbour and has none: -1 and NaN. All ten distances would take as much of a file as all else in it.

    Attributes:
        positions: (n, k) which samples, as positions among the n.
        distances: (n, 3) how far away the nearest, the one in the middle and the furthest of them are, in the
            activations' units; of ten the one in the middle is the fifth.

    Example:
        >>> nearest = NearestSamples(np.array([[1], [0], [-1]]), np.array([[0.5] * 3, [0.5] * 3, [np.nan] * 3]))
        >>> nearest, nearest.is_known
        (NearestSamples(3 samples, 1 nearest), array([ True,  True, False]))
    """

    positions: NDArray[np.signedinteger]
    distances: NDArray[np.floating]

    def __repr__(self) -> str:
        return f"NearestSamples({len(self.positions)} samples, {self.positions.shape[1]} nearest)"

    @classmethod
    def of_points(
        cls, positions: NDArray[np.integer], distances: NDArray[np.floating], rows: NDArray[np.integer], n_samples: int
    ) -> NearestSamples:
        """The same of finite points only, put where their samples stand.

        Args:
            positions: (m, k) which points are nearest to each of m.
            distances: (m, k) how far away they are.
            rows: (m,) which sample each point is.
            n_samples: How many samples there are.
        """
        small = np.int16 if n_samples <= np.iinfo(np.int16).max else np.int32
        of_samples = np.full((n_samples, positions.shape[1]), -1, dtype=small)
        away = np.full((n_samples, 3), np.nan, dtype=np.float32)
        of_samples[rows] = rows[positions]
        if distances.size:
            away[rows] = distances[:, [0, (distances.shape[1] - 1) // 2, -1]]
        return cls(of_samples, away)

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """(n,) which samples have neighbours."""
        return np.asarray((self.positions >= 0).all(axis=1) & (self.positions.shape[1] > 0))

    def shared_with(self, other: NearestSamples) -> float:
        """The share of nearest neighbours that the same samples have in common in two layers, or at two steps.

        Args:
            other: The neighbours of the same n samples.

        Returns:
            The mean over the samples that have neighbours in both, in [0, 1]; NaN if there is none.

        Raises:
            ValueError: If there are not as many samples.

        Example:
            >>> first, second = (NearestSamples(np.array(p), np.ones((3, 2))) for p in (
            ...     [[1, 2], [0, 2], [0, 1]], [[2, 1], [0, 2], [0, -1]]))
            >>> first.shared_with(second)
            1.0
        """
        if len(self.positions) != len(other.positions):
            raise ValueError(
                f"Expected neighbours of the same {len(self.positions)} samples, got {len(other.positions)} samples."
            )
        both = self.is_known & other.is_known
        ours, theirs = self.positions[both], other.positions[both]
        if not both.any():
            return float("nan")
        k = min(ours.shape[1], theirs.shape[1])
        return float((ours[:, :k, None] == theirs[:, None, :k]).any(axis=2).mean())

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays for a file."""
        return {"positions": self.positions, "distances": self.distances}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_samples: int) -> NearestSamples:
        """The neighbours from what ``to_arrays`` gave.

        Raises:
            ValueError: If an array is missing, or they do not fit together or to so many samples.
        """
        found = take_all(arrays, _EXPECTED, {"samples": n_samples})
        if (found["positions"] >= n_samples).any():
            raise ValueError(f"its neighbours reach {found['positions'].max()}, but there are {n_samples} samples")
        return cls(found["positions"], found["distances"])
