"""A run as findings look at it: its last snapshots, and what is known of all of them together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from topocallback.findings.so_far import SoFar
from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts
from topocallback.measures.table import from_record
from topocallback.records.recorded import differences
from topocallback.records.results import Description, Key, LayerDistances
from topocallback.records.snapshot import Snapshot

__all__ = ["LOOKS_BACK", "Course"]

Result = TypeVar("Result")

LOOKS_BACK = 16
"""How many snapshots a course keeps numbers and diagrams of: about 20 kB a layer and snapshot."""

_OF_DISTANCES = ("drift", "drift_p", "drift_from_reference", "drift_from_reference_p", "noise")
_OF_STATISTICS = ("values", "errors")


class Course:
    """The snapshots of a run one after the other. However many there are, the next one takes as much room and time.

    A snapshot that was recorded otherwise than the one before it, with another pooling or other samples, begins the
    course anew: what was before cannot be held against what comes.

    Args:
        snapshots: The run's snapshots, in the order of their steps.

    Attributes:
        last: The last snapshot; ``None`` before there is one.
        steps: The steps of the snapshots that can be held against the last one, its own included.
        so_far: What is known of all of these together.

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
        self.so_far = SoFar()
        self._before = SoFar()  # the last step
        self._numbers: deque[dict[tuple[Key, str], Mapping[str, float]]] = deque(maxlen=LOOKS_BACK)
        self._recent: deque[_Diagrams] = deque(maxlen=LOOKS_BACK)
        self._of_last: dict[Callable[[Snapshot], Any], Any] = {}
        for snapshot in snapshots:
            self.add(snapshot)

    def add(self, snapshot: Snapshot) -> None:
        """Go on with the next snapshot. One of the same step as the last one takes its place, as in an archive."""
        if self.steps and self.steps[-1] == snapshot.step:
            for of_steps in (self.steps, self._numbers, self._recent):
                of_steps.pop()
            self.so_far = self._before
        if self.last is not None:
            found = differences(self.last, snapshot)
            if found.meaning or found.samples:
                for of_steps in (self.steps, self._numbers, self._recent):
                    of_steps.clear()
                self.so_far = SoFar()
        self.last = snapshot
        self._of_last.clear()
        self._before, self.so_far = self.so_far, self.so_far.after(snapshot, len(self.steps))
        self.steps.append(snapshot.step)
        self._numbers.append(dict(_numbers(snapshot)))
        self._recent.append(_Diagrams(snapshot))

    def of_last(self, compute: Callable[[Snapshot], Result]) -> Result | None:
        """What is computed of the last snapshot: once, whatever kinds of findings ask for it.

        Args:
            compute: A function of a snapshot.

        Returns:
            What it gave; ``None`` before there is a snapshot.
        """
        if self.last is not None and compute not in self._of_last:
            self._of_last[compute] = compute(self.last)
        return self._of_last.get(compute)

    def line(self, key: Key, name: str, layer: str) -> NDArray[np.float64]:
        """One number of a layer at every step, of as many as are kept.

        Args:
            key: The measure and the homology dimension of its table.
            name: A field of the table: ``"drift"``, ``"noise"``, ``"values"`` and so on.
            layer: The layer.

        Returns:
            (k,) numbers, k at most ``LOOKS_BACK``, the last step's at the end; NaN where there was none.
        """
        found = (numbers.get((key, name), {}) for numbers in self._numbers)
        return np.array([of_step.get(layer, np.nan) for of_step in found], dtype=np.float64)

    def same_parameters(self, layer: str) -> int | None:
        """The first position from which on a layer's parameters are what they are now; ``None`` if not known."""
        return self.so_far.parameters[layer][1] if layer in self.so_far.parameters else None

    def has_trained(self) -> bool:
        """Whether parameters of any layer have changed since the first of the steps, as far as that is known."""
        first, now = self.so_far.first_parameters, self.so_far.parameters
        return any(first[layer] != now[layer][0] for layer in first.keys() & now.keys())

    def from_earlier(self, about: Description, layer: str, position: int) -> float:
        """How far a layer is, at the last step, from where it was at an earlier one.

        Args:
            about: What the distance between diagrams is.
            layer: The layer.
            position: Of the earlier step among ``steps``.

        Returns:
            The distance; NaN where the layer was not there, or the diagrams are not kept any more.
        """
        back = len(self.steps) - position
        distance = self._distance(about)
        if back > len(self._recent) or distance is None:
            return float("nan")
        then, now = (self._recent[-i].prepared(distance, layer) for i in (back, 1))
        return float("nan") if then is None or now is None else distance.between(then, now)

    def _distance(self, about: Description) -> Distance | None:
        """The distance that a table was made with; ``None`` for one of a user's own, which a record does not hold."""
        recorded = () if self.last is None else self.last.options.get("measures", ())
        dims = () if about.homology_dim is None else (about.homology_dim,)
        found = [measure.by_dimension(dims) for each in recorded if (measure := from_record(each)) is not None]
        distances = (each for measures in found for each in measures if isinstance(each, Distance))
        return next((each for each in distances if each.describe().key == about.key), None)

    def diagram_distances(self) -> list[LayerDistances]:
        """The last snapshot's tables of distances between diagrams, of the first measure that has a noise."""
        tables = [] if self.last is None else list(self.last.distances.values())
        with_noise = [table for table in tables if not table.about.paired and table.about.homology_dim is not None]
        return [table for table in with_noise if table.about.measure == with_noise[0].about.measure]


class _Diagrams:
    """The diagrams of one snapshot, and what a distance prepares of them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._homology_dims = snapshot.homology_dims
        self._diagrams = {
            layer: snapshot.diagrams[layer]
            for layer, n_points in zip(snapshot.layers, snapshot.n_points, strict=True)
            if n_points
        }
        self._prepared: dict[tuple[Key, str], Any] = {}

    def prepared(self, distance: Distance, layer: str) -> Any:
        """What the distance compares of a layer; ``None`` for one that was not there."""
        key = distance.describe().key, layer
        if layer in self._diagrams and key not in self._prepared:
            facts = LayerFacts.of_diagrams(self._diagrams[layer], self._homology_dims, checked=True)
            self._prepared[key] = distance.prepare(facts)
        return self._prepared.get(key)


def _numbers(snapshot: Snapshot) -> Iterable[tuple[tuple[Key, str], Mapping[str, float]]]:
    for names, tables in ((_OF_DISTANCES, snapshot.distances), (_OF_STATISTICS, snapshot.statistics)):
        for table in tables.values():
            for name in names:
                values = np.asarray(getattr(table, name), dtype=np.float64).tolist()
                yield (table.about.key, name), dict(zip(snapshot.layers, values, strict=True))
