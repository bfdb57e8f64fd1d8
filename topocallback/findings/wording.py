"""Words that the sentences of findings share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.wording import layers_in_words, shown

__all__ = ["about_layers", "capped", "largest_over_noise", "per_layer", "sentence"]


def about_layers(layers: Sequence[str]) -> str:
    """A few layers by name, and how many more there are; what cannot be seen in a name is escaped.

    Example:
        >>> about_layers(("stem",)), about_layers(("a", "b"))
        ("layer 'stem'", "layers 'a', 'b'")
    """
    return layers_in_words([shown(layer) for layer in layers])


def sentence(text: str) -> str:
    """A text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def capped(names: Sequence[str], most: int = 3) -> str:
    """The first few of a list, and how many more there are.

    Example:
        >>> capped(["stem (10)", "head (20)"]), capped("abcde")
        ('stem (10), head (20)', 'a, b, c and 2 more')
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def per_layer(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One number per layer, as the evidence of a finding holds them: what is not finite as ``None``.

    Example:
        >>> per_layer({"stem": np.float64(0.5), "head": np.nan})
        [{'layer': 'stem', 'value': 0.5}, {'layer': 'head', 'value': None}]
    """
    plain = {layer: value.item() if isinstance(value, np.generic) else value for layer, value in values.items()}
    return [
        {"layer": layer, "value": value if not isinstance(value, float) or np.isfinite(value) else None}
        for layer, value in plain.items()
    ]


def largest_over_noise(distances: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """The largest of several distances, each over its noise: as one speaks of it where there are homology dimensions.

    Args:
        distances: (L,) distances and (L,) noise, for each homology dimension.

    Returns:
        (L,) multiples; nothing over no noise is 0, and NaN stands where none is known.

    Example:
        >>> h0, h1 = np.array([2.0, 0.0]), np.array([3.0, np.nan])
        >>> largest_over_noise([(h0, np.array([1.0, 0.0])), (h1, np.ones(2))])
        array([3., 0.])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = [np.where(moved == 0, 0.0, moved / noise) for moved, noise in distances]
    return np.asarray(np.fmax.reduce(shares))
