"""Pictures of a snapshot: the layer-distance heatmap and the persistence diagrams.

Figures are built on matplotlib's ``Figure`` without pyplot, so that drawing in a background thread touches no global
state and leaves no figure open.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topocallback.snapshot import Snapshot

__all__ = ["Picture", "Ranges", "diagrams_figure", "heatmap_figure", "render"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # Okabe and Ito: told apart by colour-blind people
_MOST_LAYERS_WITH_NUMBERS = 14
_HEADROOM = 1.5
_DPI = 100


@dataclass(frozen=True)
class Picture:
    """A rendered figure.

    Attributes:
        name: What it shows, for the logger's tag.
        png: The encoded picture.
        width: In pixels.
        height: In pixels.
    """

    name: str
    png: bytes
    width: int
    height: int


@dataclass
class Ranges:
    """The colour and axis ranges of a run's pictures: fixed, so that a step slider shows change.

    A range is set by the first snapshot, with room to grow, to a round number. Only a value beyond it widens it, to at
    least twice as much, and the picture's own scale says so.
    """

    limits: dict[str, float]

    def __init__(self) -> None:
        self.limits = {}

    def include(self, snapshot: Snapshot) -> None:
        """Take a snapshot into account.

        Args:
            snapshot: Snapshots have to come in the order of their steps.
        """
        for key, matrix in snapshot.distances.items():
            self._grow(f"distances/{key}", matrix)
        for i, dim in enumerate(snapshot.homology_dims):
            self._grow(f"bars/H{dim}", np.concatenate([bars[i].ravel() for bars in snapshot.diagrams.values()]))

    def _grow(self, key: str, values: NDArray[np.float64]) -> None:
        largest = float(values[np.isfinite(values)].max(initial=0.0))
        limit = self.limits.get(key, 0.0)
        if largest > limit:
            self.limits[key] = _round_up(max(_HEADROOM * largest, 2 * limit))


def _round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10) if step * power >= value * (1 - 1e-9))


def heatmap_figure(snapshot: Snapshot, limits: Mapping[str, float] | None = None) -> Figure:
    """How far apart the layers are, one panel per measure and homology dimension.

    The diagonal, which is 0, shows the layer's noise floor instead; a distance that does not exceed the larger noise
    floor of its two layers is hatched.

    Args:
        snapshot: The snapshot.
        limits: Upper ends of the colour ranges, from ``Ranges``; by default those of the snapshot alone.

    Returns:
        A figure.
    """
    limits = limits if limits is not None else _own_limits(snapshot)
    count = len(snapshot.layers)
    panels = list(snapshot.distances)
    side = min(9.0, max(3.4, 0.46 * count + 1.0))
    figure = Figure(figsize=(len(panels) * (side + 0.9) + 0.9, side + 1.1), dpi=_DPI, layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, key in zip(axes, panels, strict=True):
        _draw_heatmap(axis, snapshot, key, limits.get(f"distances/{key}", 1.0), with_names=axis is axes[0])
    figure.suptitle(f"Layer distance at step {snapshot.step} (epoch {snapshot.epoch})", fontsize=11)
    figure.supxlabel("diagonal: noise floor; hatched: within noise", fontsize=8, color="0.35")
    return figure


def _draw_heatmap(axis: Axes, snapshot: Snapshot, key: str, limit: float, with_names: bool) -> None:
    matrix, noise = snapshot.distances[key], snapshot.noise[key]
    shown = matrix.copy()
    np.fill_diagonal(shown, noise)
    image = axis.imshow(shown, cmap="viridis", vmin=0, vmax=limit)
    positions = np.arange(len(shown))
    axis.set_xticks(positions, snapshot.layers, rotation=90, fontsize=7)
    axis.set_yticks(positions, snapshot.layers if with_names else [], fontsize=7)
    axis.tick_params(length=0)
    axis.set_title(_readable(key), fontsize=9)
    _hatch_noise(axis, matrix, noise)
    if len(shown) <= _MOST_LAYERS_WITH_NUMBERS:
        _write_numbers(axis, shown, limit)
    bar = axis.figure.colorbar(image, ax=axis, fraction=0.046, pad=0.02)
    bar.ax.tick_params(labelsize=7)


def _hatch_noise(axis: Axes, matrix: NDArray[np.float64], noise: NDArray[np.float64]) -> None:
    floor = np.fmax(noise[:, None], noise[None, :])
    rows, columns = np.nonzero((matrix <= floor) & ~np.eye(len(matrix), dtype=bool))
    lines = [[(j - 0.5, i + offset), (j + offset, i - 0.5)] for i, j in zip(rows, columns, strict=True) for offset in (-0.25, 0.0, 0.25, 0.5)]
    lines += [[(j - 0.5 + o, i + 0.5), (j + 0.5, i - 0.5 + o)] for i, j in zip(rows, columns, strict=True) for o in (0.25, 0.5, 0.75)]
    axis.add_collection(LineCollection(lines, colors="white", linewidths=0.5, alpha=0.6))


def _write_numbers(axis: Axes, shown: NDArray[np.float64], limit: float) -> None:
    for i, j in np.ndindex(*shown.shape):
        if np.isfinite(shown[i, j]):
            colour = "black" if shown[i, j] > 0.6 * limit else "white"
            axis.text(j, i, f"{shown[i, j]:.2g}", ha="center", va="center", fontsize=6, color=colour,
                      fontstyle="italic" if i == j else "normal")


def diagrams_figure(snapshot: Snapshot, limits: Mapping[str, float] | None = None) -> Figure:
    """The persistence diagrams of all layers as small multiples: birth to the right, death upwards.

    Args:
        snapshot: The snapshot.
        limits: Upper ends of the axes, from ``Ranges``; by default those of the snapshot alone.

    Returns:
        A figure.
    """
    limits = limits if limits is not None else _own_limits(snapshot)
    limit = max((limits.get(f"bars/H{dim}", 0.0) for dim in snapshot.homology_dims), default=0.0) or 1.0
    columns = min(5, len(snapshot.layers))
    rows = math.ceil(len(snapshot.layers) / columns)
    figure = Figure(figsize=(2.0 * columns + 0.6, 2.2 * rows + 0.9), dpi=_DPI, layout="constrained")
    # One set of axes with a box per layer: 10 real axes take six times as long to draw.
    axis = figure.subplots()
    origins = [(1.12 * (i % columns), -1.25 * (i // columns)) for i in range(len(snapshot.layers))]
    for (x, y), layer in zip(origins, snapshot.layers, strict=True):
        axis.text(x + 0.5, y + 1.03, layer, ha="center", va="bottom", fontsize=8)
    frames = [[(x, y), (x + 1, y + 1), (x, y + 1), (x, y), (x + 1, y), (x + 1, y + 1)] for x, y in origins]
    axis.add_collection(LineCollection(frames, colors="0.6", linewidths=0.6))
    for i, dim in enumerate(snapshot.homology_dims):
        points = [
            np.array(origin) + snapshot.diagrams[layer][i][np.isfinite(snapshot.diagrams[layer][i][:, 1])] / limit
            for origin, layer in zip(origins, snapshot.layers, strict=True)
        ]
        x, y = np.concatenate(points).T
        axis.plot(x, y, "o", ms=2.2, mew=0, alpha=0.6, color=_COLOURS[dim % len(_COLOURS)], label=f"H{dim}")
    x, y = origins[(rows - 1) * columns]
    for at, text in ((0.0, "0"), (1.0, f"{limit:g}")):
        axis.text(x + at, y - 0.03, text, ha="center", va="top", fontsize=7, color="0.35")
    axis.text(x + 0.5, y - 0.03, "birth", ha="center", va="top", fontsize=7, color="0.35")
    axis.text(x - 0.03, y + 0.5, "death", ha="right", va="center", rotation=90, fontsize=7, color="0.35")
    axis.set_xlim(-0.14, 1.12 * columns)
    axis.set_ylim(-1.25 * (rows - 1) - 0.2, 1.2)
    axis.set_axis_off()
    figure.legend(loc="outside lower right", ncols=len(snapshot.homology_dims), fontsize=8, frameon=False, markerscale=2)
    figure.suptitle(f"Persistence diagrams at step {snapshot.step} (epoch {snapshot.epoch})", fontsize=11)
    return figure


def render(name: str, figure: Figure) -> Picture:
    """Draw a figure into a PNG.

    Args:
        name: What it shows.
        figure: The figure.

    Returns:
        The picture.
    """
    canvas = FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    width, height = canvas.get_width_height()
    return Picture(name, buffer.getvalue(), width, height)


def _own_limits(snapshot: Snapshot) -> dict[str, float]:
    ranges = Ranges()
    ranges.include(snapshot)
    return ranges.limits


def _readable(key: str) -> str:
    measure, _, dim = key.rpartition("_H")
    return f"{measure.replace('_', ' ')}, H{dim}"
