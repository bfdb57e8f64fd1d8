"""Text as it is on matplotlib's figures: nothing in a name is a formula, a command, or an error.

To matplotlib a name is a formula where it has two dollars, no entry of a legend where it begins with an underscore, TeX
where a user's settings say so, and a warning for each letter that its fonts lack. Names are cut here as well, since one
of 3000 letters would leave no room for what it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.artist import Artist

from topocallback.views.lettering import Lettering, drawable
from topocallback.views.short_names import short_layer_names, short_names

__all__ = ["PLAIN", "draw_legend", "fitted", "fitted_layers", "fitted_names"]

PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}
"""How matplotlib is told that a text is not to be read."""

_LONGEST_NAME = 300.0  # in points: about 60 letters
_LONGEST_SENTENCE = 160  # letters


def fitted(text: str, most: int = _LONGEST_SENTENCE) -> str:
    """A text as ``drawable``, of so many letters at most: of a longer one its beginning.

    Example:
        >>> fitted("Distance of layers", 9)
        'Distance…'
    """
    seen = drawable(text)
    return seen if len(seen) <= most else f"{seen[: most - 1]}…"


def fitted_names(names: Sequence[str], width: float = _LONGEST_NAME) -> list[str]:
    """Names as ``drawable``, so wide at most in letters of 8 points; different ones stay different.

    Example:
        >>> fitted_names(["runs/sweep/version_0", "runs/sweep/version_1"], 60.0)
        ['…ep/version_0', '…ep/version_1']
    """
    return [drawable(name) for name in short_names(names, Lettering().fits(8, width))]


def fitted_layers(layers: Sequence[str], width: float = _LONGEST_NAME) -> list[str]:
    """Layers' names as ``fitted_names``; the leading parts that all share go first."""
    return [drawable(name) for name in short_layer_names(layers, Lettering().fits(8, width))]


def draw_legend(owner: Any, handles: Sequence[Artist], labels: Sequence[str], **how: Any) -> None:
    """A legend whose labels are text.

    Args:
        owner: Axes, or a figure.
        handles: What the entries show.
        labels: What they say.
        how: Passed on to the legend.
    """
    # The labels come afterwards: matplotlib leaves out entries that begin with an underscore.
    legend = owner.legend(handles=handles, labels=[" "] * len(handles), **how)
    for entry, label in zip(legend.get_texts(), labels, strict=True):
        entry.set(text=label, **PLAIN)
