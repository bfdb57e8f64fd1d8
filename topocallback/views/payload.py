"""A snapshot as the Topology tab and the report read it: versioned JSON, compressed.

Browsers decompress gzip by themselves, so that one form serves the event file, the tab's server and the report. Numbers
have six significant digits, which is more than a screen can show and a third of the bytes.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topocallback.records.classes import name_classes
from topocallback.records.finding import Finding
from topocallback.records.mapper_graph import MapperGraph
from topocallback.records.results import LayerDistances
from topocallback.records.snapshot import Snapshot

__all__ = ["VERSION", "decode", "encode"]

VERSION = 3

_DIGITS = 6
# Of what is compared with a level or read as "1.8 x noise", 4 digits are enough: with 6, a snapshot takes 1.2 kB more.
_FEW_DIGITS = 4
_MOST_CONFUSIONS = 10
# As many as a barcode shows. Of a snapshot as below they take 9 kB; those of all bars would take 55 kB.
_MOST_SIMPLICES = 40
# A snapshot of 20 layers with 512 samples takes 100 kB and 0.12 s at level 6, 99 kB and 0.16 s at level 9. Of that,
# 6 kB say how sure its numbers are.
_LEVEL = 6


def encode(snapshot: Snapshot, findings: Sequence[Finding] | None = None) -> bytes:
    """A snapshot as gzip-compressed JSON.

    Args:
        snapshot: The snapshot.
        findings: What is to be said of it, by what was known at its step. An empty list: there is nothing to say.
            ``None``: nothing was asked, and the page has no panel of findings.

    Returns:
        The payload: equal snapshots give equal bytes. NaN and infinity, which JSON does not know, become null; so do
        the p-values, noise, drift, errors and sizes of a table as a whole where none of them is known. Bars
        stand in the order of decreasing persistence, essential ones first, as two lists of births and deaths. Which
        samples make the first 40 of them, and which end them, are two lists in the same order; none make those in H0.
        Members of a Mapper node and of such a list are positions in ``sample_ids``, one for each of a sample's points.

    Example:
        >>> from topocallback import PointClouds, analyse
        >>> rng = np.random.default_rng(0)
        >>> payload = encode(analyse(PointClouds({"stem": rng.normal(size=(40, 3))}), step=7))
        >>> decoded = decode(payload)
        >>> table = decoded["distances"][1]
        >>> decoded["step"], decoded["layers"], table["label"], table["homology_dim"], table["matrix"]
        (7, ['stem'], 'Sliced Wasserstein distance', 1, [[0.0]])
    """
    content = _to_json(snapshot)
    if findings is not None:
        content["findings"] = [_plain(finding.to_json()) for finding in findings]
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8"), compresslevel=_LEVEL, mtime=0)


def decode(payload: bytes) -> dict[str, Any]:
    """What a payload holds.

    Args:
        payload: What ``encode`` gave.

    Returns:
        The decoded JSON object.

    Raises:
        ValueError: If the payload is damaged, is something else, or comes from a newer version of the package.

    Example:
        >>> decode(b"not gzip")
        Traceback (most recent call last):
        ValueError: Expected a snapshot's payload, got something damaged or foreign (Not a gzipped file (b'no')).
    """
    try:
        content = json.loads(gzip.decompress(payload))
    except (EOFError, OSError, RecursionError, ValueError, zlib.error) as error:
        raise ValueError(f"Expected a snapshot's payload, got something damaged or foreign ({error}).") from error
    version = content.get("version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise ValueError(f"Expected a snapshot's payload with a version, got {type(content).__name__} without one.")
    if version > VERSION:
        raise ValueError(
            f"Expected a payload of version {VERSION} or older, got {version}: update topocallback to read it."
        )
    return dict(content)


def _to_json(snapshot: Snapshot) -> dict[str, Any]:
    codes, classes = (None, ()) if snapshot.labels is None else name_classes(snapshot.labels, snapshot.classes)
    return {
        "version": VERSION,
        "step": int(snapshot.step),
        "epoch": int(snapshot.epoch),
        "layers": list(snapshot.layers),
        "n_points": snapshot.n_points.tolist(),
        "homology_dims": [int(dim) for dim in snapshot.homology_dims],
        "options": _plain(snapshot.options),
        "recording": _plain(snapshot.recording),
        "reference": snapshot.reference,
        "classes": list(classes),
        "sample_ids": snapshot.sample_ids.tolist(),
        "labels": None if codes is None else codes.tolist(),
        "distances": [_distance(table) for table in snapshot.distances.values()],
        "statistics": [
            _plain(asdict(table.about)) | {"values": _numbers(table.values), "errors": _if_known(table.errors)}
            for table in snapshot.statistics.values()
        ],
        "scales": _numbers(snapshot.scales),
        "problems": _plain(snapshot.problems),
        "seconds": _plain(snapshot.seconds),
        "diagrams": [[_bars(diagram) for diagram in snapshot.diagrams[layer]] for layer in snapshot.layers],
        "simplices": [_simplices_of(snapshot, layer) for layer in snapshot.layers],
        "mappers": [
            _graph(snapshot.mappers[layer], snapshot.owners.get(layer)) if layer in snapshot.mappers else None
            for layer in snapshot.layers
        ],
    }


def _distance(table: LayerDistances) -> dict[str, Any]:
    """A table of distances, with what its record makes of them: the page compares and shows, and computes nothing."""
    # How many times its standard error a paired distance is says nothing: it is shown with its error instead.
    times_noise = np.full_like(table.matrix, np.nan) if table.about.paired else table.times_noise
    about: dict[str, Any] = _plain(asdict(table.about))
    return about | {
        "matrix": _numbers(table.matrix),
        "noise": _if_known(table.noise),
        "p_values": _if_known(table.p_values, _FEW_DIGITS),
        "times_noise": _if_known(times_noise, _FEW_DIGITS),
        "relative": _if_known(table.relative, _FEW_DIGITS),
        "errors": _if_known(table.errors),
        "drift": _if_known(table.drift),
        "drift_errors": _if_known(table.drift_errors),
        "drift_from_first": _if_known(table.drift_from_reference),
        "drift_from_first_errors": _if_known(table.drift_from_reference_errors),
        "drift_p": _if_known(table.drift_p, _FEW_DIGITS),
        "drift_from_first_p": _if_known(table.drift_from_reference_p, _FEW_DIGITS),
    }


def _bars(diagram: NDArray[np.float64]) -> list[list[float | None]]:
    """Births and deaths, the longest bars first."""
    births, deaths = diagram[_longest_first(diagram)].T
    return [_numbers(births), _numbers(deaths)]


def _longest_first(diagram: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.argsort(diagram[:, 0] - diagram[:, 1], kind="stable")


def _simplices_of(snapshot: Snapshot, layer: str) -> list[list[list[list[int]]]] | None:
    """Which samples make and end each diagram's longest bars."""
    if layer not in snapshot.simplices:
        return None
    owners = snapshot.owners.get(layer, np.arange(len(snapshot.sample_ids)))
    of_diagrams = zip(snapshot.homology_dims, snapshot.diagrams[layer], snapshot.simplices[layer], strict=True)
    return [_first_simplices(dim, points[_longest_first(bars)], owners) for dim, bars, points in of_diagrams]


