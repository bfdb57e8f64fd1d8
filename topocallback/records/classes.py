"""Labels as classes: numbers and names, whatever kind the labels are of."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["name_classes"]

_MOST_BINS = 10


def name_classes(labels: ArrayLike) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as class numbers.

    Args:
        labels: (n,) labels: integers, truth values, text, or real numbers. Real numbers that are not all whole are
            regression targets: they are put in up to 10 bins of equally many points. NaN is a class of its own.

    Returns:
        (n,) class numbers, and the classes' names in the order of their numbers, which is that of the labels.

    Raises:
        ValueError: If ``labels`` is not of shape (n,).

    Example:
        >>> name_classes([7, 3, 7])
        (array([1, 0, 1]), ('3', '7'))
        >>> name_classes([0.5, 1.5, 2.5, np.nan])[1]
        ('0.5', '1.5', '2.5', 'nan')
    """
    values = np.asarray(labels)
    if values.ndim != 1:
        raise ValueError(f"Expected `labels` to be of shape (n,), got {values.shape}.")
    if values.dtype.kind == "f":
        finite = values[np.isfinite(values)]
        if (finite != np.round(finite)).any() and len(np.unique(finite)) > _MOST_BINS:
            return _binned(values, finite)
    found, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64), tuple(_name(value) for value in found)


def _binned(values: NDArray[np.floating], finite: NDArray[np.floating]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, _MOST_BINS + 1)))
    # As many digits as it takes to tell the edges apart: years need more than three.
    digits = next(d for d in range(3, 18) if d == 17 or len({f"{edge:.{d}g}" for edge in edges}) == len(edges))
    names = [f"{low:.{digits}g} to {high:.{digits}g}" for low, high in itertools.pairwise(edges)]
    codes = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(names) - 1)
    unknown = ~np.isfinite(values)
    if unknown.any():
        codes[unknown] = len(names)
        names.append("nan")
    return codes.astype(np.int64), tuple(names)


def _name(value: Any) -> str:
    is_whole = isinstance(value, np.floating) and np.isfinite(value) and value == round(value)
    return str(int(value)) if is_whole else str(value)
