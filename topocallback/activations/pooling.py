"""One activation tensor to one vector per sample.

A layer's output has one row per sample and, for images and sequences, channels at many positions. The ways to make one
vector of it are in ``POOLINGS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topocallback.activations.positions import Positions
from topocallback.activations.tensors import densify, join_parts, take_rows
from topocallback.hashing import sample_priorities

__all__ = [
    "POOLINGS",
    "Pooling",
    "check_lengths",
    "check_pooling",
    "describe_pooling",
    "resolve_pooling",
    "rows_to_vectors",
    "to_vectors",
]

Pooling = str | Callable[[Tensor], Tensor]

POOLINGS = ("auto", "max_norm", "random", "mean", "flatten", "token", "last", "rows")

# One channel is a picture, a map or a signal, of which one number says next to nothing: by the largest of an
# autoencoder's 64, the nearest digits are of one class in 0.14 of cases, and 0.1 by chance.
_MOST_OF_A_PICTURE = 1 << 14  # positions: 128 x 128

# Keeps the position drawn for a sample apart from the draw that chose the sample.
_POSITION_SEED = 0x706F736974696F6E


def check_pooling(pooling: Pooling | Positions) -> None:
    """Refuse the name of a pooling that there is not.

    Args:
        pooling: One of ``POOLINGS``, or anything that is no string.

    Raises:
        ValueError: If it is another string.

    Example:
        >>> check_pooling("mean")
    """
    if isinstance(pooling, str) and pooling not in POOLINGS:
        raise ValueError(f"Expected `pooling` to be one of {POOLINGS} or a callable, got {pooling!r}.")


def rows_to_vectors(
    output: Tensor,
    rows: NDArray[np.intp],
    pooling: Pooling | Positions,
    axis: int,
    ids: NDArray[np.int64],
    seed: int = 0,
    *,
    samples_axis: int = 0,
    inside: Tensor | None = None,
) -> Tensor:
    """One vector for each of some samples in a layer's output, of whatever layout and type it is.

    Args:
        output: A tensor with data, whose samples are in one axis.
        rows: (n,) places of the samples in that axis.
        pooling: How the positions of a sample become one vector; see ``to_vectors`` for this and the following.
        axis: Where the channels are: 1 or -1.
        ids: (n,) sample indices.
        seed: Seed of the draws of ``"random"``.
        samples_axis: The axis of the samples: 0, or 1.
        inside: (samples, positions...) which positions of a sample count; ``None``: all.

    Returns:
        (n, d) float32 on the output's device, sharing no memory with it.

    Raises:
        TypeError: If the output is of a type that torch cannot turn into numbers.
        ValueError: If there is no value per sample, there are too many, or the vectors are not of one length.

    Example:
        >>> output = torch.arange(6.0).reshape(3, 2).to_sparse()
        >>> rows_to_vectors(output, np.array([2, 0]), "flatten", -1, np.array([2, 0]))
        tensor([[4., 5.],
                [0., 1.]])
    """
    if not output.is_nested or pooling in ("flatten", "rows"):
        dense = densify(output).movedim(samples_axis, 0)
        return _to_vectors_of_rows(dense, rows, pooling, axis, ids, seed, inside)
    # Every sequence for itself: how much it is padded depends on the rest of the batch.
    sequences, only = output.unbind(), np.zeros(1, dtype=np.intp)
    parts = [
        _to_vectors_of_rows(sequences[row][None], only, pooling, axis, ids[i : i + 1], seed)
        for i, row in enumerate(rows)
    ]
    check_lengths(*parts)
    return torch.cat(parts)


def _to_vectors_of_rows(
    tensor: Tensor,
    rows: NDArray[np.intp],
    pooling: Pooling | Positions,
    axis: int,
    ids: NDArray[np.int64],
    seed: int,
    inside: Tensor | None = None,
) -> Tensor:
    values = take_rows(tensor, rows)
    if values.numel() == 0:
        raise ValueError(f"Expected at least one value per sample, got an output of shape {tuple(tensor.shape)}.")
    if inside is not None:
        inside = inside.to(tensor.device)[torch.from_numpy(rows).to(tensor.device, non_blocking=True)]
    return to_vectors(join_parts(values, axis) if tensor.is_complex() else values, pooling, axis, ids, seed, inside)


def check_lengths(*vectors: Tensor) -> None:
    """Refuse vectors of different lengths.

    Args:
        *vectors: Tensors of shape (n, d).

    Raises:
        ValueError: If not all have the same d.

    Example:
        >>> check_lengths(torch.zeros(2, 3), torch.zeros(1, 3))
    """
    lengths = sorted({part.shape[1] for part in vectors})
    if len(lengths) > 1:
        raise ValueError(
            f"Expected vectors of one length, got {lengths[0]} and {lengths[-1]}. "
            "For inputs of varying size choose `pooling='mean'`, 'max_norm' or 'token'."
        )


def to_vectors(
    values: Tensor,
    pooling: Pooling | Positions,
    axis: int,
    ids: NDArray[np.int64],
    seed: int = 0,
    inside: Tensor | None = None,
) -> Tensor:
    """One vector per sample.

    Args:
        values: (n, ...) float32 activations, one row per sample.
        pooling: How the positions of a sample become one vector. With C channels at P positions:

            - ``"max_norm"``: the channel vector at the position where its l2 norm is largest (Purvine et al. 2023);
            - ``"random"``: the channel vector at one position, drawn from the sample's own hash, hence the same for
              every layer of that size, step and batch size;
            - ``"mean"``: the mean channel vector;
            - ``"token"``: the channel vector at the first position, as a vision transformer's class token is;
            - ``"last"``: the channel vector at the last position. Images with channels first have no tokens: of these,
              such as the patches that a convolution makes, both take ``"max_norm"``;
            - ``"flatten"``: all C * P values, zeros at positions that do not count;
            - ``"rows"``: the row as it is; every row of the layer's output counts as a sample of its own (graph nodes);
            - ``"auto"``: ``"max_norm"`` where channels come first (images), ``"mean"`` where they come last;
              ``"flatten"`` for a single channel that comes first, as that of a restored picture, at up to 16384
              positions of which none is padding;
            - ``Positions``: several positions of a sample, packed into one row, to be points of their own;
            - a function of the (n, ...) activations that gives (n, d) vectors. With ``inside`` it gets every sample
              for itself, without the positions that do not count.
        axis: Where the channels are, as in ``channel_axis``.
        ids: (n,) sample indices, for ``"random"``.
        seed: Seed of the draws of ``"random"``.
        inside: (n, positions...) true at the positions that count: those that are not padding. ``None``: all count. A
            sample gives what it would give without its other positions; without any it gives NaN.

    Returns:
        (n, d) float32: d is C, or C * P for ``"flatten"``.

    Raises:
        ValueError: If ``pooling`` is unknown, or a function gave something other than (n, d).

    Example:
        >>> image = torch.tensor([[[[3.0, 0.0]], [[4.0, 1.0]]]])  # one sample, two channels, 1 x 2 positions
        >>> to_vectors(image, "max_norm", axis=1, ids=np.array([0]))
        tensor([[3., 4.]])
    """
    if isinstance(pooling, Positions):
        return pooling.pack(values, axis, ids, seed, inside)
    if not isinstance(pooling, str):
        if inside is not None and values.ndim > 2:
            return _each_alone(values, pooling, axis, inside)
        return _checked(pooling(values), len(values), pooling)
    check_pooling(pooling)
    if values.ndim > 2:
        positions_of = values.shape[2:] if axis == 1 else values.shape[1:-1]
        pooling = resolve_pooling(pooling, axis, values.shape[axis], positions_of, masked=inside is not None)
    if inside is not None and values.ndim > 2 and pooling != "rows":
        values = values.masked_fill(~inside.unsqueeze(axis), 0)
    if values.ndim <= 2 or pooling in ("flatten", "rows"):
        return values.reshape(len(values), values.numel() // max(1, len(values)))
    positions = values.movedim(axis, 1).flatten(2)  # (n, C, P)
    if inside is not None:
        return _pool_inside(positions, inside.flatten(1), pooling, ids, seed)
    if pooling == "mean":
        return positions.mean(dim=2)
    return _at(positions, _chosen_position(positions, pooling, ids, seed))


def resolve_pooling(pooling: str, axis: int, n_channels: int, positions: Sequence[int], *, masked: bool) -> str:
    """What a way to pool comes to in a layer; see ``to_vectors``.

    A corner of an image is no token: it would be the same in all samples whose margins are.

    Args:
        pooling: The way.
        axis: Where the channels are: 1 or -1.
        n_channels: How many there are.
        positions: How many positions there are along each of their axes.
        masked: Whether some positions may be padding.

    Example:
        >>> [resolve_pooling("auto", axis, count, (28, 28), masked=False) for axis, count in ((1, 16), (1, 1), (-1, 1))]
        ['max_norm', 'flatten', 'mean']
        >>> [resolve_pooling("token", 1, 16, positions, masked=False) for positions in ((7, 7), (49,))]
        ['max_norm', 'token']
    """
    if pooling == "auto" and axis == 1:
        is_picture = n_channels == 1 and math.prod(positions) <= _MOST_OF_A_PICTURE and not masked
        return "flatten" if is_picture else "max_norm"
    if pooling == "auto":
        return "mean"
    return "max_norm" if pooling in ("token", "last") and axis == 1 and len(positions) > 1 else pooling


def describe_pooling(
    pooling: Pooling | Positions, axis: int, n_channels: int, positions: Sequence[int], *, masked: bool
) -> str:
    """What is done with a layer's positions, in words.

    Example:
        >>> describe_pooling("auto", -1, 8, (40,), masked=True)
        'mean over 40 positions, masked'
    """
    n_positions = math.prod(positions)
    if not isinstance(pooling, str):
        if isinstance(pooling, Positions):
            return f"up to {pooling.per_sample} of {n_positions} positions" + (", masked" if masked else "")
        return getattr(pooling, "__name__", type(pooling).__name__)
    if pooling == "rows":
        return "every row is a point"
    if n_positions <= 1:
        return "one vector"
    way = resolve_pooling(pooling, axis, n_channels, positions, masked=masked)
    return f"{way} over {n_positions} positions" + (", masked" if masked else "")


def _chosen_position(positions: Tensor, pooling: str, ids: NDArray[np.int64], seed: int) -> Tensor:
    if pooling == "max_norm":
        # The square has the same maximum, and `norm` over this axis is 50 times as slow on a CPU (10 ms to 0.2 ms).
        return positions.square().sum(dim=1).argmax(dim=1)
    if pooling in ("token", "last"):
        place = 0 if pooling == "token" else positions.shape[2] - 1
        return torch.full((len(positions),), place, dtype=torch.long, device=positions.device)
    drawn = _draws(ids, seed) % np.uint64(positions.shape[2])
    return torch.from_numpy(drawn.astype(np.int64)).to(positions.device, non_blocking=True)


def _pool_inside(positions: Tensor, inside: Tensor, pooling: str, ids: NDArray[np.int64], seed: int) -> Tensor:
    """The same of the positions that count; the others are zeros by now. Nothing is read back from the device."""
    counts = inside.sum(dim=1)
    if pooling == "mean":
        return positions.sum(dim=2) / counts[:, None]
    if pooling == "max_norm":
        chosen = positions.square().sum(dim=1).masked_fill(~inside, -1.0).argmax(dim=1)
    else:
        number = {"token": torch.zeros_like(counts), "last": counts - 1}.get(pooling)
        if number is None:
            # As many bits of the draw as a signed number has: without padding it is the same position.
            drawn = torch.from_numpy(_draws(ids, seed).view(np.int64)).to(positions.device, non_blocking=True)
            number = _unsigned_remainder(drawn, counts.clamp(min=1))
        chosen = (inside.cumsum(dim=1) == (number + 1)[:, None]).int().argmax(dim=1)
    return _at(positions, chosen).masked_fill((counts == 0)[:, None], float("nan"))


def _each_alone(values: Tensor, pooling: Callable[[Tensor], Tensor], axis: int, inside: Tensor) -> Tensor:
    vectors = []
    for sample, counts in zip(values, inside, strict=True):
        channels_last = sample.movedim(axis if axis < 0 else axis - 1, -1)
        if not bool(counts.any()):
            counts = torch.ones_like(counts)  # it has to give something; which is NaN in the end
        for dim in range(counts.ndim):
            others = [other for other in range(counts.ndim) if other != dim]
            kept = counts.any(dim=others) if others else counts
            channels_last = channels_last.index_select(dim, kept.nonzero()[:, 0])
        alone = channels_last.movedim(-1, axis if axis < 0 else axis - 1)
        vectors.append(_checked(pooling(alone[None]), 1, pooling))
    check_lengths(*vectors)
    return torch.cat(vectors).masked_fill(~inside.flatten(1).any(dim=1)[:, None], float("nan"))


def _draws(ids: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    return sample_priorities(ids, int(seed) ^ _POSITION_SEED)


def _unsigned_remainder(values: Tensor, divisors: Tensor) -> Tensor:
    """The remainders of unsigned 64-bit numbers, which torch holds as signed ones."""
    low = torch.remainder(values & (2**63 - 1), divisors)
    high = torch.remainder(torch.remainder(torch.full_like(divisors, 2**62), divisors) * 2, divisors)
    return torch.remainder(low + (values < 0) * high, divisors)


def _at(positions: Tensor, chosen: Tensor) -> Tensor:
    index = chosen[:, None, None].expand(-1, positions.shape[1], 1)
    return positions.gather(2, index)[:, :, 0]


def _checked(vectors: Any, count: int, pooling: Callable[[Tensor], Tensor]) -> Tensor:
    name = getattr(pooling, "__name__", type(pooling).__name__)
    if not isinstance(vectors, Tensor) or vectors.ndim != 2 or len(vectors) != count:
        got = tuple(vectors.shape) if isinstance(vectors, Tensor) else type(vectors).__name__
        raise ValueError(f"Expected `pooling={name}` to give a tensor of shape ({count}, d), got {got}.")
    return vectors.detach().float()
