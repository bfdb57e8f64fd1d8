"""Representation topology divergence: against cases by hand, ripser.py and the homology that it stands for."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ripser import ripser

from topocallback.hashing import sample_priorities
from topocallback.measures import RTD, LayerFacts, RTDLite
from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.scale import scale_of
from topocallback.measures.similarity.rtd import cross_barcode
from topocallback.measures.topology.rips import rips_diagrams

SQUARE = np.array([[0.0, 0.0], [1, 0], [1, 1], [0, 1]])
TETRAHEDRON = np.eye(4)  # all at one distance


def scaled(cloud):
    distances = distance_matrix(cloud)
    return distances / scale_of(distances, "quantile")


def two_clouds(seed, n=9):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, 2)), random.normal(size=(n, 3))


def length(bars):
    return float((bars[:, 1] - bars[:, 0]).sum())


def plain(first, second):
    """Bars of the paper's matrix with all lengths within the first copy at 0 instead of an apex, by ripser.py."""
    n = len(first)
    joined = np.where(np.tri(n, k=-1, dtype=bool), np.inf, first)
    matrix = np.block([[np.zeros((n, n)), joined], [joined.T, np.minimum(first, second)]])
    bars = ripser(matrix, distance_matrix=True, maxdim=1)["dgms"][1]
    return bars[bars[:, 1] > bars[:, 0]]


# -- By hand ---------------------------------------------------------------------------------------------------------


def test_a_square_beside_four_points_at_one_distance_is_three_joined_clusters_and_a_loop():
    apart, square = scaled(TETRAHEDRON), scaled(SQUARE)  # all at 1; sides of 0.7071 and diagonals of 1
    np.testing.assert_allclose(cross_barcode(apart, square), [[np.sqrt(0.5), 1]] * 4, rtol=1e-6)
    assert cross_barcode(square, apart).shape == (0, 2)
    assert RTD()(TETRAHEDRON, SQUARE) == pytest.approx(2 * (1 - np.sqrt(0.5)), rel=1e-6)
    assert RTDLite()(TETRAHEDRON, SQUARE) == pytest.approx(1.5 * (1 - np.sqrt(0.5)), rel=1e-6)


def test_three_points_have_no_loops_so_that_it_is_rtd_lite():
    for seed in range(20):
        x, y = two_clouds(seed, 3)
        assert RTD()(x, y) == pytest.approx(RTDLite()(x, y), abs=1e-6)


def test_a_loop_that_the_nearer_distances_fill_is_no_loop_that_a_layer_lacks():
    square = distance_matrix(SQUARE)
    filled = square.copy()
    filled[0, 2] = filled[2, 0] = 1  # across one diagonal
    assert length(cross_barcode(square, filled)) == 0  # nothing new appears: a loop of the first is gone


# -- Against others --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_bars_are_ripsers_of_the_plain_matrix(seed):
    first, second = map(scaled, two_clouds(seed, 25))
    expected = plain(first, second)
    assert len(expected) > 10
    order = np.lexsort(expected.T[::-1])
    np.testing.assert_allclose(cross_barcode(first, second), expected[order], rtol=1e-6)


def rank(matrix):
    """Over the field with two elements."""
    rows, found = [int("".join(map(str, row)), 2) for row in matrix.astype(int)], 0
    while rows:
        pivot = rows.pop()
        if pivot:
            found += 1
            rows = [min(row, row ^ pivot) for row in rows]
    return found


def relative_dimension(small, large, n):
    """The dimension of H1 of one graph's clique complex relative to another's: all points are in both."""
    edges, triangles = (
        [face for face in itertools.combinations(range(n), k) if is_clique(large, face) and not is_clique(small, face)]
        for k in (2, 3)
    )
    boundary = np.array([[set(edge) < set(triangle) for edge in edges] for triangle in triangles])
    return len(edges) - (rank(boundary) if boundary.size else 0)


def is_clique(edges, face):
    return all(edges[i, j] for i, j in itertools.combinations(face, 2))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_the_bars_alive_are_the_homology_of_the_nearer_distances_relative_to_the_firsts(seed):
    first, second = map(distance_matrix, two_clouds(seed, 7))
    both = np.minimum(first, second)
    bars = cross_barcode(first, second)
    radii = np.quantile(both[np.triu_indices(7, 1)], [0.15, 0.35, 0.55, 0.75]) * (1 + 1e-5)
    for radius in radii:
        alive = np.count_nonzero((bars[:, 0] <= radius) & (radius < bars[:, 1]))
        assert alive == relative_dimension(first <= radius, both <= radius, 7)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_it_is_no_less_than_rtd_lite_and_no_more_than_with_all_loops_of_the_nearer_distances(seed):
    x, y = two_clouds(seed, 20)
    found, of_clusters = RTD()(x, y), RTDLite()(x, y)
    assert found >= of_clusters - 1e-5
    loops = length(rips_diagrams(np.minimum(scaled(x), scaled(y)), (1,))[0])
    assert found <= of_clusters + loops + 1e-5


# -- Trials ----------------------------------------------------------------------------------------------------------


def test_trials_are_disjoint_samples_by_their_hash_and_their_values_averaged():
    x, y = two_clouds(0, 50)
    ids = np.arange(100, 150)
    measure = RTD(n_trials=3, n_points=15, seed=7)
    prepared = [measure.prepare(LayerFacts(cloud, sample_ids=ids)) for cloud in (x, y)]
    order = np.argsort(sample_priorities(ids, 0x727464 + 7))
    taken = [order[:15], order[15:30], order[30:45]]
    assert [points.tolist() for points in prepared[0].points] == [points.tolist() for points in taken]
    expected = np.mean([RTD()(x[points], y[points]) for points in taken])
    assert measure.between(*prepared) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "count", "size"), [(10, 1, 10), (15, 1, 15), (29, 1, 15), (30, 2, 15), (99, 4, 15)])
def test_there_are_as_many_trials_as_points_suffice_for(n, count, size):
    points = RTD(n_trials=4, n_points=15).prepare(LayerFacts(two_clouds(0, n)[0])).points
    assert [len(each) for each in points] == [size] * count
    assert len(np.unique(np.concatenate(points))) == count * size


def test_the_order_of_rows_changes_no_trial_and_the_seed_does():
    x, y = two_clouds(1, 40)
    order = np.random.default_rng(0).permutation(40)

    def value(rows, **options):
        measure = RTD(n_points=12, **options)
        return measure.between(*[measure.prepare(LayerFacts(cloud[rows], sample_ids=rows)) for cloud in (x, y)])

    assert value(order) == pytest.approx(value(np.arange(40)), rel=1e-6)
    assert value(order, seed=1) != pytest.approx(value(order), rel=1e-3)


def test_equal_points_among_others_are_compared():
    x, y = two_clouds(2, 20)
    x[5:15] = 1
    assert 0 < RTD()(x, y) < np.inf
    assert RTD()(x, x) == 0


@pytest.mark.parametrize(
    "options", [{"n_trials": 0}, {"n_trials": 2.5}, {"n_points": 2}, {"n_points": "all"}, {"seed": 0.5}]
)
def test_options_out_of_their_range_are_refused(options):
    with pytest.raises(ValueError, match=f"Expected `{next(iter(options))}` of rtd to be an integer"):
        RTD(**options)
