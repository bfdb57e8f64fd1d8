"""Distances of many points, in tiles on the device where the points are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topocallback.measures.mapper.neighbours import Near

__all__ = ["TensorNeighbours"]

# A tile of squared distances in float64: 32 MB where it should stay near the cores, 512 MB on an accelerator.
_TILE_ON_CPU = 2048
_TILE_ELSEWHERE = 8192
# Squared distances that are a smaller share of the squared norms than this are rounding, and count as 0.
_NOTHING = 1e-13
_STRIP = 1024


class TensorNeighbours:
    """Neighbours among points too many for a distance matrix; the same questions as ``topology.neighbours`` has.

    The answers are in float64; on devices that have none, from the CPU. Memory is the points in float64 and one tile of
    distances, and for ``near`` one bit per pair of points.

    Args:
        points: (n, d) finite points, on any device.

    Example:
        >>> neighbours = TensorNeighbours(torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]))
        >>> neighbours.nearest().round(9).tolist(), neighbours.near(5.0).counts.tolist()
        ([5.0, 1.0, 1.0], [2, 3, 2])
    """

    def __init__(self, points: Tensor) -> None:
        if points.device.type == "mps":  # has no float64
            points = points.cpu()
        values = points.detach().double()
        self._points = values - values.mean(dim=0) if len(values) else values
        self._norms = (1 - _NOTHING) * self._points.square().sum(dim=1)
        self._tile = _TILE_ON_CPU if points.device.type == "cpu" else _TILE_ELSEWHERE
        # The user may have asked torch for products of lower precision than float32 has.
        self._finds_in_single = points.device.type == "cpu" and torch.get_float32_matmul_precision() == "highest"

    def __len__(self) -> int:
        """How many points there are."""
        return len(self._norms)

    def nearest(self) -> NDArray[np.float64]:
        """(n,) each point's distance to the nearest other point; 0 for a point alone."""
        return self.kth_nearest(1)

    def kth_nearest(self, k: int) -> NDArray[np.float64]:
        """(n,) each point's distance to the k-th nearest other point, or to the furthest of fewer; 0 for one alone."""
        if len(self._norms) < 2:
            return np.zeros(len(self._norms))
        k = min(k, len(self._norms) - 1)
        slices = _slices(len(self._norms), self._tile)
        # Where the nearest are, single precision tells in half the time; how far they are, double precision does.
        closest = torch.full((len(slices), len(self._norms)), torch.inf, device=self._norms.device)
        points, norms = self._points, self._norms
        if self._finds_in_single:
            points, norms = points.float(), norms.float()
        for i, rows in enumerate(slices):
            for j, columns in enumerate(slices[i:], start=i):
                squared = _squared(points[rows], norms[rows], points[columns], norms[columns])
                if i == j:
                    squared.fill_diagonal_(torch.inf)
                closest[j, rows] = squared.amin(dim=1).float()
                closest[i, columns] = squared.amin(dim=0).float()
        # Rounding errors of d products add up like a random walk; four standard deviations of it.
        rounding = 4 * torch.finfo(torch.float32).eps * self._points.shape[1] ** 0.5
        in_doubt = rounding * (self._norms + self._norms.max())
        # The k-th nearest is no further than the k-th nearest of the tiles' nearest.
        within = torch.inf if k > len(slices) else closest.kthvalue(k, dim=0).values
        other = self._kth_among(slices, closest <= within + in_doubt.float(), k)
        # By their difference, two points nearest to one another are equally far both ways, to the last bit, on which
        # the elbow of the sorted distances can depend.
        strips = _slices(len(other), _STRIP)
        exact = [(self._points[rows] - self._points[other[rows]]).square_().sum(dim=1) for rows in strips]
        return _on_cpu(torch.cat(exact).sqrt_())

    def _kth_among(self, slices: list[slice], searched: Tensor, k: int) -> Tensor:
        """(n,) the number of the k-th nearest other point among those of the searched (slices, n) tiles."""
        nearest = torch.full((len(self._norms), k), torch.inf, dtype=self._norms.dtype, device=self._norms.device)
        others = torch.zeros(nearest.shape, dtype=torch.int64, device=nearest.device)
        for columns, wanted in zip(slices, searched, strict=True):
            for rows in torch.split(torch.nonzero(wanted)[:, 0], self._tile):
                squared = _squared(self._points[rows], self._norms[rows], self._points[columns], self._norms[columns])
                own = (rows >= columns.start) & (rows < columns.stop)
                squared[own, rows[own] - columns.start] = torch.inf
                values, places = squared.topk(min(k, squared.shape[1]), dim=1, largest=False)
                both = torch.cat([nearest[rows], values], dim=1)
                nearest[rows], chosen = both.topk(k, dim=1, largest=False)
                others[rows] = torch.cat([others[rows], places + columns.start], dim=1).gather(1, chosen)
        return others[:, -1]

    def mean(self) -> NDArray[np.float64]:
        """(n,) each point's mean distance to the other points; 0 for a point alone."""
        total = torch.zeros_like(self._norms)
        for rows, columns in self._tiles():
            distances = self._squared(rows, columns).clamp_(min=0).sqrt_()
            total[rows] += distances.sum(dim=1)
            if rows != columns:
                total[columns] += distances.sum(dim=0)
        return _on_cpu(total / max(1, len(total) - 1))

    def near(self, radius: float) -> Near:
        """Which points are at most ``radius`` from which, every point from itself included."""
        size = len(self._norms)
        bits = np.zeros((size, -(-size // 8)), dtype=np.uint8)
        for rows, columns in self._tiles():
            is_near = _on_cpu(self._squared(rows, columns) <= radius**2)
            # A tile's size is a multiple of 8, so its columns are whole bytes.
            bits[rows, columns.start // 8 : -(-columns.stop // 8)] = np.packbits(is_near, axis=1)
            bits[columns, rows.start // 8 : -(-rows.stop // 8)] = np.packbits(is_near.T, axis=1)
        return Near(bits, _count_ones(bits))

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


def _count_ones(bits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(n,) how many bits of each row are set; in strips, because unpacked they take eight times the memory."""
    strips = [np.unpackbits(bits[rows], axis=1).sum(axis=1) for rows in _slices(len(bits), _STRIP)]
    return np.concatenate([np.empty(0, dtype=np.int64), *strips]).astype(np.int64)


def _slices(length: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def _on_cpu(values: Tensor) -> NDArray[Any]:
    return values.cpu().numpy()
