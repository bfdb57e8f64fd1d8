"""Representational similarity analysis: against SciPy's correlations."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from topocallback.measures import RSA


def test_it_is_spearmans_correlation_of_scipys_correlation_distances(toy, reference_clouds):
    real = reference_clouds["05_block5"], reference_clouds["09_avgpool"]
    for first, second in (toy, real):
        expected = spearmanr(*(pdist(cloud.astype(np.float64), "correlation") for cloud in (first, second)))[0]
        assert 1 - RSA()(first, second) == pytest.approx(expected, abs=1e-9)


def test_dead_vectors_count_as_uncorrelated(toy):
    first = toy[0].copy()
    first[3] = 0
    assert 0 < RSA()(first, toy[1]) < 2


def test_one_value_and_few_points_are_refused():
    with pytest.raises(ValueError, match="Expected points of at least 2 values for rsa, got 1"):
        RSA()(np.arange(5.0), np.arange(5.0))
    with pytest.raises(ValueError, match="Expected at least 3 points for rsa, got 2"):
        RSA()(np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match="Expected numbers that differ for rsa, got 10 equal ones"):
        RSA()(np.eye(5), np.eye(5))
