"""Pictures of a snapshot: the layer-distance heatmap and the persistence diagrams."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topocallback.records.results import Key
from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import QUIET, canvas, columns_of, heading
from topocallback.views.captions import how_sure, with_unit
from topocallback.views.heatmap import Heatmap, draw_panel, named_every, note
from topocallback.views.lettering import Lettering
from topocallback.views.short_names import short_layer_names, short_names

__all__ = ["Limits", "Ranges", "diagrams_figure", "heatmap_figure"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # Okabe and Ito: told apart by colour-blind people
_HEADROOM = 1.25
_PANELS_IN_A_ROW = 4
_LONGEST_NAME = 300.0  # in points: about 70 letters

Limits = Mapping["Key | str", float]
"""Upper ends of ranges, as ``Ranges`` has them."""


@dataclass
class Ranges:
    """The colour and axis ranges of a run's pictures: fixed, so that a step slider shows change.

    A range is set by the first snapshot, with room to grow, to a round number. Only a value beyond it widens it, to at
    least twice as much, and the picture's own scale says so.

    Attributes:
        limits: A distance table's key to the upper end of its colours; ``"bars"`` to that of the diagrams' axes.
    """

    limits: dict[Key | str, float] = field(default_factory=dict)

    def include(self, snapshot: Snapshot) -> None:
        """Take a snapshot into account.

        Args:
            snapshot: Snapshots have to come in the order of their steps.
        """
        for key, table in snapshot.distances.items():
            self._grow(key, np.concatenate([table.matrix.ravel(), table.noise]), table.about.range[1])
        deaths = [
            _typical_deaths(dim, layer[i])
            for layer in snapshot.diagrams.values()
            for i, dim in enumerate(snapshot.homology_dims)
        ]
        self._grow("bars", np.concatenate(deaths))

    def _grow(self, key: Key | str, values: NDArray[np.float64], most: float = math.inf) -> None:
        """Widen a range, but not beyond the largest value there can be."""
        largest = float(values[np.isfinite(values)].max(initial=0.0))
        limit = self.limits.get(key, 0.0)
        if largest > limit:
            self.limits[key] = max(largest, min(most, _round_up(max(_HEADROOM * largest, 2 * limit))))


def _typical_deaths(dim: int, bars: NDArray[np.float64]) -> NDArray[np.float64]:
    """The finite deaths that a diagram's axes have to hold: all, but for the last hundredth of H0.

    A single point far from all others, which is common, would otherwise squeeze everything else into a corner.
    """
    deaths = bars[np.isfinite(bars[:, 1]), 1]
    return np.asarray(np.quantile(deaths, [0.99])) if dim == 0 and len(deaths) else deaths


def _round_up(value: float) -> float:
    """The next of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if step * power >= value * (1 - 1e-9))


def heatmap_figure(snapshot: Snapshot, limits: Limits | None = None) -> Figure:
    """How far apart the layers are, one panel per measure and homology dimension.

    The diagonal, which is 0, shows the layer's own noise instead: the distance that two independent samples of it have
    on average. Two layers that are not told apart at 5 % per cell are hatched. What is not known is left blank.

    Args:
        snapshot: The snapshot.
        limits: Upper ends of the colour ranges, from ``Ranges``; by default those of the snapshot alone.

    Returns:
        A figure.
    """
    limits = _own_limits(snapshot) if limits is None else limits
    lettering, title = Lettering(), heading("Layer distance", snapshot)
    tables = list(snapshot.distances.values())
    layers = short_layer_names(snapshot.layers, lettering.fits(7, _LONGEST_NAME))
    heatmaps = [Heatmap.of_table(table, limits.get(table.about.key, 1.0), layers) for table in tables]
    side = min(620.0, max(250.0, 34.0 * len(snapshot.layers)))
    names = 10 + max(lettering.width(layer, 7) for layer in layers)
    pitch, row_pitch = side + 78, side + names + 28
    columns, rows = min(_PANELS_IN_A_ROW, len(tables)), math.ceil(len(tables) / _PANELS_IN_A_ROW)
    width = max(names + pitch * columns, lettering.width(title, 11) + 20)
    height = rows * row_pitch + 38
    figure, axis = canvas(width, height)
    for i, (table, heatmap) in enumerate(zip(tables, heatmaps, strict=True)):
        row, column = divmod(i, _PANELS_IN_A_ROW)
        left, bottom = names + column * pitch, 20 + names + (rows - 1 - row) * row_pitch
        draw_panel(axis, lettering, heatmap, (left, bottom), side, name_rows=column == 0)
        (about,) = short_names([with_unit(table.about)], lettering.fits(9, side + 2 * min(names, 30)))
        lettering.write(left + side / 2, bottom + side + 15, about, size=9)
        lettering.write(left + side / 2, bottom + side + 5.5, how_sure(table), size=7, colour=QUIET)
    lettering.write(width / 2, height - 14, title, size=11)
    every = named_every(side / len(snapshot.layers))
    said = [note(heatmaps), f"1 layer in {every} is named" if every > 1 else ""]
    lettering.write(width / 2, 10, "; ".join(filter(None, said)), size=8, colour=QUIET)
    lettering.draw(axis)
    return figure


