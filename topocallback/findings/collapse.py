"""Whether a layer collapses in training: to few directions, to a single one, or to units that say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.findings.course import Course
from topocallback.findings.evidence import curve, evidence
from topocallback.findings.so_far import OfLayer
from topocallback.findings.wording import about_layers, per_layer, sentence
from topocallback.records.classes import name_classes
from topocallback.records.finding import Finding
from topocallback.records.results import LEVEL, StatisticTable
from topocallback.records.snapshot import Snapshot

__all__ = ["cosine_collapse", "dead_units", "rank_collapse"]

_QUESTION = "Does a layer collapse?"

_SHARE_OF_RANK = 0.25
_FEWEST_DIRECTIONS = 4
_OF_RANK = (
    "Said where the participation ratio, the number of directions that hold a layer's variance, is at most "
    f"{_SHARE_OF_RANK:g} of the highest in the run, and that was at least {_FEWEST_DIRECTIONS}. With labels it has to "
    "be under the number of classes less one as well: so many directions are what a classifier needs, and well-trained "
    "ones come down to."
)

_HIGHEST_COSINE = 0.99
_SHARE_OF_SPREAD = 0.1
_ONE_DIRECTION = 0.999
_FEWEST_VALIDATIONS = 3
_OF_COSINE = (
    f"Said where the mean cosine between samples is at least {_HIGHEST_COSINE:g} and 1 less the cosine at most "
    f"{_SHARE_OF_SPREAD:g} of the highest that it was in the run, or where the mean cosine was at least "
    f"{_ONE_DIRECTION:g} in {_FEWEST_VALIDATIONS} snapshots running, and the network has been trained since the run's "
    "first one. Networks that are hardly trained are as narrow as that at times, and layers of a single unit always."
)

_ROUNDING = 1e-6  # of the one direction that a single unit has

_SHARE_OF_UNITS = 0.05
_FEWEST_POINTS = 60
_OF_UNITS = (
    f"Said where at least {_SHARE_OF_UNITS:.0%} of a layer's units have the same value for every one of at least "
    f"{_FEWEST_POINTS} samples. A unit that is active in {_SHARE_OF_UNITS:.0%} of inputs is quiet in {_FEWEST_POINTS} "
    "of them by chance in 4.6 % of cases. Where a sample has several positions, of which one is recorded, a unit may "
    "be active at the others."
)


def rank_collapse(run: Course) -> list[Finding]:
    """Layers whose vectors came down to few directions.

    By the participation ratio. A layer that was low from the run's first snapshot on is not named: a
    layer of width 1, as in regression, fills one direction for good reasons.

    Args:
        run: The run.

    Returns:
        One finding for all such layers, an alert, or none.
    """
    table = _table(run, "participation_ratio")
    if run.last is None or table is None:
        return []
    highest = _extremes(run, table, run.so_far.highest)
    enough = _directions_of_classes(run.last)
    is_low = (table.values <= _SHARE_OF_RANK * highest) & (highest >= _FEWEST_DIRECTIONS) & (table.values < enough)
    fallen = {layer: i for i, layer in enumerate(run.last.layers) if is_low[i]}
    if not fallen:
        return []
    worst = min(fallen, key=lambda layer: table.values[fallen[layer]] / highest[fallen[layer]])
    statement = (
        f"{sentence(about_layers(tuple(fallen)))} {_come(fallen)} down to few directions at step {run.steps[-1]}: "
        f"{_of_worst(fallen, worst)}{table.values[fallen[worst]]:.2g} of once {highest[fallen[worst]]:.2g}."
    )
    numbers = {
        "participation ratio": per_layer({layer: table.values[i] for layer, i in fallen.items()}),
        "highest in the run": per_layer({layer: highest[i] for layer, i in fallen.items()}),
    }
    return [_alert(table, fallen, statement, _OF_RANK, numbers, "rank_collapse")]


def cosine_collapse(run: Course) -> list[Finding]:
    """Layers whose vectors all came to one direction.

    Args:
        run: The run.

    Returns:
        One finding for all such layers, an alert, or none.
    """
    table = _table(run, "mean_cosine")
    if run.last is None or table is None:
        return []
    widest = 1 - _extremes(run, table, run.so_far.lowest)
    is_narrow = (table.values >= _HIGHEST_COSINE) & (1 - table.values <= _SHARE_OF_SPREAD * widest)
    if run.has_trained() and len(run.steps) >= _FEWEST_VALIDATIONS:
        lines = [run.line(table.about.key, "values", layer) for layer in run.last.layers]
        is_narrow |= np.array([(line[-_FEWEST_VALIDATIONS:] >= _ONE_DIRECTION).all() for line in lines])
    if (units := _table(run, "dead_units")) is not None:
        is_narrow &= units.values < 1  # of equal points it is said that all units are dead
    if (directions := _table(run, "participation_ratio")) is not None:
        is_narrow &= ~(directions.values <= 1 + _ROUNDING)
    fallen = {layer: i for i, layer in enumerate(run.last.layers) if is_narrow[i]}
    if not fallen:
        return []
    worst = max(fallen, key=lambda layer: table.values[fallen[layer]])
    statement = (
        f"{sentence(about_layers(tuple(fallen)))} {_say(fallen)} nearly the same of all samples at step "
        f"{run.steps[-1]}: {_of_worst(fallen, worst)}the mean cosine between two is {table.values[fallen[worst]]:.4g}."
    )
    numbers = {
        "mean cosine": per_layer({layer: table.values[i] for layer, i in fallen.items()}),
        "lowest in the run": per_layer({layer: 1 - widest[i] for layer, i in fallen.items()}),
    }
    return [_alert(table, fallen, statement, _OF_COSINE, numbers, "cosine_collapse")]


def dead_units(run: Course) -> list[Finding]:
    """Layers in which many units have one value for all samples.

    Args:
        run: The run.

    Returns:
        One finding for all such layers, an alert, or none.
    """
    table = _table(run, "dead_units")
    if run.last is None or table is None:
        return []
    is_dead = (table.values >= _SHARE_OF_UNITS) & (run.last.n_points >= _FEWEST_POINTS)
    dead = {layer: i for i, layer in enumerate(run.last.layers) if is_dead[i]}
    if not dead:
        return []
    worst = max(dead, key=lambda layer: table.values[dead[layer]])
    statement = (
        f"{sentence(about_layers(tuple(dead)))} {'has' if len(dead) == 1 else 'have'} dead units at step "
        f"{run.steps[-1]}: {_of_worst(dead, worst)}{table.values[dead[worst]]:.0%} have one value for all "
        f"{int(run.last.n_points[dead[worst]]):,} samples."
    )
    numbers = {"share of dead units": per_layer({layer: table.values[i] for layer, i in dead.items()})}
    return [_alert(table, dead, statement, _OF_UNITS, numbers, "dead_units")]


def _table(run: Course, measure: str) -> StatisticTable | None:
    """The last step's numbers; none before the first step: how a network was made is nothing that broke."""
    return None if run.last is None or not run.last.step else run.last.statistics.get((measure, None))


