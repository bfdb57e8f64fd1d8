"""What tests of comparisons share."""

import pytest
from small_classifier import train
from small_study import compare


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two seeds of three epochs: checkpoints, and the snapshots that the monitor wrote."""
    folder = tmp_path_factory.mktemp("study")
    for seed in range(2):
        train(folder / f"seed={seed}", seed)
    return folder


@pytest.fixture(scope="module")
def compared(study):
    """The comparison of its checkpoints."""
    return compare(study)
