"""What the arrays of a Mapper graph have to be in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.expected import Expected, take_all

__all__ = ["GRAPH", "taken_apart"]

GRAPH = {
    "sizes": Expected("iu", ("nodes",), low=1),
    "members": Expected("iu", ("members",), index_of="points"),
    "filter_means": Expected("f", ("nodes",)),
    "intervals": Expected("iu", ("nodes",), low=0, high=2**53),
    "edges": Expected("iu", ("edges", 2), index_of="nodes"),
    "shared": Expected("iu", ("edges",), low=1),
    "positions": Expected("f", ("nodes", 2), low=-1.01, high=1.01),  # in [-1, 1], but for rounding
    "radius": Expected("f", (), low=0, unknown=True),
}
"""What each array has to be, in an order in which every length is known before there is an index into it."""


def taken_apart(
    arrays: Mapping[str, NDArray[Any]], n_points: int
) -> tuple[tuple[NDArray[np.int64], ...], dict[str, Any]]:
    """A graph's nodes, each with its points, and its other values by their names.

    Args:
        arrays: Name to array.
        n_points: How many points the graph was made from.

    Raises:
        ValueError: If an array is missing, or they do not fit together.
    """
    found = take_all(arrays, GRAPH, {"points": n_points})
    sizes, members, edges = found.pop("sizes"), found.pop("members"), found["edges"]
    if (total := sum(sizes.tolist())) != len(members):
        raise ValueError(f"its nodes hold {total} points, and {len(members)} are listed")
    smaller = sizes[edges.astype(np.intp)].min(axis=1, initial=n_points)
    if (edges[:, 0] == edges[:, 1]).any() or (found["shared"] > smaller).any():
        raise ValueError("an edge leads from a node to itself, or shares more points than a node has")
    nodes = np.split(members, np.cumsum(sizes)[:-1]) if len(sizes) else ()
    return tuple(nodes), {**found, "radius": float(found["radius"])}
