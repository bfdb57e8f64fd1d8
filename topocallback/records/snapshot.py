"""Everything that is measured at one step, and the file that holds it.

One snapshot is one ``.npz`` file without pickled objects: arrays under readable names, and one JSON text for the rest.
It is the source of truth; pictures and scalars show it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from topocallback.records.classes import as_labels, is_missing, name_classes
from topocallback.records.expected import Expected, take, take_all, take_diagram, take_simplices
from topocallback.records.html import html_table
from topocallback.records.mapper_arrays import GRAPH
from topocallback.records.mapper_graph import MapperGraph
from topocallback.records.nearest import NearestSamples
from topocallback.records.parts import LayerParts
from topocallback.records.recorded import in_words
from topocallback.records.results import LayerDistances, Results, StatisticTable
from topocallback.records.schema import Stored, load_record, save_record
from topocallback.records.schema1 import snapshot_from_schema1
from topocallback.records.tables import LAYER_DISTANCES, STATISTICS

__all__ = ["Snapshot"]

Kept = TypeVar("Kept")

_ARRAYS = {
    "n_points": Expected("iu", ("layers",), low=0, high=2**53),
    "sample_ids": Expected("iu", ("samples",), low=0),
    "scales": Expected("f", ("layers",), low=0, unknown=True),
    "labels": Expected("biufU", ("samples",), unknown=True, optional=True),
    "labels_missing": Expected("b", ("samples",), optional=True),
}
_OWNERS = Expected("iu", ("points",), index_of="samples")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What was measured at one step.

    With L layers, n samples and D homology dimensions. Results say what they are: see ``Description``. Diagrams and the
    distances between them are in units of the layer's ``scale``: without a unit of their own under
    ``scale="quantile"``, in activations' units under ``scale="none"``.

    Attributes:
        step: The logger's step: the one at which ``val_loss`` is logged.
        epoch: The trainer's epoch, from 0.
        layers: (L,) layer names in the model's order.
        homology_dims: (D,) homology dimensions of the diagrams.
        n_points: (L,) how many finite points each layer's cloud has; 0 for one that had none, whose numbers are NaN.
        sample_ids: (n,) indices into the validation set, ascending.
        labels: (n,) labels, or ``None``. Of texts and truth values of which some are missing, an array of objects,
            where these are ``None``.
        diagrams: Layer to D diagrams of shape (bars, 2), essential bars included with death ``inf``.
        distances: ``distances["sliced_wasserstein", 1]`` has ``matrix`` and ``p_values`` (L, L), ``noise``, ``drift``
            and ``drift_from_reference`` (L,) of one measure in one homology dimension; see ``LayerDistances``.
        statistics: ``statistics["bars", 1].values`` is (L,); see ``StatisticTable``.
        scales: (L,) the length by which each layer's cloud was divided, in activations' units.
        parts: Layer to what is kept of the parts of its samples; see ``LayerParts``. With these any two layers of any
            two snapshots of the same samples can be tested later, without the model.
        mappers: Layer to its Mapper graph; its point numbers are positions in ``sample_ids``, or in the layer's
            ``owners``.
        simplices: Layer to D arrays of shape (bars, 2 dim + 3), a row per bar of its diagrams: the ``dim + 1`` points
            that make it and the ``dim + 2`` that end it, -1 where it never dies. The first two of each are those whose
            distance is its birth or its death. Point numbers are those of ``mappers``. Layers of which this is not
            known are not in it, as with backends other than redzed and in archives of earlier versions.
        owners: Layer to (m,) positions in ``sample_ids``: which sample each point comes from, for the layers that have
            several points per sample.
        nearest: Layer to the samples that are nearest to each one; see ``NearestSamples``. Not of layers that have
            several points per sample, nor in archives of earlier versions.
        problems: Layer to a sentence, for the layers that are missing or were measured on fewer points.
        seconds: Stage to processor seconds, and under ``"total"`` those of all; what came after the record was written,
            as loggers do, is not in it.
        options: What the analysis was asked to do.
        versions: Package to version.
        classes: The order of the names of the labels' classes, if the labels came with one.
        recording: How the layers were recorded, such as ``{"pooling": "mean", "n_samples": 512, "seed": 0}``; empty
            where that is not known, as in archives of earlier versions.
        parameters: Layer to a hash of its parameters, those of the modules in it included: where it is what it was at
            another step, they have not changed. Not of layers without parameters, nor in archives of earlier versions.
        reference: What ``drift_from_reference`` is measured from, in words; empty where there is nothing.

    Example:
        >>> from topocallback import PointClouds, analyse
        >>> rng = np.random.default_rng(0)
        >>> clouds = PointClouds({"stem": rng.normal(size=(40, 3)), "head": rng.normal(size=(40, 2))})
        >>> snapshot = analyse(clouds, step=7)
        >>> snapshot
        Snapshot(step 7, epoch 0, 2 layers, 40 samples, measures: sliced_wasserstein)
        >>> snapshot.distances["sliced_wasserstein", 1].noise.shape, len(snapshot.diagrams["stem"])
        ((2,), 2)
    """

    step: int
    epoch: int
    layers: tuple[str, ...]
    homology_dims: tuple[int, ...]
    n_points: NDArray[np.int64]
    sample_ids: NDArray[np.int64]
    labels: NDArray[Any] | None
    diagrams: Mapping[str, Sequence[NDArray[np.float64]]]
    distances: Results[LayerDistances]
    statistics: Results[StatisticTable]
    scales: NDArray[np.float64]
    parts: Mapping[str, LayerParts] = field(default_factory=dict)
    mappers: Mapping[str, MapperGraph] = field(default_factory=dict)
    simplices: Mapping[str, Sequence[NDArray[np.signedinteger]]] = field(default_factory=dict)
    owners: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    nearest: Mapping[str, NearestSamples] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    recording: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.labels is not None:
            labels, order = as_labels(self.labels)
            object.__setattr__(self, "labels", labels)
            object.__setattr__(self, "classes", tuple(self.classes) or order)

    def __repr__(self) -> str:
        measures = ", ".join(self.distances.measures) or "none"
        return (
            f"Snapshot(step {self.step}, epoch {self.epoch}, {len(self.layers)} layers, "
            f"{len(self.sample_ids)} samples, measures: {measures})"
        )

    def _repr_html_(self) -> str:
        header, columns = ["layer", "points"], [self.layers, self.n_points]
        for table in self.distances.values():
            header += [f"{table.about.title}: {what}" for what in ("noise", "drift")]
            columns += [table.noise, table.drift]
        for statistic in self.statistics.values():
            header.append(statistic.about.title)
            columns.append(statistic.values)
        notes = [f"{name}: {text}" for name, text in self.problems.items()]
        notes += [f"How it was recorded: {in_words(self.recording)}"] if self.recording else []
        return html_table(repr(self), header, list(zip(*columns, strict=True)), notes)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the snapshot to one file, atomically: a reader sees the whole file or none.

        Args:
            path: Where to; missing folders are made.

        Returns:
            The path.

        Raises:
            OSError: If the file cannot be written; no partial file stays behind.
        """
        distances, arrays = LAYER_DISTANCES.take_apart(self.distances)
        statistics, more = STATISTICS.take_apart(self.statistics)
        facts = {
            "step": self.step,
            "epoch": self.epoch,
            "layers": self.layers,
            "homology_dims": self.homology_dims,
            "distances": distances,
            "statistics": statistics,
            "problems": dict(self.problems),
            "seconds": dict(self.seconds),
            "options": dict(self.options),
            "versions": dict(self.versions),
            "classes": self.classes,
            "recording": dict(self.recording),
            "reference": self.reference,
            "parameters": dict(self.parameters),
        }
        return save_record(path, facts, self._arrays() | arrays | more)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Snapshot:
        """Read a snapshot; nothing is ever unpickled.

        Args:
            path: A file written by ``save``, by this version of the package or an earlier one.

        Returns:
            The snapshot, equal to the saved one in every value.

        Raises:
            ValueError: If the file is not a whole snapshot, or comes from a newer version of the package.
            OSError: If the file cannot be opened.

        Warns:
            UserWarning: For every table of distances or statistics that is damaged or of a kind unknown to this version
                of the package, and for a layer's Mapper graph, parts, neighbours or simplices that are damaged. They
                are left out, and the rest is there.
        """
        return load_record(path, "a snapshot", cls._from_stored, snapshot_from_schema1)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays but those of the tables."""
        arrays = {"n_points": np.asarray(self.n_points), "sample_ids": self.sample_ids, "scales": self.scales}
        if self.labels is not None:
            arrays |= _stored_labels(self.labels)
        for index, layer in enumerate(self.layers):
            for dim, diagram in zip(self.homology_dims, self.diagrams[layer], strict=True):
                arrays[f"diagrams/{index}/H{dim}"] = diagram
            if layer in self.parts:
                parts = self.parts[layer].to_arrays(self.homology_dims)
                arrays |= {f"parts/{index}/{name}": value for name, value in parts.items()}
            if layer in self.owners:
                arrays[f"owners/{index}"] = self.owners[layer]
            if layer in self.nearest:
                nearest = self.nearest[layer].to_arrays()
                arrays |= {f"nearest/{index}/{name}": value for name, value in nearest.items()}
            if layer in self.simplices:
                of_layer = zip(self.homology_dims, self.simplices[layer], strict=True)
                arrays |= {f"simplices/{index}/H{dim}": points for dim, points in of_layer}
            if layer in self.mappers:
                graph = self.mappers[layer].to_arrays()
                arrays |= {f"mappers/{index}/{name}": value for name, value in graph.items()}
        return arrays

    @classmethod
    def _from_stored(cls, stored: Stored) -> Snapshot:
        facts, arrays = stored.facts, stored.arrays
        layers, dims = tuple(facts["layers"]), tuple(facts["homology_dims"])
        count = len(layers)
        found = take_all(arrays, _ARRAYS, {"layers": count})
        places = {f"owners/{i}": layer for i, layer in enumerate(layers)}
        n_samples = {"samples": len(found["sample_ids"])}
        snapshot = cls(
            step=facts["step"],
            epoch=facts["epoch"],
            layers=layers,
            homology_dims=dims,
            n_points=found["n_points"],
            sample_ids=found["sample_ids"],
            labels=_with_missing(found.get("labels"), found.get("labels_missing")),
            diagrams={
                layer: [take_diagram(arrays, f"diagrams/{i}/H{dim}") for dim in dims] for i, layer in enumerate(layers)
            },
            distances=LAYER_DISTANCES.put_together(facts["distances"], arrays, count, stored.left_out),
            statistics=STATISTICS.put_together(facts["statistics"], arrays, count, stored.left_out),
            scales=found["scales"],
            nearest=_nearest(stored, layers, len(found["sample_ids"])),
            parts=_parts(stored, layers, dims),
            owners={
                layer: take(arrays, key, _OWNERS, dict(n_samples)) for key, layer in places.items() if key in arrays
            },
            problems=facts["problems"],
            seconds=facts["seconds"],
            options=facts["options"],
            versions=facts["versions"],
            classes=tuple(facts.get("classes", ())),
            recording=facts.get("recording", {}),  # what earlier versions wrote has none
            reference=facts.get("reference", ""),
            parameters=facts.get("parameters", {}),
        )
        return replace(snapshot, mappers=_mappers(stored, snapshot), simplices=_simplices(stored, snapshot))


