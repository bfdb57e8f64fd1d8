"""How often something is said where there is nothing to say, when many layers are looked at together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from topocallback.records.results import LEVEL

__all__ = ["surely", "surely_in_any"]


def surely(p_values: NDArray[np.float64], level: float = LEVEL) -> NDArray[np.bool_]:
    """Which of several differences are said, so that of what is said at most a share is wrong.

    By the procedure of Benjamini and Hochberg. Where there is no difference at all, any is said in at most that share
    of cases; of twelve layers of which each is tested by itself at 0.05, one would be named in 46 % of cases. The
    procedure of Holm would be mute: the smallest p-value of a sign-flip test among twelve parts is 1/2048, and there
    are 106 tests of 53 layers in two homology dimensions.

    Args:
        p_values: p-values, NaN where nothing was tested.
        level: The share.

    Returns:
        Truth values of the same shape.

    References:
        Benjamini and Hochberg, "Controlling the false discovery rate" (1995).

    Example:
        >>> surely(np.array([0.001, 0.04, 0.9, np.nan])).tolist()
        [True, False, False, False]
    """
    found = np.zeros(np.shape(p_values), dtype=bool)
    is_tested = ~np.isnan(p_values)
    if is_tested.any():
        found[is_tested] = false_discovery_control(np.asarray(p_values)[is_tested]) <= level
    return found


def surely_in_any(
    distances: Sequence[NDArray[np.float64]], p_values: Sequence[NDArray[np.float64]]
) -> NDArray[np.bool_]:
    """Which layers differ in one homology dimension or more, so that of those that are said at most a share is wrong.

    A distance of 0 is no test, for its p-value is 1 whatever the samples are: with it among the tests, one layer of 53
    that moved, of which the others are frozen, would not be named.

    Args:
        distances: (L,) distances for each homology dimension.
        p_values: (L,) their p-values; see ``surely``.

    Returns:
        (L,) truth values.

    Example:
        >>> surely_in_any([np.array([0.0, 2.0])], [np.array([1.0, 0.03])]).tolist()
        [False, True]
    """
    return np.asarray(surely(np.where(np.array(distances) == 0, np.nan, np.array(p_values))).any(axis=0))
