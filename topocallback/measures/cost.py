"""What an analysis will cost, before it is begun: processor time, peak memory, and what makes either of them less.

The formulas grow as the computations do; their constants were measured on one machine, and ``benchmarks/cost.py`` shows
predicted beside measured numbers. They are meant to be right within a factor of three, which tells a second from ten
minutes: a cloud's shape alone makes a difference of two. A measure of the user's own counts as a sliced Wasserstein
distance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from topocallback.measures.base import Distance
from topocallback.measures.noise import N_QUARTERS
from topocallback.measures.sign_flips import N_PARTS
from topocallback.measures.similarity.rtd import RTD
from topocallback.measures.topology.rips import resolve_backend
from topocallback.memory import size_in_words

__all__ = ["WIDE", "Asked", "Cost", "cost_of_pairs", "predict_cost", "threads_that_fit", "time_in_words"]

Shape = tuple[int, int]

WIDE = 4096
"""From so many values on a point is so wide that pooling would make it cheaper."""

# Seconds of one core for the distances of n points of d values, by n^2 d and n^2: 0.14 s for 1000 points of 1000
# values, 0.47 s for 512 points of 20,000; with the quantile that scales them 0.85 s for 4000 points of 64 values.
_PRODUCT, _ENTRY = 1e-10, 4e-8
_VALUE = 3e-8
"""By n d: a value is copied when it is recorded, looked at, centred, transposed and squared, and memory for it is asked
for anew. 64 points of 10,000,000 values take 25 s, of which products are 4 s; 512 points of 100,000 take 4.5 s."""
# What each homology dimension adds to those below, as (factor, exponent of n). redzed: 28 ms, 0.11 s, 0.57 s and 3.6 s
# for 512, 1000, 2000 and 4000 points in H1, 3 s for 400 points in H2; GUDHI: 1.1 s, 7 s and 25 s for 400, 700 and 1000
# in H2, of 1000 points from 7 s in 4 dimensions to 49 s in 64.
_RIPS: Mapping[str, Sequence[Sequence[tuple[float, int]]]] = {
    "redzed": ([(5e-8, 2)], [(2e-8, 2), (4e-11, 3)], [(1.2e-10, 4)], [(7e-11, 5)]),
    "gudhi": ([(3e-7, 2)], [(5e-7, 2), (2e-10, 3)], [(1.2e-8, 3), (1.3e-11, 4)], [(6e-12, 5)]),
    "ripser": ([(3e-7, 2)], [(1e-6, 2), (4e-10, 3)], [(6e-10, 4)], [(3e-10, 5)]),
}
_PART = 3e-4
"""Of the diagrams of one part, beside those of as many points."""
_MAPPER = (5e-3, 1e-5, 1e-8)
"""By 1, n and n^2: 6 ms, 25 ms and 0.2 s for 100, 1000 and 4000 points."""
_LAYER = (1e-2, 2e-5)
"""Statistics, noise and drift of a layer in one homology dimension, by 1 and n."""
_FIGURES = 0.03
"""Of a layer's share of the pictures."""
_TEST = 2e-4
"""Of the p-value of two layers."""
_PAIR: Mapping[str, tuple[float, int]] = {
    "sliced_wasserstein": (6e-7, 1),
    "wasserstein": (4.5e-10, 3),
    "bottleneck": (3.5e-7, 2),
    "rtd": (1.5e-8, 3),
}
"""Of the distance of two layers of n points in one homology dimension: 0.3 ms, 60 ms and 90 ms for 512 points; of a
trial of representation topology divergence, 1.9 s for 500."""

# Bytes.
_MATRICES: Mapping[str, int] = {"redzed": 24, "gudhi": 48, "ripser": 72}
"""By n^2, while diagrams are made: the distances, those in units of the scale, and what the backend makes of them."""
_TRIANGLES: Mapping[str, float] = {"redzed": 0.2, "gudhi": 0.1, "ripser": 2.0}
"""By n^3, from H2 on: ripser takes 110 MB for 400 points, GUDHI 49 MB for 700 and 119 MB for 1000."""
_PIECE = 16 * 8192
"""By n: two copies in double precision of a piece of the coordinates."""
_PREPARED = (100_000, 2250)
"""By 1 and n, of every layer and homology dimension until all are compared: projections of its bars and its parts'."""
_TESTED = 3 * 8 * N_PARTS**2
"""Of every pair of layers, while how alike their parts are is held against chance."""


