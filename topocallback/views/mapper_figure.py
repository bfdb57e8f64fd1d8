"""The picture of a snapshot's Mapper graphs: one small graph per layer, its nodes pies of class shares."""

from __future__ import annotations

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topocallback.records.mapper_graph import MapperGraph
from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import QUIET, canvas, columns_of, heading
from topocallback.views.lettering import Lettering
from topocallback.views.short_names import short_layer_names, short_names

__all__ = ["CLASS_COLOURS", "mapper_figure"]

# Paul Tol's colours "muted", told apart by colour-blind people also side by side in a pie; the tab has the same.
CLASS_COLOURS = (
    "#CC6677",
    "#332288",
    "#DDCC77",
    "#117733",
    "#88CCEE",
    "#882255",
    "#44AA99",
    "#999933",
    "#AA4499",
    "#6699CC",
)
_OTHER = "#A3A9B3"

# Lengths in points.
_SIDE = 150.0
_GAP = 14.0
_ROW = _SIDE + 38.0
_MARGIN = 20.0
_NARROWEST = 480.0  # that the note at the foot fits in
_LARGEST_RADIUS = 22.0  # of a node that holds all points; areas are proportional to the number of members
_SMALLEST_RADIUS = 2.0


def mapper_figure(snapshot: Snapshot) -> Figure:
    """Every layer's Mapper graph as small multiples.

    A node is a pie of its members' classes, its area proportional to their number; without labels its colour is the
    mean filter value, from the layer's lowest (dark) to its highest (bright). An edge is the wider the more of their
    members its two nodes share. Of more than ten classes the nine largest have a colour of their own.

    Args:
        snapshot: The snapshot.

    Returns:
        A figure. A layer without a graph, or whose graph has no nodes, says so in its place.
    """
    columns = columns_of(len(snapshot.layers), 5)
    rows = math.ceil(len(snapshot.layers) / columns)
    lettering, title = Lettering(), heading("Mapper graphs", snapshot)
    width = max(2 * _MARGIN + columns * (_SIDE + _GAP) - _GAP, _NARROWEST)
    palette = _Palette(next(iter(snapshot.mappers.values()), None))
    legend = _wrapped(lettering, palette.legend, width - 2 * _MARGIN)
    height = 64 + rows * _ROW + 14 * len(legend)
    figure, axis = canvas(width, height)
    names = short_layer_names(snapshot.layers, lettering.fits(8, _SIDE))
    for i, (layer, name) in enumerate(zip(snapshot.layers, names, strict=True)):
        left = _MARGIN + (i % columns) * (_SIDE + _GAP)
        top = height - 34 - (i // columns) * _ROW
        lettering.write(left + _SIDE / 2, top - 8, name, size=8)
        _draw_panel(axis, lettering, snapshot.mappers.get(layer), palette, (left, top - 18 - _SIDE))
    _draw_legend(axis, lettering, legend)
    note = "node: a cluster of samples, its area their number, its slices their classes; edge: samples in both nodes"
    lettering.write(width / 2, 10, note, size=8, colour=QUIET)
    lettering.write(width / 2, height - 18, title, size=11)
    lettering.draw(axis)
    return figure


class _Palette:
    """Which colours stand for which classes, the same for all graphs of a snapshot."""

    def __init__(self, graph: MapperGraph | None) -> None:
        self._labelled = graph is not None and graph.labels is not None
        names = graph.classes if graph is not None else ()
        self._own = np.arange(len(names))  # the classes that have a colour of their own
        if graph is not None and graph.labels is not None and len(names) > len(CLASS_COLOURS):
            counts = np.bincount(graph.labels, minlength=len(names))
            self._own = np.sort(np.argsort(-counts, kind="stable")[: len(CLASS_COLOURS) - 1])
        self._colours = [*CLASS_COLOURS[: len(self._own)], *[_OTHER] * (len(self._own) < len(names))]
        shown = [names[i] for i in self._own] + [f"{len(names) - len(self._own)} others"]
        self.legend = list(zip(shown, self._colours, strict=False))

    def pies(self, graph: MapperGraph) -> list[list[tuple[float, str]]]:
        """Per node, (share, colour) of every slice; without labels one slice in the colour of the filter value."""
        if not self._labelled:
            low, high = graph.filter_means.min(), graph.filter_means.max()
            brightness = (graph.filter_means - low) / ((high - low) or 1)
            return [[(1.0, to_hex(colour))] for colour in colormaps["viridis"](brightness)]
        shares = graph.label_counts / graph.sizes[:, None]
        own = shares[:, self._own]
        slices = np.column_stack([own, 1 - own.sum(axis=1)])[:, : len(self._colours)]
        return [
            [(float(share), colour) for share, colour in zip(row, self._colours, strict=True) if share > 1e-9]
            for row in slices
        ]


def _draw_panel(
    axis: Axes, lettering: Lettering, graph: MapperGraph | None, palette: _Palette, corner: tuple[float, float]
) -> None:
    left, bottom = corner
    frame = np.array([(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)]) * _SIDE + corner
    axis.add_collection(LineCollection([frame], colors="0.85", linewidths=0.6))
    caption = "" if graph is None else _caption(graph)
    lettering.write(left + _SIDE / 2, bottom - 8, caption, size=7, colour=QUIET)
    if graph is None or not graph.n_nodes:
        missing = "no graph" if graph is None else "no clusters"
        lettering.write(left + _SIDE / 2, bottom + _SIDE / 2, missing, size=8, colour=QUIET)
        return
    radii = np.maximum(_LARGEST_RADIUS * np.sqrt(graph.sizes / graph.n_points), _SMALLEST_RADIUS)
    # Positions fill the panel up to where the largest node would stick out.
    inset = radii.max() + 3
    centres = np.array(corner) + inset + (graph.positions + 1) / 2 * (_SIDE - 2 * inset)
    axis.add_collection(LineCollection(centres[graph.edges], colors="0.6", linewidths=0.6 + 2.4 * graph.jaccard))
    _draw_nodes(axis, centres, radii, palette.pies(graph))


def _caption(graph: MapperGraph) -> str:
    covered = f"covered {graph.coverage:.0%}" if graph.n_points else "no points"
    if graph.labels is None or not graph.n_nodes:
        return f"{graph.n_nodes} nodes, {covered}"
    return f"purity {graph.purity_point_wise:.2f}, majority {graph.majority:.2f}, {covered}"


def _draw_nodes(
    axis: Axes,
    centres: NDArray[np.float64],
    radii: NDArray[np.float64],
    pies: list[list[tuple[float, str]]],
) -> None:
    """All nodes as one collection: a patch for each slice would be drawn in Python, one by one."""
    outlines, fills, rims = [], [], []
    for node in np.argsort(-radii, kind="stable"):  # no small node behind a large one
        start = 0.0
        for share, colour in pies[node]:
            outlines.append(centres[node] + radii[node] * _sector(start, start + share))
            fills.append(colour)
            rims.append("none")
            start += share
        outlines.append(centres[node] + radii[node] * _sector(0, 1))
        fills.append("none")
        rims.append("0.2")
    axis.add_collection(PolyCollection(outlines, facecolors=fills, edgecolors=rims, linewidths=0.4))


def _sector(start: float, end: float) -> NDArray[np.float64]:
    """A slice of the unit disc, clockwise from the top; ``start`` and ``end`` in turns."""
    angles = 2 * np.pi * np.linspace(start, end, 2 + math.ceil(24 * (end - start)))
    arc = np.column_stack([np.sin(angles), np.cos(angles)])
    return arc if end - start >= 1 else np.vstack([np.zeros(2), arc])


def _wrapped(lettering: Lettering, entries: list[tuple[str, str]], width: float) -> list[list[tuple[float, str, str]]]:
    """The legend in lines: (x, name, colour) per entry."""
    lines: list[list[tuple[float, str, str]]] = [[]] if entries else []
    cursor = 0.0
    labels = short_names([name for name, _ in entries], lettering.fits(8, width / 2))
    for label, (_, colour) in zip(labels, entries, strict=True):
        length = lettering.width(label, 8) + 26
        if cursor + length > width and lines[-1]:
            lines.append([])
            cursor = 0.0
        lines[-1].append((_MARGIN + cursor, label, colour))
        cursor += length
    return lines


def _draw_legend(axis: Axes, lettering: Lettering, lines: list[list[tuple[float, str, str]]]) -> None:
    for row, line in enumerate(reversed(lines)):
        height = 28 + 14 * row
        for x, name, colour in line:
            axis.plot([x + 4], [height], "o", ms=6, mec="0.2", mew=0.4, color=colour)
            lettering.write(x + 12, height, name, size=8, align=0)
