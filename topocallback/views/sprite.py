"""The sampled inputs as one sheet of small pictures, from which the tab cuts a node's thumbnails."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from topocallback.records.point_clouds import SampledInputs

__all__ = ["MOST_TILES", "TILE", "Sprite", "make_sprite"]

TILE = 48
"""The longest side of a thumbnail, in pixels."""

MOST_TILES = 1024
"""How many thumbnails a sheet holds at most."""

_VERSION = 1
_BORDER = 128  # grey, beside pictures that are not square


@dataclass(frozen=True)
class Sprite:
    """A sheet of square tiles, row by row, one per sample.

    Attributes:
        png: The sheet, an RGB picture.
        facts: JSON text: ``version``, ``tile`` (side in pixels), ``columns`` (tiles per row) and ``sample_ids``, the
            samples' indices in the order of the tiles.
    """

    png: bytes
    facts: str


def make_sprite(inputs: SampledInputs) -> Sprite:
    """Draw the sheet. The smallest value of the whole sample becomes black and the largest white.

    So normalised images can be seen, and stay comparable with each other.

    Args:
        inputs: The samples' images, at most ``MOST_TILES`` of at most ``TILE`` pixels on their longer side.

    Returns:
        The sheet.

    Raises:
        ValueError: If there is no image, or there are too many or too large ones.

    Example:
        >>> json.loads(make_sprite(SampledInputs(np.zeros((5, 1, 8, 6)), np.arange(5))).facts)
        {'version': 1, 'tile': 8, 'columns': 3, 'sample_ids': [0, 1, 2, 3, 4]}
    """
    count, _, height, width = inputs.images.shape
    tile = max(height, width)
    if not 1 <= count <= MOST_TILES or not 1 <= tile <= TILE:
        raise ValueError(
            f"Expected from 1 to {MOST_TILES} images of at most {TILE} pixels, got {count} of {height} x {width}."
        )
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    tiles = np.full((rows * columns, tile, tile, 3), _BORDER, dtype=np.uint8)
    top, left = (tile - height) // 2, (tile - width) // 2
    tiles[:count, top : top + height, left : left + width] = _shown(inputs.images).transpose(0, 2, 3, 1)
    sheet = tiles.reshape(rows, columns, tile, tile, 3).swapaxes(1, 2).reshape(rows * tile, columns * tile, 3)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="png")
    facts = {"version": _VERSION, "tile": tile, "columns": columns, "sample_ids": inputs.sample_ids.tolist()}
    return Sprite(buffer.getvalue(), json.dumps(facts))


def _shown(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Values from 0 to 255; what is not finite is black, and so are images that all have one value."""
    values = images.astype(np.float32)
    finite = np.isfinite(values)
    known = values[finite]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    shares = (np.where(finite, values, low) - low) / (high - low if high > low else 1.0)
    return np.asarray(np.round(255 * shares), dtype=np.uint8)
