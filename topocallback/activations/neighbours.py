"""Distances of many points, in tiles on the device where the points are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["TensorNeighbours"]

# A tile of squared distances in float64: 32 MB where it should stay near the cores, 512 MB on an accelerator.
_TILE_ON_CPU = 2048
_TILE_ELSEWHERE = 8192
# Squared distances that are a smaller share of the squared norms than this are rounding, and count as 0.
_NOTHING = 1e-13


class TensorNeighbours:
    """Neighbours among points too many for a distance matrix; the same questions as ``topology.neighbours`` has.

    In float64, because lower precision is at the mercy of the user's settings (``set_float32_matmul_precision``); on
    devices that have none, on the CPU. Memory is the points in float64 and one tile of distances.

    Args:
        points: (n, d) finite points, on any device.

    Example:
        >>> neighbours = TensorNeighbours(torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]))
        >>> neighbours.nearest().round(9).tolist(), neighbours.count(5.0).tolist()
        ([5.0, 1.0, 1.0], [2, 3, 2])
    """

    def __init__(self, points: Tensor) -> None:
        if points.device.type == "mps":  # has no float64
            points = points.cpu()
        values = points.detach().double()
        self._points = values - values.mean(dim=0) if len(values) else values
        self._norms = (1 - _NOTHING) * self._points.square().sum(dim=1)
        self._tile = _TILE_ON_CPU if points.device.type == "cpu" else _TILE_ELSEWHERE

    def nearest(self) -> NDArray[np.float64]:
        """(n,) each point's distance to the nearest other point; 0 for a point alone."""
        nearest = torch.full_like(self._norms, torch.inf)
        for rows, columns in self._tiles():
            squared = self._squared(rows, columns)
            if rows == columns:
                squared.fill_diagonal_(torch.inf)
            nearest[rows] = torch.minimum(nearest[rows], squared.amin(dim=1))
            nearest[columns] = torch.minimum(nearest[columns], squared.amin(dim=0))
        if len(nearest) == 1:
            nearest.zero_()
        return _on_cpu(nearest.clamp_(min=0).sqrt_())

    def mean(self) -> NDArray[np.float64]:
        """(n,) each point's mean distance to the other points; 0 for a point alone."""
        total = torch.zeros_like(self._norms)
        for rows, columns in self._tiles():
            distances = self._squared(rows, columns).clamp_(min=0).sqrt_()
            total[rows] += distances.sum(dim=1)
            if rows != columns:
                total[columns] += distances.sum(dim=0)
        return _on_cpu(total / max(1, len(total) - 1))

    def count(self, radius: float) -> NDArray[np.int64]:
        """(n,) how many points are at most ``radius`` from each point, itself included."""
        counts = torch.zeros(len(self._norms), dtype=torch.int64, device=self._norms.device)
        for rows, columns in self._tiles():
            near = self._squared(rows, columns) <= radius**2
            counts[rows] += near.sum(dim=1)
            if rows != columns:
                counts[columns] += near.sum(dim=0)
        return _on_cpu(counts)

    def reached(self, sources: NDArray[np.int64], targets: NDArray[np.int64], radius: float) -> NDArray[np.bool_]:
        """(m,) which of the m ``targets`` are at most ``radius`` from some of the ``sources``."""
        index = torch.from_numpy(targets).to(self._norms.device)
        start = torch.from_numpy(sources).to(self._norms.device)
        reached = torch.zeros(len(targets), dtype=torch.bool, device=self._norms.device)
        for columns in _slices(len(targets), self._tile):
            points, norms = self._points[index[columns]], self._norms[index[columns]]
            for rows in _slices(len(sources), self._tile):
                squared = _squared(self._points[start[rows]], self._norms[start[rows]], points, norms)
                reached[columns] |= (squared <= radius**2).any(dim=0)
        return _on_cpu(reached)

    def among(self, points: NDArray[np.int64]) -> TensorNeighbours:
        """The distances of some of the points among themselves."""
        return TensorNeighbours(self._points[torch.from_numpy(points).to(self._norms.device)])

    def _tiles(self) -> Iterator[tuple[slice, slice]]:
        """Tiles that hold every pair of points once, in one order or both."""
        slices = _slices(len(self._norms), self._tile)
        for i, rows in enumerate(slices):
            for columns in slices[i:]:
                yield rows, columns

    def _squared(self, rows: slice, columns: slice) -> Tensor:
        return _squared(self._points[rows], self._norms[rows], self._points[columns], self._norms[columns])


def _squared(rows: Tensor, row_norms: Tensor, columns: Tensor, column_norms: Tensor) -> Tensor:
    """Squared distances, of equal points 0 or a little less."""
    return torch.addmm(column_norms, rows, columns.T, alpha=-2).add_(row_norms[:, None])


def _slices(length: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def _on_cpu(values: Tensor) -> NDArray[Any]:
    return values.cpu().numpy()
