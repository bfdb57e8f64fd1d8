"""Distances between persistence diagrams, and the statistics of one.

Every distance here leaves essential classes (bars that never die) out unless it is asked to match them; then two
diagrams with different numbers of them are at distance ``inf``.

A distance is a pair of functions: ``prepare`` does once per diagram what depends on that diagram alone, ``between``
compares two prepared diagrams. Comparing many diagrams with each other then costs one preparation each.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from topocallback.measures.parallel import map_threads
from topocallback.measures.topology.rips import Diagram

__all__ = [
    "DISTANCES",
    "DiagramDistance",
    "betti_curve",
    "block_distances",
    "bottleneck",
    "diagram_statistics",
    "essential_births",
    "finite_bars",
    "paired_distances",
    "pairwise_distances",
    "resolve_distance",
    "sliced_wasserstein",
    "wasserstein",
]


@dataclass(frozen=True)
class DiagramDistance:
    """A distance between persistence diagrams, split into the work per diagram and the work per pair.

    Attributes:
        name: How results are labelled.
        prepare: Turns a diagram into whatever ``between`` compares.
        between: The distance of two prepared diagrams: symmetric, at least 0, and 0 for equal ones.
    """

    name: str
    prepare: Callable[[Diagram], Any]
    between: Callable[[Any, Any], float]

    def __call__(self, first: ArrayLike, second: ArrayLike) -> float:
        """The distance between two diagrams of shape (bars, 2)."""
        return self.between(self.prepare(_as_diagram(first)), self.prepare(_as_diagram(second)))


def finite_bars(diagram: ArrayLike) -> Diagram:
    """The bars that die, without those of length zero.

    Args:
        diagram: (bars, 2) births and deaths, possibly infinite; an empty list is an empty diagram.

    Returns:
        (finite bars, 2) float64.

    Raises:
        ValueError: If ``diagram`` is not of shape (bars, 2) or holds NaN.

    Example:
        >>> finite_bars([(0, 1), (2, 2), (0, float("inf"))])
        array([[0., 1.]])
    """
    bars = _as_diagram(diagram)
    return bars[np.isfinite(bars).all(axis=1) & (bars[:, 1] > bars[:, 0])]


def essential_births(diagram: ArrayLike) -> NDArray[np.float64]:
    """The finite births of the bars that never die, in ascending order.

    Args:
        diagram: (bars, 2) births and deaths.

    Returns:
        (essential bars,) float64.

    Raises:
        ValueError: If ``diagram`` is not of shape (bars, 2) or holds NaN.

    Example:
        >>> essential_births([(0, 1), (0.5, float("inf"))])
        array([0.5])
    """
    bars = _as_diagram(diagram)
    return np.sort(bars[(bars[:, 1] == np.inf) & np.isfinite(bars[:, 0]), 0])


def sliced_wasserstein(
    first: ArrayLike, second: ArrayLike, *, n_directions: int = 50, essential: bool = False
) -> float:
    r"""Sliced Wasserstein distance between two persistence diagrams.

    Over M directions :math:`\theta_i = \pi (1/2 + i/M)`, each diagram is joined with the orthogonal projections of the
    other one on the diagonal, both are projected on the direction, and

    .. math:: SW(D, E) = \frac{1}{M} \sum_i \| \mathrm{sort}(V_i) - \mathrm{sort}(W_i) \|_1 .

    Exact for the given directions, and equal to persim's ``sliced_wasserstein`` up to the latter's float32 directions.

    Args:
        first: (bars, 2) births and deaths.
        second: (bars, 2) births and deaths.
        n_directions: M, at least 1. Purvine et al. use 50.
        essential: Whether to add the distance between the essential classes' births, matched in order; ``inf`` where
            their numbers differ.

    Returns:
        A distance of at least 0, in the units of the diagrams.

    Raises:
        ValueError: If a diagram is not of shape (bars, 2) or holds NaN, or ``n_directions`` is under 1.

    References:
        Carriere, Cuturi and Oudot, "Sliced Wasserstein kernel for persistence diagrams" (ICML 2017), algorithm 1.

    Example:
        >>> round(sliced_wasserstein([(0, 1), (0.5, 2)], [(0.1, 1.1)]), 6)
        0.79202
    """
    return resolve_distance("sliced_wasserstein", n_directions=n_directions, essential=essential)(first, second)


def wasserstein(
    first: ArrayLike,
    second: ArrayLike,
    *,
    order: float = 1.0,
    ground_norm: float = 2.0,
    essential: bool = False,
) -> float:
    r"""Wasserstein distance :math:`(\inf_\eta \sum_x \|x - \eta(x)\|_p^q)^{1/q}` over partial matchings.

    Exact, by an optimal assignment (SciPy). Two diagrams of 1000 bars take 25 MB and,
    in H0 of real activations, 0.6 s; H1 with 600 bars takes 0.01 s.

    Args:
        first: (bars, 2) births and deaths.
        second: (bars, 2) births and deaths.
        order: q, at least 1.
        ground_norm: p, at least 1, ``inf`` allowed: the norm in the plane.
        essential: Whether to match essential classes too; ``inf`` where their numbers differ.

    Returns:
        A distance of at least 0, in the units of the diagrams.

    Raises:
        ValueError: If a diagram is not of shape (bars, 2) or holds NaN, or an option is out of its range.

    References:
        Cohen-Steiner, Edelsbrunner, Harer and Mileyko, "Lipschitz functions have L_p-stable persistence" (2010).

    Example:
        >>> wasserstein([(0, 2)], [(0, 3)])
        1.0
    """
    return resolve_distance("wasserstein", order=order, ground_norm=ground_norm, essential=essential)(first, second)


def bottleneck(first: ArrayLike, second: ArrayLike, *, tolerance: float = 0.0, essential: bool = False) -> float:
    r"""Bottleneck distance :math:`\inf_\eta \sup_x \|x - \eta(x)\|_\infty` over partial matchings, by Hera.

    Args:
        first: (bars, 2) births and deaths.
        second: (bars, 2) births and deaths.
        tolerance: Relative error allowed; 0, the default, is exact.
        essential: Whether to match essential classes too; ``inf`` where their numbers differ.

    Returns:
        A distance of at least 0, in the units of the diagrams.

    Raises:
        ValueError: If a diagram is not of shape (bars, 2) or holds NaN, or ``tolerance`` is negative.
        ModuleNotFoundError: If GUDHI, which ships Hera, is not installed.

    References:
        Kerber, Morozov and Nigmetov, "Geometry helps to compare persistence diagrams" (2017).

    Example:
        >>> bottleneck([(0, 2)], [(0, 3)])
        1.0
    """
    return resolve_distance("bottleneck", tolerance=tolerance, essential=essential)(first, second)


def resolve_distance(
    distance: str | DiagramDistance | Callable[[Diagram, Diagram], float], **options: Any
) -> DiagramDistance:
    """The ``DiagramDistance`` that a name or a function stands for.

    Args:
        distance: A key of ``DISTANCES``, a ``DiagramDistance``, or a function of two diagrams without infinite bars.
        **options: Keyword options of the named distance, as in the function of that name.

    Returns:
        A ``DiagramDistance``.

    Raises:
        ValueError: If the name is unknown or an option is out of its range.
        TypeError: If ``distance`` is neither a name nor callable, or the distance has no such option.
        ModuleNotFoundError: If the distance's package is not installed.

    Example:
        >>> bar_count_difference = resolve_distance(lambda a, b: abs(len(a) - len(b)))
        >>> bar_count_difference([(0, 1)], [])
        1
    """
    if options and not isinstance(distance, str):
        raise TypeError(f"Expected options for a named distance only, got {sorted(options)} with {distance!r}.")
    if isinstance(distance, DiagramDistance):
        return distance
    if isinstance(distance, str):
        if distance not in DISTANCES:
            raise ValueError(f"Expected `distance` to be one of {tuple(DISTANCES)} or a callable, got {distance!r}.")
        return DISTANCES[distance](**options)
    if callable(distance):
        return DiagramDistance(getattr(distance, "__name__", type(distance).__name__), finite_bars, distance)
    raise TypeError(f"Expected `distance` to be one of {tuple(DISTANCES)} or a callable, got {distance!r}.")


def pairwise_distances(
    diagrams: Sequence[Any], distance: DiagramDistance, *, prepared: bool = False, n_threads: int = 1
) -> NDArray[np.float64]:
    """The distance between every two of L diagrams.

    Args:
        diagrams: L diagrams of shape (bars, 2), of one homology dimension.
        distance: The distance, from ``resolve_distance``.
        prepared: Whether ``diagrams`` went through ``distance.prepare`` already.
        n_threads: Threads to share the pairs among. Sliced Wasserstein releases Python's global lock.

    Returns:
        (L, L) float64, symmetric, zero diagonal, in the units of the diagrams.

    Raises:
        ValueError: If a diagram is not of shape (bars, 2) or holds NaN.

    Example:
        >>> pairwise_distances([[(0, 1)], [(0, 1)], [(0, 2)]], resolve_distance("sliced_wasserstein")).round(3)
        array([[0.   , 0.   , 0.794],
               [0.   , 0.   , 0.794],
               [0.794, 0.794, 0.   ]])
    """
    items = diagrams if prepared else map_threads(lambda d: distance.prepare(_as_diagram(d)), diagrams, n_threads)
    matrix = np.zeros((len(items), len(items)))

    def fill_row(i: int) -> None:
        for j in range(i):
            matrix[i, j] = matrix[j, i] = distance.between(items[i], items[j])

    # Longest rows first, so that the threads end together.
    map_threads(fill_row, range(len(items) - 1, 0, -1), n_threads)
    return matrix


def block_distances(
    rows: Sequence[ArrayLike], columns: Sequence[ArrayLike], distance: DiagramDistance
) -> NDArray[np.float64]:
    """The distance between each diagram of one list and each of another: one block of a large matrix.

    Entries are bit for bit those of ``pairwise_distances`` on all diagrams, for a block below the diagonal.

    Args:
        rows: R diagrams of shape (bars, 2).
        columns: C diagrams of shape (bars, 2); the very list ``rows`` makes a block on the diagonal, of which every
            pair is compared once.
        distance: The distance, from ``resolve_distance``.

    Returns:
        (R, C) float64, in the units of the diagrams.

    Raises:
        ValueError: If a diagram is not of shape (bars, 2) or holds NaN.

    Example:
        >>> block_distances([[(0, 1)]], [[(0, 1)], [(0, 2)]], resolve_distance("sliced_wasserstein")).round(3)
        array([[0.   , 0.794]])
    """
    prepared = [distance.prepare(_as_diagram(diagram)) for diagram in rows]
    if rows is columns:
        return pairwise_distances(prepared, distance, prepared=True)
    others = [distance.prepare(_as_diagram(diagram)) for diagram in columns]
    return np.array([[distance.between(row, column) for column in others] for row in prepared], dtype=np.float64)


def paired_distances(
    firsts: Sequence[Any], seconds: Sequence[Any], distance: DiagramDistance, *, prepared: bool = False
) -> NDArray[np.float64]:
    """The distance between each diagram of one list and its counterpart in another.

    Args:
        firsts: L diagrams of shape (bars, 2).
        seconds: L diagrams of shape (bars, 2).
        distance: The distance, from ``resolve_distance``.
        prepared: Whether the diagrams went through ``distance.prepare`` already.

    Returns:
        (L,) float64, in the units of the diagrams.

    Raises:
        ValueError: If the lists differ in length, or a diagram is not of shape (bars, 2) or holds NaN.

    Example:
        >>> paired_distances([[(0, 1)]], [[(0, 2)]], resolve_distance("sliced_wasserstein")).round(3)
        array([0.794])
    """
    if len(firsts) != len(seconds):
        raise ValueError(f"Expected as many diagrams on both sides, got {len(firsts)} and {len(seconds)}.")
    compare = distance.between if prepared else distance
    return np.array([compare(first, second) for first, second in zip(firsts, seconds, strict=True)], dtype=np.float64)


def diagram_statistics(diagram: ArrayLike) -> dict[str, float]:
    r"""Numbers that describe one diagram, essential classes left out.

    With :math:`l_i` the bars' lengths and :math:`p_i = l_i / \sum_j l_j`:

    - ``bars``: how many there are;
    - ``total_persistence``: :math:`\sum_i l_i`, in the units of the diagram;
    - ``longest_bar``: :math:`\max_i l_i`, in the units of the diagram;
    - ``persistent_entropy``: :math:`-\sum_i p_i \log_2 p_i`, in bits, between 0 and log2(bars).

    Args:
        diagram: (bars, 2) births and deaths.

    Returns:
        The four numbers; all 0 for an empty diagram.

    Raises:
        ValueError: If ``diagram`` is not of shape (bars, 2) or holds NaN.

    References:
        Rucco et al., "Characterisation of the idiotypic immune network through persistent entropy" (2016).

    Example:
        >>> diagram_statistics([(0, 1), (1, 2), (0, float("inf"))])
        {'bars': 2.0, 'total_persistence': 2.0, 'longest_bar': 1.0, 'persistent_entropy': 1.0}
    """
    bars = finite_bars(diagram)
    lengths = bars[:, 1] - bars[:, 0]
    shares = lengths / lengths.sum() if len(lengths) else lengths
    return {
        "bars": float(len(lengths)),
        "total_persistence": float(lengths.sum()),
        "longest_bar": float(lengths.max(initial=0.0)),
        # A share can underflow to 0, whose contribution is 0; adding 0.0 turns -0.0 into 0.0.
        "persistent_entropy": float(
            -(shares * np.log2(shares, where=shares > 0, out=np.zeros_like(shares))).sum() + 0.0
        ),
    }


def betti_curve(diagram: ArrayLike, radii: ArrayLike) -> NDArray[np.int64]:
    """How many bars are alive at each filtration value: birth <= radius < death. Essential classes count.

    Args:
        diagram: (bars, 2) births and deaths.
        radii: (k,) filtration values, in the units of the diagram.

    Returns:
        (k,) Betti numbers.

    Raises:
        ValueError: If ``diagram`` is not of shape (bars, 2) or holds NaN.

    Example:
        >>> betti_curve([(0, 1), (0, float("inf"))], [0, 0.5, 1, 2])
        array([2, 2, 1, 1])
    """
    bars = _as_diagram(diagram)
    at = np.asarray(radii, dtype=np.float64)
    born = np.searchsorted(np.sort(bars[:, 0]), at, side="right")
    dead = np.searchsorted(np.sort(bars[:, 1]), at, side="right")
    return np.asarray(born - dead, dtype=np.int64)


def _as_diagram(diagram: ArrayLike) -> Diagram:
    bars = np.asarray(diagram, dtype=np.float64)
    if bars.size == 0:
        return np.empty((0, 2))
    if bars.ndim != 2 or bars.shape[1] != 2:
        raise ValueError(f"Expected a diagram of shape (bars, 2), got {bars.shape}.")
    if np.isnan(bars).any():
        raise ValueError("Expected a diagram without NaN. It came from a cloud with NaN: drop such points first.")
    return bars


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


def _between_projections(first: _Projection, second: _Projection) -> float:
    """Mean over the directions of the L1 distance between the two sorted unions.

    Sorting a row made of two sorted runs is a merge for the stable sort: 0.6 ms against 1.7 ms for the default sort on
    50 x 2000 values, even with AVX-512. Binning the projections instead would be faster still but only bounds the
    distance from below (by 2 % on average and 17 % at worst with 512 bins on diagrams of real activations).
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


