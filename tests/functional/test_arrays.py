"""Clouds as people have them, tensors and arrays, and results as they expect them."""

import numpy as np
import pytest
import torch

from topocallback.activations.reservoir import sample_rows
from topocallback.functional.arrays import as_given, check_sampling, on_cpu, points_of, sampled_points

# -- What comes in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool"])
def test_clouds_of_every_real_dtype_are_points_in_double_precision(dtype):
    values = np.arange(12).reshape(6, 2).astype(dtype)
    for cloud in (values, torch.from_numpy(values), values.tolist()):
        found = points_of(cloud, "x")
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, values.astype(np.float64))


def test_brain_floats_sparse_tensors_and_gradients_are_clouds():
    x = torch.eye(4)
    for cloud in (x.bfloat16(), x.to_sparse(), x.clone().requires_grad_()):
        np.testing.assert_array_equal(points_of(cloud, "x"), np.eye(4))


def test_a_vector_is_points_on_a_line():
    assert points_of([0, 1, 4], "x").tolist() == points_of(torch.tensor([0, 1, 4]), "x").tolist() == [[0], [1], [4]]


def test_read_only_arrays_are_clouds_and_stay_as_they_are():
    cloud = np.eye(3)
    cloud.flags.writeable = False
    points_of(cloud, "x")[0, 0] = 7
    np.testing.assert_array_equal(cloud, np.eye(3))


def test_a_sample_is_the_rows_of_smallest_hash():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(points_of(x, "x", 20, seed=4), sample_rows(x, 20, 4).double().numpy())
    np.testing.assert_array_equal(sampled_points(x, "x", None, 0), x.double().numpy())


def test_a_single_point_is_warned_about_where_clouds_are_sampled():
    with pytest.warns(UserWarning, match="Expected `x` to hold at least 2 different points, got 1. A single point"):
        sampled_points(np.ones((1, 3)), "x", None, 0)
    with pytest.warns(UserWarning, match="Expected `y` to hold at least 2 different points, got 1"):
        sampled_points(np.ones((5, 3)), "y", 2, 0)


def test_labels_come_as_arrays():
    assert on_cpu(None) is None
    assert list(on_cpu(["a", "b"])) == ["a", "b"]
    whole = torch.tensor([1, 0])
    for labels in (whole, whole.bfloat16(), whole.to_sparse()):
        assert on_cpu(labels).tolist() == [1, 0]
    assert on_cpu(whole).dtype == np.int64


# -- What goes out ---------------------------------------------------------------------------------------------------


def test_arrays_give_arrays_and_a_single_value_a_number():
    assert type(as_given(np.array(1.5), [np.eye(2), [[1.0]]])) is np.float64
    assert type(as_given(np.ones(2), [np.eye(2)])) is np.ndarray


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        ([torch.float32], torch.float32),
        ([torch.float16], torch.float32),
        ([torch.int64], torch.float32),
        ([torch.float64], torch.float64),
        ([torch.float32, torch.float64], torch.float64),
    ],
)
def test_tensors_give_a_tensor_of_torchs_default_dtype_unless_one_is_of_double_precision(dtypes, expected):
    found = as_given(np.array(1.5), [np.eye(2), *(torch.zeros(2, dtype=dtype) for dtype in dtypes)])
    assert (found.dtype, found.shape, found.item()) == (expected, (), 1.5)


def test_results_are_on_the_device_of_the_first_tensor():
    assert as_given(np.ones(2), [torch.zeros(2, device="meta"), torch.zeros(2)]).device.type == "meta"


# -- Bad input -------------------------------------------------------------------------------------------------------

BAD_CLOUDS = [
    (np.zeros((2, 3, 4)), r"to be of shape \(n, d\) with at least one point, got \(2, 3, 4\)"),
    (np.zeros((0, 3)), r"to be of shape \(n, d\) with at least one point, got \(0, 3\)"),
    (np.array(5.0), r"to be of shape \(n, d\) with at least one point, got \(\)"),
    (np.array([[0.0, np.nan], [1.0, 2.0]]), "to be finite, got NaN or infinity in 1 of 2 points"),
    (np.array([[np.inf], [-np.inf], [0.0]]), "to be finite, got NaN or infinity in 2 of 3 points"),
    (np.zeros((3, 2), dtype=complex), "to hold real numbers, got"),
]


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize(("bad", "message"), BAD_CLOUDS)
def test_what_is_no_cloud_is_refused_by_name(bad, message, kind):
    with pytest.raises(ValueError, match=rf"Expected `clouds\[1\]` {message}"):
        points_of(kind(bad), "clouds[1]")


def test_what_is_no_number_is_refused():
    with pytest.raises(ValueError, match="Expected `x` to hold real numbers, got <U1"):
        points_of([["a", "b"]], "x")


def test_a_tensor_on_a_device_without_data_is_refused():
    with pytest.raises(TypeError, match="device 'meta'"):
        points_of(torch.zeros(3, 2, device="meta"), "x")


@pytest.mark.parametrize("n_samples", [1, 0, 2.5, 8.0, "8"])
def test_a_number_of_samples_out_of_its_range_is_refused(n_samples):
    with pytest.raises(ValueError, match=f"Expected `n_samples` to be an integer of at least 2, got {n_samples!r}"):
        check_sampling(n_samples, seed=0)


@pytest.mark.parametrize("seed", [0.5, "x", None])
def test_a_seed_that_is_no_integer_is_refused(seed):
    with pytest.raises(TypeError, match=f"Expected `seed` to be an integer, got {seed!r}"):
        check_sampling(None, seed)
    check_sampling(np.int64(2), np.int64(-3))
