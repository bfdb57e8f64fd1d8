"""How much of a number the choice of samples explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import BehavesAs, Distance, Statistic
from topocallback.measures.facts import LayerFacts
from topocallback.measures.parallel import computed_once
from topocallback.measures.sign_flips import N_PARTS, p_values

__all__ = [
    "N_QUARTERS",
    "PreparedLayer",
    "error_of",
    "how_sure",
    "noise_at_n",
    "p_values_across",
    "p_values_among",
    "p_values_of_pairs",
    "prepare_layer",
    "spread_at_n",
]

N_QUARTERS = 4
_MOST_UNEQUAL = 0.02
"""Parts of which one side lacks 2 % of the points are told apart in 6.5 % of cases instead of 5, with 5 % in 14."""


@dataclass(frozen=True)
class PreparedLayer:
    """What a distance compares of one layer.

    Attributes:
        distance: The distance.
        whole: The layer, prepared.
        parts: (K,) its parts, prepared; none if there are too few points.
        n_points: (K,) how many points each part has.
        size: The layer's distance from nothing; see ``Distance.size``.
        noise: The distance that two independent samples of the layer, of as many points, have on average; NaN where it
            is not known, and for paired distances.
        problem: What went wrong with the parts.
    """

    distance: Distance
    whole: Any
    parts: Sequence[Any]
    n_points: NDArray[np.int64]
    size: float
    noise: float
    problem: str = ""

    @computed_once
    def likeness(self) -> NDArray[np.floating]:
        """(K, K) how alike the parts are: the same for every other layer and step that they are compared with."""
        return self.distance.likeness(self.parts)


def prepare_layer(distance: Distance, facts: LayerFacts) -> PreparedLayer:
    """Everything that a distance needs of a layer, its noise included.

    A distance that fails on parts of the samples, which may be too few for it, or on nothing, which has no bars, costs
    its noise and says so in ``problem``.

    Args:
        distance: The distance.
        facts: The layer.
    """
    whole = distance.prepare(facts)
    # What is compared for an error is what `between` compares, and for a p-value what `likeness` does.
    prepare_part = distance.prepare if distance.paired else distance.prepare_part
    try:
        size, noise = distance.size(whole), np.nan
        parts = facts.parts(N_PARTS)
        prepared = [prepare_part(part) for part in parts]
        if not distance.paired:
            quarters = [distance.prepare(part) for part in facts.parts(N_QUARTERS)]
            twelfths = () if np.isfinite(size) else [distance.prepare(part) for part in parts]
            noise = noise_at_n(distance, size, quarters, twelfths)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        return PreparedLayer(distance, whole, (), np.empty(0, dtype=np.int64), np.nan, np.nan, problem)
    n_points = np.array([part.n_points for part in parts], dtype=np.int64)
    return PreparedLayer(distance, whole, prepared, n_points, size, noise)


def noise_at_n(distance: Distance, size: float, quarters: Sequence[Any], parts: Sequence[Any]) -> float:
    """The distance that two independent samples of a layer have on average, each of as many points as there are.

    There is one sample of so many points only. A quarter's distance from another one, as a share of their sizes, falls
    with the square root of the number of points: carried to n points it is off by -2 % in H0 and -6 % in H1 of real
    activations, with a spread of 16 % and 13 %. Halves as they are, which hold n/2 points each, were off by -20 %
    and -33 %, for distances between diagrams grow with the number of points. For a distance that knows no size
    the exponent is measured, between quarters and the parts of ``N_PARTS``.

    Args:
        distance: An unpaired distance.
        size: The whole layer's distance from nothing, or NaN.
        quarters: The quarters, prepared.
        parts: The parts, prepared.
    """
    if len(quarters) < N_QUARTERS:
        return np.nan
    apart = _mean_distance(distance, quarters)
    sizes = float(np.mean([distance.size(quarter) for quarter in quarters]))
    if np.isfinite(size) and np.isfinite(sizes):
        return apart / sizes * size / 2 if sizes else 0.0
    if len(parts) < N_PARTS:
        return np.nan
    of_parts = _mean_distance(distance, parts)
    exponent = np.log(apart / of_parts) / np.log(N_PARTS / N_QUARTERS) if apart > 0 < of_parts else 0.0
    return float(apart * N_QUARTERS**exponent)


def _mean_distance(distance: Distance, layers: Sequence[Any]) -> float:
    return float(distance.matrix(layers)[np.triu_indices(len(layers), 1)].mean())


def spread_at_n(
    of_parts: NDArray[np.float64], whole: NDArray[np.float64] | np.float64, behaves_as: BehavesAs = "mean"
) -> NDArray[np.float64]:
    """The standard error of a number of n points, from its values on K parts of n / K points.

    Args:
        of_parts: (K, ...) values of the parts.
        whole: (...) values of the whole.
        behaves_as: What becomes of the spread with more points; see ``Measure``. How much a ``"sum"`` grows is
            measured, by its mean over the parts and its value on the whole.

    Returns:
        (...) standard errors; NaN where a value is not known, and for a sum of which the parts have nothing.

    Example:
        >>> counts = np.random.default_rng(0).poisson(25, size=(12, 2000))
        >>> errors = spread_at_n(counts, np.full(2000, 300.0), "sum")
        >>> bool(abs(errors.mean() / np.sqrt(300) - 1) < 0.05)
        True
    """
    count = len(of_parts)
    if count < 2:
        return np.full(np.shape(whole), np.nan)
    spread = of_parts.std(axis=0, ddof=1)
    if behaves_as == "extreme":
        return np.where(np.isfinite(whole), spread, np.nan)
    spread = spread / np.sqrt(count)
    if behaves_as == "sum":
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = np.abs(whole / of_parts.mean(axis=0))
            spread = spread * np.where(np.isnan(growth), 1.0, growth)  # 0 / 0: nothing is nothing
    return np.where(np.isfinite(whole), spread, np.nan)


def error_of(statistic: Statistic, value: float, facts: LayerFacts) -> float:
    """The standard error of a layer's statistic; NaN where it is not known.

    It comes from quarters: a twelfth of the samples is often fewer points than a layer has directions or a class
    neighbours, and twelfths of 33 points said from a third of the spread to 4 times as much. Four quarters tell a
    spread only up to 50 %. The same samples in four other quarters bring that to 36 %, and are taken where they cost
    nothing but the statistic itself: diagrams of theirs would take 10 % of a snapshot's time.

    Args:
        statistic: The statistic.
        value: Its value.
        facts: The layer.
    """
    if not statistic.on_parts:
        return statistic.own_error(facts, value) if np.isfinite(value) else float("nan")
    divisions = [facts.parts(N_QUARTERS, division) for division in range(1 if statistic.from_diagrams else 2)]
    of_quarters = [np.array([statistic.value(part) for part in parts], dtype=np.float64) for parts in divisions]
    errors = [spread_at_n(each, np.float64(value), statistic.behaves_as) for each in of_quarters]
    return float(np.sqrt(np.mean(np.square(errors))))


def how_sure(
    distance: Distance, layers: Sequence[PreparedLayer], matrix: NDArray[np.float64], n_threads: int = 1
) -> dict[str, NDArray[np.float64]]:
    """How sure a distance is among L layers of the same samples, or an unpaired one among any.

    Args:
        distance: The distance.
        layers: L layers.
        matrix: (L, L) their distances.
        n_threads: Threads to share the pairs among; it does not change the result.

    Returns:
        The fields of a ``DistanceTable`` that are known, without the matrix.
    """
    known = {"sizes": np.array([layer.size for layer in layers])}
    if not distance.paired:
        noise = np.array([layer.noise for layer in layers])
        return {**known, "noise": noise, "p_values": p_values_among(distance, layers, n_threads)}
    if all(len(layer.parts) for layer in layers):
        of_parts = [distance.matrix([layer.parts[k] for layer in layers], n_threads) for k in range(N_PARTS)]
        known["errors"] = spread_at_n(np.array(of_parts), matrix, distance.behaves_as)
    return known


def p_values_among(distance: Distance, layers: Sequence[PreparedLayer], n_threads: int = 1) -> NDArray[np.float64]:
    """Whether each of L layers differs from each other one, by the signs of the differences of their parts.

    Args:
        distance: An unpaired distance.
        layers: The layers.
        n_threads: Threads to share the pairs of parts among; it does not change the result.

    Returns:
        (L, L) symmetric p-values, 1 on the diagonal; NaN where a layer has no parts, or fewer points in them than the
        other.
    """
    found = np.full((len(layers), len(layers)), np.nan)
    there = _with_parts(layers)
    if not there:
        return found
    alike = _by_layer(distance.likeness(_parts(layers), n_threads=n_threads))
    rows, columns = np.tril_indices(len(there), -1)
    among = np.eye(len(there))
    among[rows, columns] = among[columns, rows] = p_values(
        alike[rows, rows], alike[columns, columns], alike[rows, columns]
    )
    found[np.ix_(there, there)] = among
    found[~_equally_many(layers, layers)] = np.nan
    return found


def p_values_of_pairs(
    distance: Distance, first: Sequence[PreparedLayer], second: Sequence[PreparedLayer]
) -> NDArray[np.float64]:
    """Whether each of P layers differs from another one; see ``p_values_among``.

    Args:
        distance: An unpaired distance.
        first: P layers.
        second: As many others.

    Returns:
        (P,) p-values.
    """
    found = np.full(len(first), np.nan)
    there = [i for i in _with_parts(first) if len(second[i].parts)]
    if there:
        within_first, within_second = (np.array([side[i].likeness for i in there]) for side in (first, second))
        across = np.array([distance.likeness(first[i].parts, second[i].parts) for i in there])
        found[there] = p_values(within_first, within_second, across)
    found[~np.diagonal(_equally_many(first, second))] = np.nan
    return found


def p_values_across(
    distance: Distance, first: Sequence[PreparedLayer], second: Sequence[PreparedLayer]
) -> NDArray[np.float64]:
    """Whether each of N layers differs from each of M others; see ``p_values_among``.

    Args:
        distance: An unpaired distance.
        first: N layers.
        second: M layers.

    Returns:
        (N, M) p-values.
    """
    found = np.full((len(first), len(second)), np.nan)
    rows, columns = _with_parts(first), _with_parts(second)
    if not rows or not columns:
        return found
    across = _by_layer(distance.likeness(_parts(first), _parts(second)))
    of_others = np.array([second[column].likeness for column in columns])
    for row, row_across in zip(rows, across, strict=True):
        own = np.broadcast_to(first[row].likeness, of_others.shape)
        found[row, columns] = p_values(own, of_others, row_across)
    found[~_equally_many(first, second)] = np.nan
    return found


def _with_parts(layers: Sequence[PreparedLayer]) -> list[int]:
    return [i for i, layer in enumerate(layers) if len(layer.parts)]


def _parts(layers: Sequence[PreparedLayer]) -> list[Any]:
    return [part for layer in layers for part in layer.parts]


def _by_layer(alike: NDArray[np.floating]) -> NDArray[np.floating]:
    """(L, M, K, K) from (L K, M K)."""
    rows, columns = (size // N_PARTS for size in alike.shape)
    return np.asarray(alike.reshape(rows, N_PARTS, columns, N_PARTS).swapaxes(1, 2))


def _equally_many(first: Sequence[PreparedLayer], second: Sequence[PreparedLayer]) -> NDArray[np.bool_]:
    """(N, M) whether the parts of two layers have as many points: with more points there are more bars."""
    ours, theirs = (np.array([layer.n_points.sum() for layer in layers], dtype=float) for layers in (first, second))
    return np.asarray(np.abs(ours[:, None] - theirs) <= _MOST_UNEQUAL * np.maximum(ours[:, None], theirs))
