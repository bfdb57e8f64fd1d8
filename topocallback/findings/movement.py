"""Which layers have settled, which do not move at all, and which still move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topocallback.findings.course import LOOKS_BACK, Course
from topocallback.findings.evidence import curve, evidence
from topocallback.findings.levels import surely_in_any
from topocallback.findings.wording import about_layers, largest_over_noise, per_layer, sentence
from topocallback.records.finding import Finding
from topocallback.records.results import LEVEL, LayerDistances

__all__ = ["FEWEST_VALIDATIONS", "frozen", "settled", "still_moving", "unmoved"]

FEWEST_VALIDATIONS = 3
"""How many validations a layer has to have been still for, to be said to have settled."""

_NEAR = 0.75
"""How near to where it was a layer has to be, in multiples of its noise. Of 97 networks of 7 layers that had learnt for
5 epochs at a constant rate, a layer is named in 3 %, and would be in 15 % if the whole noise were allowed. Waiting
longer costs more of what is to be found: of 5 trainings of 12 epochs at a rate that falls to 0, 15 % of all layers and
validations are named, and all of those before the end were within noise of that at the end. With the whole noise and 5
validations it would be 12 %, and 4 % of the 97; with the whole noise and no growth, 4 %. A constant rate comes to
jitter around a place as well: of 37 networks after 12 epochs a layer is named in 24 % (54 % with the whole noise and 5
validations), and of what was named on the way three quarters were within noise of that at the end."""

_MOST_GROWTH = 1.5
"""How much further than from one validation to the next a layer may be from where it settled. A layer that jitters, as
one behind a batch norm does to the end of training by 0.2 to 0.6 of its noise, is as far from any earlier step as from
the last; one that walks on in a straight line by as little is 3 times as far after 3 validations, one that walks at
random 1.7 times. Movements added up would not do: the jitter adds up in the sum, and not in the network."""

_OF_FROZEN = (
    "Said where none of a layer's parameters, those of the modules in it included, has changed since the snapshot "
    "before: counted; of a parameter of more than 16,384 values, so many of them are looked at."
)
_OF_UNMOVED = "Said where every distance from the snapshot before is exactly 0, in all homology dimensions: counted."
_OF_SETTLED = (
    f"Said where a layer is within {_NEAR:g} times its noise of where it was at each step since one that is at least "
    f"{FEWEST_VALIDATIONS} validations ago, and from that one at most {_MOST_GROWTH:g} times as far as from one "
    f"validation to the next, in every homology dimension. It looks back over {LOOKS_BACK} snapshots."
)
_OF_MOVING = (
    "Said where the test of the last two snapshots tells the layer apart from itself: p-values of all layers and "
    f"homology dimensions together, by Benjamini and Hochberg at {LEVEL}."
)


def frozen(run: Course) -> list[Finding]:
    """Layers whose parameters are what they were one validation before or longer.

    Args:
        run: The run.

    Returns:
        One finding for all such layers, or none.
    """
    still = _frozen(run)
    if run.last is None or not still:
        return []
    which = "" if len(still) < len(run.last.parameters) else " This is so of all layers that have any."
    statement = (
        f"No parameter of {about_layers(tuple(still))} has changed since {_when(run, still)}: frozen, or held by no "
        f"optimiser.{which}"
    )
    numbers = {"unchanged since step": per_layer({layer: run.steps[start] for layer, start in still.items()})}
    question = "Which layers do not train?"
    return [Finding(question, tuple(still), statement, evidence(_OF_FROZEN, numbers), 0.0, "frozen")]


def _frozen(run: Course) -> dict[str, int]:
    """The layers whose parameters have not changed, and since which position."""
    layers = () if run.last is None else run.last.layers
    since = {layer: run.same_parameters(layer) for layer in layers}
    return {layer: start for layer, start in since.items() if start is not None and start < len(run.steps) - 1}


def unmoved(run: Course) -> list[Finding]:
    """Layers whose activations are the same, to the bit, as one validation before or longer, though they may train.

    Not those of which ``frozen`` says it.

    Args:
        run: The run.

    Returns:
        One finding for all such layers, or none.
    """
    tables, layers = _drifting(run)
    since = {layer: _since_exactly(run, tables, layer) for layer in layers}
    excused = _frozen(run)
    still = {layer: start for layer, start in since.items() if start < len(run.steps) - 1 and layer not in excused}
    if not still:
        return []
    statement = (
        f"{sentence(about_layers(tuple(still)))} {_have(still)} not moved at all since {_when(run, still)}, to the "
        f"bit: nothing that leads to {'it' if len(still) == 1 else 'them'} trains."
    )
    numbers = {"unmoved since step": per_layer({layer: run.steps[start] for layer, start in still.items()})}
    view = curve(tables[0].about, "drift", tuple(still))
    question = "Which layers do not move?"
    return [Finding(question, tuple(still), statement, evidence(_OF_UNMOVED, numbers, view), 0.0, "unmoved")]


def settled(run: Course) -> list[Finding]:
    """Layers that stay where they are: candidates for freezing.

    By the distances between diagrams of the last snapshot and of earlier ones.

    Args:
        run: The run.

    Returns:
        One finding for all such layers, without those that do not move at all or whose parameters are frozen, or none.
    """
    tables, layers = _drifting(run)
    excused = _frozen(run)
    starts, moved = {}, {}
    for layer in layers:
        start = None if layer in excused else _settled_from(run, tables, layer)
        if start is not None and _since_exactly(run, tables, layer) > start:
            starts[layer] = start
            moved[layer] = float(np.max(_from(run, tables, layer, start) / _noise(run, tables, layer)))
    if not starts:
        return []
    statement = (
        f"{sentence(about_layers(tuple(starts)))} {_have(starts)} settled since {_when(run, starts)}: no further from "
        f"where {_they(starts)} then than the choice of samples explains, and not on the way. Candidates for freezing."
    )
    numbers = {
        "settled since step": per_layer({layer: run.steps[start] for layer, start in starts.items()}),
        "distance from then, in multiples of noise": per_layer(moved),
    }
    view = curve(tables[-1].about, "drift", tuple(starts))
    question = "Which layers have settled?"
    return [Finding(question, tuple(starts), statement, evidence(_OF_SETTLED, numbers, view), LEVEL, "settled")]


def still_moving(run: Course) -> list[Finding]:
    """Layers that the last two snapshots tell apart from themselves.

    Args:
        run: The run.

    Returns:
        One finding for all such layers, or none.
    """
    tables, layers = _drifting(run)
    if not layers or run.last is None:
        return []
    is_moving = surely_in_any([table.drift for table in tables], [table.drift_p for table in tables])
    moving = [layer for layer, found in zip(run.last.layers, is_moving, strict=True) if found]
    if not moving:
        return []
    sizes = dict(
        zip(run.last.layers, largest_over_noise([(table.drift, table.noise) for table in tables]), strict=True)
    )
    times = {layer: sizes[layer] for layer in moving}
    furthest = max(moving, key=lambda layer: times[layer])
    which = about_layers(moving) if len(moving) < len(run.last.layers) else f"all {len(moving)} layers"
    statement = (
        f"{sentence(which)} still moved between steps {run.steps[-2]} and {run.steps[-1]}, {about_layers([furthest])} "
        f"furthest: {times[furthest]:.2g} times its noise."
    )
    numbers = {"moved, in multiples of noise": per_layer(times)}
    view = curve(tables[-1].about, "drift", tuple(moving))
    question = "Which layers still move?"
    return [Finding(question, tuple(moving), statement, evidence(_OF_MOVING, numbers, view), LEVEL, "still_moving")]


def _drifting(run: Course) -> tuple[list[LayerDistances], tuple[str, ...]]:
    """The tables that tell movements, and the layers whose last movement is known in each of them."""
    tables = run.diagram_distances()
    if run.last is None or len(run.steps) < 2 or not tables:
        return [], ()
    is_known = np.all([~np.isnan(table.drift) for table in tables], axis=0)
    return tables, tuple(layer for layer, known in zip(run.last.layers, is_known, strict=True) if known)


def _since_exactly(run: Course, tables: Sequence[LayerDistances], layer: str) -> int:
    """The first position from which on nothing has moved; the last one, if it has moved just now."""
    return max(run.so_far.moved[table.about.key, layer] for table in tables)


def _settled_from(run: Course, tables: Sequence[LayerDistances], layer: str) -> int | None:
    """The first position from which on a layer has settled; ``None`` if it has not."""
    settled_from = None
    newest = len(run.steps) - 1
    for position in range(newest - 1, max(newest - LOOKS_BACK, -1), -1):
        away = _from(run, tables, layer, position)
        if not (away <= _NEAR * _noise(run, tables, layer)).all():
            break
        drifts = np.array([run.line(table.about.key, "drift", layer)[position - newest :] for table in tables])
        is_there = (away <= _MOST_GROWTH * np.median(drifts, axis=1)).all()
        if newest - position >= FEWEST_VALIDATIONS and is_there:
            settled_from = position
    return settled_from


def _from(run: Course, tables: Sequence[LayerDistances], layer: str, position: int) -> NDArray[np.float64]:
    """How far a layer is from where it was, in each homology dimension."""
    return np.array([run.from_earlier(table.about, layer, position) for table in tables])


def _noise(run: Course, tables: Sequence[LayerDistances], layer: str) -> NDArray[np.float64]:
    return np.array([run.line(table.about.key, "noise", layer)[-1] for table in tables])


def _when(run: Course, starts: dict[str, int]) -> str:
    """The step, or the first and the last step, from which on something is so."""
    steps = sorted({run.steps[start] for start in starts.values()})
    return f"step {steps[0]}" if len(steps) == 1 else f"steps {steps[0]} to {steps[-1]}"


def _they(layers: dict[str, int]) -> str:
    return "it was" if len(layers) == 1 else "they were"


def _have(layers: dict[str, int]) -> str:
    return "has" if len(layers) == 1 else "have"
