"""The slope of a line through points: against SciPy's."""

import numpy as np
import pytest
from scipy.stats import linregress

from topocallback.measures.cloud.slope import slope


@pytest.mark.parametrize("n", [2, 5, 60])
def test_it_is_scipys_of_points_in_any_place(n):
    x, y = 7 + np.random.default_rng(n).normal(size=(2, n))
    assert slope(x, y) == pytest.approx(linregress(x, y).slope, rel=1e-9)
