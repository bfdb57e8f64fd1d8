"""Comparison: how far apart all layers of all checkpoints are, and what that says."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.archive import comparison_path
from topocallback.records.compared_points import Checkpoint, ComparedPoints
from topocallback.records.comparison_tables import as_dataframe, pairs_table, points_table, write_csv
from topocallback.records.expected import Expected, take_all
from topocallback.records.html import html_table
from topocallback.records.multidimensional_scaling import map_of
from topocallback.records.paths import as_path
from topocallback.records.permutation import PermutationTest, permutation_test
from topocallback.records.results import DistanceTable, Results, StatisticTable, UnknownResultError
from topocallback.records.schema import Stored, load_record, save_record
from topocallback.records.schema1 import comparison_from_schema1
from topocallback.records.settling import Settling, settling
from topocallback.records.specificity import Specificity, specificity
from topocallback.records.tables import DISTANCES, STATISTICS

__all__ = ["Checkpoint", "Comparison"]

_ARRAYS = {
    "layer_of": Expected("iu", ("points",), index_of="layers"),
    "checkpoint_of": Expected("iu", ("points",), index_of="checkpoints"),
    "n_points": Expected("iu", ("points",), low=0, high=2**53),
    "sample_ids": Expected("iu", ("samples",), low=0),
}


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(ComparedPoints):
    """How far apart all layers of all checkpoints are, on the same samples.

    With N points, each one layer of one checkpoint, ordered by checkpoint and then by layer. Wherever a question is
    asked of a ``measure``, a name with a ``homology_dim`` is one table of ``distances``; a name alone is the measure's
    table in H1, or its first if it has no H1; without a name it is the first measure.

    Attributes:
        checkpoints: The checkpoints; those of one run stand together, in the order of their steps.
        layers: All layers' names.
        checkpoint_of: (N,) the number of each point's checkpoint.
        layer_of: (N,) the number of each point's layer.
        homology_dims: The homology dimensions.
        n_points: (N,) how many finite points each layer's cloud has; 0 for one that had none, whose numbers are NaN.
        distances: ``distances["sliced_wasserstein", 1]`` has ``matrix`` and ``p_values`` (N, N) and ``noise`` (N,) of
            one measure in one homology dimension; see ``DistanceTable``.
        statistics: ``statistics["bars", 1].values`` is (N,); see ``StatisticTable``.
        sample_ids: (n,) indices of the samples, the same for every checkpoint.
        problems: What was measured on less than asked for, in a sentence each.
        left_out: File or model to a sentence, for what could not be compared.
        options: What was asked for.

    Example:
        >>> from topocallback.records.results import Description
        >>> places = np.array([0.0, 10.0, 1.0, 10.5])
        >>> about = Description("sliced_wasserstein", 1, "Sliced Wasserstein distance")
        >>> comparison = Comparison(
        ...     (Checkpoint("a", "a"), Checkpoint("b", "b")), ("stem", "head"),
        ...     np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), (1,), np.full(4, 50),
        ...     Results([DistanceTable(about, abs(places[:, None] - places), np.full(4, 0.7))]),
        ... )
        >>> comparison
        Comparison(2 checkpoints, 2 layers, measures: sliced_wasserstein)
        >>> comparison.over_checkpoints("stem", "sliced_wasserstein", 1)
        array([[0., 1.],
               [1., 0.]])
        >>> round(comparison.specificity().ratio, 2)
        13.0
    """

    homology_dims: tuple[int, ...]
    n_points: NDArray[np.int64]
    distances: Results[DistanceTable]
    statistics: Results[StatisticTable] = field(default_factory=Results)
    sample_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    problems: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"Comparison({len(self.checkpoints)} checkpoints, {len(self.layers)} layers, "
            f"measures: {', '.join(self.distances.measures) or 'none'})"
        )

    def _repr_html_(self) -> str:
        counts = np.full((len(self.checkpoints), len(self.layers)), "", dtype=object)
        counts[self.checkpoint_of, self.layer_of] = self.n_points
        rows = [(checkpoint.name, *row) for checkpoint, row in zip(self.checkpoints, counts, strict=True)]
        notes = [f"{table.about.title} ({table.about.unit or 'no unit'})" for table in self.distances.values()]
        notes += [f"Left out: {sentence}" for sentence in self.left_out.values()]
        return html_table(f"{self!r}: points of each layer", ["checkpoint", *self.layers], rows, notes)

    # -- Matrices ---------------------------------------------------------------------------------------------------

    def table_of(self, measure: str | None = None, homology_dim: int | None = None) -> DistanceTable:
        """The table that a question is asked of, with all that is known of its distances; see ``Results.choose``.

        Raises:
            ValueError: If the measure was not taken.
        """
        try:
            return self.distances.choose(measure, homology_dim)
        except UnknownResultError as error:
            raise ValueError(str(error)) from error

    def matrix(self, measure: str | None = None, homology_dim: int | None = None) -> NDArray[np.float64]:
        """(N, N) distances of a measure.

        Args:
            measure: The measure's name; by default the first one's.
            homology_dim: The homology dimension; by default 1, or the measure's first if it has no H1.

        Raises:
            ValueError: If it was not taken.
        """
        return self.table_of(measure, homology_dim).matrix

    def over_checkpoints(
        self, layer: str, measure: str | None = None, homology_dim: int | None = None
    ) -> NDArray[np.float64]:
        """One layer over checkpoints: (k, k) distances among the k checkpoints that have it.

        Raises:
            ValueError: If there is no such layer or measure.
        """
        rows = self.rows(layer=layer)
        return self.matrix(measure, homology_dim)[np.ix_(rows, rows)]

    def over_layers(
        self, checkpoint: str | int, measure: str | None = None, homology_dim: int | None = None
    ) -> NDArray[np.float64]:
        """One checkpoint over its layers: (l, l) distances, bit for bit those in its ``Snapshot``.

        Raises:
            ValueError: If there is no such checkpoint or measure.
        """
        return self.between(checkpoint, checkpoint, measure, homology_dim)

    def between(
        self, first: str | int, second: str | int, measure: str | None = None, homology_dim: int | None = None
    ) -> NDArray[np.float64]:
        """Every layer of one checkpoint (rows) against every layer of another (columns).

        Raises:
            ValueError: If there is no such checkpoint or measure.
        """
        rows, columns = self.rows(checkpoint=first), self.rows(checkpoint=second)
        return self.matrix(measure, homology_dim)[np.ix_(rows, columns)]

    # -- What they say ----------------------------------------------------------------------------------------------

    def specificity(
        self,
        measure: str | None = None,
        homology_dim: int | None = None,
        checkpoints: Sequence[str | int] | None = None,
    ) -> Specificity:
        """Whether the same layer of different checkpoints is nearer than different layers of different checkpoints.

        Args:
            measure: The measure's name; by default the first one's.
            homology_dim: The homology dimension; by default 1, or the measure's first if it has no H1.
            checkpoints: Which ones to look at; by default the last one of each run if there are several runs, else all.

        Returns:
            The distances of both kinds, and what they say.

        Raises:
            ValueError: If there is no such checkpoint or measure.
        """
        numbers = self.ends() if checkpoints is None else [self.number_of(name) for name in checkpoints]
        rows = np.flatnonzero(np.isin(self.checkpoint_of, numbers))
        names = tuple(self.checkpoints[number].name for number in numbers)
        matrix = self.matrix(measure, homology_dim)[np.ix_(rows, rows)]
        return specificity(matrix, self.checkpoint_of[rows], self.layer_of[rows], self.layers, names)

    def settling(self, measure: str | None = None, homology_dim: int | None = None) -> list[Settling]:
        """When each layer of each run came to stay within noise of its last checkpoint.

        Args:
            measure: The measure's name; by default the first one's.
            homology_dim: The homology dimension; by default 1, or the measure's first if it has no H1.

        Returns:
            One entry per run with several checkpoints and per layer of its last one, earliest first. None for a layer
            whose noise is not known.

        Raises:
            ValueError: If there is no such measure.
        """
        return settling(self, self.table_of(measure, homology_dim))

    def permutation_test(
        self,
        layer: str,
        first: Sequence[str | int],
        second: Sequence[str | int],
        measure: str | None = None,
        homology_dim: int | None = None,
        *,
        n_permutations: int = 9999,
        seed: int = 0,
    ) -> PermutationTest:
        """Whether a layer differs between two groups of checkpoints, such as the seeds of two ways of training.

        Args:
            layer: The layer.
            first: At least two checkpoints, independent of each other: different seeds, not epochs of one run.
            second: At least two others.
            measure: The measure's name; by default the first one's.
            homology_dim: The homology dimension; by default 1, or the measure's first if it has no H1.
            n_permutations: How many random divisions to draw where there are more than that.
            seed: Seed of the draw.

        Returns:
            The test.

        Raises:
            ValueError: If there is no such layer, checkpoint or measure, or a group is too small.
        """
        groups = [
            [int(row) for name in group for row in self.rows(checkpoint=name, layer=layer)] for group in (first, second)
        ]
        matrix = self.matrix(measure, homology_dim)
        return permutation_test(matrix, *groups, n_permutations=n_permutations, seed=seed)

    def map(self, measure: str | None = None, homology_dim: int | None = None) -> NDArray[np.float64]:
        """(N, 2) places of all points on a map, by classical multidimensional scaling.

        NaN for a layer that had no point, and for points whose distances are not known.
        """
        return map_of(self.matrix(measure, homology_dim), np.asarray(self.n_points) > 0)

    # -- Tables and files -------------------------------------------------------------------------------------------

    def table(self) -> dict[str, Any]:
        """One row per point: column to N values."""
        return points_table(self, self.distances, self.statistics)

    def pairs_table(self) -> dict[str, Any]:
        """One row per pair of points: column to N (N - 1) / 2 values."""
        return pairs_table(self, self.distances)

    def to_dataframe(self, pairs: bool = False) -> Any:
        """A pandas DataFrame of ``table()``, or of ``pairs_table()``.

        Raises:
            ModuleNotFoundError: If pandas is not installed.
        """
        return as_dataframe(self.pairs_table() if pairs else self.table())

    def to_csv(self, path: str | os.PathLike[str], pairs: bool = False) -> Path:
        """Write ``table()``, or ``pairs_table()``, as comma-separated values.

        Raises:
            OSError: If the file cannot be written.
        """
        return write_csv(self.pairs_table() if pairs else self.table(), path)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything to one ``.npz`` file, atomically and without pickled objects.

        Raises:
            OSError: If the file cannot be written; no partial file stays behind.
        """
        distances, arrays = DISTANCES.take_apart(self.distances)
        statistics, more = STATISTICS.take_apart(self.statistics)
        facts = {
            "checkpoints": [asdict(checkpoint) for checkpoint in self.checkpoints],
            "layers": self.layers,
            "homology_dims": self.homology_dims,
            "distances": distances,
            "statistics": statistics,
            "problems": dict(self.problems),
            "left_out": dict(self.left_out),
            "options": dict(self.options),
        }
        points = {name: getattr(self, name) for name in ("checkpoint_of", "layer_of", "n_points", "sample_ids")}
        return save_record(path, facts, points | arrays | more)

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

        Warns:
            UserWarning: For every table of distances or statistics that is damaged or of a kind unknown to this version
                of the package. It is left out, and the rest is there.
        """
        file = comparison_path(path) if as_path(path).is_dir() else as_path(path)
        return load_record(file, "a comparison", cls._from_stored, comparison_from_schema1)

    @classmethod
    def _from_stored(cls, stored: Stored) -> Comparison:
        facts, arrays = stored.facts, stored.arrays
        checkpoints, layers = facts["checkpoints"], tuple(facts["layers"])
        found = take_all(arrays, _ARRAYS, {"checkpoints": len(checkpoints), "layers": len(layers)})
        count = len(found["layer_of"])
        return cls(
            checkpoints=tuple(map(_checkpoint, checkpoints)),
            layers=layers,
            homology_dims=tuple(facts["homology_dims"]),
            distances=DISTANCES.put_together(facts["distances"], arrays, count, stored.left_out),
            statistics=STATISTICS.put_together(facts["statistics"], arrays, count, stored.left_out),
            problems=facts["problems"],
            left_out=facts["left_out"],
            options=facts["options"],
            **found,
        )


def _checkpoint(found: Mapping[str, Any]) -> Checkpoint:
    """A checkpoint from JSON. What a later version has added to it is passed over."""
    return Checkpoint(**{field.name: found[field.name] for field in fields(Checkpoint) if field.name in found})
