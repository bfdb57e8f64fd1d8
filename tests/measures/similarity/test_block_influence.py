"""How much a block does to the vectors that pass through it."""

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from topocallback.measures import BlockInfluence


def test_it_is_the_mean_of_scipys_cosine_distances():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(30, 7)), random.normal(size=(30, 7))
    expected = np.mean([cosine(a, b) for a, b in zip(x, y, strict=True)])
    assert BlockInfluence()(x, y) == pytest.approx(expected, abs=1e-12)


def test_a_block_that_changes_lengths_alone_does_nothing():
    x = np.random.default_rng(0).normal(size=(30, 7))
    assert BlockInfluence()(x, x * np.arange(1, 31)[:, None]) == pytest.approx(0, abs=1e-12)


def test_layers_of_other_widths_cannot_be_compared():
    assert np.isnan(BlockInfluence()(np.eye(4), np.eye(4)[:, :3]))
