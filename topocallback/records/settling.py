"""When a layer came to stay within noise of where it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topocallback.records.compared_points import ComparedPoints
from topocallback.records.results import DistanceTable

__all__ = ["FEWEST_BETWEEN", "SETTLED_ALL_THE_SAME", "Settling", "settled_from", "settling"]

FEWEST_BETWEEN = 3
"""How many checkpoints have to lie between the one from which on a layer has settled and the last one."""

SETTLED_ALL_THE_SAME = 0.14
"""In which share of cases a layer that walks on by 0.8 noise per checkpoint is then said to have settled."""


@dataclass(frozen=True, eq=False)
class Settling:
    """When one layer of one run came to stay within noise of where it ends.

    Attributes:
        run: The run.
        layer: The layer.
        steps: (k,) steps of the run's checkpoints, ascending.
        distances: (k,) the layer's distance from itself in the last checkpoint.
        noise: (k,) the noise of each distance: the geometric mean of the two checkpoints' own.
        position: The first checkpoint from which on no distance exceeds its noise.
        last_times_noise: The distance between the last two checkpoints over its noise: a layer that still moves by
            less than its noise per checkpoint may look as if it had settled.
        last_p: The p-value of that distance; NaN where it was not tested.
    """

    run: str
    layer: str
    steps: NDArray[np.int64]
    distances: NDArray[np.float64]
    noise: NDArray[np.float64]
    position: int
    last_times_noise: float
    last_p: float

    @property
    def settled(self) -> bool:
        """Whether it settled, with at least ``FEWEST_BETWEEN`` checkpoints between then and the last one."""
        return self.position < len(self.steps) - 1 - FEWEST_BETWEEN

    @property
    def step(self) -> int:
        """The step of the checkpoint at ``position``."""
        return int(self.steps[self.position])


def settled_from(distances: NDArray[np.float64], noise: NDArray[np.float64]) -> int:
    """The first position from which on no distance exceeds its noise.

    Args:
        distances: (k,) distances from the last one, k at least 1; the last one is 0. NaN is within nothing.
        noise: (k,) their noise.

    Returns:
        A position, at most k - 1.

    Example:
        >>> settled_from(np.array([5, 1, 3, 1, 0.0]), np.full(5, 2.0))
        3
    """
    beyond = np.flatnonzero(~(distances[:-1] <= noise[:-1]))
    return int(beyond[-1]) + 1 if len(beyond) else 0


def settling(points: ComparedPoints, table: DistanceTable) -> list[Settling]:
    """When each layer of each run came to stay within noise of the run's last checkpoint: by the size of distances.

    A layer that is not told apart from its end need not be there: it may be that too few samples were looked at. So a
    test does not decide it.

    Args:
        points: The N points.
        table: Their distances.

    Returns:
        One entry per run with several checkpoints and per layer of its last one, earliest first. None for a layer
        whose noise is not known.
    """
    last = {checkpoint.run: number for number, checkpoint in enumerate(points.checkpoints)}
    found = []
    for run, layer, line in points.lines():
        if len(line) < 2 or points.checkpoint_of[line[-1]] != last[run]:
            continue
        end = line[-1]
        away, noise = table.matrix[line, end], np.sqrt(table.noise[line] * table.noise[end])
        if np.isnan(noise).any():  # without it nothing can be said
            continue
        steps = np.array([points.checkpoints[number].step for number in points.checkpoint_of[line]])
        of_last = float(table.times_noise[line[-2], end]), float(table.p_values[line[-2], end])
        found.append(Settling(run, layer, steps, away, noise, settled_from(away, noise), *of_last))
    return sorted(found, key=lambda entry: entry.step)
