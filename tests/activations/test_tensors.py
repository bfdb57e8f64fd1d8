"""Finding the tensor in an output, making it dense, and taking rows of it."""

import collections
import dataclasses

import numpy as np
import pytest
import torch
from recording_tools import activations
from torch import nn

from topocallback.activations.tensors import densify, first_tensor, join_parts, padded_shape, take_rows

# -- The tensor in an output ------------------------------------------------------------------------------------------


def kind(output):
    return type(output).__name__


X = torch.ones(2, 3)
Y = torch.zeros(2, 3)


@dataclasses.dataclass
class Result:
    loss: torch.Tensor | None = None
    hidden: torch.Tensor | None = None
    logits: torch.Tensor | None = None


Pair = collections.namedtuple("Pair", ["first", "second"])


@dataclasses.dataclass
class ModelOutput(collections.OrderedDict):
    """Like Hugging Face's: a dataclass and an ordered dictionary of its fields that are not ``None``."""

    last_hidden_state: torch.Tensor | None = None
    pooler_output: torch.Tensor | None = None

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if getattr(self, field.name) is not None:
                self[field.name] = getattr(self, field.name)


@pytest.mark.parametrize(
    "output",
    [
        X,
        nn.Parameter(X),
        (X, Y),
        [X, Y],
        (None, X),
        (None, 3, "text", [], {}, X, Y),
        Pair(None, X),
        ((None, [None, X]), Y),
        (X, (Y, Y)),
        {"a": X, "b": Y},
        {"a": None, "b": X},
        {"loss": Y, "logits": X},
        {"logits": Y, "loss": Y, "last_hidden_state": X},
        {"last_hidden_state": None, "logits": X, "a": Y},
        {"last_hidden_state": (None, X), "logits": Y},
        collections.OrderedDict(a=X, b=Y),
        Result(hidden=X),
        Result(loss=Y, logits=X),
        Result(loss=X, hidden=Y),
        (Result(), Result(hidden=X)),
        ModelOutput(last_hidden_state=X, pooler_output=Y),
        ModelOutput(pooler_output=X),
        collections.UserDict(a=X),
    ],
    ids=kind,
)
def test_the_first_tensor_of_an_output_is_found(output):
    assert torch.equal(first_tensor(output), X)


@pytest.mark.parametrize(
    "output", [None, 3.0, "text", (), {}, [None, {"a": None}], Result(), Result, np.ones(3), object()], ids=kind
)
def test_an_output_without_a_tensor_is_refused_with_its_type(output):
    with pytest.raises(TypeError, match=rf"got {type(output).__name__}\. Pass `select=`"):
        first_tensor(output)


# -- Dense tensors ----------------------------------------------------------------------------------------------------

MATRIX = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, -3.0]])


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta state")
@pytest.mark.parametrize(
    "layout", [torch.strided, torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch._mkldnn], ids=str
)
def test_every_layout_becomes_dense(layout):
    tensor = MATRIX.to_mkldnn() if layout == torch._mkldnn else MATRIX.to_sparse(layout=layout)
    dense = densify(MATRIX if layout == torch.strided else tensor)
    assert dense.layout == torch.strided
    assert torch.equal(dense, MATRIX)


def test_a_hybrid_sparse_tensor_becomes_dense():
    images = activations((3, 2, 2))
    assert torch.equal(densify(images.to_sparse(1)), images)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
def test_nested_tensors_are_padded_with_zeros(layout):
    short, long = activations((2, 3)), activations((4, 3), seed=1)
    dense = densify(torch.nested.nested_tensor([short, long], layout=layout))
    assert not dense.is_nested
    assert dense.shape == (2, 4, 3)
    assert torch.equal(dense[0], torch.cat([short, torch.zeros(2, 3)]))
    assert torch.equal(dense[1], long)


@pytest.mark.filterwarnings("ignore:.*quantize")
def test_quantised_tensors_become_real_numbers():
    values = torch.tensor([[-1.0, 0.26, 1.5]])
    assert densify(torch.quantize_per_tensor(values, 0.5, 10, torch.quint8)).tolist() == [[-1.0, 0.5, 1.5]]


def test_a_tensor_without_data_is_refused():
    with pytest.raises(TypeError, match="device 'meta'"):
        densify(torch.ones(2, 3, device="meta"))


