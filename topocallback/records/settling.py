"""When a layer came to stay within noise of where it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topocallback.records.compared_points import ComparedPoints

__all__ = ["Settling", "settled_from", "settling"]


@dataclass(frozen=True)
class Settling:
    """When one layer of one run came to stay within noise of where it ends.

    Attributes:
        run: The run.
        layer: The layer.
        steps: (k,) steps of the run's checkpoints, ascending.
        distances: (k,) the layer's distance from itself in the last checkpoint.
        floor: (k,) the noise floor of each distance: the larger of the two checkpoints' own.
        position: The first checkpoint from which on every distance is within its floor.
    """

    run: str
    layer: str
    steps: NDArray[np.int64]
    distances: NDArray[np.float64]
    floor: NDArray[np.float64]
    position: int

    @property
    def settled(self) -> bool:
        """Whether it settled before the last checkpoint, which is always within noise of itself."""
        return self.position < len(self.steps) - 1

    @property
    def step(self) -> int:
        """The step of the checkpoint at ``position``."""
        return int(self.steps[self.position])


def settled_from(distances: NDArray[np.float64], floor: NDArray[np.float64]) -> int:
    """The first position from which on every distance is within its floor.

    Args:
        distances: (k,) distances from the last one, k at least 1; the last one is 0. NaN is within nothing.
        floor: (k,) noise floors.

    Returns:
        A position, at most k - 1.

    Example:
        >>> settled_from(np.array([5, 1, 3, 1, 0.0]), np.full(5, 2.0))
        3
    """
    beyond = np.flatnonzero(~(distances[:-1] <= floor[:-1]))
    return int(beyond[-1]) + 1 if len(beyond) else 0


def settling(points: ComparedPoints, distances: NDArray[np.float64], floor: NDArray[np.float64]) -> list[Settling]:
    """When each layer of each run came to stay within noise of the run's last checkpoint.

    Args:
        points: The N points.
        distances: (N, N) their distances.
        floor: (N, N) the noise floor of every distance.

    Returns:
        One entry per run with several checkpoints and per layer of its last one, earliest first. None for a layer
        without a noise floor.
    """
    last = {checkpoint.run: number for number, checkpoint in enumerate(points.checkpoints)}
    found = []
    for run, layer, line in points.lines():
        if len(line) < 2 or points.checkpoint_of[line[-1]] != last[run]:
            continue
        away, limit = distances[line, line[-1]], floor[line, line[-1]]
        if np.isnan(limit[:-1]).any():  # without a floor nothing can be said
            continue
        steps = np.array([points.checkpoints[number].step for number in points.checkpoint_of[line]])
        found.append(Settling(run, layer, steps, away, limit, settled_from(away, limit)))
    return sorted(found, key=lambda entry: entry.step)
