"""What cannot be asked of a run, and why."""

from __future__ import annotations

from topocallback.findings.course import Course

__all__ = ["lacking"]


def lacking(run: Course) -> list[str]:
    """What a run has too little for, in a sentence each.

    Args:
        run: The run.

    Example:
        >>> lacking(Course())
        ['There is no snapshot.']
    """
    if run.last is None:
        return ["There is no snapshot."]
    found = []
    if len(run.steps) == 1:
        found.append(f"Step {run.last.step} is the only one of its kind: how layers move or settle cannot be said.")
    if run.last.labels is None:
        found.append("There are no labels: where classes separate cannot be said, nor which labels are doubtful.")
    return found
