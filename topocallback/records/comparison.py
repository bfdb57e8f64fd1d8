"""Comparison: how far apart all layers of all checkpoints are, and what that says."""

from __future__ import annotations

import csv
import difflib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.distance_matrices import PermutationTest, classical_mds, permutation_test
from topocallback.records.files import save_arrays
from topocallback.records.findings import Settling, Specificity, settled_from, specificity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COMPARISON_SCHEMA", "Checkpoint", "Comparison"]

COMPARISON_SCHEMA = 1
_TABLES = ("distances", "noise", "statistics")


@dataclass(frozen=True)
class Checkpoint:
    """One state of one model.

    Attributes:
        name: Short and different for each, like ``"seed=1/epoch=3-step=252"``.
        run: The run it comes from; checkpoints of one run are one line in time.
        step: The logger's step.
        epoch: The trainer's epoch, from 0.
        path: The file it was read from, or ``""``.
    """

    name: str
    run: str = ""
    step: int = 0
    epoch: int = 0
    path: str = ""


@dataclass(frozen=True)
class Comparison:
    """How far apart all layers of all checkpoints are, on the same samples.

    With N points, each one layer of one checkpoint, ordered by checkpoint and then by layer. A *measure* is a distance
    between diagrams in one homology dimension, like ``"sliced_wasserstein_H1"``; without the dimension
    (``"sliced_wasserstein"``) it is added up over the homology dimensions, and ``None`` stands for the first such sum.

    Attributes:
        checkpoints: The checkpoints; those of one run stand together, in the order of their steps.
        layers: All layers' names.
        checkpoint_of: (N,) the number of each point's checkpoint.
        layer_of: (N,) the number of each point's layer.
        homology_dims: The homology dimensions.
        distances: Measure to (N, N) matrix: symmetric, zero diagonal, NaN where a layer had no finite point.
        noise: Measure to (N,): the distance between two random halves of the point's own samples.
        statistics: Name to (N,), as in ``Snapshot.statistics``.
        sample_ids: (n,) indices of the samples, the same for every checkpoint.
        problems: What was measured on less than asked for, in a sentence each.
        left_out: File or model to a sentence, for what could not be compared.
        options: What was asked for.

    Example:
        >>> points = np.array([0.0, 10.0, 1.0, 10.5])
        >>> comparison = Comparison(
        ...     (Checkpoint("a", "a"), Checkpoint("b", "b")), ("stem", "head"),
        ...     np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), (1,),
        ...     {"sliced_wasserstein_H1": abs(points[:, None] - points)}, {"sliced_wasserstein_H1": np.full(4, 0.7)},
        ... )
        >>> comparison.over_checkpoints("stem")
        array([[0., 1.],
               [1., 0.]])
        >>> round(comparison.specificity().ratio, 2)
        13.0
    """

    checkpoints: tuple[Checkpoint, ...]
    layers: tuple[str, ...]
    checkpoint_of: NDArray[np.int64]
    layer_of: NDArray[np.int64]
    homology_dims: tuple[int, ...]
    distances: Mapping[str, NDArray[np.float64]]
    noise: Mapping[str, NDArray[np.float64]]
    statistics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    sample_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    problems: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    # -- Matrices ---------------------------------------------------------------------------------------------------

    @property
    def points(self) -> list[tuple[str, str]]:
        """(checkpoint, layer) of the N points."""
        return [
            (self.checkpoints[c].name, self.layers[layer])
            for c, layer in zip(self.checkpoint_of, self.layer_of, strict=True)
        ]

    @property
    def measure_names(self) -> tuple[str, ...]:
        """The measures without their homology dimension."""
        return tuple(dict.fromkeys(key.rpartition("_H")[0] for key in self.distances))

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs, in the order of their checkpoints."""
        return tuple(dict.fromkeys(checkpoint.run for checkpoint in self.checkpoints))

    def matrix(self, measure: str | None = None) -> NDArray[np.float64]:
        """(N, N) distances of a measure.

        Args:
            measure: A measure, with or without its homology dimension.

        Raises:
            ValueError: If it was not taken.
        """
        return self._of(self.distances, measure)

    def noise_of(self, measure: str | None = None) -> NDArray[np.float64]:
        """(N,) noise of a measure; see ``matrix``."""
        return self._of(self.noise, measure)

    def floor(self, measure: str | None = None) -> NDArray[np.float64]:
        """(N, N) the noise floor of every distance: the larger noise of its two points."""
        noise = self.noise_of(measure)
        return np.asarray(np.fmax(noise[:, None], noise[None, :]))

    def exceeds_noise(self, measure: str | None = None) -> NDArray[np.bool_]:
        """(N, N) whether a distance is above its noise floor."""
        return np.asarray(self.matrix(measure) > self.floor(measure))

    def over_checkpoints(self, layer: str, measure: str | None = None) -> NDArray[np.float64]:
        """One layer over checkpoints: (k, k) distances among the k checkpoints that have it.

        Raises:
            ValueError: If there is no such layer or measure.
        """
        rows = self.rows(layer=layer)
        return self.matrix(measure)[np.ix_(rows, rows)]

    def over_layers(self, checkpoint: str | int, measure: str | None = None) -> NDArray[np.float64]:
        """One checkpoint over its layers: (l, l) distances, bit for bit those in its ``Snapshot``.

        Raises:
            ValueError: If there is no such checkpoint or measure.
        """
        return self.between(checkpoint, checkpoint, measure)

    def between(self, first: str | int, second: str | int, measure: str | None = None) -> NDArray[np.float64]:
        """Every layer of one checkpoint (rows) against every layer of another (columns).

        Raises:
            ValueError: If there is no such checkpoint or measure.
        """
        return self.matrix(measure)[np.ix_(self.rows(checkpoint=first), self.rows(checkpoint=second))]

    def rows(self, *, checkpoint: str | int | None = None, layer: str | None = None) -> NDArray[np.int64]:
        """The positions of points in the matrices.

        Args:
            checkpoint: A checkpoint's name or number; ``None`` for all.
            layer: A layer; ``None`` for all.

        Returns:
            Positions, ascending.

        Raises:
            ValueError: If there is no such checkpoint or layer.
        """
        wanted = np.ones(len(self.layer_of), dtype=bool)
        if checkpoint is not None:
            wanted &= self.checkpoint_of == self._number_of(checkpoint)
        if layer is not None:
            wanted &= self.layer_of == _position(layer, self.layers, "layer")
        return np.flatnonzero(wanted)

    # -- Findings ---------------------------------------------------------------------------------------------------

    def specificity(self, measure: str | None = None, checkpoints: Sequence[str | int] | None = None) -> Specificity:
        """Whether the same layer of different checkpoints is nearer than different layers of one checkpoint.

        Args:
            measure: A measure, with or without its homology dimension.
            checkpoints: Which ones to look at; by default the last one of each run if there are several runs, else all.

        Returns:
            The distances of both kinds.

        Raises:
            ValueError: If there is no such checkpoint or measure.
        """
        numbers = self._ends() if checkpoints is None else [self._number_of(name) for name in checkpoints]
        rows = np.flatnonzero(np.isin(self.checkpoint_of, numbers))
        same, different, by_layer = specificity(
            self.matrix(measure)[np.ix_(rows, rows)], self.checkpoint_of[rows], self.layer_of[rows]
        )
        names = tuple(self.checkpoints[number].name for number in numbers)
        return Specificity(same, different, {self.layers[i]: means for i, means in by_layer.items()}, names)

    def settling(self, measure: str | None = None) -> list[Settling]:
        """When each layer of each run came to stay within noise of its last checkpoint.

        Args:
            measure: A measure, with or without its homology dimension.

        Returns:
            One entry per run with several checkpoints and per layer of its last one, earliest first. None for a layer
            without a noise floor.

        Raises:
            ValueError: If there is no such measure.
        """
        matrix, floor = self.matrix(measure), self.floor(measure)
        found = []
        for run in self.runs:
            numbers = [number for number, checkpoint in enumerate(self.checkpoints) if checkpoint.run == run]
            in_run = np.isin(self.checkpoint_of, numbers)
            for layer in np.unique(self.layer_of[self.checkpoint_of == numbers[-1]]):
                rows = np.flatnonzero(in_run & (self.layer_of == layer))
                if len(rows) < 2:
                    continue
                if np.isnan(floor[rows[:-1], rows[-1]]).any():  # without a floor nothing can be said
                    continue
                steps = np.array([self.checkpoints[number].step for number in self.checkpoint_of[rows]])
                away, limit = matrix[rows, rows[-1]], floor[rows, rows[-1]]
                found.append(Settling(run, self.layers[layer], steps, away, limit, settled_from(away, limit)))
        return sorted(found, key=lambda entry: entry.step)

    def permutation_test(
        self,
        layer: str,
        first: Sequence[str | int],
        second: Sequence[str | int],
        measure: str | None = None,
        *,
        n_permutations: int = 9999,
        seed: int = 0,
    ) -> PermutationTest:
        """Whether a layer differs between two groups of checkpoints, such as the seeds of two ways of training.

        Args:
            layer: The layer.
            first: At least two checkpoints, independent of each other: different seeds, not epochs of one run.
            second: At least two others.
            measure: A measure, with or without its homology dimension.
            n_permutations: How many random divisions to draw where there are more than that.
            seed: Seed of the draw.

        Returns:
            The test.

        Raises:
            ValueError: If there is no such layer, checkpoint or measure, or a group is too small.
        """
        groups = [
            [int(self.rows(checkpoint=name, layer=layer)[0]) for name in group if self._has(name, layer)]
            for group in (first, second)
        ]
        return permutation_test(self.matrix(measure), *groups, n_permutations=n_permutations, seed=seed)

    def map(self, measure: str | None = None) -> NDArray[np.float64]:
        """(N, 2) places of all points on a map, by classical multidimensional scaling; NaN for points at NaN."""
        matrix = self.matrix(measure)
        there = np.isfinite(np.diagonal(matrix))
        places = np.full((len(matrix), 2), np.nan)
        places[there] = classical_mds(matrix[np.ix_(there, there)])
        return places

    # -- Tables and files -------------------------------------------------------------------------------------------

    def table(self) -> dict[str, Any]:
        """One row per point: column to N values."""
        checkpoints = [self.checkpoints[number] for number in self.checkpoint_of]
        columns: dict[str, Any] = {
            name: [getattr(checkpoint, name) for checkpoint in checkpoints] for name in ("run", "step", "epoch")
        }
        columns = {"checkpoint": [checkpoint.name for checkpoint in checkpoints], **columns}
        columns["layer"] = [self.layers[number] for number in self.layer_of]
        previous, last = self._neighbours_in_time()
        at = np.arange(len(previous))
        for key, matrix in self.distances.items():
            columns[f"noise_{key}"] = self.noise[key]
            columns[f"from_previous_{key}"] = np.where(previous < 0, np.nan, matrix[at, previous])
            columns[f"from_last_{key}"] = np.where(last < 0, np.nan, matrix[at, last])
        return columns | dict(self.statistics)

    def pairs_table(self) -> dict[str, Any]:
        """One row per pair of points: column to N (N - 1) / 2 values."""
        rows, columns = np.triu_indices(len(self.layer_of), 1)
        names = np.array([checkpoint.name for checkpoint in self.checkpoints], dtype=object)
        layers = np.array(self.layers, dtype=object)
        table: dict[str, Any] = {}
        for label, side in (("a", rows), ("b", columns)):
            table[f"checkpoint_{label}"] = list(names[self.checkpoint_of[side]])
            table[f"layer_{label}"] = list(layers[self.layer_of[side]])
        for key, matrix in self.distances.items():
            table[key] = matrix[rows, columns]
            table[f"noise_{key}"] = np.fmax(self.noise[key][rows], self.noise[key][columns])
        return table

    def to_dataframe(self, pairs: bool = False) -> Any:
        """A pandas DataFrame of ``table()``, or of ``pairs_table()``.

        Raises:
            ModuleNotFoundError: If pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("`to_dataframe` needs pandas: pip install pandas") from error
        return pandas.DataFrame(self.pairs_table() if pairs else self.table())

    def to_csv(self, path: str | os.PathLike[str], pairs: bool = False) -> Path:
        """Write ``table()``, or ``pairs_table()``, as comma-separated values.

        Raises:
            OSError: If the file cannot be written.
        """
        table = self.pairs_table() if pairs else self.table()
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(table)
            writer.writerows(zip(*table.values(), strict=True))
        return Path(path)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything to one ``.npz`` file, atomically and without pickled objects.

        Raises:
            OSError: If the file cannot be written; no partial file stays behind.
        """
        facts = {
            "schema": COMPARISON_SCHEMA,
            "checkpoints": [asdict(checkpoint) for checkpoint in self.checkpoints],
            "layers": self.layers,
            "homology_dims": self.homology_dims,
            "problems": dict(self.problems),
            "left_out": dict(self.left_out),
            "options": dict(self.options),
        }
        arrays: dict[str, NDArray[Any]] = {"facts": np.array(json.dumps(facts))}
        arrays |= {name: getattr(self, name) for name in ("checkpoint_of", "layer_of", "sample_ids")}
        for name in _TABLES:
            arrays |= {f"{name}/{key}": value for key, value in getattr(self, name).items()}
        return save_arrays(path, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Comparison:
        """Read a comparison; nothing is ever unpickled.

        Args:
            path: A file written by ``save``, or the folder that ``topocallback compare`` wrote.

        Returns:
            The comparison, equal to the saved one in every value.

        Raises:
            ValueError: If the file is no whole comparison, or comes from a newer version of the package.
            OSError: If the file cannot be opened.
        """
        file = Path(path) / "comparison.npz" if Path(path).is_dir() else Path(path)
        try:
            with open(file, "rb") as opened, np.load(opened, allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in archive.files}
            facts = json.loads(str(arrays.pop("facts")))
            if facts["schema"] > COMPARISON_SCHEMA:
                raise ValueError(f"schema {facts['schema']}, from a newer version of topocallback")
            return cls._from_arrays(facts, arrays)
        except OSError:
            raise
        except Exception as error:  # what NumPy, zipfile, zlib and json raise on damaged files has no common base
            raise ValueError(f"Expected a comparison in {file}, got a damaged or foreign file ({error}).") from error

    @classmethod
    def _from_arrays(cls, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Comparison:
        tables: dict[str, Any] = {
            name: {key.partition("/")[2]: value for key, value in arrays.items() if key.startswith(f"{name}/")}
            for name in _TABLES
        }
        return cls(
            checkpoints=tuple(Checkpoint(**checkpoint) for checkpoint in facts["checkpoints"]),
            layers=tuple(facts["layers"]),
            homology_dims=tuple(facts["homology_dims"]),
            problems=facts["problems"],
            left_out=facts["left_out"],
            options=facts["options"],
            checkpoint_of=arrays["checkpoint_of"],
            layer_of=arrays["layer_of"],
            sample_ids=arrays["sample_ids"],
            **tables,
        )

    def plot(self, what: str = "distances", measure: str | None = None) -> Figure:
        """A figure of the comparison.

        Args:
            what: ``"distances"``, ``"map"``, ``"specificity"`` or ``"settling"``.
            measure: A measure, with or without its homology dimension.

        Returns:
            A matplotlib figure.

        Raises:
            ValueError: If there is no such figure or measure, or nothing to draw in it.
        """
        from topocallback.views.comparison import FIGURES

        if what not in FIGURES:
            raise ValueError(f"Expected `what` to be one of {tuple(FIGURES)}, got {what!r}.")
        return FIGURES[what](self, measure)

    # -- Looking up -------------------------------------------------------------------------------------------------

    def _of(self, table: Mapping[str, NDArray[np.float64]], measure: str | None) -> NDArray[np.float64]:
        name = self.measure_names[0] if measure is None else measure
        if name in table:
            return table[name]
        if name not in self.measure_names:
            known = [*self.measure_names, *table]
            raise ValueError(f"Expected `measure` to be one of {known}, got {measure!r}.")
        return np.asarray(np.sum([table[f"{name}_H{dim}"] for dim in self.homology_dims], axis=0))

    def _number_of(self, checkpoint: str | int) -> int:
        names = [known.name for known in self.checkpoints]
        if isinstance(checkpoint, str):
            return _position(checkpoint, names, "checkpoint")
        if not -len(names) <= checkpoint < len(names):
            raise ValueError(f"Expected `checkpoint` to be below {len(names)}, got {checkpoint}.")
        return int(checkpoint) % len(names)

    def _has(self, checkpoint: str | int, layer: str) -> bool:
        return bool(len(self.rows(checkpoint=checkpoint, layer=layer)))

    def _ends(self) -> list[int]:
        """The last checkpoint of each run, or all checkpoints of a single run."""
        if len(self.runs) < 2:
            return list(range(len(self.checkpoints)))
        last = {checkpoint.run: number for number, checkpoint in enumerate(self.checkpoints)}
        return sorted(last.values())

    def _neighbours_in_time(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(N,) the same layer in the run's previous and last checkpoint, -1 for none."""
        lines: dict[tuple[str, int], list[int]] = {}
        for point, (number, layer) in enumerate(zip(self.checkpoint_of, self.layer_of, strict=True)):
            lines.setdefault((self.checkpoints[number].run, int(layer)), []).append(point)
        previous, last = np.full(len(self.layer_of), -1), np.full(len(self.layer_of), -1)
        for line in lines.values():
            previous[line[1:]] = line[:-1]
            last[line] = line[-1]
        return previous, last


def _position(name: str, names: Iterable[str], what: str) -> int:
    known = list(names)
    if name not in known:
        closest = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[:3]
        raise ValueError(f"Expected `{what}` to be one of {len(known)} {what}s, got {name!r}. Closest: {closest}.")
    return known.index(name)
