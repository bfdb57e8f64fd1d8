"""KeplerMapper's own page of a Mapper graph, with all that it needs inside, and every name as text.

KeplerMapper puts titles and tooltips into its page as HTML, and has it load d3, FileSaver and fonts from the network.
Here they are escaped; the fonts are the browser's, and what the page's script asks of the two libraries is in
``kepler_mapper.js``. A browser is told to refuse whatever would leave the page all the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.html import escape

__all__ = ["kepler_mapper_page"]

_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
_SCRIPTS = re.compile(r"<script\s+src=[^>]*>\s*</script>")  # d3 and FileSaver
_LINKS = re.compile(r"<link\s[^>]*>")  # an icon and fonts


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
        An HTML page that needs nothing else. Texts are shown as they are.

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
        color_function_name=escape(colours_are),
        title=escape(title),
        custom_tooltips=np.array([escape(tooltip) for tooltip in tooltips], dtype=object),
        save_file=False,
    )
    return _self_contained(page)


def _self_contained(page: str) -> str:
    """The page with our script in place of those that it would load, and without what else it would load."""
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    before, *between = _SCRIPTS.split(_LINKS.sub("", page))
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    head = before.replace("<head>", f"<head>\n{policy}", 1)
    return f"{head}<script>\n{script}</script>{''.join(between)}" if between else head
