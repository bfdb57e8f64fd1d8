"""What tests of several measures share."""

import pytest

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.topology.rips import rips_diagrams


@pytest.fixture(scope="session")
def real_diagrams(reference_clouds):
    """H0 and H1 diagrams of the reference clouds in activations' units, one list per homology dimension."""
    found = [rips_diagrams(distance_matrix(cloud), (0, 1)) for cloud in reference_clouds.values()]
    return list(zip(*found, strict=True))
