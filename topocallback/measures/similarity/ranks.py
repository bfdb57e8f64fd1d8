"""Spearman's rank correlation, of ranks that are computed once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["correlation", "standard_ranks"]


def standard_ranks(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Ranks with mean 0 and norm 1; equal values share the mean of their ranks.

    Args:
        values: (k,) numbers.
        name: The measure's name.

    Raises:
        ValueError: If all of them are equal: they have no order.

    Example:
        >>> standard_ranks(np.array([5.0, 1.0, 5.0]), "mine").round(3).tolist()
        [0.408, -0.816, 0.408]
    """
    from scipy.stats import rankdata

    ranks = rankdata(values)
    ranks -= ranks.mean()
    norm = float(np.linalg.norm(ranks))
    if not norm > 0:
        raise ValueError(f"Expected numbers that differ for {name}, got {len(values)} equal ones.")
    return np.asarray(ranks / norm)


def correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's correlation of what two ``standard_ranks`` are of, between -1 and 1."""
    return float(np.clip(np.einsum("i,i->", first, second), -1, 1))
