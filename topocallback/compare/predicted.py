"""What a comparison will cost, said when the first model has been recorded."""

from __future__ import annotations

import warnings

from topocallback.analysis.options import AnalysisOptions
from topocallback.compare.options import CompareOptions
from topocallback.measures.cost import Cost, cost_of_pairs, predict_cost
from topocallback.measures.cost_told import clouds_in_words, too_much

__all__ = ["MOST_SECONDS", "predict_comparison", "warn_of_cost"]

MOST_SECONDS = 600.0
"""Processor time of a whole comparison, beyond which it is said: here no training waits."""

_LAYERS_IN_BLOCK = 256
_DIAGRAMS = 100
"""Bytes of a point's share of its layer's diagrams, and those of the parts."""
_TABLES = 48
"""Bytes of a pair of layers in the tables of two homology dimensions."""


def predict_comparison(
    shapes: list[tuple[int, int]], count: int, options: AnalysisOptions, *, n_at_once: int = 1, keeps_clouds: bool
) -> Cost:
    """What it takes to measure models and to compare every layer of each with every layer of all.

    Args:
        shapes: (n, d) of every cloud of one model: the others are taken to be like it.
        count: How many models.
        options: What is measured.
        n_at_once: How many models are analysed at once.
        keeps_clouds: Whether all models' clouds are kept until they are compared.

    Returns:
        The cost.

    Example:
        >>> one, ten = (predict_comparison([(500, 64)] * 9, n, AnalysisOptions(), keeps_clouds=False) for n in (1, 10))
        >>> 10 * one.total_seconds < ten.total_seconds < 100 * one.total_seconds
        True
    """
    one = predict_cost(shapes, options, n_recordings=count if keeps_clouds else n_at_once)
    analyses = Cost(
        one.seconds, {name: size * (1 if name == "layers" else n_at_once) for name, size in one.peak.items()}
    )
    n_points = [n for n, _ in shapes] * count
    in_block = cost_of_pairs(n_points[:_LAYERS_IN_BLOCK], options).peak
    kept = float(_DIAGRAMS * sum(n_points) + _TABLES * len(n_points) ** 2)
    pairs = Cost(cost_of_pairs(n_points, options).seconds, {"layers": kept + n_at_once * in_block["layers"]})
    return analyses.times(count).and_(pairs)


def warn_of_cost(shapes: list[tuple[int, int]], count: int, asked: CompareOptions, *, n_at_once: int) -> None:
    """Warn of a comparison that will take more than a user may expect, with the options that make it less.

    Args:
        shapes: (n, d) of every cloud of the first model.
        count: How many models are measured.
        asked: How they are compared.
        n_at_once: How many are analysed at once.

    Warns:
        UserWarning: If it takes more than ``MOST_SECONDS`` or half of the memory that is available.
    """
    options = asked.analysis
    keeps_clouds = not all(distance.from_diagrams for distance in options.distances)
    cost = predict_comparison(shapes, count, options, n_at_once=min(count, n_at_once), keeps_clouds=keeps_clouds)
    names = ["homology_dims", "n_samples", "layers", "measures", "mapper"]
    if asked.pooling in ("flatten", "rows") or callable(asked.pooling):
        names.append("pooling")
    models = "1 model" if count == 1 else f"{count} models"
    said = too_much(cost, f"{models} with {clouds_in_words(shapes)}", options=names, most_seconds=MOST_SECONDS)
    if said:
        warnings.warn(said, UserWarning, stacklevel=2)
