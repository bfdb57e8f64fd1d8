"""A snapshot of a run, and what later ones of the same run need of it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from topocallback.analysis.layers import LayerMeasurements
from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts
from topocallback.measures.noise import PreparedLayer, prepare_layer
from topocallback.records.classes import name_classes
from topocallback.records.kept_clouds import KeptClouds
from topocallback.records.point_clouds import PointClouds
from topocallback.records.results import Key
from topocallback.records.snapshot import Snapshot

__all__ = ["Analysed", "digest_of_layer"]


class Analysed:
    """A snapshot, and what has been prepared of it: later ones are compared with it, the run's first one with all.

    What is kept of a layer are its parts, 100 kB for each homology dimension. Of the layer as a whole it would be 1 MB.

    Args:
        snapshot: The snapshot.
        digests: Layer to what ``digest_of_layer`` gives.
        unchanged: What was measured of the layers that were the same one step earlier: frozen ones, which are likely to
            be the same in the next step. Of others it would be kept for nothing.
        clouds: The clouds that were kept of it, for distances that need more than diagrams.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        digests: Mapping[str, str] | None = None,
        unchanged: Mapping[str, LayerMeasurements] | None = None,
        clouds: KeptClouds | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.digests = dict(digests or {})
        self.unchanged = dict(unchanged or {})
        self.clouds = clouds
        self._facts: dict[str, LayerFacts] = {}
        self._prepared: dict[tuple[Key, str], PreparedLayer] = {}

    def facts(self, layer: str) -> LayerFacts:
        """What is known of one of its layers."""
        if layer not in self._facts:
            snapshot = self.snapshot
            self._facts[layer] = LayerFacts.of_diagrams(
                snapshot.diagrams[layer], snapshot.homology_dims, snapshot.parts.get(layer)
            )
        return self._facts[layer]

    def point_clouds(self, layer: str) -> PointClouds:
        """The cloud that was kept of one of its layers.

        Raises:
            ValueError: If none was.
        """
        if self.clouds is None:
            raise ValueError(f"Expected a cloud of {layer!r} to have been kept at step {self.snapshot.step}.")
        owners = {layer: self.clouds.owners[layer]} if layer in self.clouds.owners else {}
        return PointClouds(
            {layer: self.clouds.cloud(layer)},
            self.clouds.sample_ids,
            self.snapshot.labels,
            owners=owners,
            classes=self.snapshot.classes,
        )

    def parts(self, distance: Distance, layer: str) -> PreparedLayer:
        """The parts of one of its layers, prepared; without the layer as a whole."""
        key = distance.describe().key, layer
        if key not in self._prepared:
            self.keep_parts([prepare_layer(distance, self.facts(layer))], layer)
        return self._prepared[key]

    def keep_parts(self, prepared: Iterable[PreparedLayer], layer: str) -> None:
        """Keep the parts of a layer, which have been prepared already."""
        for each in prepared:
            self._prepared[each.distance.describe().key, layer] = dataclasses.replace(each, whole=None)


def digest_of_layer(clouds: PointClouds, layer: str) -> str:
    """A hash of all that is measured of one layer.

    Args:
        clouds: All layers.
        layer: Which one.

    Example:
        >>> clouds = PointClouds({"a": np.zeros((3, 2)), "b": np.zeros((3, 2)), "c": np.ones((3, 2))})
        >>> a, b, c = (digest_of_layer(clouds, layer) for layer in clouds.layers)
        >>> a == b, a == c
        (True, False)
    """
    owners = clouds.owners_of(layer)
    arrays = [clouds.clouds[layer], np.asarray(clouds.sample_ids)[owners]]
    digest = hashlib.blake2b(digest_size=16)
    if clouds.labels is not None:
        codes, classes = name_classes(clouds.labels, clouds.classes)
        arrays.append(codes[owners])
        digest.update(repr(classes).encode())
    if layer in clouds.weights:
        digest.update(repr(list(clouds.weights[layer].arrays)).encode())
        arrays += clouds.weights[layer].arrays.values()
    if clouds.edges is not None and layer not in clouds.owners:
        digest.update(b"edges")
        arrays.append(clouds.edges)
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
