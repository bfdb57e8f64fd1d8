"""The sliced Wasserstein distance between persistence diagrams."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import check_option, is_count
from topocallback.measures.facts import LayerFacts
from topocallback.measures.topology.diagrams import Diagram, essential_births, that_die
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
    question: ClassVar[str] = "Do two layers have clusters and loops of the same sizes?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift")
    cost: ClassVar[str] = "n log n"
    paper: ClassVar[str] = "Carriere, Cuturi and Oudot (ICML 2017)"

    n_directions: int = 50
    essential: bool = False

    def __post_init__(self) -> None:
        check_option(self, "n_directions", is_count, "an integer of at least 1")

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

    def size(self, prepared: _Projection) -> float:
        r"""The distance from the empty diagram: of many directions, :math:`\sqrt{2} / \pi` times the total persistence.

        Along a direction all points lie on the same side of their projections on the diagonal, so lengths add up.
        """
        if len(prepared.essential):
            return float("nan")
        return float(np.abs(prepared.points.sum(axis=1) - prepared.diagonal.sum(axis=1)).mean())

    def prepare_part(self, facts: LayerFacts) -> _Seen:
        """The bars that die."""
        return _Seen(facts.bars(self.homology_dim))

    def likeness(
        self, first: Sequence[_Seen], second: Sequence[_Seen] | None = None, n_threads: int = 1
    ) -> NDArray[np.floating]:
        r"""The mean over the directions of :math:`\int \phi_A \phi_B`: see ``_features``."""
        second = first if second is None else second
        # A pair is seen on the grid of the larger of its two diagrams, so that no third one changes what it gives.
        levels, others = (np.array([part.level for part in parts], dtype=np.int64) for parts in (first, second))
        alike = np.zeros((len(first), len(second)))
        for level in np.unique(np.concatenate([levels, others])):
            rows, columns = (np.flatnonzero(each <= level).tolist() for each in (levels, others))
            ours = _see([first[i] for i in rows], int(level), self.n_directions)
            theirs = ours if second is first else _see([second[i] for i in columns], int(level), self.n_directions)
            is_larger = np.maximum.outer(levels[rows], others[columns]) == level
            seen = _products(ours, theirs) * (4.0**level / _FINENESS**2)
            alike[np.ix_(rows, columns)] += np.where(is_larger, seen, 0)
        return alike


@dataclass(frozen=True)
class _Projection:
    """A diagram seen along M directions: its points, and their projections on the diagonal, each row sorted."""

    points: NDArray[np.float64]
    diagonal: NDArray[np.float64]
    essential: NDArray[np.float64]


def _project(diagram: Diagram, n_directions: int, essential: bool) -> _Projection:
    bars = that_die(diagram)
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

# Of 8 directions and 128 cells the test has the power that it has of 16 and of 256: adjacent blocks of 512 samples are
# told apart in 98 % of cases in H0, and in 82 % and 84 % in H1.
_DIRECTIONS_SEEN = 8
_CELLS = 128
# Features are whole numbers, so that products of matrices are exact: otherwise p would depend on the machine's threads.
_FINENESS = 4096.0  # 140 steps for a bar, and exact for up to 10,000 bars of a part
_SQUARE = 12
_EMPTY = -500  # the level of a diagram without bars


@dataclass(frozen=True)
class _Seen:
    """A diagram's (bars, 2) bars that die, and what was seen of them: features by level, see ``_see``."""

    bars: Diagram
    features: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    @functools.cached_property
    def level(self) -> int:
        """The power of four that no death exceeds: of two, twice as many diagrams would have to be seen twice."""
        largest = float(self.bars[:, 1].max(initial=0.0))
        return max(int(np.ceil(np.log2(largest) / 2)), _EMPTY) if largest > 0 else _EMPTY


def _see(parts: Sequence[_Seen], level: int, n_directions: int) -> NDArray[np.float64]:
    """(parts, features) what ``_features`` gives, computed once for each diagram."""
    unseen = [part for part in parts if level not in part.features]
    for part, features in zip(unseen, _features([each.bars for each in unseen], 4.0**level, n_directions), strict=True):
        part.features[level] = features
    return np.array([part.features[level] for part in parts])


def _features(diagrams: Sequence[Diagram], reach: float, n_directions: int) -> NDArray[np.float64]:
    r"""(diagrams, directions x cells) :math:`\phi_\theta(x)` as means over cells, the same cells for all.

    :math:`\phi_\theta(x)` is the number of a diagram's points whose projection on :math:`\theta` is at most x, less
    that of their projections on the diagonal. The sliced Wasserstein distance is the mean over :math:`\theta` of
    :math:`\int |\phi_A - \phi_B|`. Means over cells instead of values at their edges: a cell then knows where in it a
    point lies.

    Args:
        diagrams: The diagrams. What lies beyond ``reach`` is not seen.
        reach: The largest birth or death that is seen.
        n_directions: The distance's directions, of which about 8 are looked along.
    """
    angles = np.pi * (0.5 + np.arange(0, n_directions, max(1, n_directions // _DIRECTIONS_SEEN)) / n_directions)
    cosines, sines = np.cos(angles), np.sin(angles)
    low = reach * (np.minimum(cosines, 0) + np.minimum(sines, 0))
    width = reach * (np.abs(cosines) + np.abs(sines)) / _CELLS
    births, deaths = np.concatenate([np.empty((0, 2)), *diagrams]).T
    owners = np.repeat(np.arange(len(diagrams)), [len(diagram) for diagram in diagrams])
    steps = np.zeros((len(diagrams), len(angles), _CELLS + 2))
    for sign, x, y in ((1, births, deaths), (-1, (births + deaths) / 2, (births + deaths) / 2)):
        places = (np.outer(cosines, x) + np.outer(sines, y) - low[:, None]) / width[:, None]
        steps += sign * _steps(np.clip(places, 0, _CELLS), owners, len(diagrams))
    means = np.cumsum(steps, axis=2)[:, :, :_CELLS]
    weights = np.sqrt(width / (reach * len(angles)))
    return np.rint(_FINENESS * means * weights[:, None]).reshape(len(diagrams), len(angles) * _CELLS)


def _products(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """``ours @ theirs.T``, in squares so small that BLAS does not wake threads, which would spin on after each product.

    Beside the other work of an analysis these took 0.3 s of processor time for 12 layers of 1000 points.
    """
    found = np.empty((len(ours), len(theirs)))
    for i in range(0, len(ours), _SQUARE):
        for j in range(0, i + _SQUARE if theirs is ours else len(theirs), _SQUARE):
            rows, columns = slice(i, i + _SQUARE), slice(j, j + _SQUARE)
            found[rows, columns] = ours[rows] @ theirs[columns].T
            if theirs is ours:  # whole numbers, so the mirror image is exact: 0.20 s in place of 0.38 s
                found[columns, rows] = found[rows, columns].T
    return found


def _steps(places: NDArray[np.float64], owners: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """(count, directions, cells + 2) how a function that grows by 1 at every place grows, as a mean over each cell.

    Args:
        places: (directions, n) in cells from the first one's edge.
        owners: (n,) whose place it is.
        count: How many owners there are.
    """
    cell = places.astype(np.int64)
    share = (places - cell).ravel()  # of its cell that lies before the place
    shape = (count, len(places), _CELLS + 2)
    at = ((owners * len(places) + np.arange(len(places))[:, None]) * shape[2] + cell).ravel()
    found = np.bincount(at, 1 - share, np.prod(shape)) + np.bincount(at + 1, share, np.prod(shape))
    return np.asarray(found.reshape(shape))
