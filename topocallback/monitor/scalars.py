"""Which of a snapshot's numbers loggers get."""

from __future__ import annotations

from collections.abc import Iterator

from topocallback.analysis.gap import gap_of_statistic, gap_p_value
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.base import Distance, Measure, Statistic
from topocallback.records.results import Description
from topocallback.views.logging import names_of_distances

__all__ = ["logged_quantities"]

_CHOICES = ("few", "all")
_OF_A_DISTANCE = ("drift", "drift_from_reference")


def logged_quantities(scalars: str, options: AnalysisOptions) -> frozenset[str] | None:
    """The names of the quantities that loggers get of every layer, as ``scalars`` of ``views.logging`` names them.

    Those that a person reads, and those that were asked for by name: of every distance its drift and its drift from the
    reference in one homology dimension, H1 where there is one; the noise of the first one, which these are held
    against; the statistics in ``measures``, and the standard ones of clouds; of all these the gap between training and
    validation data, of a distance as its p-value. The record has all of them.

    Args:
        scalars: ``"few"`` for these, ``"all"`` for every number.
        options: What is measured.

    Returns:
        The names, or ``None`` for all.

    Raises:
        ValueError: If ``scalars`` is neither.

    Example:
        >>> sorted(logged_quantities("few", AnalysisOptions(["bottleneck", "bars"], homology_dims=(1,))))[:3]
        ['bars_H1', 'dead_units', 'drift_H1']
    """
    if scalars not in _CHOICES:
        raise ValueError(f"Expected `scalars` to be 'few' or 'all', got {scalars!r}.")
    return None if scalars == "all" else frozenset(_few(options))


def _few(options: AnalysisOptions) -> Iterator[str]:
    distances = [distance.describe() for distance in options.distances]
    names = {about.key: own for about, own in zip(distances, names_of_distances(distances), strict=True)}
    read = [_one(_tables(each, options)) for each in options.chosen if isinstance(each, Distance)]
    yield from (names[about.key]["noise"] for about in read[:1])
    for about in read:
        yield from (names[about.key][quantity] for quantity in _OF_A_DISTANCE)
        yield gap_p_value(about).tag
    for statistic in (*options.chosen, *options.standard_of_clouds):
        for about in _tables(statistic, options) if isinstance(statistic, Statistic) else ():
            yield from (about.tag, gap_of_statistic(about).tag)


def _tables(measure: Measure, options: AnalysisOptions) -> list[Description]:
    return [each.describe() for each in measure.by_dimension(options.homology_dims)]


def _one(tables: list[Description]) -> Description:
    """The table in the dimension that is shown unless another one is asked for; see ``Results.choose``."""
    return next((about for about in tables if about.homology_dim == 1), tables[0])
