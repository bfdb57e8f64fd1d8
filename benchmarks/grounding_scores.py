"""The tests that benchmarks/grounding.py puts distances to, and what labels say of clouds over epochs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from grounding_networks import LAYERS, Group
from numpy.typing import NDArray
from scipy.stats import rankdata

from topocallback.compare.experiments import without_components
from topocallback.measures import MEASURES, Distance, LayerFacts
from topocallback.records.specificity import Specificity, specificity

__all__ = [
    "Epoch",
    "Score",
    "Study",
    "distances_of_table",
    "first_beyond",
    "information_over",
    "nearest_is_itself",
    "rank_correlation",
    "removed_variance",
]

Array = NDArray[np.float64]
DIMENSIONS = (0, 1)
INFORMATION = "diffusion_spectral_mutual_information"
BOOTSTRAPS = 1000
HIDDEN = LAYERS.index("hidden")
FEWEST_NETWORKS = 3


# -- Scores -----------------------------------------------------------------------------------------------------------


def nearest_is_itself(distances: Array, network_of: NDArray[np.int64], layer_of: NDArray[np.int64]) -> float:
    """How often, of all layers of another network, the nearest one of a layer is the same layer; ties in part."""
    hits = []
    for row, network, layer in zip(distances, network_of, layer_of, strict=True):
        for other in np.unique(network_of[network_of != network]):
            of_other = np.where(network_of == other, row, np.inf)
            nearest = of_other == of_other.min()
            hits.append((nearest & (layer_of == layer)).sum() / nearest.sum())
    return float(np.mean(hits))


def first_beyond(curve: Sequence[float], threshold: float) -> int | None:
    """How many components are gone, one after the other, when a distance first exceeds a threshold."""
    beyond = np.flatnonzero(np.asarray(curve) > threshold)
    return int(beyond[0]) + 1 if len(beyond) else None


def removed_variance(cloud: NDArray[np.floating]) -> Array:
    """(c + 1,) which share of the variance is gone with 0, 1, ... principal components, the smallest first."""
    variances = np.linalg.svd(cloud - cloud.mean(axis=0), compute_uv=False)[::-1] ** 2
    variances = np.concatenate([np.zeros(cloud.shape[1] - len(variances)), variances])
    return np.concatenate([[0.0], np.cumsum(variances) / variances.sum()])


def rank_correlation(distances: Array, lost: Array) -> tuple[float, float, float]:
    """Spearman's correlation in the mean over layers, and its 95 % interval from networks drawn with replacement.

    Args:
        distances: (networks, layers) distance of each network's layer from the best network's.
        lost: (networks, layers) how far the layer's probe is from the best network's in accuracy.
    """
    rows = np.random.default_rng(0).integers(len(lost), size=(BOOTSTRAPS, len(lost)))
    drawn = _mean_correlations(distances[rows], lost[rows])
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return float(_mean_correlations(distances[None], lost[None])[0]), float(low), float(high)


def _mean_correlations(first: Array, second: Array) -> Array:
    """(b,) from (b, networks, layers), over the layers in which both sides vary."""
    ranks = [rankdata(side, axis=1) for side in (first, second)]
    ours, theirs = (each - each.mean(axis=1, keepdims=True) for each in ranks)
    sizes = np.sqrt((ours**2).sum(axis=1) * (theirs**2).sum(axis=1))
    known = sizes > 0
    found = np.divide((ours * theirs).sum(axis=1), sizes, out=np.zeros_like(sizes), where=known)
    counted = known.sum(axis=1)
    means = np.divide(found.sum(axis=1), counted, out=np.full(len(found), np.nan), where=counted > 0)
    return np.asarray(means, dtype=np.float64)


# -- Distances --------------------------------------------------------------------------------------------------------


@dataclass
class Score:
    """What one distance scored; what it refused is ``None``, with its sentence.

    Attributes:
        itself: How often a layer's nearest layer in another network is itself.
        specificity: The same by pairs.
        components: Share of the components that were gone when a removal was first seen, of each layer of each network;
            1 where it never was.
        variance: The same as a share of the variance.
        correlation: Rank correlation with the accuracy of probes, and its interval.
        of_hidden: The same of the last hidden layer alone.
    """

    name: str
    networks: int = 0
    seconds: float = 0.0
    itself: float | None = None
    specificity: Specificity | None = None
    components: list[float] = field(default_factory=list)
    variance: list[float] = field(default_factory=list)
    correlation: tuple[float, float, float] | None = None
    of_hidden: tuple[float, float, float] | None = None
    refusals: list[str] = field(default_factory=list)


class Study:
    """All clouds that distances are put to.

    Args:
        group: The networks, those that were trained on all images first.
        strong: How many these are.
        removed_from: Of how many networks components are removed.
        limit: How many seconds of a core the distances of all pairs of layers may take; where they would take longer,
            fewer networks are compared.
    """

    def __init__(self, group: Group, strong: int, removed_from: int, limit: float) -> None:
        self.facts = [[facts_of(cloud, group.labels) for cloud in own] for own in group.clouds]
        self.strong, self.limit, self.probed = strong, limit, group.probed
        self.best = int(group.accuracy.argmax())
        self.removals = [
            [[facts_of(one, group.labels) for one in removals(cloud)] for cloud in own]
            for own in group.clouds[:removed_from]
        ]
        self.variances = [[removed_variance(cloud) for cloud in own] for own in group.clouds[:removed_from]]

    def score(self, distance: Distance) -> Score:
        """All three tests of one distance."""
        start = time.perf_counter()
        score = Score(distance.describe().title)
        try:
            prepared = [[distance.prepare(facts) for facts in own] for own in self.facts]
            score.networks = self._networks_for(distance, prepared)
        except Exception as error:  # whatever a distance refuses is shown, and costs the others nothing
            score.refusals.append(f"{error}")
            return score
        tests: list[Callable[[], None]] = [
            lambda: self._specificity(distance, prepared[: score.networks], score),
            lambda: self._sensitivity(distance, prepared[: score.networks], score),
            lambda: self._correlation(distance, prepared, score),
        ]
        score.refusals += filter(None, map(_refusal, tests))
        score.seconds = time.perf_counter() - start
        return score

    def _networks_for(self, distance: Distance, prepared: Sequence[Sequence[Any]]) -> int:
        start = time.process_time()
        for first, second in zip(*prepared[:2], strict=True):
            distance.between(first, second)
        of_two = (time.process_time() - start) * len(prepared[0])  # seconds of all layers of two networks
        most = [n for n in range(FEWEST_NETWORKS, self.strong + 1) if n * (n - 1) / 2 * of_two <= self.limit]
        return max(most, default=FEWEST_NETWORKS)

    def _specificity(self, distance: Distance, prepared: Sequence[Sequence[Any]], score: Score) -> None:
        count, layers = len(prepared), len(prepared[0])
        network_of, layer_of = np.repeat(np.arange(count), layers), np.tile(np.arange(layers), count)
        matrix = distance.matrix([layer for own in prepared for layer in own])
        if not np.isfinite(matrix).all():
            raise ValueError(f"{distance.key} is not known of all pairs of layers.")
        score.itself = nearest_is_itself(matrix, network_of, layer_of)
        score.specificity = specificity(matrix, network_of, layer_of, LAYERS)

    def _sensitivity(self, distance: Distance, prepared: Sequence[Sequence[Any]], score: Score) -> None:
        of_layers = list(zip(*prepared, strict=True))
        thresholds = [
            np.mean([distance.between(a, b) for i, a in enumerate(same) for b in same[:i]]) for same in of_layers
        ]
        for network, own in enumerate(self.removals):
            for layer, removed in enumerate(own):
                full, variance = prepared[network][layer], self.variances[network][layer]
                curve = [distance.between(full, distance.prepare(facts)) for facts in removed]
                gone = first_beyond(curve, float(thresholds[layer]))
                score.components.append(1.0 if gone is None else gone / (len(variance) - 1))
                score.variance.append(1.0 if gone is None else float(variance[gone]))

    def _correlation(self, distance: Distance, prepared: Sequence[Sequence[Any]], score: Score) -> None:
        others = [i for i in range(len(prepared)) if i != self.best]
        apart = [list(map(distance.between, prepared[i], prepared[self.best])) for i in others]
        lost = np.abs(self.probed[others] - self.probed[self.best])
        score.correlation = rank_correlation(np.array(apart), lost)
        score.of_hidden = rank_correlation(np.array(apart)[:, [HIDDEN]], lost[:, [HIDDEN]])


def _refusal(test: Callable[[], None]) -> str:
    try:
        test()
    except Exception as error:
        return f"{error}"
    return ""


def facts_of(cloud: NDArray[np.floating], labels: NDArray[np.int64]) -> LayerFacts:
    return LayerFacts(cloud, labels, homology_dims=DIMENSIONS, scale="quantile")


def removals(cloud: NDArray[np.floating]) -> Iterator[Array]:
    """The cloud without its 1, 2, ... smallest principal components, until one is left."""
    mean = cloud.mean(axis=0)
    for k in range(1, cloud.shape[1]):
        yield without_components(cloud - mean, k) + mean


def distances_of_table() -> Iterator[Distance]:
    for kind in MEASURES.values():
        if issubclass(kind, Distance):
            yield from kind().by_dimension(DIMENSIONS)


# -- Mutual information -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Epoch:
    """Networks after so many epochs with true and with shuffled labels: (2, seeds) of each number."""

    epoch: int
    fitted: Array
    accuracy: Array
    information: dict[str, Array]


def information_over(epochs: Sequence[int], true: dict[int, Group], shuffled: dict[int, Group]) -> list[Epoch]:
    """What labels say of the last two layers on held-out images, whose labels are the true ones."""
    kind = MEASURES[INFORMATION]
    statistics = {"sigma = 10": kind(), "sigma = median": kind(sigma="median")}  # type: ignore[call-arg]
    found = []
    for epoch in epochs:
        groups = true[epoch], shuffled[epoch]
        information = {
            f"{LAYERS[layer]}, {name}": np.array(
                [[taken(one, group, i, layer) for i in range(len(group.clouds))] for group in groups]
            )
            for layer in (-2, -1)
            for name, one in statistics.items()
        }
        fitted, accuracy = (np.array([getattr(group, name) for group in groups]) for name in ("fitted", "accuracy"))
        found.append(Epoch(epoch, fitted, accuracy, information))
    return found


def taken(statistic: Any, group: Group, network: int, layer: int) -> float:
    return float(statistic(group.clouds[network][layer], group.labels))