def _first_simplices(dim: int, points: NDArray[Any], owners: NDArray[np.int64]) -> list[list[list[int]]]:
    makes, ends = np.split(points[:_MOST_SIMPLICES], [dim + 1], axis=1)
    # Which point of a cluster makes its bar is a convention: all are born at 0.
    births = [] if dim == 0 else owners[makes].tolist()
    return [births, [owners[row].tolist() if row[0] >= 0 else [] for row in ends]]


def _graph(graph: MapperGraph, owners: NDArray[np.int64] | None) -> dict[str, Any]:
    samples = graph.members if owners is None else [owners[points] for points in graph.members]
    return {
        "radius": _number(graph.radius),
        "x": _numbers(graph.positions[:, 0]),
        "y": _numbers(graph.positions[:, 1]),
        "sizes": graph.sizes.tolist(),
        "filter_means": _numbers(graph.filter_means),
        "members": [positions.tolist() for positions in samples],
        "edges": np.column_stack([graph.edges, graph.shared]).tolist(),
        "coverage": _number(graph.coverage),
        "purity": {
            "node_wise": _number(graph.purity_node_wise),
            "point_wise": _number(graph.purity_point_wise),
            "majority": _number(graph.majority),
            "entropy": _number(graph.label_entropy),
        },
        "node_purity": _numbers(graph.node_purity),
        "components": graph.n_components,
        "cycles": graph.n_cycles,
        "confusions": [list(pair) for pair in graph.confusions(_MOST_CONFUSIONS)],
    }


def _if_known(values: NDArray[np.float64], digits: int = _DIGITS) -> list[Any] | None:
    """``_numbers``, or nothing where not one of them is known."""
    return _numbers(values, digits) if np.isfinite(values).any() else None


def _numbers(values: ArrayLike, digits: int = _DIGITS) -> list[Any]:
    """An array as nested lists, rounded, null for what is not finite."""
    exact = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(exact)
    rounded = _rounded(np.where(finite, exact, 0.0), digits)
    if finite.all():
        return list(rounded.tolist())
    holed: NDArray[Any] = rounded.astype(object)
    holed[~finite] = None
    return list(holed.tolist())


def _number(value: float) -> float | None:
    return None if not math.isfinite(value) else float(f"{value:.{_DIGITS}g}")


def _rounded(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """To significant digits, all at once: a whole number over a power of ten has the shortest text there is."""
    magnitude = np.floor(np.log10(np.abs(values), out=np.zeros_like(values), where=values != 0))
    places = np.clip(digits - 1 - magnitude, -300, 300)
    large, small = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    return np.asarray(np.round(values * large / small) / large * small)


def _plain(value: Any) -> Any:
    """Descriptions, options, problems and seconds as JSON holds them; what it cannot hold becomes text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return _number(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
