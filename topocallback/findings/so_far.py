"""What is known of all steps of a run together, in as much room and time however many there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from topocallback.records.results import Key
from topocallback.records.snapshot import Snapshot

__all__ = ["OfLayer", "SoFar"]

OfLayer = tuple[Key, str]
"""A table and a layer."""


@dataclass(frozen=True, eq=False)
class SoFar:
    """What is known of all steps of a run so far; positions count its steps.

    Attributes:
        lowest: The lowest number that a statistic of a layer has had; none where it was never known.
        highest: The highest.
        moved: The position of the last step at which a layer was not where it was one step before, by a distance, or
            at which it was not known whether it was.
        parameters: Layer to the hash of its parameters, and the position from which on it is that.
        first_parameters: Layer to the hash of its parameters at the first step.
    """

    lowest: Mapping[OfLayer, float] = field(default_factory=dict)
    highest: Mapping[OfLayer, float] = field(default_factory=dict)
    moved: Mapping[OfLayer, int] = field(default_factory=dict)
    parameters: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    first_parameters: Mapping[str, str] = field(default_factory=dict)

    def after(self, snapshot: Snapshot, position: int) -> SoFar:
        """What is known with one more step.

        Args:
            snapshot: The snapshot of that step.
            position: Its position.
        """
        lowest, highest = dict(self.lowest), dict(self.highest)
        for of_layer, value in _statistics(snapshot):
            lowest[of_layer] = min(value, lowest.get(of_layer, math.inf))
            highest[of_layer] = max(value, highest.get(of_layer, -math.inf))
        moved = {
            of_layer: self.moved.get(of_layer, position) if drift == 0 else position
            for of_layer, drift in _drifts(snapshot)
        }
        parameters = {}
        for layer, digest in snapshot.parameters.items():
            before, since = self.parameters.get(layer, (None, position))
            parameters[layer] = digest, since if digest == before else position
        first = self.first_parameters if position else dict(snapshot.parameters)
        return SoFar(lowest, highest, moved, parameters, first)


def _statistics(snapshot: Snapshot) -> Iterator[tuple[OfLayer, float]]:
    """The numbers that are known."""
    for table in snapshot.statistics.values():
        for layer, value in zip(snapshot.layers, table.values.tolist(), strict=True):
            if math.isfinite(value):
                yield (table.about.key, layer), value


def _drifts(snapshot: Snapshot) -> Iterator[tuple[OfLayer, float]]:
    for table in snapshot.distances.values():
        for layer, drift in zip(snapshot.layers, table.drift.tolist(), strict=True):
            yield (table.about.key, layer), drift
