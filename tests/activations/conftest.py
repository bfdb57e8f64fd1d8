"""What the tests of recording share: a model of exact arithmetic and images for it."""

import pytest
import torch
from recording_tools import ConvNet, N, generator, with_whole_weights


@pytest.fixture
def net():
    return with_whole_weights(ConvNet())


@pytest.fixture
def images():
    return torch.randint(-4, 5, (N, 1, 8, 8), generator=generator(1)).float()
