"""Distances between clouds as functions: against other libraries, in every dtype, and by what mathematics says."""

import gudhi.hera
import numpy as np
import persim
import pytest
import torch
from diagram_tools import REFERENCE_NAMES
from hypothesis import given, settings
from hypothesis import strategies as st
from own_measures import Procrustes
from ripser import ripser

import topocallback
from topocallback import functional
from topocallback.activations.reservoir import sample_rows
from topocallback.functional import pairwise_persistence_distance, persistence_diagrams, persistence_distance
from topocallback.measures import SlicedWasserstein, Wasserstein
from topocallback.measures.topology.diagrams import finite_bars

DISTANCES = ("sliced_wasserstein", "wasserstein", "bottleneck")

every_distance = pytest.mark.parametrize("distance", DISTANCES)

# Filtration values are rounded to single precision, each by 6e-8 of itself.
SINGLE = 2e-7


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def clouds(max_points=8, dim=3):
    """Small clouds, points of which may coincide."""
    point = st.tuples(*[st.integers(-20, 20)] * dim)
    return st.lists(point, min_size=2, max_size=max_points).map(lambda points: np.array(points, dtype=np.float64))


def size(*found):
    """The largest extent of some clouds times their number of points: what rounding errors are measured against."""
    return sum(len(cloud) * np.linalg.norm(np.ptp(cloud, axis=0)) for cloud in found)


def count_difference(first, second):
    return abs(len(first) - len(second))


def rotation(dim, seed=0):
    return np.linalg.qr(normal(dim, dim, seed=seed))[0]


# -- Against other libraries ------------------------------------------------------------------------------------------


@every_distance
def test_distances_among_layers_are_those_of_the_reference(reference_clouds, reference, distance):
    found = pairwise_persistence_distance(list(reference_clouds.values()), measure=distance, reduction="none")
    for dim in (0, 1):
        np.testing.assert_allclose(found[dim], reference[f"{REFERENCE_NAMES[distance]}_H{dim}"], rtol=1e-5, atol=0)


def test_persistence_distance_is_persims_on_ripsers_diagrams():
    x, y = normal(80, 6), normal(60, 4, seed=1)
    ours = [persistence_distance(x, y, homology_dims=[dim]) for dim in (0, 1)]
    diagrams = zip(ripser(x)["dgms"], ripser(y)["dgms"], strict=True)
    expected = [persim.sliced_wasserstein(finite_bars(a), finite_bars(b), M=50) for a, b in diagrams]
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
    assert persistence_distance(x, y) == pytest.approx(sum(expected), rel=1e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_persistence_distance_is_heras_on_ripsers_diagrams(order):
    x, y = normal(60, 5), normal(50, 5, seed=1)
    diagrams = [list(map(finite_bars, ripser(cloud)["dgms"])) for cloud in (x, y)]
    found = persistence_distance(x, y, measure=Wasserstein(order=order), reduction="none")
    for dim in (0, 1):
        pair = diagrams[0][dim], diagrams[1][dim]
        expected = gudhi.hera.wasserstein_distance(*pair, order=order, internal_p=2, delta=1e-6)
        assert found[dim] == pytest.approx(expected, rel=1e-5)
        bottleneck = persistence_distance(x, y, measure="bottleneck", homology_dims=[dim])
        assert bottleneck == pytest.approx(gudhi.hera.bottleneck_distance(*pair, delta=0.0), rel=1e-5)


@pytest.mark.parametrize("backend", ["auto", "redzed", "gudhi", "ripser"])
def test_diagrams_are_ripsers(backend):
    x = normal(40, 3)
    expected = ripser(x, maxdim=1)["dgms"]
    for found, bars in zip(persistence_diagrams(x, backend=backend), expected, strict=True):
        np.testing.assert_allclose(found, bars[np.lexsort((bars[:, 1], bars[:, 0]))], rtol=1e-5)


def test_diagrams_are_those_of_the_reference(reference_clouds, reference):
    for layer in reference["layers"][:3]:
        diagrams = persistence_diagrams(torch.from_numpy(reference_clouds[layer]))
        assert [int(torch.isfinite(bars).all(dim=1).sum()) for bars in diagrams] == reference["bars"][layer]


# -- What goes in and what comes out ----------------------------------------------------------------------------------


def test_the_functions_are_reachable_from_the_package():
    assert topocallback.functional is functional
    assert topocallback.__getattr__("functional") is functional


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.int64, torch.float32),
        (torch.uint8, torch.float32),
    ],
)
def test_tensors_of_every_dtype_give_tensors(dtype, expected):
    x, y = np.arange(12).reshape(6, 2) ** 2 % 13, np.arange(15).reshape(5, 3) ** 2 % 17
    tensors = [torch.from_numpy(cloud).to(dtype) for cloud in (x, y)]
    found = persistence_distance(*tensors)
    assert found.dtype == expected
    assert found.shape == ()
    assert found.item() == pytest.approx(persistence_distance(x, y), rel=1e-6)
    matrix = pairwise_persistence_distance(tensors)
    assert matrix.dtype == expected
    np.testing.assert_allclose(matrix, pairwise_persistence_distance([x, y]), rtol=1e-6)
    for ours, theirs in zip(persistence_diagrams(tensors[0]), persistence_diagrams(x), strict=True):
        assert ours.dtype == expected
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint8])
def test_arrays_of_every_dtype_give_double_precision(dtype):
    x, y = (np.arange(12).reshape(6, 2) ** 2 % 13).astype(dtype), np.arange(5).astype(dtype)
    assert persistence_distance(x, y).dtype == np.float64
    assert isinstance(persistence_distance(x, y), np.float64)
    assert persistence_distance(x, y, reduction="none").shape == (2,)
    assert pairwise_persistence_distance([x, y, y]).dtype == np.float64
    assert [bars.dtype for bars in persistence_diagrams(x)] == [np.float64] * 2


