"""Pooling: one vector per sample, each way against plain loops over positions."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recording_tools import activations
from torch import nn

from topocallback.activations.pooling import POOLINGS, check_lengths, check_pooling, rows_to_vectors, to_vectors
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
    is_image = axis == 1 and sample.ndim > 2
    if way == "max_norm" or (way in ("token", "last") and is_image):  # a corner is no token
        return max(vectors, key=lambda vector: math.fsum(x * x for x in vector))
    if way == "mean":
        return [math.fsum(channel) / len(vectors) for channel in zip(*vectors, strict=True)]
    if way in ("token", "last"):
        return vectors[0 if way == "token" else -1]
    return [x.item() for x in sample.reshape(-1)]


# -- One vector per sample --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "axis"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("way", ["max_norm", "mean", "token", "last", "flatten", "rows"])
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
def test_auto_is_max_norm_of_channels_first_and_mean_of_channels_last_and_all_of_a_single_channel(shape, axis):
    values, ids = activations(shape), np.arange(shape[0])
    of_channels_first = "flatten" if shape[1] == 1 else "max_norm"
    expected = to_vectors(values, of_channels_first if axis == 1 else "mean", axis, ids)
    assert torch.equal(to_vectors(values, "auto", axis, ids), expected)


def test_auto_keeps_one_position_of_a_channel_that_is_padded_or_too_long_to_keep():
    values, ids = activations((3, 1, 5)), np.arange(3)
    inside = torch.arange(5) < torch.tensor([[2], [5], [3]])
    expected = to_vectors(values, "max_norm", 1, ids, inside=inside)
    assert torch.equal(to_vectors(values, "auto", 1, ids, inside=inside), expected)
    assert to_vectors(torch.ones(2, 1, 1 << 14), "auto", 1, ids[:2]).shape == (2, 1 << 14)
    assert to_vectors(torch.ones(2, 1, (1 << 14) + 1), "auto", 1, ids[:2]).shape == (2, 1)


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


# -- Rows of an output ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", POOLINGS)
def test_rows_of_an_output_give_the_vectors_of_these_samples(pooling):
    output, rows = activations((6, 3, 4, 5)), np.array([4, 0, 5])
    expected = to_vectors(output[[4, 0, 5]], pooling, 1, rows + 100, seed=7)
    assert torch.equal(rows_to_vectors(output, rows, pooling, 1, rows + 100, seed=7), expected)
    second = output.movedim(0, 1)
    assert torch.equal(rows_to_vectors(second, rows, pooling, 1, rows + 100, seed=7, samples_axis=1), expected)


def test_complex_channels_are_twice_as_many():
    output = torch.view_as_complex(activations((4, 3, 5, 2)))
    vectors = rows_to_vectors(output, np.array([1]), "token", 1, np.array([1]))
    assert vectors.tolist() == [[part for value in output[1, :, 0].tolist() for part in (value.real, value.imag)]]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
@pytest.mark.parametrize("pooling", ["auto", "max_norm", "random", "mean", "token"])
def test_a_sequence_of_a_nested_output_is_pooled_without_its_padding(pooling, layout):
    sequences = [activations((length, 3), seed=length) for length in (2, 5, 3)]
    output, rows = torch.nested.nested_tensor(sequences, layout=layout), np.array([2, 0])
    vectors = rows_to_vectors(output, rows, pooling, -1, rows)
    for vector, row in zip(vectors, rows, strict=True):
        assert torch.equal(vector, to_vectors(sequences[row][None], pooling, -1, np.array([row]))[0])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_flattened_sequences_of_a_nested_output_are_padded():
    sequences = [activations((2, 3)), activations((4, 3), seed=1)]
    vectors = rows_to_vectors(torch.nested.nested_tensor(sequences), np.array([0]), "flatten", -1, np.array([0]))
    assert vectors.tolist() == [sequences[0].flatten().tolist() + [0.0] * 6]


def test_samples_without_a_value_are_refused():
    with pytest.raises(ValueError, match=r"at least one value per sample, got an output of shape \(3, 0\)"):
        rows_to_vectors(torch.zeros(3, 0), np.array([1]), "auto", -1, np.array([1]))


def test_vectors_of_several_lengths_are_refused_with_advice():
    check_lengths(torch.zeros(2, 3), torch.zeros(0, 3))
    with pytest.raises(
        ValueError, match=r"of one length, got 3 and 5\. For inputs of varying size choose `pooling='mean'`"
    ):
        check_lengths(torch.zeros(2, 5), torch.zeros(2, 3))


def test_only_the_names_of_poolings_are_names():
    for pooling in (*POOLINGS, nn.Flatten()):
        check_pooling(pooling)
    with pytest.raises(ValueError, match=r"`pooling` to be one of \('auto', 'max_norm'.* or a callable, got 'max'"):
        check_pooling("max")


# -- Positions that do not count ---------------------------------------------------------------------------------------

MASKED = ["auto", "max_norm", "random", "mean", "token", "last"]


@given(
    st.lists(st.lists(st.booleans(), min_size=5, max_size=5).filter(any), min_size=1, max_size=4),
    st.sampled_from(MASKED),
    st.sampled_from([1, -1]),
)
def test_a_sample_gives_what_it_would_give_without_its_other_positions(inside, way, axis):
    inside, ids = torch.tensor(inside), np.arange(len(inside)) + 7
    values = torch.randn(len(inside), 5, 3, generator=torch.Generator().manual_seed(0))
    spoilt = values.masked_fill(~inside[..., None], float("nan"))
    vectors = to_vectors(spoilt if axis == -1 else spoilt.transpose(1, 2), way, axis, ids, inside=inside)
    for row, (sample, which) in enumerate(zip(values, inside, strict=True)):
        alone = sample[which][None]
        expected = to_vectors(alone if axis == -1 else alone.transpose(1, 2), way, axis, ids[row : row + 1])
        torch.testing.assert_close(vectors[row : row + 1], expected)


@pytest.mark.parametrize("way", MASKED)
def test_parts_of_an_image_count_as_those_of_a_sequence_do(way):
    values = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    inside = torch.zeros(2, 4, 5, dtype=torch.bool)
    inside[0, :2, :3] = inside[1, :4, :1] = True
    vectors = to_vectors(values, way, 1, np.arange(2), inside=inside)
    for row, corner in enumerate((values[:1, :, :2, :3], values[1:, :, :4, :1])):
        torch.testing.assert_close(vectors[row : row + 1], to_vectors(corner, way, 1, np.arange(row, row + 1)))


def test_a_function_gets_every_sample_without_its_padding():
    shapes = []

    def function(activations):
        shapes.append(tuple(activations.shape))
        return activations.mean(dim=1)

    values = torch.randn(3, 5, 2)
    inside = torch.tensor([[1, 1, 0, 0, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]]).bool()
    vectors = to_vectors(values, function, -1, np.arange(3), inside=inside)
    assert shapes == [(1, 2, 2), (1, 3, 2), (1, 5, 2)]
    torch.testing.assert_close(vectors[0], values[0, :2].mean(dim=0))
    torch.testing.assert_close(vectors[1], values[1, 2:].mean(dim=0))
    assert bool(vectors[2].isnan().all())


def test_flattened_padding_is_zero():
    inside = torch.tensor([[True, False]])
    assert to_vectors(torch.ones(1, 2, 2), "flatten", -1, np.array([0]), inside=inside).tolist() == [[1, 1, 0, 0]]


def test_the_last_position_is_the_last_one():
    values = torch.arange(6.0).reshape(1, 3, 2)
    assert to_vectors(values, "last", -1, np.array([0])).tolist() == [[4, 5]]
    assert to_vectors(values, "last", 1, np.array([0])).tolist() == [[1, 3, 5]]


def test_half_precision_is_pooled_in_single_precision():
    output = torch.full((1, 4000, 1), 30.0).half()
    assert rows_to_vectors(output, np.array([0]), "mean", -1, np.array([0])).tolist() == [[30.0]]
