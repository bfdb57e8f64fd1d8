"""What a record keeps of the parts of a layer's samples."""

import numpy as np
import pytest
from record_tools import assert_equal, example, rewrite

from topocallback.records.parts import LayerParts
from topocallback.records.snapshot import Snapshot

DIMS = (0, 1)


def parts_of(counts, seed=0):
    random = np.random.default_rng(seed)
    diagrams = [[np.sort(random.uniform(size=(n, 2)), axis=1) for n in of_dim] for of_dim in counts]
    return LayerParts(np.arange(len(counts[0])) + 3, diagrams)


@pytest.mark.parametrize(
    "counts", [([3, 0, 2], [0, 0, 1]), ([0, 0], [0, 0]), ([1, 1, 1], [4, 0, 0])], ids=["some", "none", "one"]
)
def test_parts_come_back_equal_with_their_empty_diagrams(counts):
    parts = parts_of(counts)
    assert_equal(LayerParts.from_arrays(parts.to_arrays(DIMS), DIMS), parts)


def test_parts_say_how_many_they_are():
    assert repr(parts_of(([3, 0, 2], [0, 0, 1]))) == "LayerParts(3 parts, 12 points)"


@pytest.mark.parametrize(
    "changes",
    [
        {"H1/ends": np.array([0, 1])},
        {"H1/ends": np.array([0, 0, 2])},
        {"H0": np.zeros((5, 3))},
        {"n_points": np.array([3, 4])},
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes):
    arrays = parts_of(([3, 0, 2], [0, 0, 1])).to_arrays(DIMS) | changes
    with pytest.raises(ValueError, match=r"Expected \d diagrams in H\d of \d bars"):
        LayerParts.from_arrays(arrays, DIMS)


def test_parts_that_lack_an_array_are_refused():
    arrays = parts_of(([3, 0, 2], [0, 0, 1])).to_arrays(DIMS)
    del arrays["H1"]
    with pytest.raises(KeyError, match="H1"):
        LayerParts.from_arrays(arrays, DIMS)


def test_a_snapshot_of_an_earlier_version_has_no_parts(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    names = ("n_points", "H0", "H0/ends", "H1", "H1/ends")
    with np.load(path) as file:
        listed = [name for name in file.files if not name.startswith("parts/")]
    rewrite(path, {"arrays": listed}, **{f"parts/0/{name}": None for name in names})
    found = Snapshot.load(path)
    assert found.parts == {}
    assert_equal(found.distances, example().distances)


@pytest.mark.parametrize("name", ["n_points", "H1/ends"])
def test_a_snapshot_whose_parts_lack_an_array_is_damaged(tmp_path, name):
    path = example().save(tmp_path / "step=3.npz")
    rewrite(path, **{f"parts/0/{name}": None})
    with pytest.raises(ValueError, match="damaged or foreign"):
        Snapshot.load(path)
