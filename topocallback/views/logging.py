"""A snapshot's numbers and pictures in whatever loggers a Trainer has, each taking what it can."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.snapshot import Snapshot
from topocallback.views.canvas import Picture

__all__ = ["scalars", "write_pictures", "write_scalars"]

_PREFIX = "topology"


def scalars(snapshot: Snapshot, separator: str = "/") -> dict[str, float]:
    """The numbers of a snapshot under the names that loggers show.

    Args:
        snapshot: The snapshot.
        separator: Between the parts of a name.

    Returns:
        ``topology/<quantity>/<layer>`` to number: ``drift``, ``drift_from_first`` and ``noise`` (added up over homology
        dimensions; those of further measures with the measure's name behind), and every statistic per homology
        dimension. ``topology/seconds`` is what the analysis took. NaN and infinity are left out.
    """
    columns: dict[str, NDArray[np.float64]] = {}
    for position, measure in enumerate(snapshot.measure_names):
        suffix = f"_{measure}" if position else ""
        for name in ("drift", "drift_from_first", "noise"):
            columns[f"{name}{suffix}"] = snapshot.total(getattr(snapshot, name), measure)
    columns |= dict(snapshot.statistics)
    named = {
        separator.join((_PREFIX, quantity, layer)): float(value)
        for quantity, values in columns.items()
        for layer, value in zip(snapshot.layers, values, strict=True)
        if np.isfinite(value)
    }
    return named | {separator.join((_PREFIX, "seconds")): snapshot.seconds.get("total", 0.0)}


def write_scalars(logger: Any, snapshot: Snapshot) -> None:
    """Log a snapshot's numbers at its step.

    Args:
        logger: A Lightning logger.
        snapshot: The snapshot.
    """
    logger.log_metrics(scalars(snapshot, getattr(logger, "group_separator", "/")), step=snapshot.step)


def write_pictures(logger: Any, pictures: Sequence[Picture], step: int) -> None:
    """Log pictures with whatever means the logger has: TensorBoard's, W&B's or MLflow's; other loggers get none.

    Args:
        logger: A Lightning logger.
        pictures: The pictures.
        step: The logger's step.
    """
    experiment: Any = getattr(logger, "experiment", None)
    for picture in pictures:
        tag = f"{_PREFIX}/{picture.name}"
        if hasattr(experiment, "_get_file_writer"):
            _write_to_tensorboard(experiment, tag, picture, step)
        elif hasattr(logger, "log_image"):
            logger.log_image(tag, [_decode(picture)], step=step)
        elif hasattr(experiment, "log_image") and hasattr(logger, "run_id"):
            experiment.log_image(logger.run_id, _decode(picture), artifact_file=f"{tag}/step={step}.png")


def _write_to_tensorboard(experiment: Any, tag: str, picture: Picture, step: int) -> None:
    """Straight from the PNG: ``add_image`` would decode and encode it again in the training thread (40 ms)."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    image = Summary.Image(height=picture.height, width=picture.width, colorspace=3, encoded_image_string=picture.png)
    writer = experiment._get_file_writer()
    if writer is not None:  # Lightning's dummy logger answers every call with None
        writer.add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), step)


def _decode(picture: Picture) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(picture.png))
