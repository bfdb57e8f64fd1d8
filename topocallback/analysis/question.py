"""One distance among the layers of one step."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topocallback.analysis.layers import LayerMeasurements
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.base import Distance
from topocallback.measures.noise import PreparedLayer
from topocallback.records.point_clouds import PointClouds

__all__ = ["Question"]


@dataclass(frozen=True)
class Question:
    """One distance among the layers of one step; a layer that has nothing to compare is ``None`` in ``prepared``."""

    clouds: PointClouds
    measured: Sequence[LayerMeasurements]
    prepared: Sequence[PreparedLayer | None]
    options: AnalysisOptions
    position: int
    n_threads: int

    @property
    def distance(self) -> Distance:
        """The distance that is asked for."""
        return self.options.distances[self.position]

    @property
    def there(self) -> list[int]:
        """The rows of the layers that have something to compare."""
        return [row for row, prepared in enumerate(self.prepared) if prepared is not None]

    @property
    def layers(self) -> list[PreparedLayer]:
        """What is compared, of the layers that are there."""
        return self.at(self.there)

    def at(self, rows: Sequence[int]) -> list[PreparedLayer]:
        """What is compared, of the layers of some rows that are there."""
        return [prepared for row in rows if (prepared := self.prepared[row]) is not None]

    @functools.cached_property
    def needs_common_samples(self) -> bool:
        """Whether the distance is paired, and layers lack samples that others have."""
        samples = [self.measured[row].sample_ids for row in self.there]
        return self.distance.paired and any(not np.array_equal(samples[0], others) for others in samples[1:])

    def of_layers(self, values: ArrayLike) -> NDArray[np.float64]:
        """Numbers of the layers that are there, or of their pairs, in the places of all layers; NaN elsewhere."""
        numbers = np.asarray(values, dtype=np.float64)
        found = np.full((len(self.prepared),) * numbers.ndim, np.nan)
        found[np.ix_(*[self.there] * numbers.ndim)] = numbers
        return found
