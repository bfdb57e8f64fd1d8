"""Persistence diagrams as arrays: their finite and their essential bars, and how many are alive at a radius.

A *diagram* is a float64 array of shape (bars, 2): one row (birth, death) per bar. A bar that never dies (an essential
class) has death ``inf``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Diagram", "as_diagram", "betti_curve", "essential_births", "finite_bars", "that_die"]

Diagram = NDArray[np.float64]


def as_diagram(diagram: ArrayLike, name: str = "diagram") -> Diagram:
    """A diagram as an array, after what may be wrong with it has been refused.

    Args:
        diagram: (bars, 2) finite births, which may be negative, and deaths from the birth on to ``inf``; an empty list
            is an empty diagram.
        name: What the caller calls the diagram.

    Returns:
        (bars, 2) float64.

    Raises:
        ValueError: If ``diagram`` is not of shape (bars, 2), or holds NaN, a birth that is infinite, or a death before
            the birth, as diagrams of superlevel sets do.

    Example:
        >>> as_diagram([(0, 1), (0, float("inf"))])
        array([[ 0.,  1.],
               [ 0., inf]])
        >>> as_diagram([(1, 0)])
        Traceback (most recent call last):
        ValueError: Expected `diagram` to hold bars that die after they are born, got all of 1 the other way round, as \
of superlevel sets: `-diagram` is the same diagram of sublevel sets.
    """
    bars = _real_bars(diagram, name)
    births, deaths = bars.T
    if not ((births <= deaths).all() and np.isfinite(births).all()):  # NaN is not at most anything
        _refuse(bars, name)
    return bars


def _real_bars(diagram: ArrayLike, name: str) -> Diagram:
    try:
        values = np.asarray(diagram)
    except ValueError as error:  # rows of different lengths, such as the diagrams of several homology dimensions
        raise ValueError(f"Expected `{name}` to be one diagram of shape (bars, 2), got {error}.") from error
    if values.ndim == 1 and not values.size:
        return np.empty((0, 2))
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(f"Expected `{name}` to be of shape (bars, 2), births and deaths, got {values.shape}.")
    if values.dtype.kind not in "fiub":
        raise ValueError(f"Expected `{name}` to hold real numbers, got {values.dtype}.")
    return np.asarray(values, dtype=np.float64)


def _refuse(bars: Diagram, name: str) -> None:
    births, deaths = bars.T
    if bad := int(np.isnan(bars).any(axis=1).sum()):
        raise ValueError(
            f"Expected `{name}` to be without NaN, got it in {bad} of {len(bars)} bars. A cloud with NaN makes such: "
            "drop its points first."
        )
    if (deaths <= births).all() and (deaths < births).any():
        raise ValueError(
            f"Expected `{name}` to hold bars that die after they are born, got all of {len(bars)} the other way round, "
            f"as of superlevel sets: `-{name}` is the same diagram of sublevel sets."
        )
    if bad := int(np.isinf(births).sum()):
        raise ValueError(
            f"Expected `{name}` to have finite births, got infinity in {bad} of {len(bars)} bars. Only deaths can be "
            "`inf`, for bars that never die."
        )
    wrong = np.flatnonzero(deaths < births)
    raise ValueError(
        f"Expected `{name}` to hold bars that die after they are born, got {len(wrong)} of {len(bars)} the other way "
        f"round, the first at {wrong[0]}: {bars[wrong[0]].tolist()}. The first column is births, the second deaths."
    )


def finite_bars(diagram: ArrayLike) -> Diagram:
    """The bars that die, without those of length zero.

    Args:
        diagram: (bars, 2) births and deaths, possibly infinite; an empty list is an empty diagram.

    Returns:
        (finite bars, 2) float64.

    Raises:
        ValueError: If ``diagram`` is no diagram; see ``as_diagram``.

    Example:
        >>> finite_bars([(0, 1), (2, 2), (0, float("inf"))])
        array([[0., 1.]])
    """
    return that_die(as_diagram(diagram))


def that_die(bars: Diagram) -> Diagram:
    """``finite_bars`` of what is known to be a diagram: to look takes as long as most statistics of few bars."""
    births, deaths = bars.T
    return np.asarray(bars[(deaths < np.inf) & (deaths > births)])


def essential_births(diagram: ArrayLike) -> NDArray[np.float64]:
    """The births of the bars that never die, in ascending order.

    Args:
        diagram: (bars, 2) births and deaths.

    Returns:
        (essential bars,) float64.

    Raises:
        ValueError: If ``diagram`` is no diagram; see ``as_diagram``.

    Example:
        >>> essential_births([(0, 1), (0.5, float("inf"))])
        array([0.5])
    """
    bars = as_diagram(diagram)
    return np.sort(bars[bars[:, 1] == np.inf, 0])


def betti_curve(diagram: ArrayLike, radii: ArrayLike) -> NDArray[np.int64]:
    """How many bars are alive at each filtration value: birth <= radius < death. Essential classes count.

    Args:
        diagram: (bars, 2) births and deaths.
        radii: (k,) filtration values, in the units of the diagram.

    Returns:
        (k,) Betti numbers.

    Raises:
        ValueError: If ``diagram`` is no diagram; see ``as_diagram``.

    Example:
        >>> betti_curve([(0, 1), (0, float("inf"))], [0, 0.5, 1, 2])
        array([2, 2, 1, 1])
    """
    bars = as_diagram(diagram)
    at = np.asarray(radii, dtype=np.float64)
    born = np.searchsorted(np.sort(bars[:, 0]), at, side="right")
    dead = np.searchsorted(np.sort(bars[:, 1]), at, side="right")
    return np.asarray(born - dead, dtype=np.int64)