def diagrams_figure(snapshot: Snapshot, limits: Limits | None = None) -> Figure:
    """The persistence diagrams of all layers as small multiples: birth to the right, death upwards.

    Essential bars are not drawn. A bar whose death is beyond the axes is a triangle at their upper end.

    Args:
        snapshot: The snapshot.
        limits: Upper end of the axes under ``"bars"``, from ``Ranges``; by default that of the snapshot alone.

    Returns:
        A figure.
    """
    limit = (_own_limits(snapshot) if limits is None else limits).get("bars", 1.0)
    side, gap, margin = 150.0, 26.0, 30.0
    columns = columns_of(len(snapshot.layers), 5)
    rows = math.ceil(len(snapshot.layers) / columns)
    lettering, title = Lettering(), heading("Persistence diagrams", snapshot) + _unit_of_diagrams(snapshot)
    width = max(margin + columns * (side + 14), lettering.width(title, 11) + 20)
    height = rows * (side + gap) + 66
    figure, axis = canvas(width, height)
    origins = np.array(
        [
            (margin + (i % columns) * (side + 14), 24 + (rows - 1 - i // columns) * (side + gap))
            for i in range(len(snapshot.layers))
        ]
    )
    for (x, y), name in zip(origins, short_layer_names(snapshot.layers, lettering.fits(8, side)), strict=True):
        lettering.write(x + side / 2, y + side + 9, name, size=8)
    corners = np.array([(0, 0), (1, 1), (0, 1), (0, 0), (1, 0), (1, 1)]) * side
    axis.add_collection(LineCollection([origin + corners for origin in origins], colors="0.6", linewidths=0.6))
    _plot_bars(axis, lettering, snapshot, origins, side, limit, height - 44)
    x, y = origins[(rows - 1) * columns]
    for at, text, colour in ((0, "0", QUIET), (side / 2, "birth", QUIET), (side, f"{limit:g}", QUIET)):
        lettering.write(x + at, y - 8, text, colour=colour)
        lettering.write(x - 8, y + at, "death" if text == "birth" else text, colour=colour, up=True)
    lettering.write(width / 2, height - 18, title, size=11)
    lettering.draw(axis)
    return figure


def _plot_bars(
    axis: Axes,
    lettering: Lettering,
    snapshot: Snapshot,
    origins: NDArray[np.float64],
    side: float,
    limit: float,
    legend: float,
) -> None:
    scale = side / limit
    for i, dim in enumerate(snapshot.homology_dims):
        colour = _COLOURS[i % len(_COLOURS)]
        bars = [snapshot.diagrams[layer][i] for layer in snapshot.layers]
        places = [scale * bar[np.isfinite(bar[:, 1])] for bar in bars]
        inside = [origin + place[place[:, 1] <= side] for origin, place in zip(origins, places, strict=True)]
        beyond = [
            origin + np.minimum(place[place[:, 1] > side], side) for origin, place in zip(origins, places, strict=True)
        ]
        axis.plot(*np.concatenate(inside).T, "o", ms=2.2, mew=0, alpha=0.6, color=colour)
        axis.plot(*np.concatenate(beyond).T, "^", ms=4, mew=0, color=colour)
        axis.plot([origins[0, 0] + 40 * i + 3], [legend], "o", ms=5, mew=0, color=colour)
        lettering.write(origins[0, 0] + 40 * i + 10, legend, f"H{dim}", size=8, align=0)


def _own_limits(snapshot: Snapshot) -> Limits:
    ranges = Ranges()
    ranges.include(snapshot)
    return ranges.limits


def _unit_of_diagrams(snapshot: Snapshot) -> str:
    """The unit of a diagram's longest bar, which every analysis measures, behind a comma."""
    units = (table.about.unit for table in snapshot.statistics.values() if table.about.measure == "longest_bar")
    unit = next(units, "")
    return f", in {unit}" if unit else ""