def _sliced_wasserstein(n_directions: int = 50, essential: bool = False) -> DiagramDistance:
    if not isinstance(n_directions, (int, np.integer)) or n_directions < 1:
        raise ValueError(f"Expected `n_directions` to be an integer of at least 1, got {n_directions!r}.")
    prepare = functools.partial(_project, n_directions=n_directions, essential=essential)
    return DiagramDistance("sliced_wasserstein", prepare, _between_projections)


def _wasserstein(order: float = 1.0, ground_norm: float = 2.0, essential: bool = False) -> DiagramDistance:
    if not 1 <= order < np.inf:
        raise ValueError(f"Expected `order` to be finite and at least 1, got {order}. Use 'bottleneck' for infinity.")
    if not ground_norm >= 1:
        raise ValueError(f"Expected `ground_norm` to be at least 1, got {ground_norm}.")

    def prepare(diagram: Diagram) -> tuple[Diagram, NDArray[np.float64]]:
        return finite_bars(diagram), essential_births(diagram) if essential else np.empty(0)

    def between(first: tuple[Diagram, NDArray[np.float64]], second: tuple[Diagram, NDArray[np.float64]]) -> float:
        if len(first[1]) != len(second[1]):
            return float("inf")
        lengths = np.concatenate([*_matched_lengths(first[0], second[0], order, ground_norm), first[1] - second[1]])
        return float(np.linalg.norm(lengths, order)) if len(lengths) else 0.0

    return DiagramDistance("wasserstein", prepare, between)


