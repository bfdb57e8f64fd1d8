"""Which layer two versions of a network differ most in, sample by sample: by cosine, noise over signal, CKA, ..."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from topocallback.findings.differences import Differences, differences
from topocallback.findings.evidence import evidence
from topocallback.findings.wording import about_layers, per_layer
from topocallback.measures.sign_flips import N_PARTS
from topocallback.records.comparison import Comparison
from topocallback.records.finding import Finding
from topocallback.records.results import LEVEL, DistanceTable
from topocallback.records.wording import shown

__all__ = ["unlike_samples"]

_RULE = (
    "Said of a distance that needs the same samples on both sides, where the largest exceeds its own standard error as "
    "a t test asks. Layers that are not told from that one are named with it: by a t test of their difference, "
    "corrected for all pairs of layers (Bonferroni)."
)


def unlike_samples(comparison: Comparison) -> list[Finding]:
    """The layer with the largest paired distance between two checkpoints, for each such distance that was measured.

    Args:
        comparison: The comparison.

    Returns:
        One finding for each table of a paired distance, none for those without standard errors, and where even the
        largest does not exceed its own, as between a network and a copy of it.
    """
    paired = [table for table in comparison.distances.values() if table.about.paired]
    found = [_largest(comparison, differences(comparison, [table]), table) for table in paired]
    return [finding for finding in found if finding is not None]


def _largest(comparison: Comparison, found: Differences, table: DistanceTable) -> Finding | None:
    is_known = np.isfinite(found.distances[0]) & np.isfinite(found.errors[0])
    if not is_known.any():
        return None
    distances = np.where(is_known, found.distances[0], -np.inf)
    pair, layer = np.unravel_index(int(distances.argmax()), distances.shape)
    distance, error = float(distances[pair, layer]), float(found.errors[0, pair, layer])
    if _p_value(np.array(distance), np.array(error)) > LEVEL or distance <= np.finfo(np.float32).eps:
        return None
    first, second = (shown(comparison.checkpoints[number].name) for number in found.pairs[pair])
    of_pair, known = found.distances[0, pair], is_known[pair]
    together = known & ~_is_smaller(of_pair, found.errors[0, pair], int(layer), int(known.sum()))
    layers = tuple(name for name, is_named in zip(found.layers, together, strict=True) if is_named)
    others = tuple(name for name in layers if name != found.layers[layer])
    statement = (
        f"{table.about.title} between {first!r} and {second!r} is largest in {shown(found.layers[layer])!r}: "
        f"{distance:.3g} ± {error:.2g}, of {known.sum()} layers."
    )
    if others:
        statement += f" Not told from it: {about_layers(others)}."
    numbers = {
        "distance": per_layer(dict(zip(found.layers, of_pair, strict=True))),
        "standard error": per_layer(dict(zip(found.layers, found.errors[0, pair], strict=True))),
    }
    question = f"In which layer do samples differ most, by {table.about.measure}?"
    return Finding(question, layers, statement, evidence(_RULE, numbers), LEVEL, "unlike_samples")


def _is_smaller(
    distances: NDArray[np.float64], errors: NDArray[np.float64], layer: int, count: int
) -> NDArray[np.bool_]:
    """(L,) which layers are surely at a smaller distance than the one with the largest.

    Corrected for all pairs, not for those with the largest only: it was chosen for being the largest.
    """
    p_values = 2 * _p_value(distances[layer] - distances, np.hypot(errors, errors[layer]))
    return np.asarray(p_values * count * (count - 1) / 2 <= LEVEL)


def _p_value(differences: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often a difference comes out as large; standard errors are from parts, so few that they vary themselves."""
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.where(differences == 0, 0.0, differences / errors)
    return np.asarray(student.sf(times, N_PARTS - 1))
