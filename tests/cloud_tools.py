"""Point clouds for tests of what is measured on them: known spaces, and clouds at the edge of what is allowed."""

import itertools

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist, squareform


def blobs(n_blobs=4, per_blob=12, spread=0.01, dim=3):
    rng = np.random.default_rng(0)
    centres = 10 * rng.normal(size=(n_blobs, 1, dim))
    return (centres + spread * rng.normal(size=(n_blobs, per_blob, dim))).reshape(-1, dim)


def gaussian(n, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim))


def circle(n, radius=1.0):
    angles = 2 * np.pi * np.arange(n) / n
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def sphere(n):
    """Points spread evenly over the unit sphere, along a spiral."""
    heights = 1 - (2 * np.arange(n) + 1) / n
    turns = np.pi * (1 + np.sqrt(5)) * np.arange(n)
    radii = np.sqrt(1 - heights**2)
    return np.stack([radii * np.cos(turns), radii * np.sin(turns), heights], axis=1)


def cross_polytope(dim):
    return np.concatenate([np.eye(dim), -np.eye(dim)])


def projective_plane():
    """A metric with values 1 and 2 whose Rips complex at 1 is the projective plane (31 vertices).

    It is the barycentric subdivision of the triangulation with 6 vertices: simplices, adjacent where one is a face of
    the other.
    """
    triangles = ["123", "134", "145", "156", "126", "235", "346", "245", "356", "246"]
    faces = {face for triangle in triangles for k in (1, 2, 3) for face in itertools.combinations(triangle, k)}
    simplices = [set(face) for face in sorted(faces, key=lambda face: (len(face), face))]
    distances = np.array([[1.0 if a <= b or b <= a else 2.0 for b in simplices] for a in simplices])
    np.fill_diagonal(distances, 0)
    return distances


CLOUDS = {
    "random": gaussian(40, 3),
    "random in the plane": gaussian(40, 2, seed=1),
    "high-dimensional": gaussian(40, 100),
    "clustered": blobs(),
    "duplicated": np.repeat(gaussian(12, 3), 3, axis=0),
    "mostly duplicated": np.concatenate([np.ones((30, 3)), gaussian(5, 3)]),
    "collinear": np.arange(25.0)[:, None] * [1, 2, 3],
    "on a grid": np.stack(np.meshgrid(range(5), range(5)), axis=-1).reshape(-1, 2),
    "constant": np.full((20, 3), 0.1),
    "one point": np.array([[1.0, 2.0]]),
    "two points": np.array([[0.0, 0.0], [3.0, 4.0]]),
    "two equal points": np.ones((2, 3)),
    "three points": np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]),
    "three equal points": np.ones((3, 2)),
    "four points": np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]),
    "no points": np.empty((0, 3)),
    "large": 1e30 * gaussian(30, 3, seed=2),
    "small": 1e-30 * gaussian(30, 3, seed=2),
}

points_on_a_grid = arrays(
    np.float64, st.tuples(st.integers(1, 15), st.integers(1, 4)), elements=st.integers(-50, 50).map(float)
)


def exact_distances(cloud):
    return squareform(pdist(cloud)) if len(cloud) > 1 else np.zeros((len(cloud), len(cloud)))
