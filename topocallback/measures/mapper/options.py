"""How a Mapper graph is made."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FILTERS", "MapperOptions", "mapper_options"]

FILTERS = ("l2norm", "pca", "eccentricity")

Filter = Callable[[NDArray[np.float64]], ArrayLike]


@dataclass(frozen=True)
class MapperOptions:
    """How a Mapper graph is made; by default as in the paper.

    Args:
        filter: What orders the points: ``"l2norm"``, the norm of a point; ``"pca"``, its first principal component;
            ``"eccentricity"``, its mean distance to the other points; or a function of the (n, d) points that gives
            one number each.
        n_intervals: How many intervals cover the filter's range, at least 1.
        overlap: The share of an interval that its neighbour covers too, at least 0 and below 1.
        clusterer: ``"dbscan"``, or an object with scikit-learn's ``fit_predict``, which gets the points of one
            interval, and then ``min_samples`` and ``radius`` are its own affair.
        min_samples: How many points near a point, itself included, make it the core of a cluster, at least 1.
        radius: How far apart points are near each other, above 0, in the units of the cloud; ``"elbow"`` takes it from
            the distances to the nearest neighbour, see ``elbow``.

    Raises:
        ValueError: If an option is out of its range.
        TypeError: If the clusterer has no ``fit_predict``.
        ModuleNotFoundError: If ``filter="pca"`` and scikit-learn is not installed.

    References:
        Singh, Memoli and Carlsson, "Topological methods for the analysis of high dimensional data sets and 3D object
        recognition" (SPBG 2007), also for the eccentricity; van Veen et al., "Kepler Mapper" (JOSS 2019) for the cover.

    Example:
        >>> MapperOptions(n_intervals=10, overlap=0.5).describe()["filter"]
        'l2norm'
    """

    filter: Literal["l2norm", "pca", "eccentricity"] | Filter = "l2norm"
    n_intervals: int = 40
    overlap: float = 0.3
    clusterer: Any = "dbscan"
    min_samples: int = 5
    radius: Literal["elbow"] | float = "elbow"

    def __post_init__(self) -> None:
        if not callable(self.filter) and self.filter not in FILTERS:
            raise ValueError(f"Expected `filter` to be one of {FILTERS} or a callable, got {self.filter!r}.")
        if self.filter == "pca" and not importlib.util.find_spec("sklearn"):
            raise ModuleNotFoundError("`filter='pca'` needs a package: pip install scikit-learn")
        for name, value in (("n_intervals", self.n_intervals), ("min_samples", self.min_samples)):
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"Expected `{name}` to be an integer of at least 1, got {value!r}.")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"Expected `overlap` to be at least 0 and below 1, got {self.overlap!r}.")
        if self.clusterer != "dbscan" and not hasattr(self.clusterer, "fit_predict"):
            raise TypeError(f"Expected `clusterer` to be 'dbscan' or to have `fit_predict`, got {self.clusterer!r}.")
        if self.radius != "elbow" and not (isinstance(self.radius, (int, float)) and 0 < self.radius < np.inf):
            raise ValueError(f"Expected `radius` to be 'elbow' or a number above 0, got {self.radius!r}.")

    def describe(self) -> dict[str, object]:
        """The options as JSON can hold them."""
        named = self.filter if isinstance(self.filter, str) else getattr(self.filter, "__name__", repr(self.filter))
        return {
            "filter": named,
            "n_intervals": int(self.n_intervals),
            "overlap": float(self.overlap),
            "clusterer": self.clusterer if isinstance(self.clusterer, str) else repr(self.clusterer),
            "min_samples": int(self.min_samples),
            "radius": self.radius,
        }


def mapper_options(mapper: bool | MapperOptions) -> MapperOptions | None:
    """The options that an argument ``mapper`` stands for.

    Args:
        mapper: ``True`` for the default options, ``False`` for no graph, or the options.

    Raises:
        TypeError: If it is neither.
    """
    if isinstance(mapper, MapperOptions):
        return mapper
    if isinstance(mapper, bool):
        return MapperOptions() if mapper else None
    raise TypeError(f"Expected `mapper` to be True, False or MapperOptions, got {type(mapper).__name__}.")
