"""The sliced Wasserstein distance between persistence diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import check_option
from topocallback.measures.topology.diagrams import Diagram, essential_births, finite_bars
from topocallback.measures.topology.distance import DiagramDistance

__all__ = ["SlicedWasserstein"]


@dataclass(frozen=True)
class SlicedWasserstein(DiagramDistance):
    r"""Sliced Wasserstein distance between persistence diagrams.

    Over M directions :math:`\theta_i = \pi (1/2 + i/M)`, each diagram is joined with the orthogonal projections of the
    other one on the diagonal, both are projected on the direction, and

    .. math:: SW(D, E) = \frac{1}{M} \sum_i \| \mathrm{sort}(V_i) - \mathrm{sort}(W_i) \|_1 .

    Exact for the given directions, and equal to persim's ``sliced_wasserstein`` up to the latter's float32 directions.

    Args:
        homology_dim: The homology dimension; see ``DiagramDistance``.
        n_directions: M, at least 1. Purvine et al. use 50.
        essential: Whether to add the distance between the essential classes' births, matched in order; ``inf`` where
            their numbers differ.

    Raises:
        ValueError: If ``n_directions`` is no integer of at least 1.

    References:
        Carriere, Cuturi and Oudot, "Sliced Wasserstein kernel for persistence diagrams" (ICML 2017), algorithm 1; for
        layers of a network, Purvine et al. (AAAI 2023).

    Example:
        >>> round(SlicedWasserstein().of_diagrams([(0, 1), (0.5, 2)], [(0.1, 1.1)]), 6)
        0.79202
    """

    label: ClassVar[str] = "Sliced Wasserstein distance"
    cost: ClassVar[str] = "n log n"
    paper: ClassVar[str] = "Carriere, Cuturi and Oudot (ICML 2017)"

    n_directions: int = 50
    essential: bool = False

    def __post_init__(self) -> None:
        check_option(
            self, "n_directions", lambda n: isinstance(n, (int, np.integer)) and n >= 1, "an integer of at least 1"
        )

    def prepare_diagram(self, diagram: Diagram) -> _Projection:
        """The diagram seen along every direction, sorted."""
        return _project(diagram, self.n_directions, self.essential)

    def between(self, first: _Projection, second: _Projection) -> float:
        """Mean over the directions of the L1 distance between the two sorted unions.

        Sorting a row made of two sorted runs is a merge for the stable sort: 0.6 ms against 1.7 ms for the default sort
        on 50 x 2000 values, even with AVX-512. Binning the projections instead would be faster still but only bounds
        the distance from below (by 2 % on average and 17 % at worst with 512 bins on diagrams of real activations).
        """
        if len(first.essential) != len(second.essential):
            return float("inf")
        ours = np.concatenate([first.points, second.diagonal], axis=1)
        theirs = np.concatenate([second.points, first.diagonal], axis=1)
        ours.sort(axis=1, kind="stable")
        theirs.sort(axis=1, kind="stable")
        ours -= theirs
        np.abs(ours, out=ours)
        return float(ours.sum() / len(ours) + np.abs(first.essential - second.essential).sum())

    def likeness(
        self, first: Sequence[_Projection], second: Sequence[_Projection] | None = None, n_threads: int = 1
    ) -> NDArray[np.floating]:
        r"""The mean over the directions of :math:`\int \phi_A \phi_B`: see ``_features``."""
        layers = [*first, *(second or ())]
        levels = np.array([_level(layer) for layer in layers])
        rows = np.arange(len(first))
        columns = rows if second is None else np.arange(len(first), len(layers))
        alike = np.zeros((len(rows), len(columns)), dtype=np.float32)
        # A pair is seen on the grid of the larger of its two diagrams, so that no third one changes what it gives.
        of_pair = np.maximum.outer(levels[rows], levels[columns])
        for level in np.unique(of_pair):
            at = np.flatnonzero(levels <= level)
            features = np.zeros((len(layers), self.n_directions * _CELLS), dtype=np.float32)
            features[at] = _features([layers[i] for i in at], 2.0**level)
            alike = np.where(of_pair == level, features[rows] @ features[columns].T, alike)
        return alike


@dataclass(frozen=True)
class _Projection:
    """A diagram seen along M directions: its points, and their projections on the diagonal, each row sorted."""

    points: NDArray[np.float64]
    diagonal: NDArray[np.float64]
    essential: NDArray[np.float64]


def _project(diagram: Diagram, n_directions: int, essential: bool) -> _Projection:
    bars = finite_bars(diagram)
    angles = np.pi * (0.5 + np.arange(n_directions) / n_directions)
    cosines, sines = np.cos(angles), np.sin(angles)
    points = np.outer(cosines, bars[:, 0]) + np.outer(sines, bars[:, 1])
    points.sort(axis=1)
    # One sort serves every direction: (m, m) projects to m (cos + sin), which keeps or reverses the order.
    factors = cosines + sines
    middles = np.sort(bars.mean(axis=1))
    diagonal = np.outer(factors, middles)
    diagonal[factors < 0] = diagonal[factors < 0, ::-1]
    return _Projection(points, diagonal, essential_births(diagram) if essential else np.empty(0))


# -- The likeness of two diagrams ------------------------------------------------------------------------------------

_CELLS = 64


def _level(layer: _Projection) -> int:
    """The power of two that no finite death exceeds; the first direction is upwards."""
    largest = float(layer.points[0].max(initial=0.0))
    return int(np.ceil(np.log2(largest))) if largest > 0 else -1074


def _features(layers: Sequence[_Projection], reach: float) -> NDArray[np.float32]:
    r"""(layers, directions x cells) :math:`\phi_\theta(x)` as means over cells, the same cells for all.

    :math:`\phi_\theta(x)` is the number of a diagram's points whose projection on :math:`\theta` is at most x, less that
    of their projections on the diagonal. The sliced Wasserstein distance is the mean over :math:`\theta` of
    :math:`\int |\phi_A - \phi_B|`. Means over cells instead of values at their edges: a cell then knows where in it a
    point lies.

    Args:
        layers: The diagrams.
        reach: No birth and no finite death exceeds it.
    """
    n_directions = len(layers[0].points)
    angles = np.pi * (0.5 + np.arange(n_directions) / n_directions)
    cosines, sines = np.cos(angles), np.sin(angles)
    low = reach * (np.minimum(cosines, 0) + np.minimum(sines, 0))
    width = reach * (np.abs(cosines) + np.abs(sines)) / _CELLS
    features = np.empty((len(layers), n_directions, _CELLS), dtype=np.float32)
    for feature, layer in zip(features, layers, strict=True):
        found = _cell_means(layer.points, low, width) - _cell_means(layer.diagonal, low, width)
        feature[:] = found * np.sqrt(width / n_directions)[:, None]
    return features.reshape(len(layers), -1)


def _cell_means(
    places: NDArray[np.float64], low: NDArray[np.float64], width: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(directions, cells) how many places are at most x, as means over the cells of each direction."""
    in_cells = (places - low[:, None]) / width[:, None]
    cell = np.minimum(in_cells.astype(np.int64), _CELLS - 1)
    share = in_cells - cell  # of its cell that lies before it
    at = cell + (_CELLS + 1) * np.arange(len(places))[:, None]
    size = (_CELLS + 1) * len(places)
    steps = np.bincount(at.ravel(), 1 - share.ravel(), size) + np.roll(np.bincount(at.ravel(), share.ravel(), size), 1)
    return np.cumsum(steps.reshape(len(places), _CELLS + 1), axis=1)[:, :_CELLS]
