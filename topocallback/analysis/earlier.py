"""An earlier snapshot of a run, as later ones are compared with it."""

from __future__ import annotations

import dataclasses

from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts
from topocallback.measures.noise import PreparedLayer, prepare_layer
from topocallback.records.results import Key
from topocallback.records.snapshot import Snapshot

__all__ = ["Earlier"]


class Earlier:
    """A snapshot, and what has been prepared of it: a run's first one is compared with every later one.

    What is kept of a layer are its parts, 100 kB for each homology dimension. Of the layer as a whole it would be 1 MB.

    Args:
        snapshot: The snapshot.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._facts: dict[str, LayerFacts] = {}
        self._prepared: dict[tuple[Key, str], PreparedLayer] = {}

    @classmethod
    def of(cls, snapshot: Snapshot | Earlier | None) -> Earlier | None:
        """What is kept of a snapshot already, or the beginning of it."""
        return cls(snapshot) if isinstance(snapshot, Snapshot) else snapshot

    def facts(self, layer: str) -> LayerFacts:
        """What is known of one of its layers."""
        if layer not in self._facts:
            snapshot = self.snapshot
            self._facts[layer] = LayerFacts.of_diagrams(
                snapshot.diagrams[layer], snapshot.homology_dims, snapshot.parts.get(layer)
            )
        return self._facts[layer]

    def parts(self, distance: Distance, layer: str) -> PreparedLayer:
        """The parts of one of its layers, prepared; without the layer as a whole."""
        key = distance.describe().key, layer
        if key not in self._prepared:
            self._prepared[key] = dataclasses.replace(prepare_layer(distance, self.facts(layer)), whole=None)
        return self._prepared[key]
