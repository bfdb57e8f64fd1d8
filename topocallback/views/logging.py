"""A snapshot's numbers, pictures and payload in whatever loggers a Trainer has, each taking what it can."""

from __future__ import annotations

import io
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.paths import as_path, is_local
from topocallback.records.results import Description
from topocallback.records.snapshot import Snapshot
from topocallback.records.wording import shown
from topocallback.views.canvas import Picture
from topocallback.views.captions import with_unit
from topocallback.views.short_names import short_names
from topocallback.views.sprite import Sprite

__all__ = [
    "local_directory",
    "names_of_distances",
    "scalar_tags",
    "scalars",
    "size_of",
    "write_for_tab",
    "write_pictures",
    "write_scalars",
]

_PREFIX = "topology"
_PLUGIN = "topology"  # the name under which TensorBoard knows the Topology tab
_LONGEST_LAYER = 180  # letters
_OF_DISTANCES = {
    "drift": "from the same layer in the previous snapshot",
    "drift_from_reference": "from the same layer in the reference",
    "noise": "between two independent samples of the layer, of as many points, on average",
}
_BYTES_OF_A_NUMBER = 300  # with its tag and what it is
_SECONDS = "What the step took (processor seconds)"
_ALERT = "Number of layers with this alert; 0: all is well"
_NO_ALERTS: Mapping[str, int] = MappingProxyType({})
_DRIFT_P = "p-value of the drift: how often it comes out at least as different where nothing has changed"


def scalars(
    snapshot: Snapshot,
    separator: str = "/",
    *,
    alerts: Mapping[str, int] = _NO_ALERTS,
    quantities: Container[str] | None = None,
) -> dict[str, float]:
    """The numbers of a snapshot under the names that loggers show.

    Args:
        snapshot: The snapshot.
        separator: Between the parts of a name.
        alerts: Kind of alert to the number of layers that have it.
        quantities: Which numbers of layers, by the names of their quantities; by default all.

    Returns:
        ``topology/<quantity>/<layer>`` to number: ``drift_H1``, ``drift_from_reference_H1``, ``noise_H1``,
        ``drift_p_H1`` and so on for every homology dimension of the first measure, ``drift_<measure>_H1`` of further
        ones, without ``_H1`` where a measure has no dimension; and every statistic. ``topology/alert/<kind>`` is the
        number of layers with that alert, ``topology/seconds`` the processor time that the step took, with its recording
        and its pictures.
        NaN and infinity are left out.
    """
    return {tag: value for tag, value, _ in _described(snapshot, separator, alerts, quantities)}


def scalar_tags(
    distances: Sequence[Description],
    statistics: Sequence[Description],
    layers: Iterable[str],
    alerts: Iterable[str] = (),
) -> list[str]:
    """The names of all numbers that a snapshot can have, whether they can be measured or not.

    Args:
        distances: What its distances are; the first measure is named first.
        statistics: What its statistics are.
        layers: Its layers.
        alerts: The kinds of alerts that there can be.

    Returns:
        The names that ``scalars`` gives, and those that it leaves out because their numbers are not known.

    Example:
        >>> scalar_tags([Description("cka")], [Description("bars", 1)], ["stem"])[-2:]
        ['topology/bars_H1/stem', 'topology/seconds']
    """
    quantities = [name for names in names_of_distances(distances) for name in names.values()]
    quantities += [about.tag for about in statistics]
    tags = [f"{_PREFIX}/{shown(quantity)}/{layer}" for layer in _named(tuple(layers)) for quantity in quantities]
    return [*tags, *(f"{_PREFIX}/alert/{kind}" for kind in alerts), f"{_PREFIX}/seconds"]