def _matched_lengths(
    first: Diagram, second: Diagram, order: float, ground_norm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """How far an optimal matching moves the bars: matched ones, and those of either side that go to the diagonal.

    Hera was tried first: its auction does not end on diagrams that are equal up to the order of their bars, or nearly
    so, as those of a frozen layer are, and it took 5 to 30 times as long on diagrams of real activations.
    """
    to_diagonal = [(bars[:, 1] - bars[:, 0]) / 2 * 2 ** (1 / ground_norm) for bars in (first, second)]
    metric = {1: "cityblock", 2: "euclidean", np.inf: "chebyshev"}.get(ground_norm, "minkowski")
    apart = cdist(first, second, metric, **({"p": ground_norm} if metric == "minkowski" else {}))
    # What matching two bars saves against sending both to the diagonal; nothing is matched at a loss. Relative to the
    # longest way, so that no power under- or overflows.
    longest = max((lengths.max(initial=0.0) for lengths in to_diagonal), default=0.0) or 1.0
    given_up = (to_diagonal[0][:, None] / longest) ** order + (to_diagonal[1][None, :] / longest) ** order
    savings = np.minimum(0, (apart / longest) ** order - given_up)
    rows, columns = linear_sum_assignment(savings)
    matched = savings[rows, columns] < 0
    rows, columns = rows[matched], columns[matched]
    return apart[rows, columns], np.delete(to_diagonal[0], rows), np.delete(to_diagonal[1], columns)


def _bottleneck(tolerance: float = 0.0, essential: bool = False) -> DiagramDistance:
    hera = _import_hera()
    if not tolerance >= 0:
        raise ValueError(f"Expected `tolerance` to be at least 0, got {tolerance}.")

    def between(first: Diagram, second: Diagram) -> float:
        # Hera takes anything under about 1e-10 for 0. Powers of two scale without rounding.
        largest = max(np.abs(bars[np.isfinite(bars)]).max(initial=0.0) for bars in (first, second))
        unit = 2.0 ** np.floor(np.log2(largest)) if largest else 1.0
        return float(unit * hera.bottleneck_distance(first / unit, second / unit, delta=tolerance))

    return DiagramDistance("bottleneck", _all_bars if essential else finite_bars, between)


def _all_bars(diagram: Diagram) -> Diagram:
    """Without bars of length zero, on which Hera is undefined."""
    bars = _as_diagram(diagram)
    return bars[bars[:, 1] > bars[:, 0]]


def _import_hera() -> Any:
    try:
        import gudhi.hera
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The bottleneck distance needs Hera, which GUDHI ships: pip install 'topocallback[gudhi]'"
        ) from error
    return gudhi.hera


DISTANCES: dict[str, Callable[..., DiagramDistance]] = {
    "sliced_wasserstein": _sliced_wasserstein,
    "wasserstein": _wasserstein,
    "bottleneck": _bottleneck,
}
