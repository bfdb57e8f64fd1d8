"""Which samples are nearly the same one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topocallback.findings.course import Course
from topocallback.findings.shown_samples import samples_view
from topocallback.records.finding import Finding
from topocallback.records.nearest import NearestSamples
from topocallback.records.results import LEVEL
from topocallback.records.snapshot import Snapshot

__all__ = ["near_duplicates", "nearly_equal"]

_CLOSE = 0.01
_MOST_COLLAPSED = 0.1

_QUESTION = "Which samples are nearly the same?"
_RULE = (
    "Said of samples that are in one group in every layer: a group are samples that are nearer to their nearest one, "
    f"which is of the same group, than {_CLOSE:.0%} of the median distance to the last neighbour that is kept. A layer "
    f"does not count in which that distance is 0, or in which more than {_MOST_COLLAPSED:.0%} of the samples have all "
    f"their neighbours as near as that. Nothing is said where more than {LEVEL:g} such pairs are to be expected by "
    "chance in every layer that counts, as among many points on a line."
)


def near_duplicates(run: Course) -> list[Finding]:
    """Groups of samples that no layer tells apart at the last step, such as an input that is there twice.

    Args:
        run: The run.

    Returns:
        One finding for all groups, or none.
    """
    snapshot = run.last
    layers = () if snapshot is None else _layers_that_count(snapshot)
    groups = [] if snapshot is None else nearly_equal(snapshot)
    if snapshot is None or not groups:
        return []
    ids = [[int(snapshot.sample_ids[sample]) for sample in group] for group in groups]
    notes = [_note([other for other in group if other != own]) for group in ids for own in group]
    samples = [sample for group in groups for sample in group]
    numbers = {"groups": len(groups), "samples in them": len(samples), "layers that count": len(layers)}
    view = samples_view(snapshot, layers[-1], samples, notes)
    evidence = {"rule": _RULE, "numbers": numbers, "view": view}
    return [Finding(_QUESTION, (), _statement(ids), evidence, LEVEL, "near_duplicates")]


def nearly_equal(snapshot: Snapshot) -> list[list[int]]:
    """All groups of samples that are nearly the same, as positions among the snapshot's samples, the largest first."""
    layers = [snapshot.nearest[layer] for layer in _layers_that_count(snapshot)]
    if not layers or min(map(_pairs_by_chance, layers)) > LEVEL:
        return []
    return _same_in_all([_groups_in(nearest) for nearest in layers])


def _layers_that_count(snapshot: Snapshot) -> tuple[str, ...]:
    return tuple(layer for layer, nearest in snapshot.nearest.items() if _counts(nearest))


def _statement(groups: list[list[int]]) -> str:
    first, count = groups[0], sum(map(len, groups))
    if count == 2:
        return f"Samples {first[0]} and {first[1]} are nearly the same in every layer."
    those = f"{count:,} samples" + (f", in {len(groups):,} groups," if len(groups) > 1 else "")
    named = f"{', '.join(map(str, first[:3]))}" + (f" and {len(first) - 3:,} more" if len(first) > 3 else "")
    return f"{those} are nearly the same in every layer{', such as' if len(groups) > 1 else ':'} {named}."


def _note(others: list[int]) -> str:
    more = len(others) - 3
    return f"nearly the same as {', '.join(map(str, others[:3]))}" + (f" and {more:,} more" if more > 0 else "")


def _typical(nearest: NearestSamples, neighbour: int = -1) -> float:
    """The median distance to one of the neighbours; 0 where there are none."""
    known = nearest.distances[nearest.is_known]
    return float(np.median(known[:, neighbour])) if known.size else 0.0


def _counts(nearest: NearestSamples) -> bool:
    """Whether a layer can say which samples are the same."""
    typical = _typical(nearest)
    if not typical > 0 or not np.isfinite(typical):
        return False
    is_collapsed = nearest.distances[nearest.is_known, -1] < _CLOSE * typical
    return bool(is_collapsed.mean() <= _MOST_COLLAPSED)


def _pairs_by_chance(nearest: NearestSamples) -> float:
    """How many pairs are as close as that by chance.

    The number within a distance grows with a power of it, which is told from how far the middle and the last of the
    neighbours are.
    """
    n_samples, count = int(nearest.is_known.sum()), nearest.positions.shape[1]
    growth = np.log(_typical(nearest)) - np.log(max(_typical(nearest, 1), np.finfo(np.float32).tiny))
    power = np.log(count / ((count + 1) // 2)) / growth if growth > 0 else np.inf
    return float(n_samples / 2 * count * _CLOSE**power)


def _groups_in(nearest: NearestSamples) -> NDArray[np.int32]:
    """(n,) the number of each sample's group in one layer: those that are joined to their nearest ones, if close."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_samples = len(nearest.positions)
    with np.errstate(invalid="ignore"):
        close = np.flatnonzero(nearest.distances[:, 0] < _CLOSE * _typical(nearest))
    ends = close.astype(np.int32), nearest.positions[close, 0].astype(np.int32)  # SciPy 1.11 knows no other indices
    joined = coo_array((np.ones(len(close), dtype=np.int8), ends), shape=(n_samples, n_samples))
    group_of: NDArray[np.int32] = connected_components(joined, directed=False)[1]
    return group_of


def _same_in_all(groups: list[NDArray[np.int32]]) -> list[list[int]]:
    """The samples that are in one group in every layer, the largest group first."""
    _, group_of, sizes = np.unique(np.array(groups), axis=1, return_inverse=True, return_counts=True)
    members: dict[int, list[int]] = {}
    for sample in np.flatnonzero(sizes[group_of.ravel()] > 1).tolist():
        members.setdefault(int(group_of.ravel()[sample]), []).append(sample)
    return sorted(members.values(), key=lambda group: (-len(group), group))
