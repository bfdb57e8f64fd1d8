"""Distances in tiles: the answers of the whole matrix, whatever the tile, the device's precision and the points."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from topocallback.functional import tiled_neighbours
from topocallback.functional.tiled_neighbours import TensorNeighbours
from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.mapper.neighbours import MatrixNeighbours


@pytest.fixture(params=[8, 24, 2048])
def tile(request, monkeypatch):
    monkeypatch.setattr(tiled_neighbours, "_TILE_ON_CPU", request.param)
    return request.param


@pytest.fixture(params=["highest", "medium"])
def precision(request):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    torch.set_float32_matmul_precision(before)


def clouds():
    rng = np.random.default_rng(0)
    yield rng.normal(size=(101, 7))
    yield np.maximum(rng.normal(size=(64, 300)), 0)
    yield 1e4 + rng.normal(size=(50, 3))  # far from the origin
    yield np.repeat(rng.normal(size=(20, 4)), 3, axis=0)  # equal points
    yield 1e-6 * rng.normal(size=(40, 5))
    yield np.concatenate([1e3 * np.eye(30), 1e3 * np.eye(30) + 1e-2])  # near ties, small beside the norms
    yield np.zeros((9, 2))
    yield np.ones((1, 4))
    yield np.empty((0, 4))


def test_answers_are_those_of_the_matrix(tile, precision):
    for points in clouds():
        matrix, tiles = MatrixNeighbours(distance_matrix(points)), TensorNeighbours(torch.from_numpy(points))
        # Of squared distances the last digits of the squared norms are lost.
        lost = 5e-7 * np.linalg.norm(points - points.mean(axis=0) if len(points) else points, axis=1).max(initial=0)
        np.testing.assert_allclose(tiles.nearest(), matrix.nearest(), rtol=1e-9, atol=lost)
        for k in (2, 4, 12, 200):
            np.testing.assert_allclose(tiles.kth_nearest(k), matrix.kth_nearest(k), rtol=1e-9, atol=lost)
        np.testing.assert_allclose(tiles.mean(), matrix.mean(), rtol=1e-9, atol=lost)
        for radius in (0.0, 0.5, 2.0):
            mine, theirs = tiles.near(radius + lost), matrix.near(radius + lost)
            np.testing.assert_array_equal(mine.bits, theirs.bits)
            np.testing.assert_array_equal(mine.counts, theirs.counts)


def test_the_nearest_neighbours_are_scikit_learns_on_real_activations(tile, reference_clouds):
    for cloud in reference_clouds.values():
        neighbours = TensorNeighbours(torch.from_numpy(cloud))
        expected = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(cloud).kneighbors(cloud)[0]
        np.testing.assert_allclose(neighbours.nearest(), expected[:, 1], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(neighbours.kth_nearest(4), expected[:, 4], rtol=1e-4, atol=1e-6)


def test_single_precision_that_the_user_lowered_changes_nothing(reference_clouds):
    cloud = torch.from_numpy(next(iter(reference_clouds.values())))
    torch.set_float32_matmul_precision("medium")
    try:
        lowered = TensorNeighbours(cloud).nearest()
    finally:
        torch.set_float32_matmul_precision("highest")
    np.testing.assert_allclose(TensorNeighbours(cloud).nearest(), lowered, rtol=1e-12)
