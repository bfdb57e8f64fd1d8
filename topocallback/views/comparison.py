"""Pictures of a comparison: the matrix of all points, their map, specificity, and settling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from topocallback.records.comparison import Comparison
from topocallback.records.results import Description, DistanceTable
from topocallback.views.canvas import columns_of, sharpness
from topocallback.views.captions import auc, how_sure, last_steps
from topocallback.views.heatmap import Heatmap, draw_on_axes, note
from topocallback.views.plain_text import PLAIN, draw_legend, fitted, fitted_layers, fitted_names

__all__ = ["FIGURES", "distances_figure", "map_figure", "settling_figure", "specificity_figure"]

_SAME, _DIFFERENT, _QUIET = "#0072B2", "#D55E00", "0.45"
_MARKERS = "osD^vPX*<>"
_MOST_RUNS_IN_LEGEND = 10
_MOST_LAYERS_IN_LEGEND = 30
_LONGEST_TITLE = 180.0  # in points, of one of several axes
_HIGHEST = 40.0  # inches for one row per layer


def distances_figure(comparison: Comparison, measure: str | None = None, homology_dim: int | None = None) -> Figure:
    """All points against all: ordered by layer and, within a layer, by checkpoint.

    The diagonal, which is 0, shows the layer's own noise instead; what is not told apart is hatched, or paler where
    cells are small. What is not known is left blank.

    Args:
        comparison: The comparison.
        measure: A measure; by default the first one.
        homology_dim: A homology dimension; by default 1, or the measure's first if it has no H1.

    Returns:
        A figure.
    """
    order = np.lexsort((comparison.checkpoint_of, comparison.layer_of))
    table = comparison.table_of(measure, homology_dim)
    square = np.ix_(order, order)
    ordered = DistanceTable(
        table.about,
        table.matrix[square],
        table.noise[order],
        p_values=table.p_values[square],
        errors=table.errors[square],
    )
    layers, counts = np.unique(comparison.layer_of[order], return_counts=True)
    known = ordered.matrix[np.isfinite(ordered.matrix)]
    limit = float(np.quantile(known, 0.99)) if known.size else 1.0
    heatmap = Heatmap.of_table(ordered, limit or 1.0, [comparison.layers[i] for i in layers], counts.tolist())
    side = float(np.clip(0.11 * len(order), 5.5, 12))
    figure = _new_figure(side + 1.6, side + 0.9)
    axis = figure.add_subplot()
    title = f"Distance of every layer of every checkpoint: {table.about.title}"
    draw_on_axes(axis, heatmap, title, _unit(table.about))
    said = ["within a layer: checkpoints in the order of runs and steps", note([heatmap]), how_sure(ordered)]
    axis.set_xlabel("\n".join(filter(None, said)), fontsize=8)
    return figure


def map_figure(comparison: Comparison, measure: str | None = None, homology_dim: int | None = None) -> Figure:
    """Where all points lie on a map by multidimensional scaling: colour is the layer, a line is one layer of one run.

    Args:
        comparison: The comparison.
        measure: A measure; by default the first one.
        homology_dim: A homology dimension; by default 1, or the measure's first if it has no H1.

    Returns:
        A figure.
    """
    about = comparison.table_of(measure, homology_dim).about
    places = comparison.map(measure, homology_dim)
    figure = _new_figure(8.4, 5.6)
    axis = figure.add_subplot()
    colours = _layer_colours(len(comparison.layers))
    runs = {run: position for position, run in enumerate(comparison.runs)}
    run_of = np.array([runs[checkpoint.run] for checkpoint in comparison.checkpoints])[comparison.checkpoint_of]
    for run in range(len(runs)):
        marker = _MARKERS[run % len(_MARKERS)]
        for layer, colour in enumerate(colours):
            line = places[(run_of == run) & (comparison.layer_of == layer)]
            axis.plot(*line.T, "-", color=colour, lw=0.8, alpha=0.5)
            axis.scatter(
                line[:-1, 0], line[:-1, 1], s=14, marker=marker, facecolors="white", edgecolors=[colour], linewidths=0.9
            )
            axis.scatter(line[-1:, 0], line[-1:, 1], s=38, marker=marker, color=[colour])
    axis.set_aspect("equal", adjustable="datalim")
    axis.set_title(fitted(f"Map of all layers and checkpoints: {about.title}"), fontsize=10, **PLAIN)
    axis.set_xlabel(fitted(f"first axis, {_unit(about)}; filled: last checkpoint of the run"), fontsize=8, **PLAIN)
    axis.set_ylabel("second axis", fontsize=8)
    axis.tick_params(labelsize=7)
    layers = [Line2D([], [], marker="o", ls="", color=colour, ms=5) for colour in colours][:_MOST_LAYERS_IN_LEGEND]
    names = fitted_layers(comparison.layers)[: len(layers)]
    if 1 < len(runs) <= _MOST_RUNS_IN_LEGEND:
        layers += [Line2D([], [], marker=_MARKERS[i], ls="", color=_QUIET, ms=5) for i in runs.values()]
        names += fitted_names(list(runs))
    _legend(axis, layers, names)
    return figure


def specificity_figure(comparison: Comparison, measure: str | None = None, homology_dim: int | None = None) -> Figure:
    """Per layer, how far it is from itself in other checkpoints, and from the other layers of these.

    Args:
        comparison: The comparison.
        measure: A measure; by default the first one.
        homology_dim: A homology dimension; by default 1, or the measure's first if it has no H1.

    Returns:
        A figure.
    """
    about = comparison.table_of(measure, homology_dim).about
    found = comparison.specificity(measure, homology_dim)
    layers = list(found.by_layer)
    row = min(0.27, _HIGHEST / len(layers))
    figure = _new_figure(8.4, max(2.6, row * len(layers) + 1.3))
    axis = figure.add_subplot()
    rows = np.arange(len(layers))[::-1]
    same, different = np.array([found.by_layer[layer] for layer in layers]).T
    axis.hlines(rows, same, different, color="0.8", lw=2)
    axis.plot(same, rows, "o", color=_SAME, label="the same layer in another checkpoint")
    axis.plot(different, rows, "s", color=_DIFFERENT, label="other layers in another checkpoint")
    axis.set_yticks(rows, fitted_layers(layers), fontsize=min(8, 60 * row), **PLAIN)
    axis.set_ylim(-0.7, len(layers) - 0.3)
    axis.set_xlim(left=0)
    axis.tick_params(axis="x", labelsize=7)
    axis.set_xlabel(fitted(f"mean {_unit(about)}"), fontsize=8, **PLAIN)
    axis.set_title(
        f"{fitted(f'Specificity: {about.title}')}\n"
        f"{auc(found)}; different layers {found.ratio:.2f} times as far apart as the same layer; "
        f"{len(found.checkpoints)} checkpoints",
        fontsize=10,
        **PLAIN,
    )
    figure.legend(fontsize=7, frameon=False, ncols=2, loc="outside lower center")
    return figure


def settling_figure(comparison: Comparison, measure: str | None = None, homology_dim: int | None = None) -> Figure:
    """Per layer, how far each checkpoint is from the run's last one, and how far the last step went.

    The band is the noise of these distances. A ring is where a layer has settled; a layer without one has not, or there
    are too few checkpoints to say.

    Args:
        comparison: The comparison.
        measure: A measure; by default the first one.
        homology_dim: A homology dimension; by default 1, or the measure's first if it has no H1.

    Returns:
        A figure.

    Raises:
        ValueError: If no run has several checkpoints, or the measure's noise is not known.
    """
    about = comparison.table_of(measure, homology_dim).about
    entries = comparison.settling(measure, homology_dim)
    if not entries:
        raise ValueError(
            f"Expected a run with at least two checkpoints, and the noise of {about.title}, got none: settling is "
            "measured against it. Choose a measure that has noise."
        )
    layers = [layer for layer in comparison.layers if any(entry.layer == layer for entry in entries)]
    columns = columns_of(len(layers), 4)
    rows = -(-len(layers) // columns)
    figure = _new_figure(2.6 * columns + 0.6, 1.9 * rows + 1.0)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    runs = list(comparison.runs)
    for axis, layer, name in zip(axes.flat, layers, fitted_layers(layers, _LONGEST_TITLE), strict=False):
        of_layer = [entry for entry in entries if entry.layer == layer]
        axis.set_title(name, fontsize=8, **PLAIN)
        axis.set_xlabel(f"last: {last_steps(of_layer)}", fontsize=6.5)
        axis.tick_params(labelsize=7)
        for entry in of_layer:
            colour = f"C{runs.index(entry.run) % 10}"
            axis.fill_between(entry.steps, 0, entry.noise, color=colour, alpha=0.12, lw=0)
            axis.plot(entry.steps, entry.distances, "-o", ms=3, lw=1, color=colour)
            if entry.settled:
                axis.plot([entry.step], [entry.distances[entry.position]], "o", ms=8, mfc="none", mec=colour)
    for axis in axes.flat[len(layers) :]:
        axis.set_axis_off()
    figure.suptitle(fitted(f"Distance from the last checkpoint: {about.title}"), fontsize=10, **PLAIN)
    figure.supxlabel(
        "step (band: noise; ring: settled from here on; last: from the last checkpoint but one)", fontsize=8
    )
    figure.supylabel(fitted(_unit(about)), fontsize=8, **PLAIN)
    if 1 < len(runs) <= _MOST_RUNS_IN_LEGEND:
        handles = [Line2D([], [], color=f"C{i % 10}") for i in range(len(runs))]
        draw_legend(figure, handles, fitted_names(runs), fontsize=7, loc="outside right upper", frameon=False)
    return figure


FIGURES: dict[str, Callable[[Comparison, str | None, int | None], Figure]] = {
    "distances": distances_figure,
    "specificity": specificity_figure,
    "settling": settling_figure,
    "map": map_figure,
}


def _new_figure(width: float, height: float) -> Figure:
    dpi = sharpness(width, height, 110)
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _layer_colours(count: int) -> list[tuple[float, float, float, float]]:
    """From early to late layers; without the palest end, which does not show on white."""
    return [tuple(colour) for colour in colormaps["turbo"](np.linspace(0.05, 0.95, count))]


def _legend(axis: Axes, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """To the right of the axes, where it hides nothing."""
    columns = 2 if len(handles) > 18 else 1
    where: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1)}
    draw_legend(axis, handles, labels, fontsize=7, frameon=False, ncols=columns, **where)


def _unit(about: Description) -> str:
    return f"distance ({about.unit})" if about.unit else "distance"
