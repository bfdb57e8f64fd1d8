"""Clouds: finding the tensor, making it dense, taking rows, and one vector per sample, each against plain loops."""

import collections
import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.optim.swa_utils import AveragedModel

from topocallback.activations.pooling import (
    POOLINGS,
    batch_first,
    channel_axis,
    densify,
    first_tensor,
    take_rows,
    to_vectors,
)
from topocallback.activations.samples import bottom_k

SHAPES = {
    "image": ((5, 3, 4, 6), 1),
    "image, channels last": ((5, 4, 6, 3), -1),
    "sequence": ((5, 7, 3), -1),
    "sequence, channels first": ((5, 3, 7), 1),
    "video": ((5, 3, 2, 4, 3), 1),
    "one position": ((5, 3, 1, 1), 1),
    "one channel": ((5, 1, 4, 6), 1),
    "one sample": ((1, 3, 4, 6), 1),
}


def activations(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def channel_vectors(sample, axis):
    """The channel vectors of one sample, position after position, as lists of numbers; ``axis`` counts the batch's."""
    axis = axis - 1 if axis > 0 else sample.ndim + axis
    sizes = [size for i, size in enumerate(sample.shape) if i != axis]
    vectors = []
    for position in itertools.product(*map(range, sizes)):
        places = ([*position[:axis], channel, *position[axis:]] for channel in range(sample.shape[axis]))
        vectors.append([sample[tuple(place)].item() for place in places])
    return vectors


def by_loops(sample, way, axis):
    vectors = channel_vectors(sample, axis)
    if way == "max_norm":
        return max(vectors, key=lambda vector: math.fsum(x * x for x in vector))
    if way == "mean":
        return [math.fsum(channel) / len(vectors) for channel in zip(*vectors, strict=True)]
    if way == "token":
        return vectors[0]
    return [x.item() for x in sample.reshape(-1)]


# -- One vector per sample --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "axis"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("way", ["max_norm", "mean", "token", "flatten", "rows"])
def test_every_way_is_what_a_plain_loop_gives(way, shape, axis):
    values = activations(shape)
    vectors = to_vectors(values, way, axis, np.arange(len(values)))
    expected = torch.tensor([by_loops(sample, way, axis) for sample in values])
    assert vectors.dtype == torch.float32
    assert vectors.shape == expected.shape
    if way == "mean":  # the only way that computes anything
        torch.testing.assert_close(vectors, expected)
    else:
        assert torch.equal(vectors, expected)


@pytest.mark.parametrize(("shape", "axis"), SHAPES.values(), ids=SHAPES)
def test_auto_is_max_norm_of_channels_first_and_mean_of_channels_last(shape, axis):
    values, ids = activations(shape), np.arange(shape[0])
    expected = to_vectors(values, "max_norm" if axis == 1 else "mean", axis, ids)
    assert torch.equal(to_vectors(values, "auto", axis, ids), expected)


@pytest.mark.parametrize("way", POOLINGS)
def test_vectors_stay_as_they_are(way):
    values = activations((4, 3))
    assert torch.equal(to_vectors(values, way, -1, np.arange(4)), values)


@pytest.mark.parametrize("way", POOLINGS)
def test_one_number_per_sample_is_a_vector_of_length_one(way):
    values = activations((4,))
    assert to_vectors(values, way, -1, np.arange(4)).tolist() == values[:, None].tolist()


@pytest.mark.parametrize("way", POOLINGS)
def test_no_samples_give_no_vectors(way):
    assert len(to_vectors(torch.zeros(0, 3), way, -1, np.arange(0))) == 0


def test_max_norm_hand_computed():
    image = torch.tensor([[[[3.0, 0.0], [-5.0, 1.0]], [[4.0, 1.0], [1.0, 2.0]]]])
    assert to_vectors(image, "max_norm", 1, np.array([0])).tolist() == [[-5.0, 1.0]]


def test_max_norm_takes_the_first_of_equal_norms():
    image = torch.tensor([[[[0.0, 3.0, 4.0, 5.0]], [[0.0, 4.0, 3.0, 0.0]]]])
    assert to_vectors(image, "max_norm", 1, np.array([0])).tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize("way", ["max_norm", "mean", "flatten"])
def test_nan_stays_with_its_own_sample(way):
    values = activations((3, 2, 4, 4))
    values[1, 0, 2, 2] = math.nan
    vectors = to_vectors(values, way, 1, np.arange(3))
    assert vectors.isnan().any(dim=1).tolist() == [False, True, False]


# -- A random position ------------------------------------------------------------------------------------------------


def numbered_positions(n_samples, n_channels, n_positions):
    """Activations whose channel vector at position p is (p, p, ...)."""
    return torch.arange(float(n_positions)).expand(n_samples, n_channels, n_positions)


def drawn(n_positions, ids, seed=0, n_channels=2):
    vectors = to_vectors(numbered_positions(len(ids), n_channels, n_positions), "random", 1, np.array(ids), seed)
    assert vectors.shape == (len(ids), n_channels)
    assert torch.equal(vectors, vectors[:, :1].expand(-1, n_channels))  # one position, not one for each channel
    return vectors[:, 0].int().tolist()


@pytest.mark.parametrize(("shape", "axis"), SHAPES.values(), ids=SHAPES)
def test_a_random_vector_is_the_vector_at_one_of_the_positions(shape, axis):
    values = activations(shape)
    vectors = to_vectors(values, "random", axis, np.arange(len(values)))
    for sample, vector in zip(values, vectors, strict=True):
        assert vector.tolist() in channel_vectors(sample, axis)


def test_a_random_position_depends_on_the_sample_only():
    ids = list(range(100, 140))
    together = drawn(12, ids)
    assert [drawn(12, [i])[0] for i in ids] == together
    assert drawn(12, ids[::-1]) == together[::-1]
    assert drawn(12, ids, n_channels=5) == together


def test_a_random_position_is_the_same_wherever_channels_are():
    values, ids = activations((6, 3, 4, 5)), np.arange(6)
    first = to_vectors(values, "random", 1, ids)
    assert torch.equal(to_vectors(values.permute(0, 2, 3, 1), "random", -1, ids), first)


def test_random_positions_differ_between_seeds():
    ids = list(range(1000))
    same = np.mean(np.array(drawn(10, ids, seed=0)) == np.array(drawn(10, ids, seed=1)))
    assert 0.05 < same < 0.15


def test_random_positions_are_uniform_among_all_samples_and_among_the_chosen_ones():
    for ids in (range(4000), bottom_k(40_000, 4000, seed=0)):  # the draw must not follow from having been chosen
        counts = np.bincount(drawn(16, list(ids)), minlength=16)
        # 15 degrees of freedom: mean 15, standard deviation 5.5.
        assert ((counts - 250) ** 2 / 250).sum() < 15 + 5 * 5.5


@pytest.mark.parametrize("seed", [-1, 2**64, -(2**100)])
def test_any_integer_is_a_seed_of_the_positions(seed):
    assert set(drawn(4, list(range(100)), seed)) == {0, 1, 2, 3}


# -- Functions --------------------------------------------------------------------------------------------------------


def test_a_function_gets_all_activations_and_gives_the_vectors():
    values = activations((5, 3, 4, 6))
    vectors = to_vectors(values, lambda x: x.amax(dim=(2, 3)).double(), 1, np.arange(5))
    assert vectors.dtype == torch.float32
    assert torch.equal(vectors, values.amax(dim=(2, 3)))


def test_a_function_gets_plain_vectors_too():
    assert to_vectors(torch.ones(4, 3), lambda x: x[:, :1] + 1, -1, np.arange(4)).tolist() == [[2.0]] * 4


def test_a_functions_vectors_are_detached():
    weight = torch.ones(3, requires_grad=True)
    assert not to_vectors(torch.ones(4, 3), lambda x: x * weight, -1, np.arange(4)).requires_grad


def too_many_axes(x):
    return x[:, :, None]


def too_few_axes(x):
    return x[:, 0]


def too_few_rows(x):
    return x[1:]


def not_a_tensor(x):
    return x.tolist()


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (too_many_axes, r"\(4, 3, 1\)"),
        (too_few_axes, r"\(4,\)"),
        (too_few_rows, r"\(3, 3\)"),
        (not_a_tensor, "list"),
    ],
)
def test_a_function_with_a_wrong_result_is_named(function, got):
    message = rf"`pooling={function.__name__}` to give a tensor of shape \(4, d\), got {got}"
    with pytest.raises(ValueError, match=message):
        to_vectors(torch.ones(4, 3), function, -1, np.arange(4))


