"""Clouds as people have them, tensors and arrays, and results as they expect them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from topocallback.activations.reservoir import sample_rows
from topocallback.activations.tensors import densify

__all__ = ["as_given", "check_sampling", "on_cpu", "points_of", "sampled_points"]


def check_sampling(n_samples: int | None, seed: int) -> None:
    """Refuse options of the choice of points that are out of their range.

    Args:
        n_samples: How many points to use, at least 2; ``None`` for all.
        seed: Any integer.

    Raises:
        ValueError: If ``n_samples`` is no integer of at least 2.
        TypeError: If ``seed`` is no integer.

    Example:
        >>> check_sampling(1, seed=0)
        Traceback (most recent call last):
        ValueError: Expected `n_samples` to be an integer of at least 2, got 1.
    """
    if n_samples is not None and (not isinstance(n_samples, (int, np.integer)) or n_samples < 2):
        raise ValueError(f"Expected `n_samples` to be an integer of at least 2, got {n_samples!r}.")
    if not isinstance(seed, (int, np.integer)):
        raise TypeError(f"Expected `seed` to be an integer, got {seed!r}.")


def sampled_points(cloud: Tensor | NDArray[Any], name: str, n_samples: int | None, seed: int) -> NDArray[np.float64]:
    """A cloud as (n, d) float64, or a sample of it, with a warning where a single point is left.

    Raises:
        ValueError: If it has no points, another shape, complex numbers, or NaN or infinite values.
    """
    points = points_of(cloud, name, n_samples, seed)
    if len(points) == 1:
        message = f"Expected `{name}` to hold at least 2 different points, got 1. A single point has no bars."
        warnings.warn(message, UserWarning, stacklevel=4)
    return points


def points_of(cloud: Tensor | ArrayLike, name: str, n_samples: int | None = None, seed: int = 0) -> NDArray[np.float64]:
    """A cloud as (n, d) float64, after what may be wrong with it has been refused by name."""
    points = densify(cloud) if isinstance(cloud, Tensor) else torch.from_numpy(_real(cloud, name))
    if points.is_complex():
        raise ValueError(f"Expected `{name}` to hold real numbers, got {points.dtype}.")
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or len(points) == 0:
        raise ValueError(f"Expected `{name}` to be of shape (n, d) with at least one point, got {tuple(points.shape)}.")
    finite = torch.isfinite(points).all(dim=1)
    if not finite.all():
        bad = int((~finite).sum())
        raise ValueError(f"Expected `{name}` to be finite, got NaN or infinity in {bad} of {len(points)} points.")
    if n_samples is not None:
        points = sample_rows(points, int(n_samples), int(seed))
    return cast(NDArray[np.float64], points.cpu().double().numpy())


def _real(cloud: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(cloud)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"Expected `{name}` to hold real numbers, got {array.dtype}.")
    # Torch takes neither read-only arrays nor all of NumPy's dtypes.
    return array.astype(np.float64)


def as_given(values: NDArray[np.float64], clouds: Sequence[Any]) -> Any:
    """The values as a tensor if a cloud is one, else as they are; a single one as a number."""
    tensors = [cloud for cloud in clouds if isinstance(cloud, Tensor)]
    if not tensors:
        return values[()]
    double = any(tensor.dtype == torch.float64 for tensor in tensors)
    return torch.as_tensor(
        values, dtype=torch.float64 if double else torch.get_default_dtype(), device=tensors[0].device
    )


def on_cpu(values: Tensor | ArrayLike | None) -> ArrayLike | None:
    """Labels or numbers of samples without tensors; what is none is left to those who know what it should be."""
    if not isinstance(values, Tensor):
        return values
    dense = densify(values).cpu()
    return (dense.double() if dense.is_floating_point() else dense).numpy()  # NumPy has no bfloat16
