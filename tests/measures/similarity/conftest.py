"""The clouds of which published values are known."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def toy():
    """200 points in four groups, and a linear image of them with fewer values."""
    random = np.random.RandomState(0)
    cloud = random.randn(200, 16) + 3 * np.eye(16)[np.arange(200) % 4]
    return cloud, cloud @ random.randn(16, 12)
