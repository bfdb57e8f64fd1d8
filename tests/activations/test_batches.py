"""What a batch is: its parts, and how many samples it has."""

import collections
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_sequence
from torch_geometric.data import Batch, Data, HeteroData

from topocallback.activations.batches import batch_parts, count_samples, select_part, tensors_in


@dataclasses.dataclass
class Fields:
    """A batch as a dataclass."""

    x: torch.Tensor
    y: torch.Tensor


def zeros(*shape):
    return torch.zeros(shape)


def whole(*shape):
    return torch.zeros(shape, dtype=torch.int64)


def graph(n_nodes):
    return Data(x=zeros(n_nodes, 2), edge_index=whole(2, 0), y=whole(1))


def graphs(*n_nodes):
    return Batch.from_data_list([graph(n) for n in n_nodes])


def mixed_graph():
    data = HeteroData()
    data["user"].x, data["film"].x = zeros(3, 2), zeros(5, 1)
    return data


IMAGES = [zeros(3, 8, 8), zeros(3, 9, 7)]
SENTENCES = [zeros(4, 8), zeros(5, 8), zeros(2, 8)]


# -- Without anything but the batch ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        (zeros(3, 2), 3),
        (zeros(0, 2), 0),
        (torch.tensor(1.0), 1),
        ([None, "text", zeros(5)], 5),
        ({"x": zeros(3, 2), "y": zeros(3)}, 3),
        ({"x": {"pixels": zeros(7, 2)}}, 7),
        (torch.eye(4).to_sparse(), 4),
        (zeros(4, 2).half(), 4),
        (zeros(4, 2).to(torch.complex64), 4),
        ("text", None),
        ([], None),
        ({}, None),
        (None, None),
        (object(), None),
        ((x for x in "ab"), None),
        ({1, 2}, None),
        (np.zeros((3, 2)), 3),
        ({"x": np.zeros((3, 2)), "y": [1, 2, 0]}, 3),
        (Fields(zeros(3, 2), zeros(3)), 3),
        (SimpleNamespace(x=zeros(3, 2), y=zeros(3)), 3),
        (collections.UserDict(x=zeros(3, 2)), 3),
        ((zeros(3, 2), {"boxes": zeros(3, 4), "area": [1.0, 2.0, 3.0]}), 3),
        ((zeros(3, 2), torch.tensor(0.5)), 3),
        ((0.5, np.float32(1), np.array(2), zeros(3, 2)), 3),
        ({"x": zeros(1, 2), "temperature": torch.tensor(2.0)}, 1),
        ((["a", "b", "c"], whole(3)), 3),
        (["a", "b", "c"], 3),
        ([1, 2, 3], 3),
        ({"x": {"tokens": whole(5), "offsets": whole(3)}, "y": whole(3)}, 3),
    ],
)
def test_a_batch_has_as_many_samples_as_its_parts_are_long(batch, size):
    assert count_samples(batch) == (size, None)


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        (IMAGES, 2),
        (tuple(IMAGES), 2),
        ([zeros(1, 5, 5)] * 4, 4),
        ((IMAGES, [{"label": whole(5), "boxes": zeros(5, 4)}, {"label": whole(3), "boxes": zeros(3, 4)}]), 2),
        ((IMAGES, ({"label": 1}, {"label": 0})), 2),
        ({"images": IMAGES}, 2),
        (([zeros(64, 8, 8), zeros(64, 9, 9)], [{"boxes": zeros(1, 4)}, {"boxes": zeros(7, 4)}]), 2),
        (([np.zeros((3, 8, 8)), np.zeros((3, 9, 7))], [1, 0]), 2),
        (SENTENCES, 3),
        ((SENTENCES, whole(3)), 3),
        ({"sentences": SENTENCES, "id": ["a", "b", "c"]}, 3),
        ([(zeros(3, 8, 8), 1)] * 4, 4),
        ([(zeros(3, 8, 8), torch.tensor(1))] * 4, 4),
        ([[zeros(3, 8, 8), 1]] * 4, 4),
        ([("text", 1), ("another", 0), ("third", 1)], 3),
        ([{"image": zeros(3, 8, 8), "label": 1}] * 4, 4),
        ([SimpleNamespace(image=zeros(3, 8, 8))] * 4, 4),
    ],
)
def test_a_list_of_samples_has_as_many_as_it_has_elements(batch, size):
    assert count_samples(batch) == (size, None)


@pytest.mark.parametrize(
    "batch",
    [
        [zeros(4, 3, 8, 8), zeros(4, 3, 8, 8)],
        ([zeros(4, 3, 8, 8), zeros(4, 3, 8, 8)], whole(4)),
        ([zeros(4, 3, 8, 8)] * 2 + [zeros(4, 3, 6, 6)] * 3, whole(4)),
        {"views": (zeros(4, 7), zeros(4, 7)), "y": whole(4)},
        [zeros(4, 3), zeros(4, 3)],
        ((zeros(4, 7), zeros(4, 5)), whole(4)),
    ],
)
def test_views_of_samples_are_no_samples(batch):
    assert count_samples(batch) == (4, None)


