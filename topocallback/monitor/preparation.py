"""Importing whatever an analysis in the background will need, before its thread starts."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.functions import CloudFunction, DiagramFunction
from topocallback.monitor.run import Run
from topocallback.records.history import History
from topocallback.records.point_clouds import PointClouds, SampledInputs

__all__ = ["import_for_analysis"]

_POINTS = 48  # quarters of 12 points: enough for parts and their noise
_done: set[str] = set()  # in this process
_PACKAGE = __name__.partition(".")[0]


def import_for_analysis(options: AnalysisOptions, *, figures: bool, positions: bool = False) -> None:
    """Analyse, draw and archive small made-up clouds, in the calling thread.

    A data loader whose processes are forked while another thread imports a module gets the module's lock without the
    thread that gives it back, and hangs. What is imported here need not be imported by the analysis's thread. Two steps
    of two layers go all the way, once in a process for the same options: 1.3 s of processor time, 0.6 s where other
    options have been here before. The rest are imports, which the first analysis saves.

    Functions and objects of the user's own are left alone: what they do with made-up numbers, and how often they may be
    called, is not known here.

    Args:
        options: What will be measured.
        figures: Whether pictures will be drawn.
        positions: Whether samples have several points.
    """
    asked = repr((options.describe(), figures, positions))
    if asked in _done:
        return
    _done.add(asked)
    ours = [each for each in options.chosen if _is_ours(each)]
    mapper = options.mapper_options
    if mapper is not None:
        # As many nodes as there can be: without any, nothing is laid out or drawn.
        mapper = dataclasses.replace(mapper, n_intervals=2, min_samples=1)
    if mapper is not None and not (isinstance(mapper.filter, str) and isinstance(mapper.clusterer, str)):
        mapper = dataclasses.replace(mapper, filter="l2norm", clusterer="dbscan")
    try:
        made_up = dataclasses.replace(options, measures=ours, mapper=False if mapper is None else mapper)
        with tempfile.TemporaryDirectory() as folder:
            _rehearse(Run(Path(folder) / "archive", made_up, figures=figures, continues=True), positions=positions)
    except Exception:  # what cannot be done here is done, or said, by the analysis itself
        return


def _is_ours(measure: object) -> bool:
    of_functions = isinstance(measure, (CloudFunction, DiagramFunction))
    return type(measure).__module__.partition(".")[0] == _PACKAGE and not of_functions


def _rehearse(run: Run, *, positions: bool) -> None:
    generator = np.random.default_rng(0)
    images = SampledInputs(generator.random((_POINTS, 3, 8, 8)), np.arange(_POINTS))
    owners = {"second": np.repeat(np.arange(_POINTS // 2), 2)} if positions else {}
    for step in (0, 1):
        clouds = {name: generator.normal(size=(_POINTS, 4)).astype(np.float32) for name in ("first", "second")}
        samples = np.arange(_POINTS // 2 if positions else _POINTS)
        if positions:
            owners["first"] = owners["second"]
        labels = np.array(["a", "b"])[samples % 2] if step else samples % 2
        made_up = PointClouds(clouds, owners=owners, sample_ids=samples, labels=labels)
        run.measure(made_up, step=step, epoch=0, inputs=None if step else images)
    assert run.archive.folder is not None
    list(History(run.archive.folder))
