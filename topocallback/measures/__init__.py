"""What is measured on one layer, or between two: pure functions of arrays.

``MEASURES`` is the table of all of them, name to class. A measure is an object that carries its options, and can be
called on plain arrays: ``MEASURES["sliced_wasserstein"]()(x, y)``.
"""

from topocallback.measures.base import LENGTH, Distance, Measure, Statistic
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.stability import MapperStability
from topocallback.measures.mapper.statistics import MapperCoverage, MapperMajority, MapperPurity
from topocallback.measures.table import MEASURES, MeasureLike, resolve, resolve_all, resolve_distance
from topocallback.measures.topology.bottleneck import Bottleneck
from topocallback.measures.topology.distance import DiagramDistance
from topocallback.measures.topology.sliced_wasserstein import SlicedWasserstein
from topocallback.measures.topology.statistics import (
    Bars,
    DiagramStatistic,
    LongestBar,
    PersistentEntropy,
    TotalPersistence,
)
from topocallback.measures.topology.wasserstein import Wasserstein

__all__ = [
    "LENGTH",
    "MEASURES",
    "Bars",
    "Bottleneck",
    "DiagramDistance",
    "DiagramStatistic",
    "Distance",
    "LayerFacts",
    "LongestBar",
    "MapperCoverage",
    "MapperMajority",
    "MapperPurity",
    "MapperStability",
    "Measure",
    "MeasureLike",
    "PersistentEntropy",
    "SlicedWasserstein",
    "Statistic",
    "TotalPersistence",
    "Wasserstein",
    "resolve",
    "resolve_all",
    "resolve_distance",
]