class Asked(Protocol):
    """What is measured: options of an analysis, or of a distance between clouds."""

    @property
    def homology_dims(self) -> Sequence[int]:
        """The homology dimensions of the diagrams."""

    @property
    def backend(self) -> str:
        """What computes them."""

    @property
    def distances(self) -> Sequence[Distance]:
        """The distances, one for each table."""

    @property
    def mapper(self) -> Any:
        """Whether Mapper graphs are made, or how."""


@dataclass(frozen=True)
class Cost:
    """Processor time and memory, by the option that makes most of it less.

    Attributes:
        seconds: Name of an option to seconds of one core. ``"pooling"`` stands for wide clouds, ``"layers"`` for their
            number.
        peak: Name of an option to bytes that are there at once.
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    peak: Mapping[str, float] = field(default_factory=dict)

    @property
    def total_seconds(self) -> float:
        """All of the processor time."""
        return sum(self.seconds.values())

    @property
    def total_bytes(self) -> float:
        """All of the memory."""
        return sum(self.peak.values())

    def and_(self, other: Cost) -> Cost:
        """Both, in the same memory."""
        return Cost(_added([self.seconds, other.seconds]), _added([self.peak, other.peak]))

    def times(self, count: int) -> Cost:
        """The same so many times, one after the other."""
        return Cost({name: seconds * count for name, seconds in self.seconds.items()}, self.peak)

    def __str__(self) -> str:
        time = f"{time_in_words(self.total_seconds)} of processor time and " if self.seconds else ""
        return f"{time}{size_in_words(self.total_bytes)}"


def predict_cost(
    shapes: Sequence[Shape],
    options: Asked,
    *,
    n_threads: int = 1,
    itemsize: int = 4,
    n_recordings: int = 1,
    figures: bool = False,
) -> Cost:
    """What ``analyse`` will take for the clouds of one step, these included.

    Args:
        shapes: (n, d) of every layer's cloud.
        options: What is measured.
        n_threads: How many layers are analysed at once.
        itemsize: Bytes of a value in the clouds.
        n_recordings: How many steps' clouds there are at once.
        figures: Whether they are drawn as well.

    Returns:
        The cost.

    Example:
        >>> from topocallback.analysis.options import AnalysisOptions
        >>> few, wide = (predict_cost([(512, d)] * 10, AnalysisOptions()) for d in (64, 100_000))
        >>> print(few)
        1.1 s of processor time and 34 MB
        >>> max(wide.peak, key=wide.peak.get), wide.total_bytes > 20 * few.total_bytes
        ('pooling', True)
        >>> by_option = predict_cost([(1000, 64)], AnalysisOptions(homology_dims=(0, 1, 2))).seconds
        >>> max(by_option, key=by_option.get)
        'homology_dims'
    """
    layers = [_layer(shape, options) for shape in shapes]
    largest = sorted(layers, key=lambda layer: -layer.total_bytes)[: max(1, n_threads)]
    peak: dict[str, float] = defaultdict(float, _added(layer.peak for layer in largest))
    for n, d in shapes:
        peak["pooling" if d >= WIDE else "layers"] += n * d * itemsize * n_recordings
    seconds = _added([*(layer.seconds for layer in layers), {"figures": _FIGURES * len(layers)} if figures else {}])
    whole = Cost(seconds, peak)
    return whole.and_(cost_of_pairs([n for n, _ in shapes], options))


def cost_of_pairs(n_points: Sequence[int], options: Asked) -> Cost:
    """What it takes to compare all layers with each other: it grows with the square of their number.

    Args:
        n_points: How many points each layer has.
        options: Which distances.

    Returns:
        The cost.

    Example:
        >>> from topocallback.analysis.options import AnalysisOptions
        >>> one, ten = (cost_of_pairs([512] * n, AnalysisOptions()).total_seconds for n in (30, 300))
        >>> round(ten / one)
        103
    """
    count, n = len(n_points), max(n_points, default=0)
    seconds: dict[str, float] = defaultdict(float)
    for distance in options.distances:
        name, of_pair = _pair(distance, n)
        seconds[name] += count * (count - 1) / 2 * of_pair
        seconds["layers"] += count * (count - 1) / 2 * _TEST
    prepared = len(options.distances) * (count * _PREPARED[0] + _PREPARED[1] * sum(n_points))
    return Cost(seconds, {"layers": float(prepared + _TESTED * count**2)})


def threads_that_fit(n_threads: int, shapes: Sequence[Shape], options: Asked, available: int | None) -> int:
    """How many layers can be analysed at once in half of the memory that there is.

    Args:
        n_threads: How many there should be.
        shapes: (n, d) of every layer's cloud.
        options: What is measured.
        available: Bytes that there are; ``None`` if that is not known.

    Returns:
        At least 1, and at most ``n_threads``.

    Example:
        >>> from topocallback.analysis.options import AnalysisOptions
        >>> threads_that_fit(4, [(10_000, 64)] * 9, AnalysisOptions(), available=16 * 10**9)
        3
    """
    largest = max((_layer(shape, options).total_bytes for shape in shapes), default=0.0)
    if available is None or not largest:
        return n_threads
    return max(1, min(n_threads, int(available / 2 / largest)))


def time_in_words(seconds: float) -> str:
    """A time with two digits or three.

    Example:
        >>> time_in_words(0.53), time_in_words(95.2), time_in_words(600), time_in_words(50_000)
        ('0.5 s', '95 s', '10 min', '14 h')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _layer(shape: Shape, options: Asked) -> Cost:
    """What one layer takes alone, without its cloud."""
    n, d = shape
    highest = max(options.homology_dims)
    backend = resolve_backend(options.backend, highest)
    seconds: dict[str, float] = defaultdict(float)
    seconds["pooling" if d >= WIDE else "n_samples"] += _PRODUCT * n**2 * d + _VALUE * n * d
    seconds["n_samples"] += _ENTRY * n**2
    for count in (1, N_PARTS, N_QUARTERS):
        for dim in range(highest + 1):
            seconds["homology_dims" if dim > 1 else "n_samples"] += count * _rips(backend, dim, n / count)
        seconds["n_samples"] += _PART * count * (count > 1)
    if options.mapper:
        seconds["mapper"] += sum(factor * n**power for power, factor in enumerate(_MAPPER))
    for distance in options.distances:
        name, whole, quarter = *_pair(distance, n), _pair(distance, n / N_QUARTERS)[1]
        seconds[name if name == "measures" else "n_samples"] += 2 * whole + 6 * quarter + _LAYER[0] + _LAYER[1] * n
    peak = {"n_samples": float(_MATRICES[backend] * n**2 + min(16 * d, _PIECE) * n)}
    if highest > 1:
        peak["homology_dims"] = _TRIANGLES[backend] * n**3
    return Cost(seconds, peak)


def _rips(backend: str, dim: int, n: float) -> float:
    """What a homology dimension adds to the lower ones; each beyond the third as many times n / 10."""
    terms = _RIPS[backend][min(dim, 3)]
    return sum(factor * n**power for factor, power in terms) * max(1.0, n / 10) ** max(0, dim - 3)


def _pair(distance: Distance, n: float) -> tuple[str, float]:
    """What makes the distance of a pair of layers cheaper, and its seconds."""
    factor, power = _PAIR.get(distance.key, _PAIR["sliced_wasserstein"])
    trials, taken = distance.trials(n) if isinstance(distance, RTD) else (1, n)
    return "measures" if power > 1 else "layers", trials * factor * taken**power


def _added(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for part in parts:
        for name, number in part.items():
            found[name] += number
    return dict(found)