def test_values_come_in_torchs_default_dtype():
    x = torch.from_numpy(normal(10, 2)).float()
    torch.set_default_dtype(torch.float64)
    try:
        assert persistence_distance(x, 2 * x).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_one_double_precision_tensor_makes_the_result_one():
    x = torch.from_numpy(normal(10, 2))
    assert persistence_distance(x.float(), x).dtype == torch.float64


def test_a_tensor_and_an_array_give_a_tensor():
    x = normal(10, 2)
    assert torch.equal(persistence_distance(x, torch.from_numpy(2 * x)), torch.tensor(persistence_distance(x, 2 * x)))


def test_a_tensor_on_a_device_without_data_is_refused():
    with pytest.raises(TypeError, match="device 'meta'"):
        persistence_distance(torch.zeros(3, 2, device="meta"), torch.zeros(3, 2))


def test_lists_sparse_tensors_and_read_only_arrays_are_clouds():
    x = np.eye(4)
    expected = persistence_distance(x, 2 * x)
    frozen = x.copy()
    frozen.flags.writeable = False
    assert persistence_distance(frozen, (2 * x).tolist()) == expected
    assert persistence_distance(torch.eye(4).double().to_sparse(), torch.from_numpy(2 * x)).item() == expected


def test_a_vector_is_points_on_a_line():
    (h0,) = persistence_diagrams(torch.tensor([0.0, 1.0, 4.0]), homology_dims=[0])
    assert h0.tolist() == [[0, 1], [0, 3], [0, np.inf]]


def test_results_carry_no_gradients_and_inputs_stay_as_they_are():
    x = torch.from_numpy(normal(10, 2)).requires_grad_()
    copy = x.detach().clone()
    assert not persistence_distance(x, 2 * x, n_samples=5, scale="quantile").requires_grad
    assert not pairwise_persistence_distance([x, x]).requires_grad
    assert not persistence_diagrams(x)[0].requires_grad
    assert torch.equal(x.detach(), copy)


# -- Options ----------------------------------------------------------------------------------------------------------


def test_homology_dimensions_add_up_or_stay_apart():
    x, y = normal(30, 3), normal(20, 3, seed=1)
    apart = persistence_distance(x, y, homology_dims=(1, 0, 2), reduction="none")
    alone = [persistence_distance(x, y, homology_dims=[dim]) for dim in (1, 0, 2)]
    np.testing.assert_allclose(apart, alone, rtol=1e-6)
    assert persistence_distance(x, y, homology_dims=(1, 0, 2)) == apart.sum()
    matrices = pairwise_persistence_distance([x, y], homology_dims=(1, 0, 2), reduction="none")
    assert matrices.shape == (3, 2, 2)
    np.testing.assert_array_equal(matrices.sum(axis=0), pairwise_persistence_distance([x, y], homology_dims=(1, 0, 2)))


@pytest.mark.parametrize("distance", [*DISTANCES, count_difference, Wasserstein(order=3)])
def test_the_matrix_holds_the_distances_of_the_pairs(distance):
    found = [normal(n, d, seed=n) for n, d in ((20, 2), (30, 5), (7, 3))]
    matrix = pairwise_persistence_distance(found, measure=distance)
    assert np.array_equal(matrix, matrix.T)
    assert not np.diagonal(matrix).any()
    for i in range(3):
        for j in range(3):
            pair = persistence_distance(found[i], found[j], measure=distance)
            assert matrix[i, j] == pytest.approx(pair, rel=1e-12, abs=1e-12)


