"""Which samples lie apart from all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topocallback.findings.course import Course
from topocallback.findings.shown_samples import MOST_SHOWN, samples_in_words, samples_view
from topocallback.findings.wording import about_layers, per_layer
from topocallback.records.finding import Finding
from topocallback.records.nearest import N_NEAREST, NearestSamples
from topocallback.records.results import LEVEL
from topocallback.records.snapshot import Snapshot

__all__ = ["lying_apart", "outliers"]

_FEWEST_SAMPLES = 50
_TAIL, _TAIL_END = 0.75, 0.95

_QUESTION = "Which samples lie apart from all others?"
_RULE = (
    f"Said of the samples furthest from their {N_NEAREST}th neighbour in a layer, where the gap between the logarithms "
    "of their distance and of the next smaller one is too large for a tail that falls by a power, such as that of a t "
    f"distribution, as it does between the quantiles {_TAIL:g} and {_TAIL_END:g} (at {LEVEL:g} for all layers and all "
    f"gaps together). Of at most {1 - _TAIL_END:.0%} of the samples, in layers of at least {_FEWEST_SAMPLES}."
)


def outliers(run: Course) -> list[Finding]:
    """Samples that are far from all others in a layer at the last step, such as images of something else.

    Up to ten equal samples may lie apart together; of more, each has ten neighbours at distance 0.

    Args:
        run: The run.

    Returns:
        One finding for all such samples, or none.
    """
    snapshot = run.last
    if snapshot is None:
        return []
    lies_apart = lying_apart(snapshot)
    layers = tuple(layer for layer, found in lies_apart.items() if found.any())
    if not layers:
        return []
    in_layers = np.sum([lies_apart[layer] for layer in layers], axis=0)
    shown = max(layers, key=lambda layer: int(lies_apart[layer].sum()))
    times_median = _times_median(snapshot.nearest[shown])
    surest_first = np.lexsort((-np.nan_to_num(times_median), -in_layers))
    samples = surest_first[: np.count_nonzero(in_layers)].tolist()
    notes = [_note(times_median[sample], int(in_layers[sample])) for sample in samples[:MOST_SHOWN]]
    statement = (
        f"{len(samples):,} of {len(in_layers):,} samples {'lies' if len(samples) == 1 else 'lie'} apart from all "
        f"others in {about_layers(layers)}: {samples_in_words(snapshot, samples)}."
    )
    numbers = {
        "samples that lie apart": len(samples),
        "in each layer": per_layer({layer: int(lies_apart[layer].sum()) for layer in layers}),
    }
    evidence = {"rule": _RULE, "numbers": numbers, "view": samples_view(snapshot, shown, samples, notes)}
    return [Finding(_QUESTION, layers, statement, evidence, LEVEL, "outliers")]


def lying_apart(snapshot: Snapshot) -> dict[str, NDArray[np.bool_]]:
    """Layer to (n,) which samples lie apart there."""
    level = LEVEL / max(len(snapshot.nearest), 1)
    return {layer: _lies_apart(_times_median(nearest), level) for layer, nearest in snapshot.nearest.items()}


def _note(times_median: float, n_layers: int) -> str:
    where = f"{n_layers} layer{'' if n_layers == 1 else 's'}"
    if np.isnan(times_median):
        return f"lies apart in {where}"
    return f"{N_NEAREST}th neighbour {times_median:.3g} times as far as the median; lies apart in {where}"


def _times_median(nearest: NearestSamples) -> NDArray[np.float64]:
    """(n,) how far the last neighbour is, times the median sample's; NaN of samples or layers without that."""
    found = np.full(len(nearest.positions), np.nan)
    is_known = nearest.is_known
    if is_known.any():
        distances = nearest.distances[is_known, -1].astype(np.float64)
        median = np.median(distances)
        if 0 < median < np.inf:
            found[is_known] = distances / median
    return found


def _lies_apart(times_median: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    """(n,) which samples are further out than the others' tail goes on.

    Where distances d have a tail that falls by a power, log d has an exponential one; then j times the gap between the
    j-th and the next largest are independent, each distributed as the tail's mean excess times an exponential variable
    (Rényi 1953). The mean excess is told from two quantiles, as well as from about ``degrees`` values; so the gaps over
    it have an F distribution with 2 and 2 ``degrees`` degrees of freedom. The level is shared out as 1 / (j (j + 1)).
    """
    found = np.zeros(len(times_median), dtype=bool)
    is_known = np.flatnonzero(~np.isnan(times_median))
    count = len(is_known)
    if count < _FEWEST_SAMPLES:
        return found
    logarithms = np.log(np.maximum(times_median[is_known], np.finfo(np.float64).tiny))
    start, end = np.quantile(logarithms, (_TAIL, _TAIL_END))
    if not end > start:
        return found
    in_excesses = np.log((1 - _TAIL) / (1 - _TAIL_END))
    degrees = count * in_excesses**2 / (1 / (1 - _TAIL_END) - 1 / (1 - _TAIL))
    order = np.argsort(-logarithms, kind="stable")
    places = np.arange(1, int((1 - _TAIL_END) * count) + 1)
    gaps = -np.diff(logarithms[order[: len(places) + 1]]) * places * in_excesses / (end - start)
    p_values = (1 + gaps / degrees) ** -degrees
    apart = np.flatnonzero(p_values * places * (places + 1) <= level)
    if len(apart):
        found[is_known[order[: apart[-1] + 1]]] = True
    return found
