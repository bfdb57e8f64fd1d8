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

from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import QUIET, canvas, heading
from topocallback.views.lettering import Lettering

__all__ = ["Ranges", "diagrams_figure", "heatmap_figure"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # Okabe and Ito: told apart by colour-blind people
_COLOUR_MAP = "viridis"
_MOST_LAYERS_WITH_NUMBERS = 16
_HEADROOM = 1.25


@dataclass
class Ranges:
    """The colour and axis ranges of a run's pictures: fixed, so that a step slider shows change.

    A range is set by the first snapshot, with room to grow, to a round number. Only a value beyond it widens it, to at
    least twice as much, and the picture's own scale says so.
    """

    limits: dict[str, float] = field(default_factory=dict)

    def include(self, snapshot: Snapshot) -> None:
        """Take a snapshot into account.

        Args:
            snapshot: Snapshots have to come in the order of their steps.
        """
        for key, matrix in snapshot.distances.items():
            self._grow(f"distances/{key}", np.concatenate([matrix.ravel(), snapshot.noise[key]]))
        deaths = [
            _typical_deaths(dim, layer[i])
            for layer in snapshot.diagrams.values()
            for i, dim in enumerate(snapshot.homology_dims)
        ]
        self._grow("bars", np.concatenate(deaths))

    def _grow(self, key: str, values: NDArray[np.float64]) -> None:
        largest = float(values[np.isfinite(values)].max(initial=0.0))
        limit = self.limits.get(key, 0.0)
        if largest > limit:
            self.limits[key] = _round_up(max(_HEADROOM * largest, 2 * limit))


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


def heatmap_figure(snapshot: Snapshot, limits: Mapping[str, float] | None = None) -> Figure:
    """How far apart the layers are, one panel per measure and homology dimension.

    The diagonal, which is 0, shows the layer's noise floor instead; a distance that does not exceed the larger noise
    floor of its two layers is hatched. NaN is left blank.

    Args:
        snapshot: The snapshot.
        limits: Upper ends of the colour ranges, from ``Ranges``; by default those of the snapshot alone.

    Returns:
        A figure.
    """
    limits = _own_limits(snapshot) if limits is None else limits
    lettering = Lettering()
    names = 10 + max(lettering.width(layer, 7) for layer in snapshot.layers)
    side = min(620.0, max(250.0, 34.0 * len(snapshot.layers)))
    pitch = side + 78
    title = f"{heading('Layer distance', snapshot)}, {_unit(snapshot)}"
    width = max(names + pitch * len(snapshot.distances), lettering.width(title, 11) + 20)
    figure, axis = canvas(width, side + names + 66)
    bottom = names + 20
    for position, key in enumerate(snapshot.distances):
        left = names + position * pitch
        limit = limits.get(f"distances/{key}", 1.0)
        _draw_matrix(axis, lettering, snapshot, key, (left, bottom, side), limit)
        _draw_colour_bar(axis, lettering, (left + side + 8, bottom, side), limit)
        _name_layers(lettering, snapshot.layers, (left, bottom, side), both_sides=position == 0)
        lettering.write(left + side / 2, bottom + side + 12, _readable(key), size=9)
    lettering.write(width / 2, bottom + side + 32, title, size=11)
    lettering.write(width / 2, 10, "diagonal: noise floor; hatched: within noise", size=8, colour=QUIET)
    lettering.draw(axis)
    return figure


def diagrams_figure(snapshot: Snapshot, limits: Mapping[str, float] | None = None) -> Figure:
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
    columns = min(5, len(snapshot.layers))
    rows = math.ceil(len(snapshot.layers) / columns)
    lettering, title = Lettering(), f"{heading('Persistence diagrams', snapshot)}, {_unit(snapshot)}"
    width = max(margin + columns * (side + 14), lettering.width(title, 11) + 20)
    height = rows * (side + gap) + 66
    figure, axis = canvas(width, height)
    origins = np.array(
        [
            (margin + (i % columns) * (side + 14), 24 + (rows - 1 - i // columns) * (side + gap))
            for i in range(len(snapshot.layers))
        ]
    )
    for (x, y), layer in zip(origins, snapshot.layers, strict=True):
        lettering.write(x + side / 2, y + side + 9, lettering.shortened(layer, 8, side), size=8)
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


def _draw_matrix(
    axis: Axes, lettering: Lettering, snapshot: Snapshot, key: str, square: tuple[float, float, float], limit: float
) -> None:
    left, bottom, side = square
    matrix, noise = snapshot.distances[key], snapshot.noise[key]
    shown = matrix.copy()
    np.fill_diagonal(shown, noise)
    _show_cells(axis, shown, (left, left + side, bottom, bottom + side), limit)
    cell = side / len(shown)
    centres = left + cell * (np.arange(len(shown)) + 0.5), bottom + side - cell * (np.arange(len(shown)) + 0.5)
    floor = np.fmax(noise[:, None], noise[None, :])
    within_noise = np.argwhere((matrix <= floor) & ~np.eye(len(matrix), dtype=bool))
    _hatch(axis, [(centres[0][j], centres[1][i]) for i, j in within_noise], cell)
    if len(shown) <= _MOST_LAYERS_WITH_NUMBERS:
        for i, j in np.argwhere(np.isfinite(shown)):
            colour = "black" if shown[i, j] > 0.6 * limit else "white"
            lettering.write(centres[0][j], centres[1][i], _number(shown[i, j]), size=6.5, colour=colour)


def _show_cells(
    axis: Axes, values: NDArray[np.float64], extent: tuple[float, float, float, float], limit: float
) -> None:
    """Row 0 on top. Quadrilaterals, because resampling images made the whole picture take 100 ms instead of 60 ms."""
    left, right, bottom, top = extent
    across = np.linspace(left, right, values.shape[1] + 1)
    down = np.linspace(top, bottom, values.shape[0] + 1)
    axis.pcolormesh(across, down, values, cmap=_COLOUR_MAP, vmin=0, vmax=limit, edgecolors="none", linewidth=0)


def _hatch(axis: Axes, centres: list[tuple[float, float]], cell: float) -> None:
    half, strokes = cell / 2, []
    for x, y in centres:
        for shift in (np.arange(4) + 0.5) * cell / 4:  # none of them through the number in the middle
            strokes.append([(x - half, y - half + shift), (x + half - shift, y + half)])
            strokes.append([(x - half + shift, y - half), (x + half, y + half - shift)])
    axis.add_collection(LineCollection(strokes, colors="white", linewidths=0.5, alpha=0.7))


def _draw_colour_bar(axis: Axes, lettering: Lettering, place: tuple[float, float, float], limit: float) -> None:
    left, bottom, height = place
    gradient = np.linspace(limit, 0, 128)[:, None]
    _show_cells(axis, gradient, (left, left + 10, bottom, bottom + height), limit)
    for share in (0, 0.25, 0.5, 0.75, 1):
        lettering.write(left + 14, bottom + share * height, f"{share * limit:g}", align=0, colour=QUIET)


def _name_layers(
    lettering: Lettering, layers: tuple[str, ...], square: tuple[float, float, float], both_sides: bool
) -> None:
    left, bottom, side = square
    cell = side / len(layers)
    size = min(7.0, 0.9 * cell)
    for i, layer in enumerate(layers):
        lettering.write(left + (i + 0.5) * cell, bottom - 4, layer, size=size, align=1, up=True)
        if both_sides:
            lettering.write(left - 4, bottom + side - (i + 0.5) * cell, layer, size=size, align=1)


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


def _own_limits(snapshot: Snapshot) -> dict[str, float]:
    ranges = Ranges()
    ranges.include(snapshot)
    return ranges.limits


def _unit(snapshot: Snapshot) -> str:
    return "scaled by each layer's 0.9 quantile" if snapshot.options.get("scale") == "quantile" else "raw scale"


def _readable(key: str) -> str:
    measure, _, dim = key.rpartition("_H")
    return f"{measure.replace('_', ' ').title()}, H{dim}"


def _number(value: float) -> str:
    """Two significant digits, without an exponent where that stays short."""
    return f"{value:.0f}" if 10 <= value < 1e4 else f"{value:.2g}"