def names_of_distances(distances: Sequence[Description]) -> list[Mapping[str, str]]:
    """How the quantities of each distance are named: the first measure is not.

    Args:
        distances: What the distances are, one for each table.

    Returns:
        Of each one quantity to name.

    Example:
        >>> names_of_distances([Description("bottleneck", 1), Description("cka")])[0]["drift"]
        'drift_H1'
        >>> names_of_distances([Description("bottleneck", 1), Description("cka")])[1]["drift"]
        'drift_cka'
    """
    return [{name: f"{name}{suffix}" for name in (*_OF_DISTANCES, "drift_p")} for suffix in _suffixes(distances)]


def write_scalars(
    logger: Any,
    snapshot: Snapshot,
    alerts: Mapping[str, int] = _NO_ALERTS,
    quantities: Container[str] | None = None,
) -> None:
    """Log a snapshot's numbers at its step; TensorBoard also shows what each is, and in which unit.

    Args:
        logger: A Lightning logger.
        snapshot: The snapshot.
        alerts: Kind of alert to the number of layers that have it.
        quantities: Which numbers of layers, by the names of their quantities; by default all.
    """
    described = list(_described(snapshot, getattr(logger, "group_separator", "/"), alerts, quantities))
    writer = _event_writer(logger)
    # A logger whose `log_metrics` is not Lightning's own may rename numbers or leave some out.
    if writer is None or not str(logger.log_metrics.__module__).endswith("fabric.loggers.tensorboard"):
        logger.log_metrics({tag: value for tag, value, _ in described}, step=snapshot.step)
        return
    prefix = f"{logger._prefix}{logger.LOGGER_JOIN_CHAR}" if getattr(logger, "_prefix", "") else ""
    writer.add_summary(_summary((f"{prefix}{tag}", value, about) for tag, value, about in described), snapshot.step)


def write_pictures(logger: Any, pictures: Sequence[Picture], step: int) -> None:
    """Log pictures with whatever means the logger has: TensorBoard's, W&B's or MLflow's; other loggers get none.

    Args:
        logger: A Lightning logger.
        pictures: The pictures.
        step: The logger's step.
    """
    experiment: Any = getattr(logger, "experiment", None)
    writer = _event_writer(logger)
    for picture in pictures:
        tag = f"{_PREFIX}/{picture.name}"
        if writer is not None:
            writer.add_summary(_image(tag, picture), step)
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
    writer = _event_writer(logger)
    if writer is None:
        return
    if sprite is not None:
        writer.add_summary(_blobs(f"{_PREFIX}/inputs", [sprite.png, sprite.facts.encode("utf-8")]), step)
    if payload is not None:
        writer.add_summary(_blobs(f"{_PREFIX}/snapshot", [payload]), step)


def local_directory(logger: Any) -> Path | None:
    """Where on this machine's disks a logger writes.

    Args:
        logger: A Lightning logger.

    Returns:
        The directory, which need not exist yet; ``None`` where the logger has none, or one in an object store.

    Example:
        >>> from types import SimpleNamespace
        >>> local_directory(SimpleNamespace(save_dir="logs")), local_directory(SimpleNamespace(log_dir="s3://logs"))
        (PosixPath('logs'), None)
    """
    for name in ("log_dir", "save_dir", "root_dir"):
        directory = getattr(logger, name, None)
        if isinstance(directory, (str, os.PathLike)) and os.fspath(directory):
            path = as_path(directory)
            return path if is_local(path) else None
    return None


def size_of(
    snapshot: Snapshot,
    pictures: Sequence[Picture],
    payload: bytes | None,
    sprite: Sprite | None,
    quantities: Container[str] | None = None,
) -> int:
    """About how many bytes a logger writes of a step: the largest number that any logger takes.

    Args:
        snapshot: The snapshot.
        pictures: Its pictures.
        payload: What the tab reads of it.
        sprite: The run's sampled inputs, with the step that brings them.
        quantities: Which numbers, by the names of their quantities; by default all.
    """
    blobs = [picture.png for picture in pictures] + [payload or b""] + ([] if sprite is None else [sprite.png])
    return sum(map(len, blobs)) + _BYTES_OF_A_NUMBER * len(scalars(snapshot, quantities=quantities))


