"""A paired distance between layers that lack different samples."""

from __future__ import annotations

import numpy as np

from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts

__all__ = ["distance_on_common_samples", "on_common_samples"]


def on_common_samples(first: LayerFacts, second: LayerFacts) -> tuple[LayerFacts, LayerFacts] | None:
    """Both layers with the samples that both have, in one order.

    Args:
        first: A layer.
        second: Another one.

    Returns:
        The layers themselves if they have the same samples; ``None`` if they have none in common, or one has several
        points of a sample and the other has not the same.

    Example:
        >>> first, second = LayerFacts([[0.0], [1.0], [2.0]]), LayerFacts([[np.nan], [3.0], [5.0]])
        >>> [part.cloud.ravel().tolist() for part in on_common_samples(first, second)]
        [[1.0, 2.0], [3.0, 5.0]]
    """
    if np.array_equal(first.sample_ids, second.sample_ids):
        return first, second
    if any(len(np.unique(facts.sample_ids)) < facts.n_points for facts in (first, second)):
        return None
    _, mine, theirs = np.intersect1d(first.sample_ids, second.sample_ids, return_indices=True)
    return (first.subset(mine), second.subset(theirs)) if len(mine) else None


def distance_on_common_samples(distance: Distance, first: LayerFacts, second: LayerFacts) -> float | None:
    """A paired distance between two layers, on the samples that both have.

    Args:
        distance: The distance.
        first: A layer.
        second: Another one.

    Returns:
        The distance; ``None`` where the layers cannot be paired, see ``on_common_samples``.
    """
    pair = on_common_samples(first, second)
    return None if pair is None else distance.between(*[distance.prepare(each) for each in pair])