def test_a_function_of_ones_own_gets_diagrams_without_infinite_bars():
    def check(first, second):
        assert np.isfinite(first).all()
        assert np.isfinite(second).all()
        return 10.0 * len(first) + len(second)

    found = persistence_distance(normal(8, 2), normal(5, 2), measure=check, homology_dims=[0])
    assert found == 10 * 7 + 4


def test_order_and_directions_are_those_of_their_distance():
    x, y = normal(30, 3), normal(20, 3, seed=1)
    diagrams = [persistence_diagrams(cloud, homology_dims=[0])[0] for cloud in (x, y)]
    for order in (1, 2, 5.5):
        expected = Wasserstein(order=order).of_diagrams(*diagrams)
        assert persistence_distance(x, y, measure=Wasserstein(order=order), homology_dims=[0]) == expected
    for n_directions in (1, 7):
        measure = SlicedWasserstein(n_directions=n_directions)
        expected = measure.of_diagrams(*diagrams)
        assert persistence_distance(x, y, measure=measure, homology_dims=[0]) == expected


def test_a_sample_is_the_rows_of_smallest_hash():
    x, y = torch.from_numpy(normal(100, 3)).float(), torch.from_numpy(normal(90, 2, seed=1)).float()
    expected = persistence_distance(sample_rows(x, 20, 4), sample_rows(y, 20, 4))
    assert torch.equal(persistence_distance(x, y, n_samples=20, seed=4), expected)
    assert torch.equal(persistence_distance(x.flip(0), y.flip(0), n_samples=20, seed=4), expected)
    assert pairwise_persistence_distance([x, y], n_samples=20, seed=4)[0, 1] == expected
    assert persistence_distance(x.numpy(), y.numpy(), n_samples=20, seed=4) == pytest.approx(expected.item())
    assert persistence_distance(x, y, n_samples=20, seed=5) != expected


def test_a_sample_of_at_least_all_points_is_the_cloud():
    x, y = normal(20, 3), normal(10, 2, seed=1)
    expected = persistence_distance(x, y)
    assert persistence_distance(x, y, n_samples=20) == pytest.approx(expected, rel=1e-6)


def test_a_repeated_point_changes_nothing_in_the_raw_scale():
    x, y = normal(20, 3), normal(10, 2, seed=1)
    expected = persistence_distance(x, y)
    assert persistence_distance(np.concatenate([x, x[:7]]), y) == pytest.approx(expected, rel=1e-6)


def test_a_single_point_has_no_bars_and_is_warned_about():
    point, pair = np.zeros((1, 3)), np.array([[0.0], [2.0]])
    with pytest.warns(UserWarning, match="Expected `x` to hold at least 2 different points, got 1"):
        assert persistence_distance(point, pair, measure="bottleneck") == 1
    with pytest.warns(UserWarning, match="Expected `y` to hold at least 2"):
        assert persistence_distance(pair, point, scale="quantile", measure="bottleneck") == 0.5
    with pytest.warns(UserWarning, match=r"Expected `clouds\[1\]` to hold at least 2") as caught:
        assert not pairwise_persistence_distance([pair, point, pair])[0, 2]
    assert caught[0].filename == __file__
    h0, h1 = persistence_diagrams(point)
    assert h0.tolist() == [[0, np.inf]]
    assert h1.shape == (0, 2)


# -- What mathematics says --------------------------------------------------------------------------------------------


@every_distance
@given(x=clouds(), y=clouds(dim=2))
@settings(max_examples=40)
def test_distances_are_symmetric_and_zero_on_the_same_cloud(distance, x, y):
    forth, back = persistence_distance(x, y, measure=distance), persistence_distance(y, x, measure=distance)
    assert forth >= 0
    assert forth == pytest.approx(back, rel=1e-9, abs=1e-12)
    assert persistence_distance(x, x.copy(), measure=distance) == 0


@every_distance
@pytest.mark.parametrize("scale", ["none", "quantile"])
@given(x=clouds(), y=clouds(), seed=st.integers(0, 100))
@settings(max_examples=25)
def test_isometries_and_permutations_change_nothing(distance, scale, x, y, seed):
    options = {"measure": distance, "scale": scale}
    expected = persistence_distance(x, y, **options)
    moved = np.random.default_rng(seed).permutation(x) @ rotation(3, seed) + normal(3, seed=seed)
    tolerance = SINGLE * (size(x, y) if scale == "none" else 100)
    assert persistence_distance(moved, y, **options) == pytest.approx(expected, abs=tolerance)
    assert persistence_distance(moved, x, **options) == pytest.approx(0, abs=tolerance)
    padded = np.pad(y, ((0, 0), (0, 2)))
    assert persistence_distance(x, padded, **options) == pytest.approx(expected, abs=tolerance)


