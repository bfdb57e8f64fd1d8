"""Several positions of every sample, each a point of its own: the *full* cloud of a layer, and parts of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topocallback.hashing import sample_priorities

__all__ = ["Mask", "Positions"]

Mask = Callable[[Tensor, NDArray[np.int64]], Tensor]

# Keeps the positions drawn for a sample apart from the draw that chose the sample.
_SEED = 0x66756C6C
_MOST_POSITIONS = 1 << 24
_LAST = np.iinfo(np.uint64).max


@dataclass(frozen=True)
class Positions:
    """Takes up to a fixed number of positions of every sample, as points of their own.

    Purvine et al. (AAAI 2023) make Mapper graphs of all spatial positions of all images (the *full* cloud), and of
    those in the foreground or in the background. Here the full cloud is bounded: of every sample as many positions are
    kept as asked for, drawn without replacement from the sample's own hash, hence the same at every step and batch
    size. A layer with fewer positions gives all that it has. A cloud has up to ``n_samples * per_sample`` points;
    persistence diagrams are for a few thousand.

    Args:
        per_sample: How many positions of a sample at most, at least 1.
        mask: Which positions count: a function of the (n, ...) activations of n samples and of their (n,) indices that
            gives an (n, positions...) truth value for every position, for instance of the foreground. ``None``: all.
            It is not asked about layers without positions, of which every sample gives its one vector.

    Raises:
        ValueError: If ``per_sample`` is no integer of at least 1.
        TypeError: If ``mask`` is neither a function nor ``None``.

    Example:
        >>> from topocallback import ActivationRecorder
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3))
        >>> foreground = Positions(5, mask=lambda activations, sample_ids: activations.norm(dim=1) > 0)
        >>> with ActivationRecorder(model, pooling=foreground) as recorder:
        ...     _ = model(torch.ones(10, 1, 6, 6))
        >>> recorder.point_clouds().clouds["0"].shape
        (50, 8)
    """

    per_sample: int = 16
    mask: Mask | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.per_sample, int) or self.per_sample < 1:
            raise ValueError(f"Expected `per_sample` to be an integer of at least 1, got {self.per_sample!r}.")
        if self.mask is not None and not callable(self.mask):
            raise TypeError(f"Expected `mask` to be a function or None, got {type(self.mask).__name__}.")

    def pack(
        self, values: Tensor, axis: int, ids: NDArray[np.int64], seed: int, inside: Tensor | None = None
    ) -> Tensor:
        """The kept positions of every sample in one row: how many there are, and their channel vectors.

        Args:
            values: (n, ...) float32 activations, one row per sample.
            axis: Where the channels are: 1 or -1.
            ids: (n,) sample indices.
            seed: Seed of the draw.
            inside: (n, positions...) which positions are no padding; ``None``: all.

        Returns:
            (n, 1 + per_sample * C): the number of positions, and their C channels each, then zeros.

        Raises:
            ValueError: If the mask gives something other than one truth value per position.
        """
        channels = values.movedim(axis, 1) if values.ndim > 2 else values.reshape(len(values), -1)
        shape = tuple(channels.shape[2:])
        positions = channels.reshape(*channels.shape[:2], math.prod(shape))  # (n, C, P)
        chosen, counts = self._choose(values, shape, ids, seed, inside)
        index = torch.from_numpy(chosen).to(values.device)
        vectors = positions.gather(2, index[:, None, :].expand(-1, positions.shape[1], -1))  # (n, C, per_sample)
        number = torch.from_numpy(counts).to(values)[:, None]
        empty = torch.arange(self.per_sample, device=values.device) >= number
        vectors = vectors.masked_fill(empty[:, None, :], 0)
        return torch.cat([number, vectors.transpose(1, 2).flatten(1)], dim=1)

    def unpack(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """What ``pack`` put into rows.

        Args:
            rows: (n, 1 + per_sample * C).

        Returns:
            (m, C) points, sample by sample, and (m,) the row that each comes from.
        """
        counts = rows[:, 0].astype(np.int64)
        points = rows[:, 1:].reshape(len(rows), self.per_sample, -1)
        filled = np.arange(self.per_sample) < counts[:, None]
        return points[filled], np.repeat(np.arange(len(rows)), counts)

    def _choose(
        self, values: Tensor, shape: tuple[int, ...], ids: NDArray[np.int64], seed: int, unpadded: Tensor | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(n, per_sample) numbers of positions, those that count first, and (n,) how many of them count."""
        size = math.prod(shape)
        if size >= _MOST_POSITIONS:
            raise ValueError(f"Expected fewer than {_MOST_POSITIONS} positions per sample, got {size}.")
        inside = self._inside(values, shape, ids)
        if unpadded is not None and shape:
            inside &= unpadded.flatten(1).cpu().numpy()
        keys = ids[:, None] * _MOST_POSITIONS + self._places(size, unpadded)
        priorities = sample_priorities(keys.ravel(), int(seed) ^ _SEED).reshape(keys.shape)
        first = np.argsort(np.where(inside, priorities, _LAST), axis=1, kind="stable")[:, : self.per_sample]
        unfilled = self.per_sample - first.shape[1]
        return np.pad(first, ((0, 0), (0, unfilled))), np.minimum(inside.sum(axis=1), self.per_sample)

    @staticmethod
    def _places(size: int, unpadded: Tensor | None) -> NDArray[np.int64]:
        """Numbers of positions, as they would be counted without padding, on whichever side that is."""
        if unpadded is None:
            return np.arange(size)
        counted = np.asarray(unpadded.flatten(1).cpu().numpy(), dtype=np.int64).cumsum(axis=1)
        return np.asarray(np.maximum(counted - 1, 0))

    def _inside(self, values: Tensor, shape: tuple[int, ...], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n, P) which positions count."""
        if self.mask is None or not shape:
            return np.ones((len(ids), math.prod(shape)), dtype=bool)
        inside = self.mask(values, ids)
        if not isinstance(inside, Tensor) or inside.shape != (len(ids), *shape):
            got = tuple(inside.shape) if isinstance(inside, Tensor) else type(inside).__name__
            raise ValueError(f"Expected `mask` to give a tensor of shape {(len(ids), *shape)}, got {got}.")
        return np.array(inside.detach().bool().flatten(1).cpu().numpy())
