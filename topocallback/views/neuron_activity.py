"""The picture of neuron activity patterns: how active each unit is for each class, one panel per layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topocallback.records.neuron_activity import QUIET, NeuronActivity
from topocallback.records.point_clouds import PointClouds
from topocallback.views.canvas import QUIET as QUIET_COLOUR
from topocallback.views.canvas import canvas, columns_of
from topocallback.views.lettering import Lettering
from topocallback.views.short_names import short_layer_names, short_names

__all__ = ["neuron_activity_figure", "plot_neuron_activity"]

_COLOUR_MAP = "viridis"

# Lengths in points.
_WIDTH, _GAP = 240.0, 16.0
_CAPTIONS = 34.0  # the layer's name above a panel, and what it holds below
_ROW = 9.0  # of a class, up to
_LOWEST, _HIGHEST = 36.0, 220.0
_LONGEST_NAME = 110.0  # of a class
_NAME = 7.0  # what the name of a class takes of the height
_SCALE = 120.0
_NARROWEST = 420.0  # that the note at the foot fits in
_MOST_COLUMNS = 240  # of one point each: thinner ones would be lost between the pixels


def plot_neuron_activity(clouds: PointClouds, layers: Sequence[str] | None = None) -> Figure:
    """Which units of which layers are active for which classes (a diagram of neuron activity patterns).

    One panel per layer: units to the right, classes from top to bottom. A cell is the sum of a unit's activations over
    the samples of a class, of negative ones the magnitudes, over that of the layer's most active unit for the class.
    Of more than 240 units, neighbouring ones share a column, which shows the most active of them.

    Args:
        clouds: Recorded layers, with labels.
        layers: Which layers to show, in this order; by default all.

    Returns:
        A matplotlib figure, which pyplot does not know of: ``figure.savefig("neurons.pdf")`` writes it.

    Raises:
        ValueError: If the clouds have no labels, there is no layer to show, or none of a name.

    References:
        Khot, Neubauer and Roy, "A detailed study of interpretability of deep neural network based top taggers"
        (arXiv 2210.04371).

    Example:
        >>> clouds = PointClouds({"stem": np.eye(4), "head": np.ones((4, 2))}, labels=["cat", "cat", "dog", "dog"])
        >>> figure = plot_neuron_activity(clouds)
    """
    chosen = list(clouds) if layers is None else list(layers)
    if unknown := [layer for layer in chosen if layer not in clouds]:
        raise ValueError(f"Expected `layers` to be among {list(clouds)}, got {unknown}.")
    if not chosen:
        raise ValueError("Expected at least one layer to show, got none.")
    shown = PointClouds(
        {layer: clouds[layer] for layer in chosen},
        clouds.sample_ids,
        clouds.labels,
        owners={layer: owners for layer, owners in clouds.owners.items() if layer in chosen},
        classes=clouds.classes,
    )
    return neuron_activity_figure(NeuronActivity.of(shown))


def neuron_activity_figure(activity: NeuronActivity) -> Figure:
    """The same of what ``NeuronActivity`` holds.

    Args:
        activity: The activity of at least one layer.
    """
    lettering, title = Lettering(), "Neuron activity by class"
    columns = columns_of(len(activity.layers), 3)
    rows = math.ceil(len(activity.layers) / columns)
    height_of_panel = min(_HIGHEST, max(_LOWEST, _ROW * len(activity.classes)))
    classes = short_names(activity.classes, lettering.fits(_NAME, _LONGEST_NAME))
    names = 14 + max((lettering.width(name, _NAME) for name in classes), default=0.0)
    width = max(names + columns * (_WIDTH + _GAP), _NARROWEST)
    height = rows * (height_of_panel + _CAPTIONS) + 54
    figure, axis = canvas(width, height)
    layers = short_layer_names(list(activity.layers), lettering.fits(8, _WIDTH))
    for i, (name, cells) in enumerate(zip(layers, activity.layers.values(), strict=True)):
        left = names + (i % columns) * (_WIDTH + _GAP)
        top = height - 56 - (i // columns) * (height_of_panel + _CAPTIONS)
        _draw_cells(axis, cells, left, top, height_of_panel)
        lettering.write(left + _WIDTH / 2, top + 8, name, size=8)
        lettering.write(left + _WIDTH / 2, top - height_of_panel - 8, _caption(cells), size=7, colour=QUIET_COLOUR)
        if i % columns == 0:
            for y, text in _spaced(classes, height_of_panel):
                lettering.write(left - 4, top - y, text, size=_NAME, align=1)
    _draw_scale(axis, lettering, (names + 4, height - 30))
    lettering.write(width / 2, height - 14, title, size=11)
    note = "units to the right, classes downwards; summed activation over that of the layer's most active unit"
    lettering.write(width / 2, 10, note, size=8, colour=QUIET_COLOUR)
    lettering.draw(axis)
    return figure


def _draw_cells(axis: Axes, cells: NDArray[np.float64], left: float, top: float, height: float) -> None:
    n_classes, n_units = cells.shape
    edges = np.unique(np.linspace(0, n_units, min(n_units, _MOST_COLUMNS) + 1).astype(int))
    seen = np.maximum.reduceat(cells, edges[:-1], axis=1) if n_units else np.full((n_classes, 1), np.nan)
    x = left + _WIDTH * np.linspace(0, 1, seen.shape[1] + 1)
    y = top - height * np.linspace(0, 1, n_classes + 1)
    axis.pcolormesh(x, y, seen, cmap=_COLOUR_MAP, vmin=0, vmax=1, edgecolors="none", linewidth=0, rasterized=True)


def _caption(cells: NDArray[np.float64]) -> str:
    """How many units there are, how many share a column, and how many are quiet."""
    n_units = cells.shape[1]
    shared = math.ceil(n_units / _MOST_COLUMNS)
    known = cells[np.isfinite(cells)]
    said = ["1 unit" if n_units == 1 else f"{n_units} units"]
    if shared > 1:
        said += [f"up to {shared} a column"]
    if known.size:
        said += [f"{np.mean(known < QUIET):.0%} of cells under {QUIET:g}"]
    return ", ".join(said)


def _spaced(names: Sequence[str], height: float) -> Iterator[tuple[float, str]]:
    """How far down each name stands, of as many of them as there is room for: every one, every second, and so on."""
    row = height / max(1, len(names))
    step = math.ceil(_NAME / row)
    for i in range(0, len(names), step):
        yield (i + 0.5) * row, names[i]


def _draw_scale(axis: Axes, lettering: Lettering, corner: tuple[float, float]) -> None:
    """The colours from 0 to 1, left to right."""
    left, middle = corner
    x = np.linspace(left + 8, left + 8 + _SCALE, 129)
    gradient = np.linspace(0, 1, 128)[None]
    axis.pcolormesh(x, [middle - 4, middle + 4], gradient, cmap=_COLOUR_MAP, vmin=0, vmax=1, linewidth=0)
    lettering.write(left, middle, "0", colour=QUIET_COLOUR)
    lettering.write(left + _SCALE + 16, middle, "1", colour=QUIET_COLOUR)
