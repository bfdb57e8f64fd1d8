"""Where there is too little to measure, and how much would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from topocallback.analysis.layers import LayerMeasurements
from topocallback.measures.base import Statistic
from topocallback.measures.noise import N_QUARTERS
from topocallback.measures.sign_flips import N_PARTS
from topocallback.records.point_clouds import PointClouds
from topocallback.records.results import LayerDistances

__all__ = ["lacking_everywhere", "of_all_layers", "of_each_layer"]

_FOR_TESTS = 2 * N_PARTS
_FOR_NOISE = 2 * N_QUARTERS


def of_all_layers(layers: Sequence[LayerMeasurements], n_samples: int) -> str:
    """What no layer has samples enough for, with the number that would do; an empty text if some layer has.

    Of the step and not of each layer: a small validation set must not give a warning per layer.

    Args:
        layers: What each layer gave.
        n_samples: How many samples there are.
    """
    return "" if any(layer.facts.parts(N_PARTS) for layer in layers) else _sentence(n_samples)


def of_each_layer(
    names: Sequence[str],
    layers: Sequence[LayerMeasurements],
    tables: Sequence[LayerDistances],
    of_measures: Mapping[str, str],
) -> Mapping[str, str]:
    """What single layers have too little for, where other layers have enough.

    Args:
        names: The layers.
        layers: What each of them gave.
        tables: Their distances.
        of_measures: The title of a measure to what went wrong with it: that is not said again of each layer.

    Returns:
        Layer to a sentence. None for those without any point, or of which something has been said already.
    """
    asked = [table for table in tables if not table.about.paired and table.about.title not in of_measures]
    unknown = {table.about.title: np.isnan(table.noise) for table in asked}
    found = {}
    for row, (name, layer) in enumerate(zip(names, layers, strict=True)):
        if not layer.n_points or layer.problems:
            continue
        if not layer.facts.parts(N_PARTS):
            found[name] = _sentence(len(np.unique(layer.sample_ids)))
        elif titles := [title for title, lacking in unknown.items() if lacking[row]]:
            found[name] = f"The noise of {', '.join(titles)} is not known: a part of its samples gave no number."
    return found


def lacking_everywhere(statistic: Statistic, clouds: PointClouds) -> str:
    """What a statistic needs and no layer has; an empty text if some layer has it.

    Args:
        statistic: The statistic.
        clouds: All layers.

    Example:
        >>> class Norm(Statistic):
        ...     needs_weights = True
        >>> lacking_everywhere(Norm(), PointClouds({"relu": np.eye(3)}))
        'It needs weights, and no layer has any of its own that could be read.'
    """
    if statistic.needs_weights and not clouds.weights:
        return "It needs weights, and no layer has any of its own that could be read."
    if statistic.needs_edges and clouds.edges is None:
        return (
            "It needs the edges of graphs, and none were recorded. Nodes are points, and edges are recorded, with "
            "`pooling='rows'`, where the batches are graphs with an `edge_index` or a function `edges`."
        )
    if statistic.needs_edges and clouds.edges is not None and not len(clouds.edges):
        return "It needs edges, and none has both ends among the sampled nodes: a larger `n_samples` takes in more."
    return ""


def _sentence(n_samples: int) -> str:
    count = "1 sample is" if n_samples == 1 else f"{n_samples} samples are"
    lacking = "No noise is known and nothing was tested" if n_samples < _FOR_NOISE else "Nothing was tested"
    needed = f"noise needs {_FOR_NOISE} and tests need" if n_samples < _FOR_NOISE else "tests need"
    return f"{lacking}: {count} too few, {needed} {_FOR_TESTS}."
