"""The pictures of a run's snapshots, of which one that cannot be drawn costs itself and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import Picture, render
from topocallback.views.figures import Limits, diagrams_figure, heatmap_figure
from topocallback.views.mapper_figure import mapper_figure

__all__ = ["PictureError", "Pictures"]

_MOST_FAILURES = 3


class PictureError(Exception):
    """A picture cannot be drawn. Its message does not depend on the step, so that it is said once."""


@dataclass
class Pictures:
    """Draws the pictures of one step after the other.

    One that fails three times in a row is not tried again: it would most likely cost its time for nothing at each step
    of a long run.

    Example:
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> errors = []
        >>> pictures = Pictures().draw(analyse(PointClouds({"stem": np.eye(5), "head": np.eye(5)})), {}, errors)
        >>> [picture.name for picture in pictures], errors
        (['layer_distance', 'persistence_diagrams', 'mapper'], [])
    """

    _failures: dict[str, int] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)

    def draw(self, snapshot: Snapshot, limits: Limits, errors: list[Exception]) -> list[Picture]:
        """Draw a snapshot.

        Args:
            snapshot: The snapshot.
            limits: Upper ends of its ranges, see ``Ranges``.
            errors: Takes a ``PictureError`` for what cannot be drawn, each once in a run.

        Returns:
            The pictures that could be drawn.
        """
        drawn = []
        for name, figure in _figures(snapshot, limits):
            if self._failures.get(name, 0) >= _MOST_FAILURES:
                continue
            try:
                drawn.append(render(name, figure()))
            except Exception as error:  # a name, a number or a font: whatever it is, the others are drawn
                self._failures[name] = self._failures.get(name, 0) + 1
                errors.extend(self._news(name, error))
            else:
                self._failures[name] = 0
        return drawn

    def _news(self, name: str, error: Exception) -> Iterator[PictureError]:
        """What has not been said yet."""
        given_up = self._failures[name] >= _MOST_FAILURES
        end = f"it failed {_MOST_FAILURES} times in a row and is not tried again" if given_up else "it is left out"
        problem = f"the picture {name!r} cannot be drawn, and {end} ({type(error).__name__}: {error})."
        if problem not in self._said:
            self._said.add(problem)
            found = PictureError(problem)
            found.__cause__ = error
            yield found


def _figures(snapshot: Snapshot, limits: Limits) -> Iterator[tuple[str, Callable[[], Figure]]]:
    yield "layer_distance", lambda: heatmap_figure(snapshot, limits)
    yield "persistence_diagrams", lambda: diagrams_figure(snapshot, limits)
    if snapshot.mappers:
        yield "mapper", lambda: mapper_figure(snapshot)
