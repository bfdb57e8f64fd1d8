"""Snapshots that can be compared with each other, and the comparison that they make."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from topocallback.analysis.layers import layer_facts
from topocallback.analysis.options import AnalysisOptions
from topocallback.compare.blocks import Distances, all_distances
from topocallback.compare.store import Store
from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts
from topocallback.records.classes import is_missing
from topocallback.records.comparison import Checkpoint, Comparison
from topocallback.records.point_clouds import PointClouds
from topocallback.records.recorded import differences, told
from topocallback.records.results import DistanceTable, Results, StatisticTable, Table
from topocallback.records.snapshot import Snapshot

__all__ = ["ComparableSnapshots", "in_one_line"]


@dataclass
class ComparableSnapshots:
    """Snapshots that can be compared with each other, and what was left out.

    Attributes:
        checkpoints: Where each snapshot comes from.
        snapshots: The snapshots.
        clouds: The clouds behind each snapshot, where a measure needs more than diagrams; else ``None``.
        left_out: File or model to a sentence, for what cannot be compared.
        problems: What was measured on less than asked for, in a sentence each.
    """

    checkpoints: list[Checkpoint] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    clouds: list[PointClouds | None] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    _places: list[tuple[str, int, int]] = field(default_factory=list)  # run, step and epoch, as they came

    @property
    def reference(self) -> str:
        """The first snapshot, with which all others are held."""
        return self.checkpoints[0].path or self.checkpoints[0].name

    def leave_out(self, name: str, message: str) -> None:
        """Note, and warn, that something cannot be compared; the message names it."""
        self.left_out[name] = message
        warnings.warn(f"Left out {message}", UserWarning, stacklevel=4)

    def add(self, checkpoint: Checkpoint, snapshot: Snapshot, clouds: PointClouds | None = None) -> None:
        """Take a snapshot in, unless it cannot be compared with the first one, or is the twin of one there already.

        A twin, such as `last.ckpt`, would be at distance 0, and settle every layer. Different models at one step of one
        run are files of one folder that do not tell their step, or seeds of equal length: each is a run of its own.

        Raises:
            ValueError: If another run was recorded otherwise, so that its numbers do not mean the same.
        """
        if self.snapshots and not self._is_alike(checkpoint, snapshot):
            return
        place = (checkpoint.run, checkpoint.step, checkpoint.epoch)
        there = [i for i, earlier in enumerate(self._places) if earlier == place]
        if twins := [i for i in there if _are_twins(self.snapshots[i], snapshot)]:
            other = self.checkpoints[twins[0]].path
            self.problems[checkpoint.name] = (
                f"{checkpoint.path} is of the same run and step as {other}; it counts once."
            )
            return
        self._places.append(place)
        if there:
            checkpoint = dataclasses.replace(checkpoint, run=checkpoint.name)
        self.checkpoints.append(checkpoint)
        self.snapshots.append(snapshot)
        self.clouds.append(clouds)
        self.problems |= {f"{checkpoint.name}: {layer}": text for layer, text in snapshot.problems.items()}

    def check_common_layers(self) -> None:
        """Refuse several runs that have no layer in common: none could be compared with itself."""
        if not self.snapshots:
            raise ValueError(f"Expected at least one readable snapshot, got none. {in_one_line(self.left_out)}")
        by_run: dict[str, set[str]] = {}
        for checkpoint, snapshot in zip(self.checkpoints, self.snapshots, strict=True):
            by_run.setdefault(checkpoint.run, set()).update(snapshot.layers)
        if len(by_run) > 1 and not any(
            layer in others
            for run, own in by_run.items()
            for other, others in by_run.items()
            if other != run
            for layer in own
        ):
            have = "; ".join(f"{run} has {sorted(layers)[:5]}" for run, layers in by_run.items())
            raise ValueError(f"Expected runs with a layer in common, got none: {have}.")

    def compare(
        self, options: AnalysisOptions, described: dict[str, Any], store: Store, n_jobs: int | None, progress: bool
    ) -> Comparison:
        """The comparison of all snapshots, run by run in the order of their steps."""
        runs = list(dict.fromkeys(checkpoint.run for checkpoint in self.checkpoints))
        order = sorted(
            range(len(self.checkpoints)),
            key=lambda i: (runs.index(self.checkpoints[i].run), self.checkpoints[i].step, self.checkpoints[i].epoch),
        )
        checkpoints, snapshots = [self.checkpoints[i] for i in order], [self.snapshots[i] for i in order]
        clouds = [self.clouds[i] for i in order]
        layers = tuple(dict.fromkeys(layer for snapshot in snapshots for layer in snapshot.layers))
        points = [(c, layer) for c, snapshot in enumerate(snapshots) for layer in snapshot.layers]
        n_points = np.concatenate([snapshot.n_points for snapshot in snapshots])
        there = np.flatnonzero(n_points)  # a layer without any finite point has NaN for every distance
        distances = []
        for distance in options.distances:
            about = distance.describe(options.length)
            recorded = [snapshot.distances.get(about.key) for snapshot in snapshots]
            known = {name: _joined(snapshots, recorded, name) for name in ("noise", "sizes")}
            found = Distances(*np.full((len(Distances._fields), len(points), len(points)), np.nan))
            try:
                facts = _facts(snapshots, clouds, distance, options)
                among = _among([facts[i] for i in there], distance, store, n_jobs, about.title if progress else None)
                for matrix, values in zip(found, among, strict=True):
                    matrix[np.ix_(there, there)] = values
            except Exception as error:  # as in a snapshot, a measure that fails costs itself and no other
                self.problems[about.title] = f"It could not be measured. {type(error).__name__}: {error}"
                warnings.warn(f"{about.title}: {self.problems[about.title]}", UserWarning, stacklevel=3)
            distances.append(DistanceTable(about, **found._asdict(), **known))
        return Comparison(
            checkpoints=tuple(checkpoints),
            layers=layers,
            checkpoint_of=np.array([c for c, _ in points], dtype=np.int64),
            layer_of=np.array([layers.index(layer) for _, layer in points], dtype=np.int64),
            homology_dims=tuple(options.homology_dims),
            n_points=n_points,
            distances=Results(distances),
            statistics=Results(_statistics(snapshots)),
            sample_ids=snapshots[0].sample_ids,
            problems=self.problems,
            left_out=self.left_out,
            options=described,
        )

    def _is_alike(self, checkpoint: Checkpoint, snapshot: Snapshot) -> bool:
        """Whether a snapshot can be compared with the first one; what differs is named."""
        first, name = self.checkpoints[0], checkpoint.path or checkpoint.name
        own_run = checkpoint.run == first.run
        names = (first.name, checkpoint.name) if own_run else (first.run, checkpoint.run)
        found = differences(self.snapshots[0], snapshot)
        if found.meaning and own_run:  # somebody has gone on with it under other options
            self.leave_out(name, f"{name}: it was recorded otherwise: {told(found.meaning, *names)}.")
            return False
        if found.meaning:
            raise ValueError(
                f"Expected runs that were recorded alike, got others: {told(found.meaning, *names)}. Their numbers do "
                "not mean the same: compare each with runs of its kind, or record them again alike."
            )
        if difference := self._difference(snapshot):
            self.leave_out(name, f"{name}: cannot be compared with {self.reference}: {difference}.")
            return False
        about = f"recorded otherwise: {checkpoint.run}"
        if found.minor and about not in self.problems:
            self.problems[about] = f"{told(found.minor, *names)}."
            warnings.warn(f"Not recorded alike: {self.problems[about]}", UserWarning, stacklevel=4)
        return True

    def _difference(self, snapshot: Snapshot) -> str:
        """What keeps a snapshot that was recorded alike from being compared with the first one, or an empty text."""
        first = self.snapshots[0]
        ours, theirs = list(snapshot.homology_dims), list(first.homology_dims)
        found = [] if ours == theirs else [f"its homology_dims is {ours!r} instead of {theirs!r}"]
        if not np.array_equal(first.sample_ids, snapshot.sample_ids):
            common = len(np.intersect1d(first.sample_ids, snapshot.sample_ids))
            counts = f"{len(snapshot.sample_ids)} instead of {len(first.sample_ids)}, {common} of them in common"
            found.append(f"it saw other samples ({counts})")
        elif first.labels is not None and snapshot.labels is not None and _differ(first.labels, snapshot.labels):
            found.append("its samples have other labels, so they come from other data")
        return "; ".join(found)


def _are_twins(first: Snapshot, second: Snapshot) -> bool:
    """Whether two snapshots show the same state of the same model."""
    return first.layers == second.layers and all(
        np.array_equal(mine, theirs)
        for layer in first.layers
        for mine, theirs in zip(first.diagrams[layer], second.diagrams[layer], strict=True)
    )


def _facts(
    snapshots: Sequence[Snapshot],
    clouds: Sequence[PointClouds | None],
    distance: Distance,
    options: AnalysisOptions,
) -> list[LayerFacts]:
    """All points as the distance sees them: by their diagrams, which snapshots hold, or by their clouds."""
    if distance.from_diagrams:
        return [
            LayerFacts.of_diagrams(snapshot.diagrams[layer], snapshot.homology_dims, snapshot.parts.get(layer))
            for snapshot in snapshots
            for layer in snapshot.layers
        ]
    there = [found for found in clouds if found is not None]
    return [layer_facts(found, layer, options) for found in there for layer in found.layers]


def _among(
    facts: Sequence[LayerFacts], distance: Distance, store: Store, n_jobs: int | None, label: str | None
) -> Distances:
    """One distance among all points."""
    with tqdm(desc=label, disable=label is None, unit="block") as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return all_distances(facts, distance, store=store, n_jobs=n_jobs, advance=advance)


def _statistics(snapshots: Sequence[Snapshot]) -> list[StatisticTable]:
    """Every statistic that some snapshot has, of all points."""
    found = {table.about.key: table.about for snapshot in snapshots for table in snapshot.statistics.values()}
    tables = {key: [snapshot.statistics.get(key) for snapshot in snapshots] for key in found}
    return [
        StatisticTable(about, *[_joined(snapshots, tables[key], name) for name in ("values", "errors")])
        for key, about in found.items()
    ]


def _joined(snapshots: Sequence[Snapshot], tables: Sequence[Table | None], name: str) -> NDArray[np.float64]:
    """A field of one table of each snapshot, with a number per layer, in one row; NaN where there is no such table."""
    return np.concatenate(
        [
            np.full(len(snapshot.layers), np.nan) if table is None else getattr(table, name)
            for snapshot, table in zip(snapshots, tables, strict=True)
        ]
    )


def _differ(first: NDArray[Any], second: NDArray[Any]) -> bool:
    """Whether samples have other labels; a label that is missing is the same as another one that is."""
    return not ((first == second) | (is_missing(first) & is_missing(second))).all()


def in_one_line(messages: Mapping[str, str]) -> str:
    """What was left out, in one line."""
    return " ".join(messages.values())
