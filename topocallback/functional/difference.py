"""Whether two clouds differ by more than the choice of samples explains."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from topocallback.functional.arrays import points_of
from topocallback.hashing import sample_priorities
from topocallback.measures.facts import LayerFacts
from topocallback.measures.noise import how_sure, prepare_layer
from topocallback.measures.sign_flips import N_PARTS
from topocallback.measures.table import MeasureLike, resolve_distance
from topocallback.records.results import LEVEL, DistanceTable

__all__ = ["CloudDifference", "clouds_differ"]


@dataclass(frozen=True)
class CloudDifference:
    """What tells two clouds apart: the numbers that a cell of a layer-distance heatmap has.

    Attributes:
        distance: Their distance.
        times_noise: The distance over the one that two samples of one cloud have on average: about 1 where there is no
            difference. A size, not a verdict. For a paired distance, over its standard error.
        relative: The distance as a share of the largest that clouds of their sizes can have, in [0, 1]: comparable over
            numbers of samples, which the distance is not. NaN for a distance that knows no such thing.
        p_value: How often a difference comes out at least as large where there is none, from 1 / 2048 to 1; NaN for
            fewer than 24 points, and for a paired distance.

    Example:
        >>> CloudDifference(0.5, 2.0, 0.1, 0.01)
        CloudDifference(distance 0.5, 2 x noise, relative 0.1, p = 0.01: told apart)
    """

    distance: float
    times_noise: float
    relative: float
    p_value: float

    @property
    def told_apart(self) -> bool:
        """Whether the clouds are told apart at 5 %; ``False`` where they were not tested."""
        return self.p_value <= LEVEL

    def __repr__(self) -> str:
        verdict = "told apart" if self.told_apart else "not tested" if np.isnan(self.p_value) else "not told apart"
        return (
            f"CloudDifference(distance {self.distance:.3g}, {self.times_noise:.3g} x noise, "
            f"relative {self.relative:.3g}, p = {self.p_value:.3g}: {verdict})"
        )


def clouds_differ(
    x: Tensor | ArrayLike,
    y: Tensor | ArrayLike,
    *,
    measure: MeasureLike = "sliced_wasserstein",
    homology_dim: int = 1,
    paired: bool = True,
    scale: str = "quantile",
    backend: str = "auto",
    seed: int = 0,
) -> CloudDifference:
    """Whether two clouds differ by more than the choice of samples explains, and by how much.

    The samples are divided into twelve parts, each with diagrams of its own. If there is no difference, what a part
    gives on one side and what it gives on the other may change places: p is the share of all such changes that look at
    least as different. The test is exact whether the samples are the same or not; where they are, it sees more.

    Args:
        x: (n, c1) finite points.
        y: (m, c2) finite points; c2 need not be c1.
        measure: The distance.
        homology_dim: The homology dimension, for distances between diagrams.
        paired: Whether row i of both is the same sample, such as two layers' vectors of one input. Otherwise the clouds
            are of different samples, and of the larger cloud only as many as the smaller one has are used: with more
            points there are more bars.
        scale: ``"quantile"`` divides each cloud, and each part, by its own 0.9 quantile of distances, so that size
            alone is no difference; ``"none"`` does not.
        backend: What computes the diagrams.
        seed: Seed of the parts, and of the choice from the larger cloud; with 0 the parts are those of the monitor.

    Returns:
        The difference.

    Raises:
        ValueError: If a cloud is not of shape (n, d), not finite or empty, the clouds are paired and differ in their
            numbers of points, or a paired distance is asked of clouds that are not paired.
        TypeError: If ``measure`` is no distance, nor stands for one.

    Warns:
        UserWarning: If there are too few points for a test, or the distance fails on parts of the samples.

    References:
        The test: Fisher, "The design of experiments" (1935), section 21, on the statistic of Szekely and Rizzo, "Energy
        statistics" (2013).

    Example:
        >>> angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 400)
        >>> circle = np.column_stack([np.cos(angles), np.sin(angles)])
        >>> clouds_differ(circle, circle**2).told_apart, clouds_differ(circle, 3 * circle).told_apart
        (True, False)
    """
    clouds: list[Any] = [points_of(x, "x"), points_of(y, "y")]
    (distance,) = resolve_distance(measure).by_dimension((homology_dim,))
    counts = [len(cloud) for cloud in clouds]
    if distance.paired and not paired:
        raise ValueError(f"Expected `paired=True` for {distance.key}, which needs the same samples, got paired=False.")
    if paired and counts[0] != counts[1]:
        raise ValueError(
            f"Expected as many points in `x` as in `y` for `paired=True`, got {counts[0]} and {counts[1]}. For clouds "
            "of different samples say `paired=False`."
        )
    if min(counts) < 2 * N_PARTS:
        message = f"Expected at least {2 * N_PARTS} points for a test, got {min(counts)}: its p-value is NaN."
        warnings.warn(message, UserWarning, stacklevel=2)
    ids = [np.argsort(sample_priorities(np.arange(count), seed), kind="stable")[: min(counts)] for count in counts]
    facts = [
        LayerFacts(
            cloud[np.sort(chosen)],
            homology_dims=(homology_dim,),
            scale=scale,
            backend=backend,
            seed_of_parts=seed,
        )
        for cloud, chosen in zip(clouds, ids, strict=True)
    ]
    layers = [prepare_layer(distance, each) for each in facts]
    matrix = distance.matrix([layer.whole for layer in layers])
    known, problems = {}, [layer.problem for layer in layers if layer.problem]
    try:
        known = how_sure(distance, layers, matrix)
    except Exception as error:  # as in a snapshot, what fails on parts, which may be too few, costs its test
        problems.append(f"{type(error).__name__}: {error}")
    if problems:
        message = f"{distance.describe().title}: It was measured, but not tested. {problems[0]}"
        warnings.warn(message, UserWarning, stacklevel=2)
    table = DistanceTable(distance.describe(), matrix, **known)
    return CloudDifference(
        float(table.matrix[0, 1]),
        float(table.times_noise[0, 1]),
        float(table.relative[0, 1]),
        float(table.p_values[0, 1]),
    )