def test_an_ordinary_tensor_is_only_detached():
    tensor = (activations((2, 3)).requires_grad_() * 2).t()
    dense = densify(tensor)
    assert not dense.requires_grad
    assert dense.data_ptr() == tensor.data_ptr()
    assert dense.stride() == tensor.stride()


# -- Rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool],
    ids=str,
)
def test_rows_of_any_type_become_float32(dtype):
    tensor = torch.tensor([[[0, 1], [2, 0]], [[1, 0], [0, 5]], [[3, 7], [0, 1]]]).to(dtype)
    rows = take_rows(tensor, np.array([2, 0]))
    assert rows.dtype == torch.float32
    assert rows.tolist() == [[[float(x) for x in row] for row in tensor[i].tolist()] for i in (2, 0)]


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_complex_rows_become_pairs_of_real_and_imaginary_part(dtype):
    tensor = torch.tensor([[1 + 2j, 3 - 4j], [5j, 6]], dtype=dtype)
    rows = take_rows(tensor, np.array([1, 0]))
    assert rows.dtype == torch.float32
    assert rows.tolist() == [[[0.0, 5.0], [6.0, 0.0]], [[1.0, 2.0], [3.0, -4.0]]]


def test_rows_of_lazily_conjugated_and_negated_tensors_have_their_true_values():
    tensor = torch.tensor([[1 + 2j], [3 - 4j]])
    assert take_rows(tensor.conj(), np.array([0, 1])).tolist() == [[[1.0, -2.0]], [[3.0, 4.0]]]
    assert take_rows(tensor.conj().imag, np.array([0, 1])).tolist() == [[-2.0], [4.0]]


@pytest.mark.parametrize("rows", [[], [0], [4, 0, 2], [0, 1, 2, 3, 4]], ids=str)
def test_rows_share_no_memory_with_the_activation(rows):
    tensor = activations((5, 3, 2))
    before = tensor.clone()
    taken = take_rows(tensor, np.array(rows, dtype=np.intp))
    tensor.zero_()
    assert torch.equal(taken, before[rows])


def test_rows_are_detached():
    tensor = activations((5, 3)).requires_grad_() * 2
    assert not take_rows(tensor, np.array([1])).requires_grad


def test_rows_of_views_are_the_views_rows():
    images = activations((4, 6, 2, 3)).contiguous(memory_format=torch.channels_last)
    assert torch.equal(take_rows(images, np.array([3, 1])), images[[3, 1]])
    assert torch.equal(take_rows(images.transpose(0, 1), np.array([5, 0])), images.transpose(0, 1)[[5, 0]])
    assert torch.equal(take_rows(images[:1].expand(9, -1, -1, -1), np.array([8, 2])), images[[0, 0]])


def test_an_expanded_tensor_is_no_way_around_the_limit_of_a_copy():
    with pytest.raises(ValueError, match="Expected at most 268435456 values, got 1 rows of an activation of shape"):
        take_rows(torch.ones(1).expand(2, 10**9), np.array([0]))
    with pytest.raises(ValueError, match=r"as a dense one: 10000000000000 values"):
        densify(torch.sparse_coo_tensor([[0], [7]], [1.0], (1, 10**13), check_invariants=True))


# -- Shapes and complex numbers ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
def test_the_shape_of_a_nested_tensor_is_that_of_its_longest_parts(layout):
    parts = [activations((2, 3)), activations((4, 3)), activations((1, 3))]
    assert padded_shape(torch.nested.nested_tensor(parts, layout=layout)) == (3, 4, 3)


@pytest.mark.parametrize(
    ("shape", "axis", "expected"),
    [((2, 3, 4, 5, 2), 1, (2, 6, 4, 5)), ((2, 4, 3, 2), -1, (2, 4, 6)), ((2, 3, 2), -1, (2, 6)), ((2, 2), -1, (2, 2))],
    ids=str,
)
def test_parts_of_complex_numbers_become_channels_side_by_side(shape, axis, expected):
    values = activations(shape)
    joined = join_parts(values, axis)
    assert joined.shape == expected
    channels = joined.movedim(axis, -1).reshape(-1, expected[axis])
    parts = values.movedim(axis, -2).reshape(-1, expected[axis]) if axis == 1 else values.reshape(-1, expected[axis])
    assert torch.equal(channels, parts)
