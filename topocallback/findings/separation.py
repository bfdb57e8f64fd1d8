"""Where classes separate: in which layers a sample's neighbours carry its label."""

from __future__ import annotations

from typing import Any

from topocallback.findings.course import Course
from topocallback.findings.same_label import NEAR_BEST, SameLabel, same_label
from topocallback.findings.wording import about_layers, per_layer, sentence
from topocallback.records.finding import Finding
from topocallback.records.results import LEVEL
from topocallback.records.snapshot import Snapshot

__all__ = ["SEPARATED", "separation"]

SEPARATED = 0.5
"""How far on the way from chance to 1 the share of neighbours with a sample's label has to be, for classes to be called
separate: a share that is above chance for sure may still be a small one."""

_QUESTION = "Where do classes separate?"
_RULE = (
    "Said where, in any layer, more of the samples' nearest neighbours carry their label than when labels are permuted "
    f"(199 times, at {LEVEL:g} for all layers together). They separate from the first layer on from which this share "
    f"stays, up to the best layer, at least {NEAR_BEST:.0%} of the way from chance to the best layer's; hardly, where "
    f"that is less than {SEPARATED:.0%} of the way to 1; and less again, where all later layers differ from the best "
    f"one at {LEVEL:g}. Labels of one class, and targets of a regression, are no classes."
)


def separation(run: Course) -> list[Finding]:
    """From which layer on classes separate at the last step, and where they do less so again.

    Nothing is said where no layer is told apart from chance: that labels and layers have nothing to do with each other
    cannot be told from there being too few samples.

    Args:
        run: The run.

    Returns:
        One finding, or none.
    """
    snapshot = run.last
    found = run.of_last(same_label)
    if snapshot is None or found is None or not found.is_above_chance.any():
        return []
    layers = tuple(layer for layer, is_near in zip(found.layers, found.is_near_best, strict=True) if is_near)
    numbers = {
        "share of neighbours with a sample's label": per_layer(dict(zip(found.layers, found.shares, strict=True))),
        "the same by chance": found.classes.chance,
        "p-value, over all layers": per_layer(dict(zip(found.layers, found.p_values, strict=True))),
    }
    evidence = {"rule": _RULE, "numbers": numbers, "view": _view(snapshot, found.layers)}
    return [Finding(_QUESTION, layers, _statement(found), evidence, LEVEL, "separation")]


def _statement(found: SameLabel) -> str:
    names = [about_layers((layer,)) for layer in found.layers]
    best, depth, falls, chance = found.best, found.depth, found.falls, f"{found.classes.chance:.0%} by chance"
    shares = [f"{share:.0%} of a sample's nearest neighbours carry its label" for share in found.shares]
    if found.separated < SEPARATED:
        said = f"Classes hardly separate: at best, in {names[best]}, {shares[best]} ({chance})."
    elif len(names) == 1:
        said = f"Classes separate in {names[best]}: {shares[best]} ({chance})."
    elif depth == best:
        said = f"Classes separate from {names[best]} on: {shares[best]} there ({chance})."
    else:
        at_best = f"{found.shares[best]:.0%} at best, in {names[best]}"
        said = f"Classes separate from {names[depth]} on: {shares[depth]} there ({at_best}; {chance})."
    if falls is None:
        return said
    ends = "there" if falls == len(names) - 1 else f"in the last, {names[-1]}"
    return f"{said} {sentence(names[falls])} separates them less again: {found.shares[-1]:.0%} {ends}."


def _view(snapshot: Snapshot, layers: tuple[str, ...]) -> dict[str, Any] | None:
    key = "knn_accuracy", None
    if key not in snapshot.statistics:
        return None
    return {"kind": "curve", "measure": key[0], "homology_dim": None, "quantity": "value", "layers": list(layers)}
