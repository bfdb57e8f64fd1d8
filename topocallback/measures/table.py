"""All measures there are, and how a name becomes one. A new measure is one file and one line here."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from topocallback.measures.base import Distance, Measure
from topocallback.measures.cloud.activity import DeadUnits, MeanNorm, NeuronActivitySparsity, Sparsity
from topocallback.measures.cloud.classes import ClassPersistence, NeighbourAccuracy, Silhouette
from topocallback.measures.cloud.diffusion import DiffusionSpectralEntropy, DiffusionSpectralMutualInformation
from topocallback.measures.cloud.dimension import PHDimension, TwoNN
from topocallback.measures.cloud.discriminant import LiDAR
from topocallback.measures.cloud.graph import DirichletEnergy
from topocallback.measures.cloud.spectrum import AlphaReQ, EffectiveRank, MeanCosine, ParticipationRatio, RankMe
from topocallback.measures.functions import measure_of_function
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
from topocallback.measures.topology.betti_curve import BettiCurve
from topocallback.measures.topology.bottleneck import Bottleneck
from topocallback.measures.topology.persistence_image import PersistenceImage
from topocallback.measures.topology.sliced_wasserstein import SlicedWasserstein
from topocallback.measures.topology.statistics import Bars, LongestBar, PersistentEntropy, TotalPersistence
from topocallback.measures.topology.wasserstein import Wasserstein
from topocallback.measures.weights.receptive_fields import WeightNorm, WeightParticipationRatio
from topocallback.measures.weights.strength import NodeStrengthFluctuation

__all__ = [
    "MEASURES",
    "MeasureLike",
    "check_different",
    "from_record",
    "is_in_table",
    "resolve",
    "resolve_all",
    "resolve_distance",
    "to_record",
]

_ALL: tuple[type[Measure], ...] = (
    # Distances between layers.
    SlicedWasserstein,
    Wasserstein,
    Bottleneck,
    BettiCurve,
    PersistenceImage,
    # Distances between layers of the same samples.
    CKA,
    UnbiasedCKA,
    ShapeMetric,
    EuclideanShapeMetric,
    Procrustes,
    SVCCA,
    PWCCA,
    RSA,
    NeighbourOverlap,
    RTD,
    RTDLite,
    MaxRTDLite,
    SRTDLite,
    NTSE,
    NTSM,
    BlockInfluence,
    SQNR,
    Cosine,
    # Statistics of one layer.
    Bars,
    TotalPersistence,
    LongestBar,
    PersistentEntropy,
    MapperCoverage,
    MapperMajority,
    MapperPurity,
    MapperStability,
    RankMe,
    EffectiveRank,
    ParticipationRatio,
    AlphaReQ,
    LiDAR,
    MeanCosine,
    MeanNorm,
    Sparsity,
    DeadUnits,
    TwoNN,
    PHDimension,
    DiffusionSpectralEntropy,
    DiffusionSpectralMutualInformation,
    NeighbourAccuracy,
    Silhouette,
    ClassPersistence,
    NeuronActivitySparsity,
    DirichletEnergy,
    NodeStrengthFluctuation,
    WeightParticipationRatio,
    WeightNorm,
)

MEASURES: dict[str, type[Measure]] = {measure.key: measure for measure in _ALL}
"""Name to class."""

MeasureLike = str | Measure | Callable[..., Any]
"""A measure, its name, or a function that becomes one; see ``resolve``."""


def resolve(measure: MeasureLike) -> Measure:
    """The measure that a name, an object or a function stands for.

    Args:
        measure: A name in ``MEASURES``; a measure; a function of two (bars, 2) diagrams without infinite bars, which
            becomes a distance; or a function of one (n, d) cloud, which becomes a statistic.

    Returns:
        The measure.

    Raises:
        ValueError: If there is no measure of that name; the message lists them.
        TypeError: If ``measure`` is none of these.
        ModuleNotFoundError: If the measure needs a package that is not installed.

    Example:
        >>> resolve("wasserstein")
        Wasserstein(homology_dim=None, order=1.0, ground_norm=2.0, essential=False)
        >>> resolve(lambda first, second: abs(len(first) - len(second))).of_diagrams([(0, 1)], [])
        1
    """
    if isinstance(measure, Measure):
        return measure
    if isinstance(measure, str):
        if measure not in MEASURES:
            closest = difflib.get_close_matches(measure, MEASURES, n=3, cutoff=0.3)
            hint = f" Closest: {closest}." if closest else ""
            raise ValueError(f"Expected a measure of {list(MEASURES)}, got {measure!r}.{hint}")
        return MEASURES[measure]()
    if isinstance(measure, type) and issubclass(measure, Measure):
        return measure()
    if callable(measure) and not isinstance(measure, type):
        return measure_of_function(measure)
    raise TypeError(f"Expected a measure, its name ({list(MEASURES)}) or a function, got {measure!r}.")


def resolve_distance(measure: MeasureLike) -> Distance:
    """As ``resolve``, for where only a distance will do.

    Raises:
        TypeError: If it is a statistic, or none of what ``resolve`` takes.
    """
    found = resolve(measure)
    if not isinstance(found, Distance):
        raise TypeError(f"Expected `measure` to be a distance, got {found.key}, which is a statistic of one layer.")
    return found


def resolve_all(measures: Iterable[MeasureLike]) -> tuple[Measure, ...]:
    """The measures that a sequence of names, objects and functions stands for.

    Raises:
        ValueError: If there is no measure, none of a name, or two have the same name or label.
        TypeError: If ``measures`` is one measure instead of a sequence, or an entry is none.

    Example:
        >>> [measure.name for measure in resolve_all(["sliced_wasserstein", SlicedWasserstein(n_directions=10)])]
        ['sliced_wasserstein', 'sliced_wasserstein(n_directions=10)']
    """
    if isinstance(measures, (str, Measure)) or callable(measures) or not isinstance(measures, Iterable):
        raise TypeError(f"Expected `measures` to be a sequence, such as [{measures!r}], got {measures!r}.")
    found = tuple(map(resolve, measures))
    if not found:
        raise ValueError("Expected `measures` to hold at least one measure, got none.")
    check_different(found)
    return found


def check_different(measures: Iterable[Measure]) -> None:
    """Refuse measures whose tables a reader could not tell apart.

    Raises:
        ValueError: If two have the same name or label in a homology dimension; ``None`` stands for all of them.
    """
    seen: dict[str, set[int | None]] = {}
    for measure in measures:
        about = measure.describe()
        for name in dict.fromkeys((about.measure, about.label)):
            dims = seen.setdefault(name, set())
            if dims and (about.homology_dim is None or dims & {None, about.homology_dim}):
                raise ValueError(
                    f"Expected `measures` of different names, got {name!r} twice: name one of them otherwise."
                )
            dims.add(about.homology_dim)


def to_record(measure: Measure) -> dict[str, Any]:
    """What a record keeps of a measure: enough to make it again, if it is one of the table's.

    Example:
        >>> to_record(SlicedWasserstein(n_directions=10))
        {'name': 'sliced_wasserstein(n_directions=10)', 'key': 'sliced_wasserstein', 'options': {'n_directions': 10}}
    """
    if not is_in_table(measure):
        return {"name": measure.name}
    dim = measure.describe().homology_dim
    options = measure.options if dim is None else {**measure.options, "homology_dim": dim}
    return {"name": measure.name, "key": measure.key, "options": options}


def is_in_table(measure: Measure) -> bool:
    """Whether its name and options tell it from all others: a class or a function of the user's own may change."""
    return MEASURES.get(measure.key) is type(measure)


def from_record(recorded: Any) -> Measure | None:
    """The measure that ``to_record`` took apart; ``None`` for one that is not in the table.

    Example:
        >>> from_record({"key": "wasserstein", "options": {"order": 2}}).name
        'wasserstein(order=2)'
    """
    if not isinstance(recorded, Mapping):  # by a name, as in a record that was made otherwise
        return None
    kind = MEASURES.get(str(recorded.get("key")))
    try:
        return None if kind is None else kind(**recorded.get("options", {}))
    except (TypeError, ValueError):  # options of another version
        return None
