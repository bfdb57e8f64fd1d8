"""A comparison as tables of columns: for CSV files and for pandas."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from topocallback.records.compared_points import ComparedPoints
from topocallback.records.files import write_atomically
from topocallback.records.results import DistanceTable, Results, StatisticTable

__all__ = ["as_dataframe", "pairs_table", "points_table", "write_csv"]


def points_table(
    points: ComparedPoints, distances: Results[DistanceTable], statistics: Results[StatisticTable]
) -> dict[str, Any]:
    """One row per point.

    Args:
        points: The N points.
        distances: Their distances.
        statistics: Their statistics.

    Returns:
        Column to N values: checkpoint, run, step, epoch, layer; for each table of distances the point's noise, its
        distance from the same layer in the run's previous and last checkpoint, and the p-values of both; the
        statistics.
    """
    checkpoints = [points.checkpoints[number] for number in points.checkpoint_of]
    columns: dict[str, Any] = {"checkpoint": [checkpoint.name for checkpoint in checkpoints]}
    columns |= {name: [getattr(checkpoint, name) for checkpoint in checkpoints] for name in ("run", "step", "epoch")}
    columns["layer"] = [points.layers[number] for number in points.layer_of]
    previous, last = points.neighbours_in_time()
    at = np.arange(len(previous))
    for table in distances.values():
        columns[f"noise_{table.about.tag}"] = table.noise
        for name, other in (("previous", previous), ("last", last)):
            columns[f"from_{name}_{table.about.tag}"] = np.where(other < 0, np.nan, table.matrix[at, other])
            columns[f"from_{name}_{table.about.tag}_p"] = np.where(other < 0, np.nan, table.p_values[at, other])
    return columns | {statistic.about.tag: statistic.values for statistic in statistics.values()}


def pairs_table(points: ComparedPoints, distances: Results[DistanceTable]) -> dict[str, Any]:
    """One row per pair of points.

    Args:
        points: The N points.
        distances: Their distances.

    Returns:
        Column to N (N - 1) / 2 values: checkpoint and layer of both, and for each table the distance, how many times
        its noise it is, its p-value, and the relative distance.
    """
    rows, columns = np.triu_indices(len(points.layer_of), 1)
    names = np.array([checkpoint.name for checkpoint in points.checkpoints], dtype=object)
    layers = np.array(points.layers, dtype=object)
    found: dict[str, Any] = {}
    for label, side in (("a", rows), ("b", columns)):
        found[f"checkpoint_{label}"] = list(names[points.checkpoint_of[side]])
        found[f"layer_{label}"] = list(layers[points.layer_of[side]])
    for table in distances.values():
        found[table.about.tag] = table.matrix[rows, columns]
        found[f"{table.about.tag}_times_noise"] = table.times_noise[rows, columns]
        found[f"{table.about.tag}_p"] = table.p_values[rows, columns]
        found[f"{table.about.tag}_relative"] = table.relative[rows, columns]
    return found


def as_dataframe(columns: Mapping[str, Any]) -> Any:
    """A pandas DataFrame of columns.

    Raises:
        ModuleNotFoundError: If pandas is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("`to_dataframe` needs pandas: pip install pandas") from error
    return pandas.DataFrame(columns)


def write_csv(columns: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write columns as comma-separated values; missing folders are made.

    Raises:
        OSError: If the file cannot be written; no partial file stays behind.
    """

    def write(file: IO[bytes]) -> None:
        # Of a file's name that is no text, what cannot be encoded is written out, as everywhere.
        text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        text.detach()  # written out, and the file left open

    return write_atomically(path, write)