def _extremes(run: Course, table: StatisticTable, extremes: Mapping[OfLayer, float]) -> NDArray[np.float64]:
    """(L,) the highest, or lowest, that each layer's number was in the run; NaN where it was never known."""
    layers = () if run.last is None else run.last.layers
    return np.array([extremes.get((table.about.key, layer), np.nan) for layer in layers])


def _directions_of_classes(snapshot: Snapshot) -> float:
    """As many directions as a classifier comes down to; infinite without classes."""
    if snapshot.labels is None:
        return np.inf
    _, classes = name_classes(snapshot.labels, snapshot.classes)
    return len(classes) - 1 if classes else np.inf


def _alert(
    table: StatisticTable, layers: dict[str, int], statement: str, rule: str, numbers: Mapping[str, Any], kind: str
) -> Finding:
    shown = evidence(rule, numbers, curve(table.about, "value", tuple(layers)))
    return Finding(_QUESTION, tuple(layers), statement, shown, LEVEL, kind, is_alert=True)


def _of_worst(layers: dict[str, int], worst: str) -> str:
    return "" if len(layers) == 1 else f"of {worst!r} "


def _come(layers: dict[str, int]) -> str:
    return "has come" if len(layers) == 1 else "have come"


def _say(layers: dict[str, int]) -> str:
    return "says" if len(layers) == 1 else "say"
