"""Vietoris-Rips diagrams, against ripser, GUDHI's simplex tree, single linkage and known spaces."""

import sys
from concurrent.futures import ThreadPoolExecutor

import gudhi
import gudhi.hera
import numpy as np
import pytest
from cloud_tools import (
    CLOUDS,
    circle,
    exact_distances,
    gaussian,
    points_on_a_grid,
    projective_plane,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ripser import ripser
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.scale import scale_of
from topocallback.measures.topology.rips import BACKENDS, check_homology_dims, resolve_backend, rips_diagrams

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_cloud = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)

# Where a backend computes in single precision, its values are exact to half of 2**-23.
SINGLE = 1e-6


def simplex_tree_diagrams(distances, highest_dim):
    """Diagrams in double precision by GUDHI's simplex tree: no code in common with any of the backends."""
    tree = gudhi.RipsComplex(distance_matrix=distances).create_simplex_tree(max_dimension=highest_dim + 1)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0, persistence_dim_max=True)
    found = [np.reshape(tree.persistence_intervals_in_dimension(dim), (-1, 2)) for dim in range(highest_dim + 1)]
    return [bars[np.lexsort((bars[:, 1], bars[:, 0]))] for bars in found]


def longer_than(diagram, length):
    """Rounding to single precision makes bars of that length appear and vanish: they say nothing about a backend."""
    return diagram[diagram[:, 1] - diagram[:, 0] > length]


def matching_error(first, second):
    """The least change of birth or death that turns one diagram into the other; inf if essential classes differ."""
    return gudhi.hera.bottleneck_distance(first, second, delta=0.0)


# --- against other software -----------------------------------------------------------------------


@pytest.fixture(scope="module", params=BACKENDS)
def reference_diagrams(request, reference_clouds):
    """Layer -> H0 and H1 diagrams of the reference clouds in activations' units, by each backend in turn."""
    return {layer: rips_diagrams(distance_matrix(c), (0, 1), request.param) for layer, c in reference_clouds.items()}


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("quantity", ["bars", "total_persistence", "longest_bar"])
def test_bars_of_real_activations_are_those_of_the_reference(reference_diagrams, reference, quantity, dim):
    measure = {"bars": len, "total_persistence": np.sum, "longest_bar": np.max}[quantity]
    finite = {layer: found[dim][np.isfinite(found[dim][:, 1])] for layer, found in reference_diagrams.items()}
    found = {layer: measure(bars[:, 1] - bars[:, 0]) for layer, bars in finite.items()}
    assert found == pytest.approx({layer: reference[quantity][layer][dim] for layer in reference["layers"]}, rel=1e-5)


@pytest.mark.parametrize("layer", ["00_stem", "05_block5", "11_fc"])
def test_bars_of_real_activations_are_those_of_ripser_called_directly(reference_diagrams, reference_clouds, layer):
    distances = exact_distances(reference_clouds[layer].astype(np.float64))
    for found, expected in zip(
        reference_diagrams[layer], ripser(distances, distance_matrix=True, maxdim=1)["dgms"], strict=True
    ):
        assert matching_error(found, expected) < SINGLE * distances.max()


@every_backend
@every_cloud
def test_every_backend_finds_the_bars_of_a_simplex_tree(cloud, backend):
    distances = exact_distances(cloud)
    found = rips_diagrams(distances, (0, 1, 2), backend)
    tolerance = SINGLE * distances.max(initial=0.0)
    for bars, expected in zip(found, simplex_tree_diagrams(distances, 2), strict=True):
        bars, expected = longer_than(bars, tolerance), longer_than(expected, tolerance)
        assert len(bars) == len(expected)
        np.testing.assert_allclose(bars[:, 0].sum(), expected[:, 0].sum(), rtol=SINGLE)
        # The order of bars with all but equal births may differ, so that rows cannot be compared.
        assert matching_error(bars, expected) <= tolerance


@every_backend
@given(cloud=points_on_a_grid)
def test_deaths_of_components_are_the_merge_heights_of_single_linkage(backend, cloud):
    assume(len(cloud) > 1)
    heights = linkage(pdist(cloud), "single")[:, 2]
    (bars,) = rips_diagrams(distance_matrix(cloud), (0,), backend)
    np.testing.assert_array_equal(bars[:, 0], 0)
    np.testing.assert_allclose(bars[:, 1], [*np.sort(heights[heights > 0]), np.inf], rtol=SINGLE)


