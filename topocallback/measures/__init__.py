"""What is measured on one layer, or between two: pure functions of arrays.

``MEASURES`` is the table of all of them, name to class. A measure is an object that carries its options, and can be
called on plain arrays: ``MEASURES["sliced_wasserstein"]()(x, y)``.
"""

from topocallback.measures.base import LENGTH, Distance, Measure, Statistic
from topocallback.measures.cloud.activity import DeadUnits, MeanNorm, NeuronActivitySparsity, Sparsity
from topocallback.measures.cloud.classes import ClassPersistence, NeighbourAccuracy, Silhouette
from topocallback.measures.cloud.diffusion import DiffusionSpectralEntropy, DiffusionSpectralMutualInformation
from topocallback.measures.cloud.dimension import PHDimension, TwoNN
from topocallback.measures.cloud.discriminant import LiDAR
from topocallback.measures.cloud.graph import DirichletEnergy
from topocallback.measures.cloud.spectrum import AlphaReQ, EffectiveRank, MeanCosine, ParticipationRatio, RankMe
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
from topocallback.measures.similarity.versions import SQNR, Cosine
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
from topocallback.measures.weights.receptive_fields import WeightNorm, WeightParticipationRatio
from topocallback.measures.weights.strength import NodeStrengthFluctuation

__all__ = [
    "CKA",
    "LENGTH",
    "MEASURES",
    "NTSE",
    "NTSM",
    "PWCCA",
    "RSA",
    "RTD",
    "SQNR",
    "SVCCA",
    "AlphaReQ",
    "Bars",
    "BettiCurve",
    "BlockInfluence",
    "Bottleneck",
    "ClassPersistence",
    "Cosine",
    "DeadUnits",
    "DiagramDistance",
    "DiagramStatistic",
    "DiffusionSpectralEntropy",
    "DiffusionSpectralMutualInformation",
    "DirichletEnergy",
    "Distance",
    "EffectiveRank",
    "EuclideanShapeMetric",
    "LayerFacts",
    "LiDAR",
    "LongestBar",
    "MapperCoverage",
    "MapperMajority",
    "MapperPurity",
    "MapperStability",
    "MaxRTDLite",
    "MeanCosine",
    "MeanNorm",
    "Measure",
    "MeasureLike",
    "NeighbourAccuracy",
    "NeighbourOverlap",
    "NeuronActivitySparsity",
    "NodeStrengthFluctuation",
    "PHDimension",
    "ParticipationRatio",
    "PersistenceImage",
    "PersistentEntropy",
    "Procrustes",
    "RTDLite",
    "RankMe",
    "SRTDLite",
    "ShapeMetric",
    "Silhouette",
    "SlicedWasserstein",
    "Sparsity",
    "Statistic",
    "TotalPersistence",
    "TwoNN",
    "UnbiasedCKA",
    "Wasserstein",
    "WeightNorm",
    "WeightParticipationRatio",
    "resolve",
    "resolve_all",
    "resolve_distance",
]