def _stored_labels(labels: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Labels without objects, which a file of ours never holds."""
    if not labels.dtype.hasobject:
        return {"labels": labels}
    missing = is_missing(labels)
    present = np.array(labels[~missing].tolist())
    stored = np.zeros(len(labels), dtype=present.dtype)
    stored[~missing] = present
    return {"labels": stored, "labels_missing": missing}


def _with_missing(labels: NDArray[Any] | None, missing: NDArray[np.bool_] | None) -> NDArray[Any] | None:
    if labels is None or missing is None:
        return labels
    objects = np.array(labels, dtype=object)
    objects[missing] = None
    return objects


def _parts(stored: Stored, layers: Sequence[str], dims: Sequence[int]) -> dict[str, LayerParts]:
    names = ["n_points", *[name for dim in dims for name in (f"H{dim}", f"H{dim}/ends")]]
    return _of_layers("parts", names, layers, stored, lambda layer, arrays: LayerParts.from_arrays(arrays, dims))


def _nearest(stored: Stored, layers: Sequence[str], n_samples: int) -> dict[str, NearestSamples]:
    names = ["positions", "distances"]
    return _of_layers("nearest", names, layers, stored, lambda _, arrays: NearestSamples.from_arrays(arrays, n_samples))


def _simplices(stored: Stored, snapshot: Snapshot) -> dict[str, list[NDArray[np.signedinteger]]]:
    dims = snapshot.homology_dims

    def simplices(layer: str, arrays: Mapping[str, NDArray[Any]]) -> list[NDArray[np.signedinteger]]:
        n_points = len(snapshot.owners.get(layer, snapshot.sample_ids))
        return [
            take_simplices(arrays, f"H{dim}", dim, bars, n_points)
            for dim, bars in zip(dims, snapshot.diagrams[layer], strict=True)
        ]

    return _of_layers("simplices", [f"H{dim}" for dim in dims], snapshot.layers, stored, simplices)


def _mappers(stored: Stored, snapshot: Snapshot) -> dict[str, MapperGraph]:
    labels = snapshot.labels
    codes, classes = (None, ()) if labels is None else name_classes(labels, snapshot.classes)

    def graph(layer: str, arrays: Mapping[str, NDArray[Any]]) -> MapperGraph:
        owners = snapshot.owners.get(layer, np.arange(len(snapshot.sample_ids)))
        of_points = None if codes is None else codes[owners]
        return MapperGraph.from_arrays(arrays, snapshot.sample_ids[owners], of_points, classes)

    return _of_layers("mappers", list(GRAPH), snapshot.layers, stored, graph)


def _of_layers(
    what: str,
    names: Sequence[str],
    layers: Sequence[str],
    stored: Stored,
    build: Callable[[str, Mapping[str, NDArray[Any]]], Kept],
) -> dict[str, Kept]:
    """What is under ``<what>/<number of the layer>/<name>``, of those that have it; what is bad costs itself."""
    kept = {}
    for number, layer in enumerate(layers):
        place = f"{what}/{number}/"
        if own := [name for name in names if place + name in stored.arrays]:
            try:
                kept[layer] = build(layer, {name: stored.arrays[place + name] for name in own})
            except Exception as error:
                stored.left_out.append(f"{what} of layer {layer!r} ({what}/{number}): {str(error).rstrip('.')}.")
    return kept