@pytest.mark.parametrize(
    ("backend", "precision"), [("redzed", np.float32), ("ripser", np.float32), ("gudhi", np.float64)]
)
def test_deaths_of_components_are_distances_to_the_last_digit_that_the_backend_keeps(backend, precision):
    distances = distance_matrix(gaussian(50, 3))
    (bars,) = rips_diagrams(distances, (0,), backend)
    assert np.isin(bars[:-1, 1], distances.astype(precision)).all()


@every_backend
def test_coefficients_are_modulo_two(backend):
    """Modulo an odd number, or over the rationals, the projective plane has no homology in dimensions 1 and 2."""
    h1, h2 = rips_diagrams(projective_plane(), (1, 2), backend)
    np.testing.assert_array_equal(h1, [[1, 2]])
    np.testing.assert_array_equal(h2, [[1, 2]])


# --- invariances ----------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("factor", [1e-6, 1 / 3, 1024, 1e6])
@pytest.mark.parametrize("name", ["random", "clustered", "duplicated", "mostly duplicated", "on a grid"])
def test_diagrams_of_a_scaled_cloud_do_not_depend_on_its_size(backend, factor, name):
    def scaled_diagrams(cloud):
        distances = distance_matrix(cloud)
        return rips_diagrams(distances / scale_of(distances, "quantile"), (0, 1), backend)

    for first, second in zip(scaled_diagrams(CLOUDS[name]), scaled_diagrams(factor * CLOUDS[name]), strict=True):
        assert matching_error(first, second) < SINGLE * first.max(where=np.isfinite(first), initial=1.0)


@every_backend
@pytest.mark.parametrize("factor", [1e-6, 1 / 3, 1e6])
def test_diagrams_in_activations_units_grow_with_the_cloud(backend, factor):
    small = rips_diagrams(distance_matrix(CLOUDS["random"]), (0, 1), backend)
    large = rips_diagrams(distance_matrix(factor * CLOUDS["random"]), (0, 1), backend)
    for first, second in zip(small, large, strict=True):
        assert matching_error(factor * first, second) < SINGLE * factor * first[np.isfinite(first)].max()


@every_backend
@given(cloud=points_on_a_grid, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_rotating_moving_and_reordering_the_points_changes_no_diagram(backend, cloud, seed):
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(cloud.shape[1],) * 2))[0]
    moved = rng.permutation(cloud) @ rotation + rng.normal(size=cloud.shape[1])
    size = distance_matrix(cloud).max()
    for first, second in zip(
        rips_diagrams(distance_matrix(cloud), (0, 1, 2), backend),
        rips_diagrams(distance_matrix(moved), (0, 1, 2), backend),
        strict=True,
    ):
        assert matching_error(first, second) <= SINGLE * size


