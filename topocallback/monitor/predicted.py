"""What the analysis of every validation will cost, said once per run before the first one begins."""

from __future__ import annotations

from collections.abc import Sequence

from topocallback.activations.options import ValidationOptions
from topocallback.activations.positions import Positions
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.cost import Cost, predict_cost
from topocallback.measures.cost_told import clouds_in_words, too_much
from topocallback.measures.parallel import available_threads
from topocallback.monitor.reports import Reports
from topocallback.records.point_clouds import PointClouds

__all__ = ["cost_in_words", "predict_validation", "report_cost"]

_WIDE_BY_CHOICE = ("flatten", "rows")
_AT_ONCE = 3
"""How many steps' clouds there are at most: one is analysed, one waits, one is recorded. Three layers of 512 points and
100,000 values, 0.6 GB a step, took 2.3 GB in a training whose validations follow each other at once."""


def predict_validation(
    shapes: Sequence[tuple[int, int]], options: AnalysisOptions, *, background: bool, figures: bool
) -> Cost:
    """What the analysis of one recorded validation will take, the clouds included.

    Args:
        shapes: (n, d) of every layer's cloud.
        options: What will be measured.
        background: Whether it is analysed while training goes on, with one thread.
        figures: Whether pictures are drawn.

    Returns:
        The cost.
    """
    return predict_cost(
        shapes,
        options,
        n_threads=1 if background else available_threads(),
        n_recordings=_AT_ONCE if background else 1,
        figures=figures,
    )


def cost_in_words(
    shapes: Sequence[tuple[int, int]],
    options: AnalysisOptions,
    recording: ValidationOptions,
    *,
    background: bool,
    figures: bool,
) -> str | None:
    """One sentence on an analysis that will take more than a user may expect, with the options that make it less.

    Args:
        shapes: (n, d) of every layer's cloud.
        options: What will be measured.
        recording: How it was recorded.
        background: Whether it is analysed while training goes on, with one thread.
        figures: Whether pictures are drawn.

    Returns:
        The sentence; ``None`` where there is no need for one.
    """
    cost = predict_validation(shapes, options, background=background, figures=figures)
    names = ["homology_dims", "n_samples", "layers", "measures", "mapper", "figures"]
    if recording.pooling in _WIDE_BY_CHOICE or not isinstance(recording.pooling, (str, Positions)):
        names.append("pooling")
    if len(shapes) == 1:
        names.remove("layers")
    return too_much(
        cost, clouds_in_words(shapes), options=names, when="at every recorded validation",
        always=["every_n_validations"],
    )  # fmt: skip


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
        said = cost_in_words(shapes, options, recording, background=background, figures=figures)
        if said and reports.news("cost", [""]):
            reports.warn(said)
