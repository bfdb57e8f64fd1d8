"""Many short labels as one artist.

The heatmap of 12 layers has 338 numbers and names, written in the background while training waits for Python's global
lock. On one core, the picture without any takes 17 ms, and the labels cost

- 300 ms as matplotlib's ``Text``, and 270 ms by its renderer's ``draw_text``, which lay out each on its own;
- 24 ms with Pillow's ``ImageDraw`` on the rendered picture;
- 13 ms here, as letters' outlines, cached and put together into one path per colour, which draws in C++.

Pillow's letters look as good, but they are pixels: names from bottom to top have to be drawn aside and turned, and a
figure saved as PDF or SVG would have none, so that every label would have to be written in two ways.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath, text_to_path
from numpy.typing import NDArray

from topocallback.records.wording import shown

__all__ = ["Lettering", "drawable"]

_UNIT = 100.0  # outlines are made at this size and scaled
_DIGIT_HEIGHT = 0.73  # of the font size, for DejaVu Sans
_MANY = 100  # letters
_SQUARE = "\N{WHITE SQUARE}"


def drawable(text: str) -> str:
    r"""A text of which each letter can be drawn: one that no font has, or that has no outline, becomes a square.

    Args:
        text: A text; what is not printable in it becomes an escape, see ``shown``.

    Example:
        >>> drawable("layer $1_2$"), drawable("\u200flayer"), drawable("\U0001f9ff")
        ('layer $1_2$', '\\u200flayer', '□')
    """
    if (seen := shown(text)).isascii():
        return seen
    fonts = _fonts()
    return "".join(letter if _has_outline(letter, fonts) else _SQUARE for letter in seen)


def _fonts() -> tuple[str, ...]:
    """The files in which matplotlib looks for a letter, one after the other."""
    found = []
    for family in FontProperties().get_family():
        with contextlib.suppress(ValueError):  # it is not installed
            found.append(findfont(FontProperties(family=[family]), fallback_to_default=False))
    return tuple(found) or (findfont(FontProperties()),)


@functools.lru_cache(maxsize=4096)
def _has_outline(letter: str, paths: tuple[str, ...]) -> bool:
    """Whether a font can draw a letter, or it is a space, which needs none."""
    if letter.isspace():
        return True
    font = next((font for font in map(get_font, paths) if font.get_char_index(ord(letter))), None)
    if font is None:
        return False
    # There are letters without an outline, such as the blank of Braille.
    font.load_char(ord(letter))
    return len(font.get_path()[0]) > 0


@functools.lru_cache(maxsize=1024)
def _letter(character: str) -> tuple[NDArray[np.float64], NDArray[np.uint8], float]:
    """Outline, path codes and advance of one character, for a font of size 1."""
    font = FontProperties(size=_UNIT)
    character = " " if character.isspace() else drawable(character)

    def width(text: str) -> float:
        return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])

    advance = (width(f"|{character}|") - width("||")) / _UNIT
    if character.isspace():
        return np.empty((0, 2)), np.empty(0, dtype=np.uint8), advance
    path = TextPath((0, 0), character, prop=font)
    return np.asarray(path.vertices) / _UNIT, np.asarray(path.codes, dtype=np.uint8), advance


@dataclass
class Lettering:
    """Collects labels and draws them together. Coordinates and sizes are in points.

    A label may hold any character: see ``drawable`` for what becomes of those that cannot be drawn.

    Example:
        >>> lettering = Lettering()
        >>> lettering.write(10, 10, "layer1", size=7)
        >>> lettering.width("layer1", size=14) == 2 * lettering.width("layer1", size=7) > 0
        True
    """

    _parts: dict[str, list[tuple[NDArray[np.float64], NDArray[np.uint8]]]] = field(default_factory=dict)

    def width(self, text: str, size: float) -> float:
        """The width of a label, in points."""
        return size * sum(_letter(character)[2] for character in shown(text))

    def fits(self, size: float, width: float) -> Callable[[str], bool]:
        """Whether a label takes at most so many points."""

        def fit(text: str) -> bool:
            if len(text) > _MANY and self.width(text[:_MANY], size) > width:  # of a very long one, no more is looked at
                return False
            return self.width(text, size) <= width

        return fit

    def write(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 7,
        colour: str = "black",
        align: float = 0.5,
        up: bool = False,
    ) -> None:
        """Add a label, centred on a line.

        Args:
            x: Where it stands across.
            y: The height of its middle; for an upright label, where it stands on its way up.
            text: The label.
            size: Font size.
            colour: Any matplotlib colour.
            align: Which part of it stands at the point: 0 the start, 0.5 the middle, 1 the end.
            up: Whether to write from bottom to top.
        """
        cursor = -align * self.width(text, size)
        for character in shown(text):
            vertices, codes, advance = _letter(character)
            if len(vertices):
                along = cursor + size * vertices[:, 0]
                above = size * (vertices[:, 1] - _DIGIT_HEIGHT / 2)
                placed = np.column_stack([x - above, y + along] if up else [x + along, y + above])
                self._parts.setdefault(colour, []).append((placed, codes))
            cursor += size * advance

    def draw(self, axis: Axes) -> None:
        """Put all labels on axes whose data coordinates are points."""
        for colour, parts in self._parts.items():
            path = Path(np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))
            # Not `add_patch`, which walks every curve to find the data limits: 1 s.
            axis.add_artist(PathPatch(path, facecolor=colour, edgecolor="none", linewidth=0))
