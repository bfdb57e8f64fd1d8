"""What several test files share: reference data that independent libraries computed, and how Hypothesis runs."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

DATA = Path(__file__).parent / "data"
collect_ignore = ["data/make_reference.py"]  # a record of where the numbers come from, with dependencies of its own

# The same examples in every run, and no example fails for being slow.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def reference():
    """What independent libraries compute from the reference clouds: see tests/data/README.md."""
    return json.loads((DATA / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def reference_clouds(reference):
    """Layer -> (300, channels) float32 activations, in the order of the layers."""
    with np.load(DATA / "activations.npz") as data:
        return {layer: data[layer] for layer in reference["layers"]}


@pytest.fixture(scope="session")
def reference_labels():
    """(300,) the digits of the images behind the reference clouds."""
    with np.load(DATA / "activations.npz") as data:
        return data["y"]


@pytest.fixture
def store(tmp_path):
    """The address of a folder in a store of objects, which is in memory."""
    from fsspec.implementations.memory import MemoryFileSystem

    address = f"memory://{tmp_path.name}"
    yield address
    if MemoryFileSystem().exists(address):
        MemoryFileSystem().rm(address, recursive=True)
