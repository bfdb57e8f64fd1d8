"""Representation topology divergence: which clusters and loops of one layer another one lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.hashing import sample_priorities
from topocallback.measures.base import BehavesAs, Distance, check_option, is_count
from topocallback.measures.centring import check_different_points
from topocallback.measures.facts import LayerFacts
from topocallback.measures.scale import scale_of
from topocallback.measures.topology.diagrams import Diagram
from topocallback.measures.topology.rips import rips_diagrams

__all__ = ["RTD", "cross_barcode"]

_FEWEST = 3
_SEED_OF_TRIALS = 0x727464  # otherwise the first trial could be the samples of smallest priority of all that there are


@dataclass(frozen=True)
class _Trials:
    """A layer's distances, and the points that each trial takes."""

    distances: NDArray[np.float64]
    points: Sequence[NDArray[np.intp]]

    def scaled(self, trial: int) -> NDArray[np.float64]:
        """The distances of a trial's points, divided by their 0.9 quantile."""
        own = self.distances[np.ix_(self.points[trial], self.points[trial])]
        return own / scale_of(own, "quantile", checked=True)


@dataclass(frozen=True)
class RTD(Distance):
    r"""Representation topology divergence: how long clusters and loops last that one layer has and the other lacks.

    .. math:: (|B(A, \min(A, B))| + |B(B, \min(A, B))|) / 2

    with :math:`|B|` the total length of the bars of ``cross_barcode``, and A and B the distances divided by the 0.9
    quantile of those between different samples. It is the mean over trials on disjoint random samples of ``n_points``,
    as many as there are up to ``n_trials``; where there are no more than ``n_points``, all are taken, once. Of all, it
    is never less than ``RTDLite``, which is the part of it that clusters make up. It grows with the number of points.

    Args:
        n_trials: The most trials, at least 1.
        n_points: How many points a trial takes, at least 3.
        seed: Which points a trial takes follows from it and the samples' ids: the same in all layers and steps.

    Raises:
        ValueError: If an option is out of its range. From ``prepare``, for fewer than 3 points, or if all are equal.

    References:
        Barannikov, Trofimov, Balabin and Burnaev, "Representation topology divergence: a method for comparing neural
        network representations" (ICML 2022), algorithm 1; they average 10 trials of 500 points.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> RTD()(x, 2 * x)
        0.0
    """

    key: ClassVar[str] = "rtd"
    label: ClassVar[str] = "RTD"
    question: ClassVar[str] = "Which clusters and loops has one layer that the other lacks?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")
    unit: ClassVar[str] = "0.9 quantiles of the distances"
    behaves_as: ClassVar[BehavesAs] = "sum"
    paired: ClassVar[bool] = True
    is_metric: ClassVar[bool] = False
    cost: ClassVar[str] = "n^3"
    paper: ClassVar[str] = "Barannikov et al. (ICML 2022)"

    n_trials: int = 10
    n_points: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        check_option(self, "n_trials", is_count, "an integer of at least 1")
        check_option(self, "n_points", lambda n: is_count(n) and n >= _FEWEST, f"an integer of at least {_FEWEST}")
        check_option(self, "seed", lambda seed: isinstance(seed, (int, np.integer)), "an integer")

    def trials(self, n: float) -> tuple[int, float]:
        """How many trials there are of n points, and how many points each takes."""
        return min(self.n_trials, max(1, int(n // self.n_points))), min(n, self.n_points)

    def prepare(self, facts: LayerFacts) -> _Trials:
        """The layer's distances, and which points each trial takes."""
        check_different_points(facts, self.key, _FEWEST)
        order = np.argsort(sample_priorities(facts.sample_ids, _SEED_OF_TRIALS + self.seed), kind="stable")
        count, _ = self.trials(facts.n_points)
        return _Trials(facts.distances, [order[i * self.n_points :][: self.n_points] for i in range(count)])

    def between(self, first: _Trials, second: _Trials) -> float:
        """The mean over the trials of both directions."""
        of_trials = []
        for trial in range(len(first.points)):
            ours, theirs = first.scaled(trial), second.scaled(trial)
            of_trials.append((_total_length(ours, theirs) + _total_length(theirs, ours)) / 2)
        return float(np.mean(of_trials))


def cross_barcode(first: NDArray[np.float64], second: NDArray[np.float64]) -> Diagram:
    r"""What appears among points when they are as near as in either of two layers, and not in the first alone.

    Where the Rips complex of :math:`\min(A, B)` joins clusters of that of A, or has a loop that A has not, a bar is
    alive: the number of bars at a radius is the dimension of the kernel of the map on H0 and of the cokernel of that on
    H1, which the inclusion of the complex of A in that of :math:`\min(A, B)` makes. It is H1 of a graph on two copies
    of the points and an apex, with the lengths

    .. math:: \begin{pmatrix} A & A_+ & 0 \\ A_+^\top & \min(A, B) & \infty \\ 0 & \infty & 0 \end{pmatrix}

    where :math:`A_+` is A with infinity under its diagonal: a cylinder from the complex of A to the larger one, whose
    near end the apex fills.

    Args:
        first: (n, n) distances A.
        second: (n, n) distances B of the same points.

    Returns:
        (bars, 2) births and deaths, all finite. None where B is nowhere smaller than A.

    References:
        Barannikov et al. (ICML 2022), definition of the R-Cross-Barcode, in homology dimension 1.

    Example:
        >>> apart, square = 2.0 - 2 * np.eye(4), np.array([[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]])
        >>> cross_barcode(apart, square).tolist(), cross_barcode(square, apart).tolist()
        ([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], [])
    """
    n = len(first)
    # At the largest distance of A both complexes are full simplices, and no bar is alive: all that is longer will do.
    never = 2 * float(max(first.max(initial=0.0), second.max(initial=0.0)))
    lengths = np.full((2 * n + 1, 2 * n + 1), never)
    near, far = slice(0, n), slice(n, 2 * n)
    lengths[near, near] = first
    lengths[far, far] = np.minimum(first, second)
    lengths[near, far] = np.where(np.tri(n, k=-1, dtype=bool), never, first)
    lengths[far, near] = lengths[near, far].T
    lengths[near, -1] = lengths[-1, near] = lengths[-1, -1] = 0
    return rips_diagrams(lengths, (1,), checked=True)[0]


def _total_length(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    bars = cross_barcode(first, second)
    return float((bars[:, 1] - bars[:, 0]).sum())