@every_distance
@given(x=clouds(), y=clouds(), factor=st.floats(1e-3, 1e3))
@settings(max_examples=40)
def test_distances_grow_with_the_clouds_and_quantile_scale_takes_that_away(distance, x, y, factor):
    raw = persistence_distance(x, y, measure=distance)
    scaled = persistence_distance(factor * x, factor * y, measure=distance)
    assert scaled == pytest.approx(factor * raw, abs=SINGLE * factor * size(x, y))
    options = {"measure": distance, "scale": "quantile"}
    found = persistence_distance(factor * x, y, **options)
    assert found == pytest.approx(persistence_distance(x, y, **options), abs=1e-4)


@every_distance
@given(x=clouds(), y=clouds(), z=clouds())
@settings(max_examples=40)
def test_distances_satisfy_the_triangle_inequality(distance, x, y, z):
    matrix = pairwise_persistence_distance([x, y, z], measure=distance)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        assert matrix[i, j] <= matrix[i, k] + matrix[k, j] + 1e-9 * size(x, y, z)


@given(x=clouds(max_points=12), seed=st.integers(0, 1000), amount=st.floats(1e-3, 5))
def test_bottleneck_is_at_most_twice_the_largest_displacement(x, seed, amount):
    moves = np.random.default_rng(seed).uniform(-amount, amount, size=x.shape)
    largest = np.linalg.norm(moves, axis=1).max()
    found = persistence_distance(x, x + moves, measure="bottleneck", reduction="none")
    assert found.max() <= 2 * largest + SINGLE * size(x)


# -- Bad input --------------------------------------------------------------------------------------------------------


def test_bad_clouds_are_refused_by_name():
    good, bad = np.eye(3), np.zeros((0, 3))
    message = r"to be of shape \(n, d\) with at least one point, got \(0, 3\)"
    with pytest.raises(ValueError, match=f"Expected `x` {message}"):
        persistence_diagrams(bad)
    with pytest.raises(ValueError, match=f"Expected `x` {message}"):
        persistence_distance(bad, good)
    with pytest.raises(ValueError, match=f"Expected `y` {message}"):
        persistence_distance(good, bad, n_samples=5)
    with pytest.raises(ValueError, match=rf"Expected `clouds\[1\]` {message}"):
        pairwise_persistence_distance([good, bad])


def test_no_clouds_are_refused():
    with pytest.raises(ValueError, match="Expected `clouds` to hold at least one cloud, got none"):
        pairwise_persistence_distance([])


def test_a_distance_of_paired_samples_is_refused_where_clouds_are_sampled_each_for_itself():
    with pytest.raises(ValueError, match="Expected `measure` to be a distance of any clouds, got procrustes, which"):
        persistence_distance(np.eye(3), np.eye(3), measure=Procrustes())


def test_unknown_measures_are_refused_and_so_are_statistics():
    with pytest.raises(ValueError, match=r"Expected a measure of \['sliced_wasserstein', .*got 'euclid'"):
        persistence_distance(np.eye(3), np.eye(3), measure="euclid")
    with pytest.raises(TypeError, match=r"Expected a measure, its name .* or a function, got 3"):
        pairwise_persistence_distance([np.eye(3)], measure=3)
    with pytest.raises(TypeError, match="Expected `measure` to be a distance, got bars, which is a statistic"):
        pairwise_persistence_distance([np.eye(3)], measure="bars")


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"homology_dims": (-1,)}, ValueError),
        ({"n_samples": 1}, ValueError),
        ({"scale": "max"}, ValueError),
        ({"backend": "giotto"}, ValueError),
        ({"seed": 0.5}, TypeError),
        ({"reduction": "mean"}, ValueError),
    ],
)
def test_options_out_of_their_range_are_refused_by_name(option, error):
    x, message = np.eye(3), f"Expected `{next(iter(option))}` to "
    with pytest.raises(error, match=message):
        persistence_distance(x, x, **option)
    with pytest.raises(error, match=message):
        pairwise_persistence_distance([x, x], **option)
    if option.keys() <= {"homology_dims", "scale", "backend"}:
        with pytest.raises(error, match=message):
            persistence_diagrams(x, **option)
