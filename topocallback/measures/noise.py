"""How much of a distance the choice of samples explains."""

from __future__ import annotations

import numpy as np

from topocallback.hashing import sample_priorities
from topocallback.measures.facts import LayerFacts

__all__ = ["halves"]

_FEWEST_POINTS = 2  # of a half, to have a bar to compare
_SEED = 0x73706C6974


def halves(facts: LayerFacts) -> tuple[LayerFacts, LayerFacts] | None:
    """Two random halves of a layer's samples, the same in every layer and at every step, in units of its scale.

    Args:
        facts: The layer. The points of one sample stay together.

    Returns:
        The facts of both, of equally many points; ``None`` if these are too few.

    Example:
        >>> first, second = halves(LayerFacts(np.arange(9.0)))
        >>> first.n_points, second.n_points, set(first.sample_ids) & set(second.sample_ids)
        (4, 4, set())
    """
    priorities = sample_priorities(facts.sample_ids, _SEED)
    by_hash = np.argsort(priorities, kind="stable")
    place = np.cumsum(np.diff(priorities[by_hash], prepend=0) != 0)  # the points of one sample share theirs
    sides = by_hash[place % 2 == 1], by_hash[place % 2 == 0]
    size = min(map(len, sides))
    if size < _FEWEST_POINTS:
        return None
    first, second = (facts.subset(side[:size], keep_scale=True) for side in sides)
    return first, second