def test_a_callable_object_with_a_wrong_result_is_named_by_its_class():
    with pytest.raises(ValueError, match=r"`pooling=Flatten` to give a tensor of shape \(4, d\), got \(12,\)"):
        to_vectors(torch.ones(4, 3), nn.Flatten(0), -1, np.arange(4))


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match=r"one of \('auto', 'max_norm'.*got 'maximum'"):
        to_vectors(torch.ones(4, 3), "maximum", -1, np.arange(4))


# -- Where channels and samples are -----------------------------------------------------------------------------------


def as_it_is(module):
    return module


class ConvNeXtBlock(nn.Module):
    """Images in, images out, with layers inside that want channels last."""

    def __init__(self):
        super().__init__()
        self.depthwise = nn.Conv2d(4, 4, 3)
        self.norm = nn.LayerNorm(4)
        self.pointwise = nn.Linear(4, 4)


class Activation(nn.Module):
    """A module without layers."""


@pytest.mark.parametrize(
    ("module", "ndim", "axis"),
    [
        (nn.Conv1d(2, 2, 1), 3, 1),
        (nn.Conv2d(2, 2, 1), 4, 1),
        (nn.Conv3d(2, 2, 1), 5, 1),
        (nn.ConvTranspose2d(2, 2, 1), 4, 1),
        (nn.BatchNorm1d(2), 3, 1),
        (nn.BatchNorm2d(2), 4, 1),
        (nn.InstanceNorm2d(2), 4, 1),
        (nn.GroupNorm(1, 2), 3, 1),
        (nn.MaxPool1d(2), 3, 1),
        (nn.MaxPool2d(2), 4, 1),
        (nn.AvgPool2d(2), 4, 1),
        (nn.AdaptiveAvgPool1d(1), 3, 1),
        (nn.AdaptiveMaxPool2d(1), 4, 1),
        (nn.Upsample(scale_factor=2), 3, 1),
        (nn.PixelShuffle(2), 4, 1),
        (nn.ReLU(), 4, 1),
        (nn.ReLU(), 3, -1),
        (Activation(), 5, 1),
        (nn.Linear(2, 2), 3, -1),
        (nn.Linear(2, 2), 4, -1),
        (nn.LayerNorm(2), 4, -1),
        (nn.RMSNorm(2), 4, -1),
        (nn.Embedding(2, 2), 3, -1),
        (nn.LSTM(2, 2), 3, -1),
        (nn.GRU(2, 2, batch_first=True), 3, -1),
        (nn.MultiheadAttention(2, 1), 3, -1),
        (nn.TransformerEncoderLayer(2, 1, 2), 3, -1),
        (nn.TransformerEncoder(nn.TransformerEncoderLayer(2, 1, 2), 1, enable_nested_tensor=False), 3, -1),
        (nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU()), 4, 1),
        (nn.Sequential(nn.Conv1d(2, 2, 1), nn.ReLU()), 3, 1),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), 3, -1),
        (nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 2)), 4, -1),
        (nn.Sequential(nn.Conv2d(2, 2, 1), nn.Flatten(2), nn.Linear(2, 2)), 3, -1),
        (ConvNeXtBlock(), 4, 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
@pytest.mark.parametrize("wrap", [as_it_is, nn.DataParallel, AveragedModel, checkpoint_wrapper, torch.compile])
def test_channels_are_where_the_layer_puts_them_however_it_is_wrapped(module, ndim, axis, wrap):
    assert channel_axis(wrap(module), ndim) == axis


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.Linear(2, 2), True),
        (nn.Conv2d(2, 2, 1), True),
        (nn.LSTM(2, 2), False),
        (nn.LSTM(2, 2, batch_first=True), True),
        (nn.RNN(2, 2), False),
        (nn.GRU(2, 2, batch_first=True), True),
        (nn.MultiheadAttention(2, 1), False),
        (nn.MultiheadAttention(2, 1, batch_first=True), True),
        (nn.TransformerEncoderLayer(2, 1, 2), False),
        (nn.TransformerEncoderLayer(2, 1, 2, batch_first=True), True),
        (nn.TransformerEncoder(nn.TransformerEncoderLayer(2, 1, 2), 1, enable_nested_tensor=False), False),
        (nn.DataParallel(nn.LSTM(2, 2)), False),
        (torch.compile(nn.LSTM(2, 2)), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_samples_come_first_unless_attention_or_recurrence_says_otherwise(module, expected):
    assert batch_first(module) is expected


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
