"""All kinds of findings, and what a run says about each of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from topocallback.findings import compared_in_time
from topocallback.findings.alike import near_duplicates
from topocallback.findings.apart import from_reference, train_gap
from topocallback.findings.broken import nan_layers
from topocallback.findings.collapse import cosine_collapse, dead_units, rank_collapse
from topocallback.findings.compared import agreement, told_apart, unlike_checkpoints
from topocallback.findings.compared_layers import twins
from topocallback.findings.compared_samples import unlike_samples
from topocallback.findings.course import Course
from topocallback.findings.movement import frozen, settled, still_moving, unmoved
from topocallback.findings.not_said import not_said
from topocallback.findings.outliers import outliers
from topocallback.findings.redundancy import redundant
from topocallback.findings.separation import separation
from topocallback.findings.suspects import label_suspects
from topocallback.records.comparison import Comparison
from topocallback.records.finding import Finding
from topocallback.records.snapshot import Snapshot

__all__ = ["ALERTS", "KINDS", "KINDS_OF_COMPARISONS", "findings_of"]

KINDS: Mapping[str, Callable[[Course], list[Finding]]] = {
    "nan_layers": nan_layers,
    "rank_collapse": rank_collapse,
    "cosine_collapse": cosine_collapse,
    "dead_units": dead_units,
    "frozen": frozen,
    "unmoved": unmoved,
    "settled": settled,
    "still_moving": still_moving,
    "redundant": redundant,
    "from_reference": from_reference,
    "train_gap": train_gap,
    "separation": separation,
    "label_suspects": label_suspects,
    "near_duplicates": near_duplicates,
    "outliers": outliers,
}
"""Name to what asks a run for the findings of that kind, in the order in which they are shown."""

ALERTS = ("nan_layers", "rank_collapse", "cosine_collapse", "dead_units")
"""The kinds that are alerts, where there are any."""

KINDS_OF_COMPARISONS: Mapping[str, Callable[[Comparison], list[Finding]]] = {
    "unlike_checkpoints": unlike_checkpoints,
    "agreement": agreement,
    "unlike_samples": unlike_samples,
    "told_apart": told_apart,
    "settled": compared_in_time.settled,
    "still_moving": compared_in_time.still_moving,
    "twins": twins,
    "not_said": not_said,
}
"""The same for a comparison of checkpoints, runs or models."""


def findings_of(
    run: Course | Iterable[Snapshot] | Comparison, *, failed: Callable[[str, Exception], object] | None = None
) -> list[Finding]:
    """What a run's snapshots say: which layers settled, are redundant or collapse, which samples are odd, and so on.

    Or what a comparison says: which layers differ between its checkpoints, runs or models, and when they settled.

    Each kind of finding has a rule, which its evidence states, and a level: in at most that share of cases it is said
    where there is nothing to say. What cannot be asked of a run, such as where classes separate without labels, is not
    said. A kind that fails costs itself and no other.

    Args:
        run: The snapshots in the order of their steps, such as ``load_history`` gives them, or a ``Course`` of them; or
            a ``Comparison``.
        failed: Told of every kind that failed, and why; by default a warning says so.

    Returns:
        The findings, alerts first, then in the order of ``KINDS``, or of ``KINDS_OF_COMPARISONS``.

    Warns:
        UserWarning: For every kind that fails, unless ``failed`` is told of it.

    Example:
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> cloud = np.random.default_rng(0).normal(size=(40, 3))
        >>> cloud[0] = np.nan
        >>> for finding in findings_of([analyse(PointClouds({"stem": cloud}))]):
        ...     print(finding)
        Layer 'stem' holds NaN or infinity at step 0: 1 of 40 points.
    """
    kinds: Mapping[str, Callable[[Any], list[Finding]]] = KINDS
    record: object = run
    if isinstance(run, Comparison):
        kinds = KINDS_OF_COMPARISONS
    elif not isinstance(run, Course):
        record = Course(run)
    found: list[Finding] = []
    for name, findings in kinds.items():
        found += _of_kind(name, findings, record, _warned if failed is None else failed)
    return sorted(found, key=lambda finding: not finding.is_alert)


def _of_kind(
    name: str,
    findings: Callable[[Any], list[Finding]],
    record: object,
    failed: Callable[[str, Exception], object],
) -> list[Finding]:
    try:
        return findings(record)
    except Exception as error:
        failed(name, error)
        return []


def _warned(name: str, error: Exception) -> None:
    warnings.warn(f"No findings of the kind {name}: {type(error).__name__}: {error}", stacklevel=4)
