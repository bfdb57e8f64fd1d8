"""Dirichlet energy: against the normalised Laplacian, cases that are known, and the spread over samples of nodes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import laplacian

from topocallback.measures import DirichletEnergy, LayerFacts

RNG = np.random.default_rng(0)


def random_graph(n, n_edges, rng):
    ends = rng.integers(n, size=(n_edges, 2))
    return np.unique(np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1), axis=0)


def smooth_nodes(n, edges, rng, rounds=1):
    """Vectors that are mixed with their neighbours' so many times, as in a graph network."""
    adjacency = np.eye(n)
    adjacency[edges[:, 0], edges[:, 1]] = adjacency[edges[:, 1], edges[:, 0]] = 1
    vectors = rng.normal(size=(n, 5))
    for _ in range(rounds):
        vectors = adjacency @ vectors / adjacency.sum(axis=1, keepdims=True)
    return vectors


def test_it_is_the_rayleigh_quotient_of_scipys_normalised_laplacian():
    edges, cloud = random_graph(40, 90, RNG), RNG.normal(size=(40, 6)) + 0.3
    adjacency = coo_matrix((np.ones(len(edges)), edges.T), shape=(40, 40))
    adjacency = (adjacency + adjacency.T).toarray()
    scaled = cloud * np.sqrt(adjacency.sum(axis=1))[:, None]
    expected = np.trace(scaled.T @ laplacian(adjacency, normed=True) @ scaled) / (scaled**2).sum()
    assert DirichletEnergy()(cloud, edges) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("cloud", "expected"), [([[2.0, 1.0], [2.0, 1.0]], 0), ([[1.0, 0.0], [0.0, 1.0]], 1), ([[1.0], [-1.0]], 2)]
)
def test_neighbours_that_are_alike_at_right_angles_and_opposite(cloud, expected):
    assert DirichletEnergy()(cloud, [[0, 1]]) == pytest.approx(expected)


def test_it_falls_where_vectors_are_mixed_with_their_neighbours():
    edges = random_graph(200, 600, RNG)
    energies = [DirichletEnergy()(smooth_nodes(200, edges, np.random.default_rng(1), k), edges) for k in range(4)]
    assert sorted(energies, reverse=True) == energies


def test_directions_repetitions_and_loops_do_not_count():
    edges, cloud = random_graph(20, 40, RNG), RNG.normal(size=(20, 3))
    more = np.concatenate([edges, edges[:7], edges[:, ::-1], np.repeat(np.arange(20), 2).reshape(-1, 2)])
    assert DirichletEnergy()(cloud, more) == DirichletEnergy()(cloud, edges)


@given(st.floats(1e-6, 1e6), st.integers(0, 99))
def test_neither_scale_nor_the_order_of_nodes_matter(scale, seed):
    rng = np.random.default_rng(seed)
    edges, cloud, order = random_graph(12, 20, rng), rng.normal(size=(12, 3)), rng.permutation(12)
    found = DirichletEnergy()(scale * cloud[order], np.argsort(order)[edges])
    assert found == pytest.approx(DirichletEnergy()(cloud, edges), rel=1e-9)
    assert 0 <= found <= 2


@pytest.mark.parametrize("edges", [np.empty((0, 2), dtype=int), [[1, 1]]])
def test_without_edges_there_is_no_number(edges):
    facts = LayerFacts(np.eye(3), edges=edges)
    assert np.isnan([DirichletEnergy().value(facts), DirichletEnergy().own_error(facts, np.nan)]).all()


def test_vectors_of_zeros_and_layers_whose_edges_are_not_known_have_no_number():
    assert np.isnan(DirichletEnergy()(np.zeros((3, 2)), [[0, 1]]))
    assert np.isnan(DirichletEnergy().value(LayerFacts(np.eye(3))))
    assert np.isnan(DirichletEnergy().own_error(LayerFacts(np.empty((0, 2))), np.nan))


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([[0, 3]], r"Expected `edges` to be positions of points, 0 to 2, got int64 from 0 to 3"),
        ([[-1, 1]], r"got int64 from -1 to 1"),
        ([[0.0, 1.0]], r"got float64 from 0.0 to 1.0"),
        ([0, 1], r"Expected `edges` to be of shape \(m, 2\), got \(2,\)"),
        ([[0, 1, 2]], r"got \(1, 3\)"),
    ],
)
def test_edges_that_are_no_pairs_of_points_are_refused(edges, message):
    with pytest.raises(ValueError, match=message):
        DirichletEnergy()(np.eye(3), edges)


def test_points_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="Expected finite points for dirichlet_energy, got NaN or infinity in 1 of 3"):
        DirichletEnergy()([[0.0], [np.nan], [1.0]], [[0, 2]])


def sampled(cloud, edges, k, rng):
    nodes = rng.choice(len(cloud), size=k, replace=False)
    place = np.full(len(cloud), -1)
    place[nodes] = np.arange(k)
    moved = place[edges]
    return LayerFacts(cloud[nodes], edges=moved[(moved >= 0).all(axis=1)])


@pytest.mark.parametrize("rounds", [0, 2])
def test_the_error_is_the_spread_over_samples_of_the_nodes(rounds):
    rng = np.random.default_rng(3)
    edges = random_graph(1500, 15_000, rng)
    cloud = smooth_nodes(1500, edges, rng, rounds)
    samples = [sampled(cloud, edges, 150, rng) for _ in range(60)]
    values = np.array([DirichletEnergy().value(facts) for facts in samples])
    errors = np.array([DirichletEnergy().own_error(*each) for each in zip(samples, values, strict=True)])
    whole = DirichletEnergy()(cloud, edges)
    assert abs(values.mean() - whole) < 3 * values.std() / np.sqrt(60)
    assert 0.8 < errors.mean() / values.std() < 1.25