def _described(
    snapshot: Snapshot, separator: str, alerts: Mapping[str, int], quantities: Container[str] | None
) -> Iterator[tuple[str, float, str]]:
    """Tag, number and what it is, of every number that there is."""
    layers = _named(snapshot.layers)
    for quantity, values, about in _quantities(snapshot):
        if quantities is not None and quantity not in quantities:
            continue
        for layer, value in zip(layers, values, strict=True):
            if np.isfinite(value):
                yield separator.join((_PREFIX, shown(quantity), layer)), float(value), shown(about)
    for kind, n_layers in alerts.items():
        yield separator.join((_PREFIX, "alert", shown(kind))), float(n_layers), _ALERT
    yield separator.join((_PREFIX, "seconds")), snapshot.seconds.get("total", 0.0), _SECONDS


def _named(layers: tuple[str, ...]) -> list[str]:
    """Layers as their numbers name them: event files hold no lone surrogates, and MLflow 250 letters at most."""
    return [shown(layer) for layer in short_names(layers, lambda text: len(shown(text)) <= _LONGEST_LAYER)]


def _quantities(snapshot: Snapshot) -> Iterator[tuple[str, NDArray[np.float64], str]]:
    """Name, (L,) numbers and what they are."""
    distances = list(snapshot.distances.values())
    for distance, names in zip(distances, names_of_distances([table.about for table in distances]), strict=True):
        about = distance.about
        for name, what in _OF_DISTANCES.items():
            yield names[name], getattr(distance, name), f"{with_unit(about)}: {what}"
        yield names["drift_p"], distance.drift_p, f"{about.title}: {_DRIFT_P}"
    for table in snapshot.statistics.values():
        meaning = f": larger means {table.about.more}" if table.about.more else ""
        yield table.about.tag, table.values, f"{with_unit(table.about)}{meaning}"


def _suffixes(distances: Sequence[Description]) -> list[str]:
    """What of a distance stands in the names of its numbers: the first measure is not named."""
    named = ["" if about.measure == distances[0].measure else f"_{about.measure}" for about in distances]
    dims = ["" if about.homology_dim is None else f"_H{about.homology_dim}" for about in distances]
    return [measure + dim for measure, dim in zip(named, dims, strict=True)]


def _event_writer(logger: Any) -> Any:
    """The writer of the event file, if the logger is TensorBoard's.

    It is the logger's own: a second one in the same directory would cost the first one's scalars in one of
    TensorBoard's two backends. Lightning's dummy logger answers every call with ``None``.
    """
    experiment: Any = getattr(logger, "experiment", None)
    return experiment._get_file_writer() if hasattr(experiment, "_get_file_writer") else None


def _summary(described: Iterable[tuple[str, float, str]]) -> Any:
    """All numbers of a step in one event.

    Of a plain number TensorBoard's faster backend keeps no description unless plugin and data class are given too; the
    other backend and what else reads event files take such a number as any other.
    """
    from tensorboard.compat.proto import summary_pb2

    plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="scalars")
    summary = summary_pb2.Summary()
    for tag, number, about in described:
        metadata = summary_pb2.SummaryMetadata(
            plugin_data=plugin, data_class=summary_pb2.DATA_CLASS_SCALAR, summary_description=about
        )
        summary.value.add(tag=tag, simple_value=number, metadata=metadata)
    return summary


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


def _image(tag: str, picture: Picture) -> Any:
    """Straight from the PNG: ``add_image`` would decode and encode it again in the training thread (40 ms)."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    image = Summary.Image(height=picture.height, width=picture.width, colorspace=3, encoded_image_string=picture.png)
    return Summary(value=[Summary.Value(tag=tag, image=image)])


def _decode(picture: Picture) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(picture.png))
