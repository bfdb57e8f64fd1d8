"""What is broken: layers whose numbers are not numbers."""

from __future__ import annotations

from topocallback.findings.course import Course
from topocallback.findings.wording import about_layers, sentence
from topocallback.records.finding import Finding

__all__ = ["nan_layers"]

_QUESTION = "Does a layer hold NaN or infinity?"
_RULE = "Said where the vector of one sample or more is not finite: counted, not estimated."


def nan_layers(run: Course) -> list[Finding]:
    """Layers in which samples have NaN or infinity, at the last step.

    Args:
        run: The run.

    Returns:
        One finding for all such layers, an alert, or none.
    """
    snapshot = run.last
    if snapshot is None:
        return []
    recorded = {layer: len(snapshot.owners.get(layer, snapshot.sample_ids)) for layer in snapshot.layers}
    lacking = {
        layer: recorded[layer] - int(n_points)
        for layer, n_points in zip(snapshot.layers, snapshot.n_points, strict=True)
        if n_points < recorded[layer]
    }
    if not lacking:
        return []
    worst = max(lacking, key=lambda layer: lacking[layer] / recorded[layer])
    share = "all" if lacking[worst] == recorded[worst] else f"{lacking[worst]:,} of {recorded[worst]:,}"
    statement = (
        f"{sentence(about_layers(tuple(lacking)))} {'holds' if len(lacking) == 1 else 'hold'} NaN or infinity at step "
        f"{snapshot.step}: {share} points{'' if len(lacking) == 1 else f' of {worst!r}'}."
    )
    numbers = {"points that are not finite": [{"layer": layer, "value": count} for layer, count in lacking.items()]}
    evidence = {"rule": _RULE, "numbers": numbers, "view": None}
    return [Finding(_QUESTION, tuple(lacking), statement, evidence, 0.0, "nan_layers", is_alert=True)]
