"""The picture of how long samples stay neighbours."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topocallback.records.neighbourhoods import NeighbourhoodPersistence
from topocallback.views.canvas import sharpness
from topocallback.views.plain_text import PLAIN, fitted, fitted_layers

__all__ = ["persistence_figure"]

_COLOUR, _QUIET = "#0072B2", "0.45"
_MOST_NAMES = 40
_SMALL = 8


def persistence_figure(found: NeighbourhoodPersistence) -> Figure:
    """What is kept from each cloud to the next, and what survives over any number of them.

    Bars are two standard errors either way, the dotted line is chance.

    Args:
        found: How long samples stay neighbours.

    Returns:
        A figure.
    """
    width, height = 8.4, 3.8
    figure = Figure(figsize=(width, height), dpi=sharpness(width, height, 110), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    from_one_to_next, over_lags = figure.subplots(1, 2, sharey=True)
    _draw(from_one_to_next, np.arange(len(found.kept)), found.kept, found.kept_errors, found.chance)
    shown = np.arange(0, len(found.kept), -(-len(found.kept) // _MOST_NAMES))
    names = fitted_layers(found.names)
    from_one_to_next.set_xticks(shown, [names[i] for i in shown], rotation=45, ha="right", **PLAIN)
    from_one_to_next.set_title("kept to the next", fontsize=9)
    from_one_to_next.set_ylabel(f"share of {found.k} neighbours", fontsize=_SMALL)
    _draw(over_lags, np.arange(len(found.survival)), found.survival, found.survival_errors, found.chance)
    over_lags.set_title("neighbours so many later", fontsize=9)
    over_lags.set_xlabel("how many later", fontsize=_SMALL)
    over_lags.xaxis.get_major_locator().set_params(integer=True)
    title = (
        f"Neighbours stay for {found.lifetime:.2f} of {len(found.names)} in a row ({found.chance_lifetime:.2f} by "
        f"chance); {len(found.lifetimes)} samples; bars: 2 standard errors"
    )
    figure.suptitle(fitted(title), fontsize=10, **PLAIN)
    return figure


def _draw(
    axis: Axes, places: NDArray[np.int64], shares: NDArray[np.float64], errors: NDArray[np.float64], chance: float
) -> None:
    axis.axhline(chance, color=_QUIET, ls=":", lw=1)
    axis.errorbar(places, shares, 2 * np.nan_to_num(errors), fmt="-o", ms=4, lw=1, color=_COLOUR)
    axis.set_ylim(0, 1.05)
    axis.tick_params(labelsize=7)
