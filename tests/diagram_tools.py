"""Persistence diagrams for tests of what is measured on them."""

import numpy as np
from hypothesis import strategies as st

INF = np.inf

# Rounding in sums over all bars.
INEXACT = 1e-9

# What the reference data calls each distance.
REFERENCE_NAMES = {
    "sliced_wasserstein": "sliced_wasserstein_M50",
    "wasserstein": "wasserstein_order1_internal2",
    "bottleneck": "bottleneck",
}


def random_diagram(n, seed=0):
    rng = np.random.default_rng(seed)
    births = rng.normal(size=n)
    return np.stack([births, births + rng.exponential(size=n)], axis=1)


def several_diagrams():
    """Of different sizes, one of them empty and one with an essential class."""
    return [random_diagram(n, seed=n) for n in (8, 0, 3, 12, 1, 20)] + [np.array([(0, 1), (0, INF)])]


def diagrams(max_bars=8, lowest=0.0):
    """Diagrams of finite bars, some of length zero, in any order."""
    bar = st.tuples(st.floats(lowest, 100, width=32), st.floats(0, 100, width=32)).map(lambda bar: (bar[0], sum(bar)))
    return st.lists(bar, max_size=max_bars).map(lambda bars: np.reshape(np.array(bars, dtype=np.float64), (-1, 2)))


def grid_diagrams(max_bars=6):
    """Diagrams of small integers: many bars in common, and two different ones are at a distance of at least 1/2."""
    bar = st.tuples(st.integers(-8, 8), st.integers(1, 8)).map(lambda bar: (bar[0], sum(bar)))
    return st.lists(bar, max_size=max_bars).map(lambda bars: np.reshape(np.array(bars, dtype=np.float64), (-1, 2)))


def with_essential(bars, births):
    """A diagram with bars that never die added to it."""
    return np.concatenate([bars, np.reshape([(birth, INF) for birth in births], (-1, 2))])


def magnitude(*items):
    """An upper bound for the distances of the diagrams, to measure rounding errors against."""
    return sum(np.abs(bars).sum() for bars in items)
