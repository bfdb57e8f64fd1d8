"""The points of a comparison: which layer of which checkpoint each of them is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Checkpoint", "ComparedPoints"]


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


@dataclass(frozen=True, eq=False)
class ComparedPoints:
    """N points, each one layer of one checkpoint, ordered by checkpoint and then by layer.

    Attributes:
        checkpoints: The checkpoints; those of one run stand together, in the order of their steps.
        layers: All layers' names.
        checkpoint_of: (N,) the number of each point's checkpoint.
        layer_of: (N,) the number of each point's layer.

    Example:
        >>> numbers = np.array([0, 0, 1]), np.array([0, 1, 0])
        >>> points = ComparedPoints((Checkpoint("a", "a"), Checkpoint("b", "b")), ("stem", "head"), *numbers)
        >>> points.rows(layer="stem"), points.points[1]
        (array([0, 2]), ('a', 'head'))
    """

    checkpoints: tuple[Checkpoint, ...]
    layers: tuple[str, ...]
    checkpoint_of: NDArray[np.int64]
    layer_of: NDArray[np.int64]

    @property
    def points(self) -> list[tuple[str, str]]:
        """(checkpoint, layer) of the N points."""
        return [
            (self.checkpoints[c].name, self.layers[layer])
            for c, layer in zip(self.checkpoint_of, self.layer_of, strict=True)
        ]

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs, in the order of their checkpoints."""
        return tuple(dict.fromkeys(checkpoint.run for checkpoint in self.checkpoints))

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
            wanted &= self.checkpoint_of == self.number_of(checkpoint)
        if layer is not None:
            wanted &= self.layer_of == _position(layer, self.layers, "layer")
        return np.flatnonzero(wanted)

    def number_of(self, checkpoint: str | int) -> int:
        """The number of a checkpoint, from its name or from a number that may count from the end.

        Raises:
            ValueError: If there is no such checkpoint.
        """
        names = [known.name for known in self.checkpoints]
        if isinstance(checkpoint, str):
            return _position(checkpoint, names, "checkpoint")
        if not -len(names) <= checkpoint < len(names):
            raise ValueError(f"Expected `checkpoint` to be below {len(names)}, got {checkpoint}.")
        return int(checkpoint) % len(names)

    def ends(self) -> list[int]:
        """The numbers of the last checkpoint of each run, or of all checkpoints of a single run."""
        if len(self.runs) < 2:
            return list(range(len(self.checkpoints)))
        last = {checkpoint.run: number for number, checkpoint in enumerate(self.checkpoints)}
        return sorted(last.values())

    def lines(self) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
        """Each layer of each run over time: the run, the layer, and the positions of its points, ascending."""
        run_of = np.array([self.runs.index(checkpoint.run) for checkpoint in self.checkpoints], dtype=np.int64)
        run_of_point = run_of[self.checkpoint_of]
        for number, run in enumerate(self.runs):
            for layer in np.unique(self.layer_of[run_of_point == number]):
                yield run, self.layers[layer], np.flatnonzero((run_of_point == number) & (self.layer_of == layer))

    def neighbours_in_time(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(N,) the same layer in the run's previous and last checkpoint, -1 for none."""
        previous, last = np.full(len(self.layer_of), -1), np.full(len(self.layer_of), -1)
        for _, _, line in self.lines():
            previous[line[1:]] = line[:-1]
            last[line] = line[-1]
        return previous, last


def _position(name: str, names: Iterable[str], what: str) -> int:
    known = list(names)
    if name not in known:
        closest = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[:3]
        raise ValueError(f"Expected `{what}` to be one of {len(known)} {what}s, got {name!r}. Closest: {closest}.")
    return known.index(name)
