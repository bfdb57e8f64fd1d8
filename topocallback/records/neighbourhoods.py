"""How long samples stay neighbours, from layer to layer or from step to step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NeighbourhoodPersistence"]


@dataclass(frozen=True, eq=False, repr=False)
class NeighbourhoodPersistence:
    """How long the k nearest neighbours of n samples stay their neighbours, over L clouds in an order.

    Errors are standard errors; NaN where there are too few samples for them.

    Attributes:
        names: The clouds' names, in their order: layers, or steps.
        k: How many neighbours.
        kept: (L - 1,) the share of a cloud's pairs of a sample and a neighbour that are pairs in the next cloud.
        kept_errors: (L - 1,) their errors.
        survival: (L,) the share of a cloud's pairs that are pairs g clouds later, in the mean over all clouds that have
            one so much later: 1 at g = 0. A pair may have been none in between.
        survival_errors: (L,) their errors.
        lifetime: For how many clouds in a row a pair is one, in the mean over all such runs of all samples, in [1, L].
            Runs begin and end with the sequence, so it is of this sequence, and of no longer one.
        lifetime_error: Its error.
        lifetimes: (n,) the same of each sample's own runs: where it is short, the sample's surroundings change most.
        chance: The share that two unrelated clouds have in common, k / (n - 1).
        sample_ids: (n,) which sample is which.

    Example:
        >>> from topocallback.functional import neighbourhood_persistence
        >>> x = np.random.default_rng(0).normal(size=(100, 4))
        >>> neighbourhood_persistence([x, 2 * x, -x], k=5)
        NeighbourhoodPersistence(3 clouds, 5 neighbours of 100 samples: 1 ± 0 kept to the next, 0.051 by chance)
    """

    names: tuple[str, ...]
    k: int
    kept: NDArray[np.float64]
    kept_errors: NDArray[np.float64]
    survival: NDArray[np.float64]
    survival_errors: NDArray[np.float64]
    lifetime: float
    lifetime_error: float
    lifetimes: NDArray[np.float64]
    chance: float
    sample_ids: NDArray[np.int64]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self.names)} clouds, {self.k} neighbours of {len(self.lifetimes)} samples: "
            f"{self.survival[1]:.2g} ± {self.survival_errors[1]:.1g} kept to the next, {self.chance:.2g} by chance)"
        )

    @property
    def chance_lifetime(self) -> float:
        """``lifetime`` of unrelated clouds, a little above 1."""
        return len(self.names) / (1 + (len(self.names) - 1) * (1 - self.chance))
