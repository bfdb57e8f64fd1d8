"""A run as findings look at it: the numbers of all its snapshots, and its last snapshot as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from topocallback.records.recorded import differences
from topocallback.records.results import Key, LayerDistances
from topocallback.records.snapshot import Snapshot

__all__ = ["Course"]

_OF_DISTANCES = ("drift", "drift_p", "drift_from_reference", "drift_from_reference_p", "noise")
_OF_STATISTICS = ("values", "errors")


class Course:
    """The snapshots of a run one after the other, of which only numbers are kept: some kB each.

    A snapshot that was recorded otherwise than the one before it, with another pooling or other samples, begins the
    course anew: what was before cannot be held against what comes.

    Args:
        snapshots: The run's snapshots, in the order of their steps.

    Attributes:
        last: The last snapshot; ``None`` before there is one.
        steps: The steps of the snapshots that can be held against the last one, its own included.

    Example:
        >>> from topocallback import PointClouds, analyse
        >>> rng = np.random.default_rng(0)
        >>> run = Course()
        >>> for step in (10, 20):
        ...     run.add(analyse(PointClouds({"stem": rng.normal(size=(40, 3))}), step=step, previous=run.last))
        >>> run.steps, run.line(("sliced_wasserstein", 0), "drift", "stem").shape
        ([10, 20], (2,))
    """

    def __init__(self, snapshots: Iterable[Snapshot] = ()) -> None:
        self.last: Snapshot | None = None
        self.steps: list[int] = []
        self._numbers: list[dict[tuple[Key, str], Mapping[str, float]]] = []
        self._parameters: list[Mapping[str, str]] = []
        for snapshot in snapshots:
            self.add(snapshot)

    def add(self, snapshot: Snapshot) -> None:
        """Go on with the next snapshot."""
        if self.last is not None:
            found = differences(self.last, snapshot)
            if found.meaning or found.samples:
                self.steps, self._numbers, self._parameters = [], [], []
        self.last = snapshot
        self.steps.append(snapshot.step)
        self._numbers.append(dict(_numbers(snapshot)))
        self._parameters.append(snapshot.parameters)

    def line(self, key: Key, name: str, layer: str) -> NDArray[np.float64]:
        """One number of a layer at every step.

        Args:
            key: The measure and the homology dimension of its table.
            name: A field of the table: ``"drift"``, ``"noise"``, ``"values"`` and so on.
            layer: The layer.

        Returns:
            (k,) numbers; NaN where there was none.
        """
        found = (numbers.get((key, name), {}) for numbers in self._numbers)
        return np.array([of_step.get(layer, np.nan) for of_step in found], dtype=np.float64)

    def same_parameters(self, layer: str) -> int | None:
        """The first position from which on a layer's parameters are what they are now; ``None`` if not known."""
        found = [of_step.get(layer) for of_step in self._parameters]
        if not found or found[-1] is None:
            return None
        return next(i for i in range(len(found)) if all(each == found[-1] for each in found[i:]))

    def diagram_distances(self) -> list[LayerDistances]:
        """The last snapshot's tables of distances between diagrams, of the first measure that has a noise."""
        tables = [] if self.last is None else list(self.last.distances.values())
        with_noise = [table for table in tables if not table.about.paired and table.about.homology_dim is not None]
        return [table for table in with_noise if table.about.measure == with_noise[0].about.measure]


def _numbers(snapshot: Snapshot) -> Iterable[tuple[tuple[Key, str], Mapping[str, float]]]:
    for names, tables in ((_OF_DISTANCES, snapshot.distances), (_OF_STATISTICS, snapshot.statistics)):
        for table in tables.values():
            for name in names:
                values = np.asarray(getattr(table, name), dtype=np.float64).tolist()
                yield (table.about.key, name), dict(zip(snapshot.layers, values, strict=True))
