"""The figures of a record, for notebooks and papers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from matplotlib.figure import Figure

from topocallback.records.comparison import Comparison
from topocallback.records.neighbourhoods import NeighbourhoodPersistence
from topocallback.records.results import Results, UnknownResultError
from topocallback.records.snapshot import Snapshot
from topocallback.views.comparison import FIGURES
from topocallback.views.figures import diagrams_figure, heatmap_figure
from topocallback.views.mapper_figure import mapper_figure
from topocallback.views.neighbourhoods import persistence_figure

__all__ = ["plot"]


def plot(
    record: Comparison | NeighbourhoodPersistence | Snapshot,
    what: str | None = None,
    measure: str | None = None,
    homology_dim: int | None = None,
) -> Figure:
    """A figure of a record.

    Args:
        record: What was measured.
        what: Of a ``Comparison`` ``"distances"``, ``"map"``, ``"specificity"`` or ``"settling"``, of a ``Snapshot``
            ``"heatmap"``, ``"diagrams"`` or ``"mapper"``, of a ``NeighbourhoodPersistence`` ``"persistence"``; by
            default the first of them.
        measure: A measure's name. Of a comparison, by default the first one; in a heatmap, by default all. Diagrams,
            Mapper graphs and neighbourhoods have none.
        homology_dim: A homology dimension. Of a comparison, by default 1, or the measure's first if it has no H1; of a
            snapshot, by default all are shown. Mapper graphs and neighbourhoods have none.

    Returns:
        A matplotlib figure, which pyplot does not know of: ``figure.savefig("layers.pdf")`` writes it.

    Raises:
        ValueError: If there is no such figure, measure or homology dimension, there is nothing to draw, or the figure
            has no measure or homology dimension to choose.
        TypeError: If ``record`` is no ``Comparison``, ``Snapshot`` or ``NeighbourhoodPersistence``.

    Example:
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> snapshot = analyse(PointClouds({"stem": np.eye(9), "head": np.diag(np.arange(9.0))}))
        >>> figure = plot(snapshot)
        >>> figure = plot(snapshot, "diagrams", homology_dim=0)
    """
    figures = _figures_of(record)
    name = next(iter(figures)) if what is None else what
    if name not in figures:
        kind = type(record).__name__
        raise ValueError(f"Expected `what` to be one of {tuple(figures)} for a {kind}, got {what!r}.")
    try:
        return figures[name](record, measure, homology_dim)
    except UnknownResultError as error:
        raise ValueError(str(error)) from error


def _figures_of(record: Comparison | NeighbourhoodPersistence | Snapshot) -> Mapping[str, Callable[..., Figure]]:
    if isinstance(record, Comparison):
        return FIGURES
    if isinstance(record, Snapshot):
        return {"heatmap": _heatmap, "diagrams": _diagrams, "mapper": _mapper}
    if isinstance(record, NeighbourhoodPersistence):
        return {"persistence": _persistence}
    raise TypeError(
        f"Expected `record` to be a Comparison, a Snapshot or a NeighbourhoodPersistence, got {type(record).__name__}."
    )


def _heatmap(snapshot: Snapshot, measure: str | None, homology_dim: int | None) -> Figure:
    tables = list(snapshot.distances.values()) if measure is None else snapshot.distances.of(measure)
    if homology_dim is not None:
        chosen = [table for table in tables if table.about.homology_dim == homology_dim]
        tables = chosen or [snapshot.distances[tables[0].about.measure, homology_dim]]  # says what there is
    return heatmap_figure(dataclasses.replace(snapshot, distances=Results(tables)))


def _diagrams(snapshot: Snapshot, measure: str | None, homology_dim: int | None) -> Figure:
    _refuse("diagrams", measure=measure)
    if homology_dim is None:
        return diagrams_figure(snapshot)
    if homology_dim not in snapshot.homology_dims:
        raise ValueError(f"Expected `homology_dim` to be one of {snapshot.homology_dims}, got {homology_dim!r}.")
    position = snapshot.homology_dims.index(homology_dim)
    diagrams = {layer: [found[position]] for layer, found in snapshot.diagrams.items()}
    return diagrams_figure(dataclasses.replace(snapshot, homology_dims=(homology_dim,), diagrams=diagrams))


def _mapper(snapshot: Snapshot, measure: str | None, homology_dim: int | None) -> Figure:
    _refuse("mapper", measure=measure, homology_dim=homology_dim)
    if not snapshot.mappers:
        raise ValueError("Expected a snapshot with Mapper graphs, got one without: analyse with `mapper=True`.")
    return mapper_figure(snapshot)


def _persistence(found: NeighbourhoodPersistence, measure: str | None, homology_dim: int | None) -> Figure:
    _refuse("persistence", measure=measure, homology_dim=homology_dim)
    return persistence_figure(found)


def _refuse(what: str, **choices: object) -> None:
    """Refuse a choice that a figure does not offer, instead of passing it over."""
    for name, choice in choices.items():
        if choice is not None:
            raise ValueError(f"Expected no `{name}` for {what!r}, got {choice!r}.")