@every_backend
@given(cloud=points_on_a_grid, displacement=st.floats(1e-4, 20), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_diagrams_move_by_at_most_twice_the_largest_displacement_of_a_point(backend, cloud, displacement, seed):
    directions = np.random.default_rng(seed).normal(size=cloud.shape)
    steps = displacement * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    before, after = distance_matrix(cloud), distance_matrix(cloud + steps)
    for first, second in zip(
        rips_diagrams(before, (0, 1), backend), rips_diagrams(after, (0, 1), backend), strict=True
    ):
        assert matching_error(first, second) <= 2 * displacement + SINGLE * (before.max() + after.max())


@every_backend
@pytest.mark.parametrize("name", ["random", "on a grid", "collinear", "two points"])
def test_repeating_points_adds_no_bars(backend, name):
    once = distance_matrix(CLOUDS[name])
    thrice = distance_matrix(np.repeat(CLOUDS[name], 3, axis=0))
    for first, second in zip(rips_diagrams(once, (0, 1), backend), rips_diagrams(thrice, (0, 1), backend), strict=True):
        assert first.shape == second.shape
        assert matching_error(first, second) <= SINGLE * once.max()


@every_backend
def test_asymmetry_of_a_rounding_error_changes_no_diagram(backend):
    """Distances from a matrix product are often symmetric up to the last digit only."""
    distances = exact_distances(circle(60))
    noise = np.random.default_rng(0).integers(-4, 5, distances.shape) * np.finfo(float).eps
    (h1,) = rips_diagrams(distances * (1 + noise), (1,), backend)
    np.testing.assert_allclose(longer_than(h1, SINGLE), [[2 * np.sin(np.pi / 60), np.sqrt(3)]], rtol=SINGLE)


# --- form of the result ---------------------------------------------------------------------------


@pytest.fixture(scope="module", params=BACKENDS)
def diagrams_of_every_cloud(request):
    """Name -> H0, H1 and H2, by each backend in turn."""
    return {name: rips_diagrams(distance_matrix(cloud), (0, 1, 2), request.param) for name, cloud in CLOUDS.items()}


def test_diagrams_are_sorted_arrays_of_bars_of_positive_length(diagrams_of_every_cloud):
    for name, found in diagrams_of_every_cloud.items():
        for bars in found:
            assert bars.dtype == np.float64, name
            assert bars.shape == (len(bars), 2), name
            assert (bars[:, 1] > bars[:, 0]).all(), name
            np.testing.assert_array_equal(np.lexsort((bars[:, 1], bars[:, 0])), np.arange(len(bars)), err_msg=name)


def test_only_one_component_never_dies_unless_there_are_no_points(diagrams_of_every_cloud):
    for name, found in diagrams_of_every_cloud.items():
        assert [np.isinf(bars).sum() for bars in found] == [min(len(CLOUDS[name]), 1), 0, 0], name


@every_backend
@pytest.mark.parametrize("dims", [(1,), (1, 0), (0, 1, 1, 0), [2, 0], range(3)])
def test_diagrams_come_in_the_order_of_the_dimensions_wanted(backend, dims):
    distances = distance_matrix(CLOUDS["random"])
    in_order = rips_diagrams(distances, (0, 1, 2), backend)
    found = rips_diagrams(distances, dims, backend)
    assert len(found) == len(dims)
    for dim, bars in zip(dims, found, strict=True):
        assert matching_error(bars, in_order[dim]) <= SINGLE * distances.max()


@every_backend
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_dimensions_too_high_for_the_number_of_points_are_empty(backend, n):
    found = rips_diagrams(distance_matrix(gaussian(n, 3)), (0, 3), backend)
    assert [bars.shape for bars in found] == [(n, 2), (0, 2)]


@every_backend
@pytest.mark.parametrize("form", ["list", "float32", "Fortran order", "read-only"])
def test_distances_may_come_in_any_form(backend, form):
    distances = distance_matrix(CLOUDS["random"]).astype(np.float32).astype(np.float64)
    expected = rips_diagrams(distances, (0, 1), backend)
    read_only = distances.copy()
    read_only.flags.writeable = False
    forms = {
        "list": distances.tolist(),
        "float32": distances.astype(np.float32),
        "Fortran order": np.asfortranarray(distances),
        "read-only": read_only,
    }
    for found, bars in zip(rips_diagrams(forms[form], (0, 1), backend), expected, strict=True):
        np.testing.assert_array_equal(found, bars)


@every_backend
def test_the_distances_are_left_as_they_were(backend):
    distances = distance_matrix(CLOUDS["random"])
    before = distances.copy()
    rips_diagrams(distances, (0, 1, 2), backend)
    np.testing.assert_array_equal(distances, before)


@every_backend
def test_threads_do_not_disturb_each_other(backend):
    matrices = [distance_matrix(gaussian(60, 3, seed)) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(lambda matrix: rips_diagrams(matrix, (0, 1), backend), matrices))
    for matrix, found in zip(matrices, threaded, strict=True):
        for first, second in zip(found, rips_diagrams(matrix, (0, 1), backend), strict=True):
            np.testing.assert_array_equal(first, second)


# --- arguments and missing packages ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (2, 2, 2)])
def test_distances_that_are_not_a_square_matrix_are_refused(shape):
    with pytest.raises(ValueError, match="Expected `distances` to be a square matrix, got shape"):
        rips_diagrams(np.zeros(shape))


@pytest.mark.parametrize(("bad", "n"), [(np.nan, 1), (np.inf, 2), (np.nan, 5)])
def test_distances_that_are_not_finite_are_refused(bad, n):
    with pytest.raises(ValueError, match="Expected `distances` to be finite, got NaN or infinity"):
        rips_diagrams(np.full((n, n), bad))


def spoilt(how):
    distances = distance_matrix(CLOUDS["random"])
    return {
        "upper triangle": np.triu(distances),
        "lower triangle": np.tril(distances),
        "one entry": distances + np.eye(len(distances))[0][:, None] * np.eye(len(distances))[1],
        "similarities": np.corrcoef(CLOUDS["random"]),
        "negative": -distances,
        "a diagonal": distances + 0.5 * np.eye(len(distances)),
    }[how]


@every_backend
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("upper triangle", "symmetric"),
        ("lower triangle", "symmetric"),
        ("one entry", "symmetric"),
        ("similarities", "at least 0"),
        ("negative", "at least 0"),
        ("a diagonal", "a diagonal of 0"),
    ],
)
def test_what_is_no_matrix_of_distances_is_refused_by_every_backend(backend, how, said):
    with pytest.raises(ValueError, match=f"Expected `distances` to (be|have) {said}"):
        rips_diagrams(spoilt(how), (0, 1), backend)


