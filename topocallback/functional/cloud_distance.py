"""How clouds are compared: what the functions here and the metrics have in common."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import Distance
from topocallback.measures.cost import Cost, predict_cost
from topocallback.measures.cost_told import clouds_in_words, too_much
from topocallback.measures.facts import LayerFacts
from topocallback.measures.scale import check_scale
from topocallback.measures.table import MeasureLike, resolve_distance
from topocallback.measures.topology.diagrams import Diagram
from topocallback.measures.topology.rips import check_homology_dims, resolve_backend
from topocallback.memory import available_memory, size_in_words

__all__ = ["REDUCTIONS", "CloudDistance"]

REDUCTIONS = ("sum", "none")


@dataclass(frozen=True)
class CloudDistance:
    """A distance between clouds, with all of its options.

    Args:
        measure: As in ``persistence_distance``, as are all that follow.
        homology_dims: The homology dimensions.
        scale: ``"none"`` or ``"quantile"``.
        backend: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        reduction: ``"sum"`` or ``"none"``.

    Raises:
        ValueError: If an option is not one of those allowed.
        TypeError: If ``measure`` is no distance, nor stands for one.
        ModuleNotFoundError: If an option needs a package that is not installed.

    Example:
        >>> float(CloudDistance("bottleneck").between(np.array([[0.0], [1.0]]), np.array([[0.0], [3.0]])))
        1.5
    """

    measure: MeasureLike = "sliced_wasserstein"
    homology_dims: Sequence[int] = (0, 1)
    scale: str = "none"
    backend: str = "auto"
    reduction: str = "sum"
    mapper: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "measure", resolve_distance(self.measure))
        object.__setattr__(self, "homology_dims", check_homology_dims(self.homology_dims))
        check_scale(self.scale)
        resolve_backend(self.backend, max(self.homology_dims))
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"Expected `reduction` to be one of {REDUCTIONS}, got {self.reduction!r}.")
        _ = self.distances  # whoever asks for a dimension that is not computed hears it now

    @property
    def distances(self) -> tuple[Distance, ...]:
        """The distance in each homology dimension; a single one, if it has none."""
        return resolve_distance(self.measure).by_dimension(self.homology_dims)

    @property
    def is_paired(self) -> bool:
        """Whether both clouds have to be of the same samples."""
        return resolve_distance(self.measure).paired

    def check_unpaired(self) -> None:
        """Refuse a distance that needs the same samples on both sides, for clouds that are sampled each for itself.

        Raises:
            ValueError: If it does.
        """
        if self.is_paired:
            name = resolve_distance(self.measure).key
            raise ValueError(
                f"Expected `measure` to be a distance of any clouds, got {name}, which needs paired samples."
            )

    def shape(self, *shape: int) -> tuple[int, ...]:
        """The shape of a result whose reduced shape this is."""
        return shape if self.reduction == "sum" else (len(self.distances), *shape)

    def diagrams(self, points: NDArray[np.floating]) -> list[Diagram]:
        """One diagram per homology dimension of (n, d) points."""
        return self._facts(points).diagrams

    def between(self, first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
        """The distance between two clouds: () or, not reduced, (homology dimensions,)."""
        prepared = zip(self._prepared(first), self._prepared(second), strict=True)
        found = [distance.between(*pair) for distance, pair in zip(self.distances, prepared, strict=True)]
        return self._reduced(np.array(found, dtype=np.float64))

    def among(self, clouds: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
        """The distances among L clouds: (L, L) or, not reduced, (homology dimensions, L, L)."""
        prepared = zip(*[self._prepared(cloud) for cloud in clouds], strict=True)
        matrices = [each.matrix(layers) for each, layers in zip(self.distances, prepared, strict=True)]
        return self._reduced(np.stack(matrices))

    def _prepared(self, points: NDArray[np.floating]) -> list[Any]:
        """What each distance compares of a cloud, whose own distances are gone by then: 800 MB for 10,000 points."""
        facts = self._facts(points)
        return [distance.prepare(facts) for distance in self.distances]

    def _facts(self, points: NDArray[np.floating]) -> LayerFacts:
        shape = (len(points), points.shape[1] if points.ndim > 1 else 1)
        memory = Cost({}, predict_cost([shape], self, itemsize=0).peak)
        options = ["points", "homology_dims"]
        if said := too_much(memory, clouds_in_words([shape], "cloud"), options=options, most_of_memory=1.0):
            there = size_in_words(available_memory() or 0)
            warnings.warn(f"{said} There are {there}.", UserWarning, stacklevel=4)
        return LayerFacts(points, homology_dims=self.homology_dims, scale=self.scale, backend=self.backend)

    def _reduced(self, by_dim: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(by_dim.sum(axis=0)) if self.reduction == "sum" else by_dim
