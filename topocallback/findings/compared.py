"""Which layers differ between checkpoints, runs or models, and whether layers are told apart across them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topocallback.findings.differences import Differences, differences, largest, tested_tables
from topocallback.findings.evidence import evidence
from topocallback.findings.levels import surely
from topocallback.findings.wording import about_layers, capped, per_layer, sentence
from topocallback.measures.sign_flips import N_PARTS
from topocallback.records.comparison import Comparison
from topocallback.records.finding import Finding
from topocallback.records.results import LEVEL, Description
from topocallback.records.specificity import Specificity
from topocallback.records.wording import shown
from topocallback.views.captions import auc, p_value, times_noise

__all__ = ["agreement", "told_apart", "unlike_checkpoints"]

_FEWEST_PAIRS = 3  # of three runs
_SMALLEST_P = 2.0 ** (1 - N_PARTS)
_RULE_OF_NAMES = (
    "Said where the same layer of different checkpoints is nearer than different layers of different checkpoints: by a "
    "test that shuffles the names of each checkpoint's layers, corrected for the homology dimensions."
)
_RULE_OF_PAIR = (
    "A layer is named where the sign-flip test over disjoint parts of the samples tells it apart, corrected for all "
    "layers and homology dimensions together (Benjamini and Hochberg). The size is the distance over the one that two "
    "samples of the layer have, in the homology dimension where that is largest. It is about these networks: "
    "whether two ways of training differ takes several seeds of each."
)
_RULE_OF_PAIRS = _RULE_OF_PAIR.replace("all layers", "all pairs, layers")


# -- Are layers told apart? -------------------------------------------------------------------------------------------


def told_apart(comparison: Comparison) -> list[Finding]:
    """Whether layers are told apart across checkpoints: the same layer of two of them against different layers.

    Args:
        comparison: The comparison.

    Returns:
        One finding, whichever way it comes out; none where there are no layers to tell apart, or one checkpoint.
    """
    tables = comparison.distances.of() if comparison.distances else []
    found = {table.about: comparison.specificity(*table.about.key) for table in tables}
    found = {about: each for about, each in found.items() if len(each.same) and len(each.different)}
    if not found:
        return []
    is_told = bool(surely(np.array([each.p_value for each in found.values()])).any())
    across = "runs" if len(comparison.runs) > 1 else "checkpoints"
    label = tables[0].about.label or tables[0].about.measure
    verdict = f"layers are told apart across {across}"
    verdict = sentence(verdict) if is_told else f"That {verdict} is not shown"
    of_dims = "; ".join(_of_names(about, each) for about, each in found.items())
    statement = f"{verdict}, by {label}. {of_dims}."
    numbers = {f"AUC, {about.title}": each.auc for about, each in found.items()} | {
        f"p-value, {about.title}": each.p_value for about, each in found.items()
    }
    question = f"Are layers told apart across {across}?"
    level = LEVEL if is_told else 0.0
    return [Finding(question, (), statement, evidence(_RULE_OF_NAMES, numbers), level, "told_apart")]


def _of_names(about: Description, found: Specificity) -> str:
    dimension = "" if about.homology_dim is None else f"H{about.homology_dim}: "
    return f"{dimension}{auc(found)}, different layers {found.ratio:.2f} times as far apart as the same layer"


# -- Which layers differ? ---------------------------------------------------------------------------------------------


def unlike_checkpoints(comparison: Comparison) -> list[Finding]:
    """Which layers differ between two checkpoints, and by how many times their noise.

    Of two runs or models these are the last checkpoints, as of a network and its quantised copy; of a single run, its
    first and last one, as of a network that was fine-tuned.

    Args:
        comparison: The comparison.

    Returns:
        One finding, whichever way it comes out; none for more than two runs, and where nothing was tested.
    """
    found = _differences(comparison)
    if found is None or len(found.pairs) != 1:
        return []
    first, second = (shown(comparison.checkpoints[number].name) for number in found.pairs[0])
    between = f"between {first!r} and {second!r}"
    told, sizes = found.told_apart[0], found.sizes[0]
    layers = _of(found.layers, told)
    if layers:
        by_size = sorted(np.flatnonzero(told), key=lambda layer: -np.nan_to_num(sizes[layer], nan=-1.0, posinf=np.inf))
        named = capped([f"{shown(found.layers[i])!r} ({times_noise(sizes[i])})" for i in by_size])
        said = f"{len(layers)} of {found.is_tested.sum()} layers differ {between}, most of all {named}."
    else:
        said = f"No layer of {found.is_tested.sum()} is told apart {between}{_why_none(found)}."
    question = f"Which layers differ {between}?"
    numbers = _numbers(found) | {
        "times noise": per_layer(dict(zip(found.layers, sizes, strict=True))),
        "smallest p-value": per_layer(dict(zip(found.layers, _smallest(found.p_values)[0], strict=True))),
    }
    statement = " ".join([said, *_others(found)])
    level = LEVEL if layers else 0.0
    return [Finding(question, layers, statement, evidence(_RULE_OF_PAIR, numbers), level, "unlike_checkpoints")]


def agreement(comparison: Comparison) -> list[Finding]:
    """Which layers differ between more than two runs, in how many of their pairs, and which in none.

    Args:
        comparison: The comparison, of which the last checkpoint of each run is looked at.

    Returns:
        One finding, whichever way it comes out; none for fewer than three runs, and where nothing was tested.
    """
    found = _differences(comparison)
    if found is None or len(found.pairs) < _FEWEST_PAIRS:
        return []
    counts, tested = found.told_apart.sum(axis=0), found.is_tested.sum(axis=0)
    sizes = largest(found.sizes)
    layers = _of(found.layers, counts > 0)
    runs = f"{len(comparison.runs)} runs"
    if layers:
        order = sorted(np.flatnonzero(counts), key=lambda i: (-counts[i] / tested[i], -np.nan_to_num(sizes[i])))
        named = capped(
            [
                f"{shown(found.layers[i])!r} (in {counts[i]} of {tested[i]} pairs, up to {times_noise(sizes[i])})"
                for i in order
            ]
        )
        in_all = int(((counts == tested) & (tested > 0)).sum())
        said = (
            f"Of {(tested > 0).sum()} layers {len(layers)} differ between some of the {runs}, {in_all} between all: "
            f"most of all {named}."
        )
    else:
        said = f"No layer of {(tested > 0).sum()} is told apart between any of the {runs}{_why_none(found)}."
    numbers = _numbers(found) | {
        "pairs told apart": per_layer(dict(zip(found.layers, counts, strict=True))),
        "pairs tested": per_layer(dict(zip(found.layers, tested, strict=True))),
        "largest times noise": per_layer(dict(zip(found.layers, sizes, strict=True))),
    }
    statement = " ".join([said, *_others(found)])
    question = "Do the runs learn the same?"
    level = LEVEL if layers else 0.0
    return [Finding(question, layers, statement, evidence(_RULE_OF_PAIRS, numbers), level, "agreement")]


def _differences(comparison: Comparison) -> Differences | None:
    found = differences(comparison, tested_tables(comparison))
    return found if found.is_tested.any() else None


def _numbers(found: Differences) -> dict[str, object]:
    return {
        "measure": "; ".join(table.about.title for table in found.tables),
        "tests": int((~np.isnan(found.tests)).sum()),
    }


def _why_none(found: Differences) -> str:
    """Behind a statement that nothing is told apart: by how much, and whether anything could have been."""
    if found.equal[found.is_tested].all():
        return ": all distances are 0"
    tests = found.tests[~np.isnan(found.tests)]
    is_mute = tests.size * _SMALLEST_P > LEVEL
    could_not = f"; among {tests.size:,} tests a difference in a single one would not be named" if is_mute else ""
    return f" beyond noise (smallest {p_value(float(tests.min()))}{could_not})"


def _others(found: Differences) -> list[str]:
    """Which layers are not told apart, which were not tested, and which are not everywhere."""
    told, tested = np.asarray(found.told_apart.any(axis=0)), np.asarray(found.is_tested.any(axis=0))
    equal = np.asarray(found.equal.all(axis=0))
    said = {"Not tested": ~tested}
    if not equal[tested].all():  # else that was said
        said = {"At distance 0": equal, **said}
    if told.any():
        said = {"Not told apart, which is no proof that they are the same": tested & ~told & ~equal, **said}
    return [f"{what}: {about_layers(_of(found.layers, wanted))}." for what, wanted in said.items() if wanted.any()]


def _smallest(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    return -largest(-p_values)


def _of(layers: Sequence[str], wanted: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(layer for layer, is_wanted in zip(layers, wanted, strict=True) if is_wanted)
