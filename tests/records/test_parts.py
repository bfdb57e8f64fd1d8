"""What a record keeps of the parts of a layer's samples."""

import numpy as np
import pytest
from record_tools import assert_equal

from topocallback.records.parts import LayerParts

NONE = np.empty((0, 2))
BARS = np.array([[0.0, 1.0], [0.25, 0.5], [0.0, np.inf]])


@pytest.mark.parametrize(
    "diagrams",
    [
        [[BARS, BARS[:1], BARS[1:]]],
        [[NONE, BARS, NONE], [BARS, NONE, BARS]],
        [[NONE, NONE, NONE]],
    ],
)
def test_parts_come_back_equal(diagrams):
    parts, dims = LayerParts(np.array([3, 3, 2]), diagrams), range(len(diagrams))
    assert_equal(LayerParts.from_arrays(parts.to_arrays(dims), dims), parts)
    assert repr(parts) == "LayerParts(3 parts, 8 points)"


@pytest.mark.parametrize(
    "change",
    [
        {"n_points": np.array([3, 3])},
        {"n_points": np.array([3, -1, 3])},
        {"n_points": np.array([3.0, 3.0, 3.0])},
        {"H1/ends": np.array([1, 2, 2])},
        {"H1/ends": np.array([1, 3])},
        {"H1/ends": np.array([2, 1, 3])},
        {"H1/ends": np.array([-1, 1, 3])},
        {"H1": np.zeros((3, 3))},
        {"H1": BARS[:2]},
        {"H1": BARS - np.nan},
        {"H1": -BARS},
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(change):
    arrays = LayerParts(np.array([3, 3, 3]), [[BARS[:1], BARS[1:2], BARS[2:]]]).to_arrays((1,))
    with pytest.raises(ValueError, match=r"diagrams in H1 of .* bars, got ends|its array '(n_points|H1|H1/ends)'"):
        LayerParts.from_arrays(arrays | change, (1,))


def test_an_array_that_is_missing_is_named():
    arrays = LayerParts(np.array([3]), [[BARS]]).to_arrays((1,))
    with pytest.raises(ValueError, match="it has no array 'H2"):
        LayerParts.from_arrays(arrays, (1, 2))
