"""What is measured on one layer, or between two: pure functions of arrays.

``MEASURES`` is the table of all of them, name to class. A measure is an object that carries its options, and can be
called on plain arrays: ``MEASURES["sliced_wasserstein"]()(x, y)``.
"""

from topocallback.measures.base import LENGTH, Distance, Measure, Statistic
from topocallback.measures.cloud.classes import NeighbourAccuracy
from topocallback.measures.cloud.diffusion import DiffusionSpectralEntropy
from topocallback.measures.cloud.dimension import TwoNN
from topocallback.measures.cloud.spectrum import EffectiveRank, MeanCosine, ParticipationRatio, RankMe
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.stability import MapperStability
from topocallback.measures.mapper.statistics import MapperCoverage, MapperMajority, MapperPurity
from topocallback.measures.similarity.block_influence import BlockInfluence
from topocallback.measures.similarity.cca import PWCCA, SVCCA
from topocallback.measures.similarity.cka import CKA, UnbiasedCKA
from topocallback.measures.similarity.dissimilarity import RSA
from topocallback.measures.similarity.neighbours import NeighbourOverlap
from topocallback.measures.similarity.rtd import RTD
from topocallback.measures.similarity.shapes import EuclideanShapeMetric, Procrustes, ShapeMetric
from topocallback.measures.similarity.trees import NTSE, NTSM, MaxRTDLite, RTDLite, SRTDLite
from topocallback.measures.table import MEASURES, MeasureLike, resolve, resolve_all, resolve_distance
from topocallback.measures.topology.betti_curve import BettiCurve
from topocallback.measures.topology.bottleneck import Bottleneck
from topocallback.measures.topology.distance import DiagramDistance
from topocallback.measures.topology.persistence_image import PersistenceImage
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
    "CKA",
    "LENGTH",
    "MEASURES",
    "NTSE",
    "NTSM",
    "PWCCA",
    "RSA",
    "RTD",
    "SVCCA",
    "Bars",
    "BettiCurve",
    "BlockInfluence",
    "Bottleneck",
    "DiagramDistance",
    "DiagramStatistic",
    "DiffusionSpectralEntropy",
    "Distance",
    "EffectiveRank",
    "EuclideanShapeMetric",
    "LayerFacts",
    "LongestBar",
    "MapperCoverage",
    "MapperMajority",
    "MapperPurity",
    "MapperStability",
    "MaxRTDLite",
    "MeanCosine",
    "Measure",
    "MeasureLike",
    "NeighbourAccuracy",
    "NeighbourOverlap",
    "ParticipationRatio",
    "PersistenceImage",
    "PersistentEntropy",
    "Procrustes",
    "RTDLite",
    "RankMe",
    "SRTDLite",
    "ShapeMetric",
    "SlicedWasserstein",
    "Statistic",
    "TotalPersistence",
    "TwoNN",
    "UnbiasedCKA",
    "Wasserstein",
    "resolve",
    "resolve_all",
    "resolve_distance",
]
