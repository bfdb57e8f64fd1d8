"""All kinds of findings, and what a run says about each of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping

from topocallback.findings.alike import near_duplicates
from topocallback.findings.apart import from_reference, train_gap
from topocallback.findings.broken import nan_layers
from topocallback.findings.collapse import cosine_collapse, dead_units, rank_collapse
from topocallback.findings.course import Course
from topocallback.findings.movement import frozen, settled, still_moving, unmoved
from topocallback.findings.outliers import outliers
from topocallback.findings.redundancy import redundant
from topocallback.findings.separation import separation
from topocallback.findings.suspects import label_suspects
from topocallback.records.finding import Finding
from topocallback.records.snapshot import Snapshot

__all__ = ["ALERTS", "KINDS", "findings_of"]

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


def findings_of(
    run: Course | Iterable[Snapshot], *, failed: Callable[[str, Exception], object] | None = None
) -> list[Finding]:
    """What a run's snapshots say: which layers settled, are redundant or collapse, which samples are odd, and so on.

    Each kind of finding has a rule, which its evidence states, and a level: in at most that share of cases it is said
    where there is nothing to say. What cannot be asked of a run, such as where classes separate without labels, is not
    said. A kind that fails costs itself and no other.

    Args:
        run: The snapshots in the order of their steps, such as ``load_history`` gives them, or a ``Course`` of them.
        failed: Told of every kind that failed, and why; by default a warning says so.

    Returns:
        The findings, alerts first, then in the order of ``KINDS``.

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
    course = run if isinstance(run, Course) else Course(run)
    found: list[Finding] = []
    for name in KINDS:
        found += _of_kind(name, course, _warned if failed is None else failed)
    return sorted(found, key=lambda finding: not finding.is_alert)


def _of_kind(name: str, course: Course, failed: Callable[[str, Exception], object]) -> list[Finding]:
    try:
        return KINDS[name](course)
    except Exception as error:
        failed(name, error)
        return []


def _warned(name: str, error: Exception) -> None:
    warnings.warn(f"No findings of the kind {name}: {type(error).__name__}: {error}", stacklevel=4)
