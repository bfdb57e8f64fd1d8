"""Persistence diagrams as arrays: their finite and their essential bars, and how many are alive at a radius.

A *diagram* is a float64 array of shape (bars, 2): one row (birth, death) per bar. A bar that never dies (an essential
class) has death ``inf``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Diagram", "as_diagram", "betti_curve", "essential_births", "finite_bars"]

Diagram = NDArray[np.float64]


def as_diagram(diagram: ArrayLike) -> Diagram:
    """A diagram as an array, after what may be wrong with it has been refused.

    Args:
        diagram: (bars, 2) births and deaths; an empty list is an empty diagram.

    Returns:
        (bars, 2) float64.

    Raises:
        ValueError: If ``diagram`` is not of shape (bars, 2) or holds NaN.
    """
    bars = np.asarray(diagram, dtype=np.float64)
    if bars.size == 0:
        return np.empty((0, 2))
    if bars.ndim != 2 or bars.shape[1] != 2:
        raise ValueError(f"Expected a diagram of shape (bars, 2), got {bars.shape}.")
    if np.isnan(bars).any():
        raise ValueError("Expected a diagram without NaN. It came from a cloud with NaN: drop such points first.")
    return bars


def finite_bars(diagram: ArrayLike) -> Diagram:
    """The bars that die, without those of length zero.

    Args:
        diagram: (bars, 2) births and deaths, possibly infinite; an empty list is an empty diagram.

    Returns:
        (finite bars, 2) float64.

    Raises:
        ValueError: If ``diagram`` is not of shape (bars, 2) or holds NaN.

    Example:
        >>> finite_bars([(0, 1), (2, 2), (0, float("inf"))])
        array([[0., 1.]])
    """
    bars = as_diagram(diagram)
    return bars[np.isfinite(bars).all(axis=1) & (bars[:, 1] > bars[:, 0])]


def essential_births(diagram: ArrayLike) -> NDArray[np.float64]:
    """The finite births of the bars that never die, in ascending order.

    Args:
        diagram: (bars, 2) births and deaths.

    Returns:
        (essential bars,) float64.

    Raises:
        ValueError: If ``diagram`` is not of shape (bars, 2) or holds NaN.

    Example:
        >>> essential_births([(0, 1), (0.5, float("inf"))])
        array([0.5])
    """
    bars = as_diagram(diagram)
    return np.sort(bars[(bars[:, 1] == np.inf) & np.isfinite(bars[:, 0]), 0])


def betti_curve(diagram: ArrayLike, radii: ArrayLike) -> NDArray[np.int64]:
    """How many bars are alive at each filtration value: birth <= radius < death. Essential classes count.

    Args:
        diagram: (bars, 2) births and deaths.
        radii: (k,) filtration values, in the units of the diagram.

    Returns:
        (k,) Betti numbers.

    Raises:
        ValueError: If ``diagram`` is not of shape (bars, 2) or holds NaN.

    Example:
        >>> betti_curve([(0, 1), (0, float("inf"))], [0, 0.5, 1, 2])
        array([2, 2, 1, 1])
    """
    bars = as_diagram(diagram)
    at = np.asarray(radii, dtype=np.float64)
    born = np.searchsorted(np.sort(bars[:, 0]), at, side="right")
    dead = np.searchsorted(np.sort(bars[:, 1]), at, side="right")
    return np.asarray(born - dead, dtype=np.int64)
