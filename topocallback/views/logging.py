"""A snapshot's numbers, pictures and payload in whatever loggers a Trainer has, each taking what it can."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import Picture
from topocallback.views.sprite import Sprite

__all__ = ["scalars", "write_for_tab", "write_pictures", "write_scalars"]

_PREFIX = "topology"
_PLUGIN = "topology"  # the name under which TensorBoard knows the Topology tab


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


def write_for_tab(logger: Any, payload: bytes | None, sprite: Sprite | None, step: int) -> None:
    """Write what the Topology tab shows, if the logger is TensorBoard's; other loggers get nothing.

    Args:
        logger: A Lightning logger.
        payload: The snapshot's payload, or ``None``.
        sprite: The run's sampled inputs, or ``None``.
        step: The logger's step.
    """
    experiment: Any = getattr(logger, "experiment", None)
    # A second writer in the same directory would cost the first one's scalars in one of TensorBoard's two backends.
    writer = experiment._get_file_writer() if hasattr(experiment, "_get_file_writer") else None
    if writer is None:
        return
    if sprite is not None:
        writer.add_summary(_blobs(f"{_PREFIX}/inputs", [sprite.png, sprite.facts.encode("utf-8")]), step)
    if payload is not None:
        writer.add_summary(_blobs(f"{_PREFIX}/snapshot", [payload]), step)


def _blobs(tag: str, blobs: list[bytes]) -> Any:
    """A summary of bytes for the tab. Of scalar strings, and without a data class, TensorBoard keeps nothing."""
    from tensorboard.compat.proto import summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=_PLUGIN),
        data_class=summary_pb2.DATA_CLASS_BLOB_SEQUENCE,
    )
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=len(blobs))]),
        string_val=blobs,
    )
    return summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])


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
