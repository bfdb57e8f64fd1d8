"""Which rows of a layer's output are whose."""

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from topocallback.activations.outputs import RowsOfBatch, arrange
from topocallback.activations.views import SAMPLES_FIRST, VIEWS_FIRST

PACKED = pack_sequence([torch.full((n, 2), float(n)) for n in (1, 3, 2)], enforce_sorted=False)


@pytest.mark.parametrize(
    ("shape", "axes", "earlier", "axis"),
    [
        ((3, 5), (0,), None, 0),
        ((3,), (0,), None, 0),
        ((7, 3, 5), (1, 0), None, 1),
        ((3, 7, 5), (1, 0), None, 0),
        ((3, 3, 5), (1, 0), None, 1),
        ((3, 3, 5), (1, 0), 0, 0),
        ((3, 3, 5), (0,), 1, 0),
    ],
)
def test_samples_are_in_the_axis_that_is_as_long_as_there_are_samples(shape, axes, earlier, axis):
    [arranged] = arrange(torch.zeros(shape), RowsOfBatch(3), axes, earlier)
    assert arranged.samples_axis == axis
    assert arranged.inside is None


def test_packed_rows_are_positions_of_their_sequence():
    for output in (PACKED, PACKED.data):
        [arranged] = arrange(output, RowsOfBatch(3, packed=PACKED), (0,), None)
        assert arranged.values.shape == (3, 3, 2)
        assert arranged.inside.sum(dim=1).tolist() == [1, 3, 2]
        assert arranged.values.amax(dim=(1, 2)).tolist() == [1, 3, 2]


def test_nodes_are_positions_of_their_graph():
    nodes = torch.arange(6.0)[:, None]
    [arranged] = arrange(nodes, RowsOfBatch(3, node_counts=torch.tensor([1, 3, 2])), (0,), None)
    assert arranged.values[arranged.inside].tolist() == nodes.tolist()


def test_views_are_outputs_of_their_own():
    output = torch.arange(6.0)[:, None]
    for arrangement, expected in ((VIEWS_FIRST, [[0, 1, 2], [3, 4, 5]]), (SAMPLES_FIRST, [[0, 2, 4], [1, 3, 5]])):
        parts = arrange(output, RowsOfBatch(3, views=2, arrangement=arrangement), (0,), None)
        assert [part.values[:, 0].tolist() for part in parts] == expected


@pytest.mark.parametrize(
    ("output", "rows", "message"),
    [
        (torch.tensor(1.0), RowsOfBatch(3), "got a single number"),
        (torch.zeros(4, 2), RowsOfBatch(3), r"each of the batch's 3 samples, got an output of shape \(4, 2\)"),
        (torch.zeros(6, 2), RowsOfBatch(3, views=2), "which of 6 rows is which of the batch's 3 samples"),
        (torch.zeros(6, 2), RowsOfBatch(3, node_counts=torch.tensor([1, 3, 3])), "got an output of shape"),
        (PACKED, RowsOfBatch(2), "each of the batch's 2 samples, got 3 packed sequences"),
    ],
)
def test_rows_that_are_nobodys_are_refused(output, rows, message):
    with pytest.raises(ValueError, match=f"Expected .*{message}"):
        arrange(output, rows, (0,), None)