@pytest.mark.parametrize(
    ("batch", "size", "other"),
    [
        ((zeros(3, 2), zeros(4)), 3, "4"),
        ((zeros(100, 8), zeros(4, 8), whole(4)), 4, "100"),
        ((zeros(7, 4, 3), whole(4), whole(4)), 4, "7"),
        ({"views": [zeros(4, 8), zeros(4, 8)]}, 4, "2"),
        (((zeros(4, 7), zeros(4, 5)), (whole(4), whole(4))), 4, "2"),
        ([[zeros(3, 8, 8)] * 2] * 5, 2, "5"),
    ],
)
def test_where_parts_disagree_most_of_them_decide_and_the_rest_is_said(batch, size, other):
    found = count_samples(batch)
    assert found.size == size
    assert found.doubt == f"a batch is taken to have {size} samples, and could as well have {other}."


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
def test_a_nested_batch_is_as_large_as_its_number_of_tensors(layout):
    sentences = [zeros(length, 3) for length in (2, 4, 3)]
    assert count_samples((torch.nested.nested_tensor(sentences, layout=layout), zeros(3))) == (3, None)


def test_packed_sequences_are_as_many_samples_as_there_are_sequences():
    packed = pack_sequence([zeros(5, 2), zeros(3, 2), zeros(1, 2)])
    assert count_samples(packed) == (3, None)
    assert count_samples((packed, whole(3))) == (3, None)
    assert count_samples({"source": packed, "target": pack_sequence([zeros(2)] * 3)}) == (3, None)


def test_samples_of_graphs_are_graphs():
    assert count_samples(graphs(2, 3, 4)) == (3, None)
    assert count_samples((graphs(2, 3, 4), whole(3))) == (3, None)
    assert count_samples([graphs(2, 3, 4), graphs(1, 1, 1)]) == (3, None)
    assert count_samples([graph(2), graph(3)]) == (2, None)
    assert count_samples(graph(5)) == (1, None)
    assert (
        count_samples({"x": zeros(5, 2), "edge_index": whole(2, 9), "batch": torch.tensor([0, 0, 1, 1, 2])}).size == 3
    )


def test_graphs_of_several_kinds_of_nodes_are_counted_and_stay_as_they_are():
    batch = Batch.from_data_list([mixed_graph(), mixed_graph()])
    assert count_samples(batch) == (2, None)
    assert count_samples((batch, whole(2)), expected=2) == (2, None)
    assert len(tensors_in(batch)) >= 2
    assert batch.node_types == ["user", "film"]


def test_a_batch_that_holds_itself_has_an_end():
    loop = {"y": whole(3)}
    loop["self"] = loop
    assert count_samples(loop).size == 3
    assert count_samples(loop, expected=3) == (3, None)
    assert len(tensors_in(loop)) >= 1


# -- With what the sampler says ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ((zeros(3, 2), zeros(4)), 4),
        ((zeros(7, 4, 3), whole(4)), 4),
        ({"views": [zeros(4, 8), zeros(4, 8)]}, 2),
        ({"views": [zeros(4, 8), zeros(4, 8)]}, 4),
        ([[zeros(3, 8, 8)] * 2] * 5, 5),
        ([zeros(3, 8, 8)] * 2, 3),  # three samples, as two parts of a batch
        ((whole(7, 4), whole(9, 4)), 4),  # sentences and their translations, steps first
    ],
)
def test_what_the_sampler_put_in_decides_where_it_can(batch, expected):
    assert count_samples(batch, expected) == (expected, None)


def test_the_sampler_does_not_decide_against_the_batch():
    assert count_samples((zeros(6, 4), whole(6)), expected=2) == (6, None)
    assert count_samples((zeros(6, 8), whole(6)), expected=8) == (6, None)
    assert count_samples(zeros(6, 8), expected=8) == (6, None)
    assert count_samples(graphs(2, 3, 4), expected=9) == (3, None)


@given(st.integers(2, 6), st.integers(2, 6), st.booleans())
def test_images_of_any_sizes_are_as_many_as_there_are_of_them(n, side, told):
    images = [zeros(3, side + i, side) for i in range(n)]
    targets = [{"boxes": zeros(i, 4)} for i in range(n)]
    assert count_samples((images, targets), n if told else None) == (n, None)


# -- Parts -------------------------------------------------------------------------------------------------------------


def test_parts_have_the_names_by_which_they_are_reached():
    assert [part.place for part in batch_parts(Fields(zeros(1), zeros(1)))] == ["batch.x", "batch.y"]
    assert [part.key for part in batch_parts(SimpleNamespace(x=1, _hidden=2))] == ["x"]
    assert {part.key for part in batch_parts(graphs(2, 3))} >= {"x", "edge_index", "y", "batch"}
    assert batch_parts("text") == batch_parts(zeros(3)) == batch_parts(np.zeros(3)) == batch_parts(Fields) == []


def test_tensors_are_found_wherever_they_are():
    batch = {"x": [zeros(1), (zeros(2),)], "y": pack_sequence([zeros(3)]), "z": "text"}
    assert [len(tensor) for tensor in tensors_in(batch)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("batch", "loaders", "expected"),
    [
        ([1, 2], ["a", "b"], [1, 2]),
        ({"a": 1, "b": (2, 3)}, {"a": "x", "b": ("y", "z")}, [1, 2, 3]),
        ([(1, "label"), None], ["a", "b"], [(1, "label"), None]),
        ({"a": 1}, {"a": "x", "b": "y"}, [1, None]),
        (5, ["a", "b"], [None, None]),
    ],
)
def test_each_loader_has_its_share_of_a_combined_batch(batch, loaders, expected):
    assert [select_part(batch, loaders, number) for number in range(len(expected))] == expected
    assert select_part(batch, loaders, len(expected)) is None