def test_backends_agree_on_distances_from_products_in_single_precision():
    cloud = (1 + gaussian(60, 3)).astype(np.float32)
    norms = (cloud**2).sum(axis=1)
    products = np.sqrt(np.maximum(norms[:, None] + norms - 2 * cloud @ cloud.T, 0))
    distances = products + np.float32(1e-4) * np.random.default_rng(0).random((60, 60), dtype=np.float32)
    assert (distances != distances.T).any()
    assert distances.diagonal().any()
    found = [rips_diagrams(distances, (1,), backend)[0] for backend in BACKENDS]
    for bars in found[1:]:
        assert matching_error(bars, found[0]) <= SINGLE * distances.max()


@pytest.mark.parametrize("dims", [(), [], (-1,), (0, -2), (0.5,), "01"])
def test_what_are_no_homology_dimensions_is_refused(dims):
    with pytest.raises(ValueError, match="Expected `homology_dims` to hold integers of at least 0, got"):
        check_homology_dims(dims)


def test_homology_dimensions_become_a_tuple_of_integers():
    found = check_homology_dims(np.array([1, 0]))
    assert (found, list(map(type, found))) == ((1, 0), [int, int])


def test_an_unknown_backend_is_refused_with_the_known_ones():
    known = r"Expected `backend` to be one of \('auto', 'redzed', 'gudhi', 'ripser'\), got 'javaplex'"
    with pytest.raises(ValueError, match=known):
        resolve_backend("javaplex")


@pytest.mark.parametrize("n", [0, 2, 5])
def test_diagrams_of_clouds_of_any_size_refuse_what_is_refused(n):
    with pytest.raises(ValueError, match=r"`backend` to be one of .* got 'javaplex'"):
        rips_diagrams(np.zeros((n, n)), backend="javaplex")
    with pytest.raises(ValueError, match="`homology_dims`"):
        rips_diagrams(np.zeros((n, n)), (-1,))


MODULES = {"redzed": "redzed_tda", "gudhi": "gudhi", "ripser": "ripser"}


def uninstall(monkeypatch, *backends):
    for backend in backends:
        monkeypatch.setitem(sys.modules, MODULES[backend], None)


@every_backend
def test_a_named_backend_stands_for_itself(backend):
    assert [resolve_backend(backend, highest_dim) for highest_dim in (0, 1, 2)] == [backend] * 3


@pytest.mark.parametrize(
    ("highest_dim", "missing", "expected"),
    [
        (0, [], "redzed"),
        (1, [], "redzed"),
        (2, [], "gudhi"),
        (1, ["redzed"], "gudhi"),
        (2, ["gudhi"], "redzed"),
        (1, ["redzed", "gudhi"], "ripser"),
        (2, ["redzed", "gudhi"], "ripser"),
    ],
)
def test_auto_takes_the_fastest_backend_that_is_installed(monkeypatch, highest_dim, missing, expected):
    uninstall(monkeypatch, *missing)
    assert resolve_backend("auto", highest_dim) == expected


@pytest.mark.parametrize("dims", [(0, 1), (0, 1, 2)])
@pytest.mark.parametrize("missing", [[], ["gudhi"], ["redzed", "gudhi"]])
def test_auto_gives_the_bars_of_a_simplex_tree_whatever_is_installed(monkeypatch, dims, missing):
    uninstall(monkeypatch, *missing)
    distances = distance_matrix(CLOUDS["random"])
    expected = simplex_tree_diagrams(distances, max(dims))
    for bars, truth in zip(rips_diagrams(distances, dims), expected, strict=True):
        assert matching_error(bars, longer_than(truth, 0)) <= SINGLE * distances.max()


@pytest.mark.parametrize(
    ("backend", "install"),
    [
        ("redzed", "pip install redzed-tda"),
        ("gudhi", r"pip install 'topocallback\[gudhi\]'"),
        ("ripser", "pip install ripser"),
        ("auto", "pip install redzed-tda"),
    ],
)
def test_a_backend_that_is_not_installed_says_how_to_install_it(monkeypatch, backend, install):
    uninstall(monkeypatch, *MODULES)
    with pytest.raises(ModuleNotFoundError, match=f"`backend='{backend}'` needs a package: {install}"):
        rips_diagrams(np.zeros((5, 5)), backend=backend)
