"""KeplerMapper's own page of a Mapper graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["kepler_mapper_page"]


def kepler_mapper_page(
    members: Sequence[NDArray[np.int64]],
    intervals: NDArray[np.int64],
    edges: NDArray[np.int64],
    *,
    colours: NDArray[Any],
    colours_are: str,
    tooltips: Sequence[str],
    title: str,
) -> str:
    """The page.

    Args:
        members: N arrays of point numbers, one for each node.
        intervals: (N,) the interval of the cover that a node lies over.
        edges: (E, 2) pairs of nodes.
        colours: (n,) a number for each point; a node's colour is its members' mean.
        colours_are: What the numbers are.
        tooltips: A text for each point.
        title: The page's title.

    Returns:
        An HTML page.

    Raises:
        ValueError: If there are no nodes.
    """
    import kmapper

    if not members:
        raise ValueError("Expected a graph with nodes, got an empty one, of which KeplerMapper makes no page.")
    names = [f"cube{interval}_cluster{node}" for node, interval in enumerate(intervals)]
    links: dict[str, list[str]] = {}
    for first, second in edges:
        links.setdefault(names[first], []).append(names[second])
    graph = {
        "nodes": {name: points.tolist() for name, points in zip(names, members, strict=True)},
        "links": links,
        "simplices": [[name] for name in names] + [[names[i], names[j]] for i, j in edges],
        "meta_data": {},
        "meta_nodes": {},
    }
    page: str = kmapper.KeplerMapper(verbose=0).visualize(
        graph,
        color_values=colours,
        color_function_name=colours_are,
        title=title,
        custom_tooltips=np.array(tooltips),
        save_file=False,
    )
    return page
