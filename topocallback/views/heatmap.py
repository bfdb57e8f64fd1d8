"""One geometry of a heatmap: where cells, numbers, names, hatching, diagonal and colour bar are, whoever draws it.

The monitor's picture puts several on a canvas whose coordinates are points (``draw_panel``); a comparison's matrix and
a metric's have axes of their own (``draw_on_axes``), which a user may have given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from numpy.typing import ArrayLike, NDArray

from topocallback.records.results import DistanceTable
from topocallback.views.canvas import QUIET
from topocallback.views.captions import at_level
from topocallback.views.lettering import Lettering
from topocallback.views.plain_text import PLAIN, fitted, fitted_layers

__all__ = ["Heatmap", "draw_on_axes", "draw_panel", "named_every", "note"]

_COLOUR_MAP = "viridis"
_BRIGHT = 0.6  # the share of the colour range above which black is easier to read than white
_MOST_ROWS_WITH_NUMBERS = 16
_MOST_ROWS_HATCHED = 60  # strokes in smaller cells would only be a haze
_MOST_LARGE_NAMES = 30
_LONGEST_UNIT = 50  # letters
_QUARTERS = np.linspace(0, 1, 5)
_SMALLEST_LETTERS = 5.0  # points
_BAR_GAP, _BAR_WIDTH = 8.0, 10.0  # in points

# The strokes of a hatched cell, in shares of it: (8, start and end, row and column). None is in the number's way.
_SHIFTS = (np.arange(4) + 0.5) / 4
_STROKES = np.array(
    [((1 - shift, 0), (0, 1 - shift)) for shift in _SHIFTS] + [((1, shift), (shift, 1)) for shift in _SHIFTS]
)


@dataclass(frozen=True, eq=False)
class Heatmap:
    """What a heatmap shows.

    Attributes:
        values: (N, N) what stands in the cells; what is not finite is left blank.
        not_told_apart: (N, N) which cells are hatched.
        limit: The upper end of the colour range, which begins at 0; what is beyond it has its colour.
        names: What stands beside the rows and below the columns, from the first to the last.
        counts: How many rows each name is for; by default one each. There are lines between names of several rows.
        is_tested: Whether any distance was tested, so that a cell without hatching says something too.
    """

    values: NDArray[np.float64]
    not_told_apart: NDArray[np.bool_]
    limit: float
    names: Sequence[str]
    counts: Sequence[int] = ()
    is_tested: bool = False

    @classmethod
    def of_table(cls, table: DistanceTable, limit: float, names: Sequence[str], counts: Sequence[int] = ()) -> Heatmap:
        """The heatmap of a table. Its diagonal, which is 0, shows each layer's own noise instead.

        Args:
            table: Distances.
            limit: As above.
            names: As above.
            counts: As above.

        Example:
            >>> from topocallback.records.results import Description
            >>> apart = np.array([[0.0, 2.0], [2.0, 0.0]])
            >>> table = DistanceTable(Description("bottleneck", 1), apart, noise=np.array([0.5, np.nan]))
            >>> Heatmap.of_table(table, 3.0, ("stem", "head")).values
            array([[0.5, 2. ],
                   [2. , nan]])
        """
        values = table.matrix.copy()
        np.fill_diagonal(values, table.noise)
        is_tested = bool(np.isfinite(table.p_values[~np.eye(len(values), dtype=bool)]).any())
        return cls(values, table.not_told_apart, limit, names, counts, is_tested)

    @property
    def is_hatched(self) -> bool:
        """Whether cells are hatched; where they are too small for that, they are paler instead."""
        return len(self.values) <= _MOST_ROWS_HATCHED

    @property
    def edges(self) -> NDArray[np.int64]:
        """Where one name's rows end and the next one's begin, from the first row to behind the last."""
        return np.concatenate([[0], np.cumsum(self.counts or [1] * len(self.names))])


@dataclass(frozen=True)
class _Square:
    """Where cells are in the coordinates of axes. Row 0 is on top; places are in cells from the upper left corner."""

    left: float
    top: float
    cell: float
    downwards: bool = False  # whether the axes' coordinates grow from top to bottom

    def x(self, column: ArrayLike) -> NDArray[np.float64]:
        return self.left + self.cell * np.asarray(column)

    def y(self, row: ArrayLike) -> NDArray[np.float64]:
        return self.top + (self.cell if self.downwards else -self.cell) * np.asarray(row)


def note(heatmaps: Iterable[Heatmap]) -> str:
    """What has to be said below heatmaps of what is to be seen in them.

    Args:
        heatmaps: The heatmaps.

    Returns:
        A line; empty if nothing has to be said.
    """
    shown = list(heatmaps)
    said = []
    if any(np.isfinite(np.diagonal(heatmap.values)).any() for heatmap in shown):
        said += ["diagonal: the layer's own noise"]
    if any(heatmap.is_tested for heatmap in shown):
        said += [f"{'hatched' if shown[0].is_hatched else 'pale'}: {at_level()}"]
    if not all(np.isfinite(heatmap.values).all() for heatmap in shown):
        said += ["blank: not known"]
    return "; ".join(said)


def named_every(cell: float) -> int:
    """Every how many rows have a name, so that what is written can be read: 200 names were 2.8 points high.

    Args:
        cell: The height of a row, in points.

    Example:
        >>> named_every(12.0), named_every(3.1)
        (1, 2)
    """
    return max(1, math.ceil(_SMALLEST_LETTERS / (0.9 * cell)))


def draw_panel(
    axis: Axes, lettering: Lettering, heatmap: Heatmap, corner: tuple[float, float], side: float, *, name_rows: bool
) -> None:
    """Draw a heatmap on a canvas, with its colour bar to the right and the columns' names below.

    Args:
        axis: A canvas, whose coordinates are points.
        lettering: Takes all labels.
        heatmap: What to show.
        corner: The lower left corner of the cells.
        side: The side of the square of cells.
        name_rows: Whether to name the rows, to the left.
    """
    left, bottom = corner
    square = _Square(left, bottom + side, side / len(heatmap.values))
    _paint(axis, heatmap, square)
    for x, y, text, colour in _numbers(heatmap, square):
        lettering.write(x, y, text, size=6.5, colour=colour)
    every = named_every(square.cell)
    size = min(7.0, 0.9 * square.cell * every)
    for x, y, name in _names(heatmap, square, every):
        lettering.write(x, bottom - 4, name, size=size, align=1, up=True)
        if name_rows:
            lettering.write(left - 4, y, name, size=size, align=1)
    bar = left + side + _BAR_GAP
    gradient = np.linspace(heatmap.limit, 0, 128)[:, None]
    _mesh(axis, gradient, [bar, bar + _BAR_WIDTH], np.linspace(bottom + side, bottom, 129), heatmap.limit)
    for share in _QUARTERS:
        label = f"{share * heatmap.limit:g}"
        lettering.write(bar + _BAR_WIDTH + 4, bottom + share * side, label, align=0, colour=QUIET)


def draw_on_axes(axes: Axes, heatmap: Heatmap, title: str = "", unit: str = "") -> None:
    """Draw a heatmap on axes of its own, with its colour bar to the right and names as the axes' labels.

    Row i and column j are at y = i and x = j, as in matplotlib's own pictures of matrices.

    Args:
        axes: The axes.
        heatmap: What to show.
        title: What it is.
        unit: The unit of its numbers.
    """
    square = _Square(-0.5, -0.5, 1.0, downwards=True)
    mesh = _paint(axes, heatmap, square)
    for x, y, text, colour in _numbers(heatmap, square):
        axes.text(x, y, text, ha="center", va="center", color=colour, fontsize=7)
    end = len(heatmap.values) - 0.5
    axes.set(xlim=(-0.5, end), ylim=(end, -0.5), aspect="equal")
    axes.set_title(fitted(title), fontsize=10, **PLAIN)
    columns, rows, names = zip(*_names(heatmap, square), strict=True)
    letters = {"fontsize": 8 if len(names) <= _MOST_LARGE_NAMES else 5, **PLAIN}
    axes.set_xticks(columns, fitted_layers(names), rotation=90, **letters)
    axes.set_yticks(rows, fitted_layers(names), **letters)
    _draw_colour_bar(axes, mesh, heatmap, unit)


def _draw_colour_bar(axes: Axes, mesh: QuadMesh, heatmap: Heatmap, unit: str) -> None:
    """As high as the cells, and within the room of their axes: those of a user lose nothing to it."""
    bar = axes.inset_axes((1.02, 0, 0.03, 1))
    is_beyond = bool((heatmap.values[np.isfinite(heatmap.values)] > heatmap.limit).any())
    axes.figure.colorbar(mesh, cax=bar, extend="max" if is_beyond else "neither")
    bar.set_yticks(_QUARTERS * heatmap.limit, [f"{share * heatmap.limit:.3g}" for share in _QUARTERS], fontsize=7)
    bar.set_ylabel(fitted(unit, _LONGEST_UNIT), fontsize=8, **PLAIN)


def _paint(axes: Axes, heatmap: Heatmap, square: _Square) -> QuadMesh:
    """The cells, what marks those not told apart, and lines between names of several rows."""
    size = len(heatmap.values)
    x, y = square.x(np.arange(size + 1)), square.y(np.arange(size + 1))
    cells = _mesh(axes, heatmap.values, x, y, heatmap.limit)
    cells.set_rasterized(not heatmap.is_hatched)  # in a PDF or SVG, of very many
    if heatmap.is_hatched:
        strokes = (np.argwhere(heatmap.not_told_apart)[:, None, None] + _STROKES).reshape(-1, 2, 2)
        lines = np.stack([square.x(strokes[..., 1]), square.y(strokes[..., 0])], axis=-1)
        axes.add_collection(LineCollection(list(lines), colors="white", linewidths=0.5, alpha=0.7), autolim=False)
    else:
        pale = np.where(heatmap.not_told_apart, 1.0, np.nan)
        axes.pcolormesh(x, y, pale, cmap="Greys_r", vmin=0, vmax=1, alpha=0.45, linewidth=0, rasterized=True)
    if heatmap.counts:
        between = heatmap.edges[1:-1]
        axes.hlines(square.y(between), x[0], x[-1], color="white", lw=0.7)
        axes.vlines(square.x(between), y[0], y[-1], color="white", lw=0.7)
    return cells


def _mesh(axes: Axes, values: NDArray[np.float64], x: ArrayLike, y: ArrayLike, limit: float) -> QuadMesh:
    """Quadrilaterals, because resampling images made the monitor's picture take 100 ms instead of 60 ms."""
    return axes.pcolormesh(x, y, values, cmap=_COLOUR_MAP, vmin=0, vmax=limit, edgecolors="none", linewidth=0)


def _numbers(heatmap: Heatmap, square: _Square) -> Iterator[tuple[float, float, str, str]]:
    """Where there is room for them, what stands in the cells: x, y, text and colour."""
    if len(heatmap.values) > _MOST_ROWS_WITH_NUMBERS:
        return
    for i, j in np.argwhere(np.isfinite(heatmap.values)):
        value = heatmap.values[i, j]
        colour = "black" if value > _BRIGHT * heatmap.limit else "white"
        yield float(square.x(j + 0.5)), float(square.y(i + 0.5)), _number(value), colour


def _names(heatmap: Heatmap, square: _Square, every: int = 1) -> Iterator[tuple[float, float, str]]:
    """Where the middle of each name's columns and rows is: x, y and the name. Of many, of every so many."""
    every = every if not heatmap.counts else 1
    middles = ((heatmap.edges[:-1] + heatmap.edges[1:]) / 2)[::every]
    yield from zip(square.x(middles).tolist(), square.y(middles).tolist(), heatmap.names[::every], strict=True)


def _number(value: float) -> str:
    """Two significant digits, without an exponent where that stays short."""
    return f"{value:.0f}" if 10 <= value < 1e4 else f"{value:.2g}"
