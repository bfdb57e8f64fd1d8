"""Inner products of centred points, from their distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.facts import LayerFacts

__all__ = ["centred", "check_different_points", "coordinates", "inner_products"]


def inner_products(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inner products of points whose mean is at 0, from their distances (classical multidimensional scaling).

    The distances are known already, whatever else is measured, and this costs n^2 instead of n^2 d.

    Args:
        distances: (n, n) Euclidean distances.

    Returns:
        (n, n) symmetric.

    Example:
        >>> inner_products(np.array([[0.0, 2.0], [2.0, 0.0]]))
        array([[ 1., -1.],
               [-1.,  1.]])
    """
    return centred(-0.5 * distances**2)


def centred(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """A symmetric matrix less the means of its rows and columns.

    Args:
        kernel: (n, n) symmetric.

    Returns:
        (n, n) symmetric; every row adds up to 0.
    """
    means = kernel.mean(axis=0)
    return np.asarray(kernel - means - means[:, None] + means.mean())


def coordinates(facts: LayerFacts) -> NDArray[np.float64]:
    """A layer's points less their mean, in as few coordinates as they need, and at most as many as there are points.

    Args:
        facts: The layer.

    Returns:
        (n, at most n) coordinates with the distances of the points: their own values, unless these are more than n.

    Example:
        >>> coordinates(LayerFacts([[1.0], [3.0]])).tolist()
        [[-1.0], [1.0]]
        >>> coordinates(LayerFacts(np.eye(5)[:2])).shape
        (2, 2)
    """
    cloud = facts.cloud
    if cloud.shape[1] <= len(cloud):
        points = np.asarray(cloud, dtype=np.float64)
        return np.asarray(points - points.mean(axis=0))
    values, vectors = np.linalg.eigh(inner_products(facts.distances))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def check_different_points(facts: LayerFacts, name: str, at_least: int = 2) -> None:
    """Refuse a cloud with too few points, or without two that differ: it has no shape.

    Args:
        facts: The layer.
        name: The measure's name.
        at_least: How many points the measure needs.

    Raises:
        ValueError: If it is refused; the message names the measure and what came.
    """
    if facts.n_points < at_least:
        raise ValueError(f"Expected at least {at_least} points for {name}, got {facts.n_points}.")
    if not facts.distances.any():
        raise ValueError(f"Expected points that differ for {name}, got {facts.n_points} equal ones.")
