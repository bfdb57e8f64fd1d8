"""What the analysis of every validation will cost, said once per run before the first one begins."""

from __future__ import annotations

from topocallback.activations.options import ValidationOptions
from topocallback.activations.positions import Positions
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.cost import predict_cost
from topocallback.measures.cost_told import clouds_in_words, too_much
from topocallback.measures.parallel import available_threads
from topocallback.monitor.reports import Reports
from topocallback.records.point_clouds import PointClouds

__all__ = ["report_cost"]

_WIDE_BY_CHOICE = ("flatten", "rows")


def report_cost(
    reports: Reports,
    clouds: PointClouds,
    options: AnalysisOptions,
    recording: ValidationOptions,
    background: bool,
    figures: bool,
) -> None:
    """Warn of an analysis that will take more than a user may expect, with the options that make it less.

    Args:
        reports: Where to say it, once.
        clouds: What was recorded.
        options: What will be measured.
        recording: How it was recorded.
        background: Whether it is analysed while training goes on, with one thread.
        figures: Whether pictures are drawn.
    """
    with reports.guarded("predicting the cost of an analysis"):
        shapes = [(len(cloud), cloud.shape[1]) for cloud in clouds.values()]
        cost = predict_cost(
            shapes,
            options,
            n_threads=1 if background else available_threads(),
            n_recordings=2 if background else 1,
            figures=figures,
        )
        names = ["homology_dims", "n_samples", "layers", "measures", "mapper", "figures"]
        if recording.pooling in _WIDE_BY_CHOICE or not isinstance(recording.pooling, (str, Positions)):
            names.append("pooling")
        if len(clouds) == 1:
            names.remove("layers")
        said = too_much(
            cost, clouds_in_words(shapes), options=names, when="at every recorded validation",
            always=["every_n_validations"],
        )  # fmt: skip
        if said and reports.news("cost", [""]):
            reports.warn(said)
