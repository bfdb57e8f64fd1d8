"""Watch the topology of a network's layers evolve while it trains.

Names are imported when they are first used: TensorBoard imports this package at its start, and must not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topocallback import functional as functional
    from topocallback.activations.layers import layer_names
    from topocallback.activations.positions import Positions
    from topocallback.activations.recorder import ActivationRecorder
    from topocallback.analysis.analyse import analyse
    from topocallback.analysis.options import AnalysisOptions
    from topocallback.compare.functions import compare_checkpoints, compare_models, compare_runs
    from topocallback.findings.table import findings_of
    from topocallback.measures.mapper.options import MapperOptions
    from topocallback.metrics import LayerDistanceMatrix, PersistenceDistance
    from topocallback.monitor.callback import TopologyMonitor
    from topocallback.records.comparison import Comparison
    from topocallback.records.finding import Finding
    from topocallback.records.history import History
    from topocallback.records.mapper_graph import MapperGraph
    from topocallback.records.point_clouds import PointClouds
    from topocallback.records.runs import load_history
    from topocallback.records.snapshot import Snapshot
    from topocallback.views.neuron_activity import plot_neuron_activity
    from topocallback.views.plot import plot

__version__ = "0.1.0"

__all__ = [
    "ActivationRecorder",
    "AnalysisOptions",
    "Comparison",
    "Finding",
    "History",
    "LayerDistanceMatrix",
    "MapperGraph",
    "MapperOptions",
    "PersistenceDistance",
    "PointClouds",
    "Positions",
    "Snapshot",
    "TopologyMonitor",
    "analyse",
    "compare_checkpoints",
    "compare_models",
    "compare_runs",
    "findings_of",
    "layer_names",
    "load_history",
    "plot",
    "plot_neuron_activity",
]

_HOMES = {
    "ActivationRecorder": "activations.recorder",
    "AnalysisOptions": "analysis.options",
    "Comparison": "records.comparison",
    "Finding": "records.finding",
    "History": "records.history",
    "LayerDistanceMatrix": "metrics.layer_distance_matrix",
    "MapperGraph": "records.mapper_graph",
    "MapperOptions": "measures.mapper.options",
    "PersistenceDistance": "metrics.persistence_distance",
    "PointClouds": "records.point_clouds",
    "Positions": "activations.positions",
    "Snapshot": "records.snapshot",
    "TopologyMonitor": "monitor.callback",
    "analyse": "analysis.analyse",
    "compare_checkpoints": "compare.functions",
    "compare_models": "compare.functions",
    "compare_runs": "compare.functions",
    "findings_of": "findings.table",
    "layer_names": "activations.layers",
    "load_history": "records.runs",
    "plot": "views.plot",
    "plot_neuron_activity": "views.neuron_activity",
}


def __getattr__(name: str) -> Any:
    if name == "functional":
        return importlib.import_module("topocallback.functional")
    if name not in _HOMES:
        raise AttributeError(f"module 'topocallback' has no attribute {name!r}")
    return getattr(importlib.import_module(f"topocallback.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
