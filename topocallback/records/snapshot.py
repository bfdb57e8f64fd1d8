"""Everything that is measured at one step, its archive on disk, and a run's history.

One snapshot is one ``.npz`` file without pickled objects: arrays under readable names, and one JSON text for the rest.
The archive is the source of truth; pictures and scalars show it.
"""

from __future__ import annotations

import json
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from topocallback.records.files import save_arrays
from topocallback.records.mapper_graph import MapperGraph, name_classes
from topocallback.records.results import LayerDistances, Results, StatisticTable

__all__ = ["SCHEMA_VERSION", "History", "Snapshot", "archive_folder", "archive_path", "load_history"]

SCHEMA_VERSION = 1

_FILE_NAME = re.compile(r"step=(\d+)\.npz")
_FOLDER = "topology"
# What NumPy, zipfile, zlib and json raise on damaged or foreign files.
_DAMAGED = (
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
)


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
        n_points: (L,) how many finite points each layer's cloud has; 0 for a layer that had none, whose numbers are NaN.
        sample_ids: (n,) indices into the validation set, ascending.
        labels: (n,) labels, or ``None``.
        diagrams: Layer to D diagrams of shape (bars, 2), essential bars included with death ``inf``.
        distances: ``distances["sliced_wasserstein", 1]`` has ``matrix`` (L, L), ``noise``, ``drift`` and
            ``drift_from_first`` (L,) of one measure in one homology dimension; see ``LayerDistances``.
        statistics: ``statistics["bars", 1].values`` is (L,); see ``StatisticTable``.
        scales: (L,) the length by which each layer's cloud was divided, in activations' units.
        mappers: Layer to its Mapper graph; its point numbers are positions in ``sample_ids``, or in the layer's
            ``owners``.
        owners: Layer to (m,) positions in ``sample_ids``: which sample each point comes from, for the layers that have
            several points per sample.
        problems: Layer to a sentence, for the layers that are missing or were measured on fewer points.
        seconds: Stage to seconds spent.
        options: What the analysis was asked to do.
        versions: Package to version.

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
    mappers: Mapping[str, MapperGraph] = field(default_factory=dict)
    owners: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        measures = ", ".join(self.distances.measures) or "none"
        return (
            f"Snapshot(step {self.step}, epoch {self.epoch}, {len(self.layers)} layers, "
            f"{len(self.sample_ids)} samples, measures: {measures})"
        )

    def total(self, what: str, measure: str | None = None) -> NDArray[np.float64]:
        """One quantity of a measure, added up over its homology dimensions.

        Args:
            what: ``"matrix"``, ``"noise"``, ``"drift"`` or ``"drift_from_first"``.
            measure: A distance; by default the first one.

        Returns:
            (L, L) for ``"matrix"``, else (L,).

        Raises:
            UnknownResultError: If the measure was not taken.
        """
        return np.asarray(np.sum([getattr(table, what) for table in self.distances.of(measure)], axis=0))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the snapshot to one file, atomically: a reader sees the whole file or none.

        Args:
            path: Where to; missing folders are made.

        Returns:
            The path.

        Raises:
            OSError: If the file cannot be written; no partial file stays behind.
        """
        return save_arrays(path, self._to_arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Snapshot:
        """Read a snapshot; nothing is ever unpickled.

        Args:
            path: A file written by ``save``.

        Returns:
            The snapshot, equal to the saved one in every value.

        Raises:
            ValueError: If the file is not a whole snapshot, or comes from a newer version of the package.
            OSError: If the file cannot be opened.
        """
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                return cls._from_arrays({key: archive[key] for key in archive.files})
        except (*_DAMAGED, json.JSONDecodeError) as error:
            raise ValueError(f"Expected a snapshot in {path}, got a damaged or foreign file ({error}).") from error

    def _to_arrays(self) -> dict[str, NDArray[Any]]:
        facts = {
            "schema": SCHEMA_VERSION,
            "step": self.step,
            "epoch": self.epoch,
            "layers": self.layers,
            "homology_dims": self.homology_dims,
            "problems": dict(self.problems),
            "seconds": dict(self.seconds),
            "options": dict(self.options),
            "versions": dict(self.versions),
        }
        arrays: dict[str, NDArray[Any]] = {
            "facts": np.array(json.dumps(facts, default=_plain)),
            "sample_ids": self.sample_ids,
        }
        arrays["scales"] = self.scales
        if self.labels is not None:
            arrays["labels"] = self.labels
        for name in _TABLES:
            arrays |= {f"{name}/{key}": value for key, value in getattr(self, name).items()}
        for index, layer in enumerate(self.layers):
            for dim, diagram in zip(self.homology_dims, self.diagrams[layer], strict=True):
                arrays[f"diagrams/{index}/H{dim}"] = diagram
            if layer in self.owners:
                arrays[f"owners/{index}"] = self.owners[layer]
            if layer in self.mappers:
                graph = self.mappers[layer].to_arrays()
                arrays |= {f"mappers/{index}/{name}": value for name, value in graph.items()}
        return arrays

    @classmethod
    def _from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Snapshot:
        facts = json.loads(str(arrays["facts"]))
        if facts["schema"] > SCHEMA_VERSION:
            raise ValueError(
                f"Expected a snapshot of schema {SCHEMA_VERSION} or older, got {facts['schema']}: "
                "update topocallback to read it."
            )
        layers, dims = tuple(facts["layers"]), tuple(facts["homology_dims"])
        tables: dict[str, dict[str, NDArray[Any]]] = {name: {} for name in _TABLES}
        for key, value in arrays.items():
            name, _, rest = key.partition("/")
            if name in tables:
                tables[name][rest] = value
        return cls(
            step=facts["step"],
            epoch=facts["epoch"],
            layers=layers,
            homology_dims=dims,
            sample_ids=arrays["sample_ids"],
            labels=arrays.get("labels"),
            diagrams={layer: [arrays[f"diagrams/{i}/H{dim}"] for dim in dims] for i, layer in enumerate(layers)},
            scales=arrays["scales"],
            mappers=_mappers(arrays, layers),
            owners={layer: arrays[key] for i, layer in enumerate(layers) if (key := f"owners/{i}") in arrays},
            problems=facts["problems"],
            seconds=facts["seconds"],
            options=facts["options"],
            versions=facts["versions"],
            **tables,
        )


_TABLES = ("distances", "noise", "drift", "drift_from_first", "statistics")


class History(Sequence[Snapshot]):
    """The snapshots of one run in the order of their steps, read from disk when they are asked for.

    Files that are damaged or not snapshots are left out with a warning that names them.

    Args:
        folder: A folder of ``step=<n>.npz`` files; it may be empty or missing.

    Example:
        >>> import tempfile
        >>> from topocallback import PointClouds, analyse
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for step in (9, 10):
        ...         _ = analyse(PointClouds({"stem": np.eye(5)}), step=step).save(archive_path(folder, step))
        ...     history = History(folder)
        ...     len(history), history.steps, history[-1].step
        (2, (9, 10), 10)
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        found = {
            int(match[1]): path for path in self.folder.glob("*.npz") if (match := _FILE_NAME.fullmatch(path.name))
        }
        self._paths = [found[step] for step in sorted(found) if _is_readable(found[step])]

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of the snapshots, ascending."""
        return tuple(int(path.stem.partition("=")[2]) for path in self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Snapshot: ...

    @overload
    def __getitem__(self, index: slice) -> list[Snapshot]: ...

    def __getitem__(self, index: int | slice) -> Snapshot | list[Snapshot]:
        if isinstance(index, slice):
            return [Snapshot.load(path) for path in self._paths[index]]
        return Snapshot.load(self._paths[index])

    def __iter__(self) -> Iterator[Snapshot]:
        return map(Snapshot.load, self._paths)

    def __repr__(self) -> str:
        return f"History({str(self.folder)!r}: {len(self)} snapshots, steps {list(self.steps)})"


def load_history(path: str | os.PathLike[str]) -> History:
    """The snapshots that a run left on disk.

    Args:
        path: A run's log directory, or the ``topology`` folder in it. In a log directory that several runs have used,
            such as a ``trainer.validate`` before ``trainer.fit``, each has a folder of its own (``topology``,
            ``topology-v1``, ...), and the last one counts.

    Returns:
        A sequence of ``Snapshot``, read lazily.

    Raises:
        FileNotFoundError: If there is no snapshot at ``path``; the message says what is there instead.

    Example:
        >>> load_history("no/such/run")
        Traceback (most recent call last):
        FileNotFoundError: Expected a run's log directory or its topology folder, got no/such/run: no such folder.
    """
    given = Path(path)
    archives = [folder for folder in (given, *given.glob(f"{_FOLDER}*")) if _holds_snapshots(folder)]
    if archives:
        return History(max(archives, key=_version))
    if not given.is_dir():
        raise FileNotFoundError(f"Expected a run's log directory or its topology folder, got {given}: no such folder.")
    runs = sorted({str(file.parent.parent) for file in given.glob(f"**/{_FOLDER}/step=*.npz")})
    hint = f"There are runs below it: {runs[:5]}." if runs else "There are none below it either."
    raise FileNotFoundError(f"Expected snapshots (step=<n>.npz) in {given} or {given / _FOLDER}, got none. {hint}")


def _holds_snapshots(folder: Path) -> bool:
    return any(_FILE_NAME.fullmatch(file.name) for file in folder.glob("step=*.npz"))


def _version(archive: Path) -> int:
    """The place of an archive among those of one log directory: topology, topology-v1, topology-v2, ..."""
    found = re.fullmatch(rf"{_FOLDER}(?:-v(\d+))?", archive.name)
    return int(found[1] or 0) if found else -1


def _mappers(arrays: Mapping[str, NDArray[Any]], layers: Sequence[str]) -> dict[str, MapperGraph]:
    parts: dict[int, dict[str, NDArray[Any]]] = {}
    for key, value in arrays.items():
        if key.startswith("mappers/"):
            _, index, name = key.split("/")
            parts.setdefault(int(index), {})[name] = value
    sample_ids, labels = arrays["sample_ids"], arrays.get("labels")
    codes, classes = (None, ()) if labels is None else name_classes(labels)
    graphs = {}
    for position, part in parts.items():
        owners = arrays.get(f"owners/{position}", np.arange(len(sample_ids)))
        of_points = None if codes is None else codes[owners]
        graphs[layers[position]] = MapperGraph.from_arrays(part, sample_ids[owners], of_points, classes)
    return graphs


def _plain(value: Any) -> Any:
    """A number of NumPy as JSON holds it."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"Expected what JSON can hold, got {value!r}.")


def archive_folder(log_dir: str | os.PathLike[str]) -> Path:
    """Where a run keeps its snapshots: ``<log_dir>/topology``."""
    return Path(log_dir) / _FOLDER


def archive_path(folder: str | os.PathLike[str], step: int) -> Path:
    """The file of a step's snapshot in an archive: ``<folder>/step=<n>.npz``."""
    return Path(folder) / f"step={step}.npz"


def _is_readable(path: Path) -> bool:
    """Whether the file is a whole snapshot, judged by its table of contents and its JSON text alone."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            if json.loads(str(archive["facts"]))["schema"] > SCHEMA_VERSION:
                raise ValueError("written by a newer version of topocallback")
    except (*_DAMAGED, OSError, ValueError) as error:
        warnings.warn(f"Left out {path}, which is no readable snapshot: {error}", UserWarning, stacklevel=4)
        return False
    return True
