"""The inputs of the sampled rows, made small, where they are images: what a person wants to see of a sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from topocallback.activations.gather import gather_recordings
from topocallback.activations.recording import Recording
from topocallback.activations.samples import start_sample
from topocallback.activations.slots import Slots, arrived
from topocallback.records.point_clouds import SampledInputs

__all__ = ["InputRecorder", "find_images"]

_NAME = "inputs"
_SMALLEST = 4  # pixels: a (N, 1, 1, d) tensor is a table with odd axes


class InputRecorder:
    """Keeps small copies of the sampled images of a validation run.

    With the seed and length of the layers' recorder it keeps the same samples, or those of smallest priority among
    them. Only rows that are kept are touched, and nothing is read back from the device before the end. Inputs that are
    not images, or not all of one size, give nothing; nothing here raises.

    Args:
        n_samples: How many images to keep.
        length: Number of samples in the data set, if known.
        seed: Seed of the choice of samples.
        longest_side: Larger images are scaled down to so many pixels on their longer side; none is made larger.

    Example:
        >>> recorder = InputRecorder(n_samples=3, length=8, seed=0, longest_side=16)
        >>> recorder.add((torch.zeros(8, 3, 32, 64), torch.zeros(8)), np.arange(8))
        >>> recorder.collect().images.shape
        (3, 3, 8, 16)
    """

    def __init__(self, n_samples: int, length: int | None, seed: int, longest_side: int) -> None:
        self._sample = start_sample(n_samples, length, seed)
        self._images = Slots(len(self._sample.ids))
        self._seed = seed
        self._longest_side = longest_side
        self._shape: tuple[int, ...] | None = None  # of one kept image
        self._failed = False

    def add(self, batch: Any, ids: NDArray[np.int64] | None) -> None:
        """Keep a batch's share of the sample.

        Args:
            batch: What the data loader gave.
            ids: The indices of the batch's samples; ``None`` if they have none.
        """
        if self._failed:
            return
        try:
            self._keep(None if ids is None else find_images(batch, len(ids)), ids)
        except Exception:  # pictures for the eye must not cost a validation
            self._failed = True

    def collect(self, device: torch.device | None = None) -> SampledInputs | None:
        """The images that all processes kept. Every process must call this.

        Args:
            device: Where the processes exchange tensors; ``None`` if this one is alone.

        Returns:
            The images in the order of their sample indices on the first process, if there are any; else ``None``.
        """
        ids = arrived(self._sample, [self._images])
        there = {} if self._images.rows is None or self._failed else {_NAME: self._images.rows}
        if self._failed:
            ids = np.zeros_like(ids)  # tells the other processes apart a failure here from having seen no sample
        recording = Recording(ids, there, problems={} if there else {_NAME: "there are no images."})
        if device is not None:
            recording = gather_recordings(recording, (_NAME,), self._seed, device)
        clouds = recording.to_point_clouds()
        rows = clouds.clouds.get(_NAME, np.empty((0, 0)))
        # A process without samples of its own may have seen images of another size than the others kept.
        if clouds.sample_ids is None or self._shape is None or not len(rows) or rows.shape[1] != math.prod(self._shape):
            return None
        return SampledInputs(rows.reshape(-1, *self._shape), clouds.sample_ids)

    def _keep(self, images: Tensor | None, ids: NDArray[np.int64] | None) -> None:
        if images is None or ids is None:
            self._failed = True
            return
        height, width = images.shape[2:]
        share = min(1.0, self._longest_side / max(height, width))
        shape = (images.shape[1], max(1, round(share * height)), max(1, round(share * width)))
        if self._shape not in (None, shape):
            self._failed = True
            return
        self._shape = shape
        rows, slots = self._sample.admit(ids)
        if len(rows):
            kept = _smaller(images.detach(), torch.from_numpy(rows).to(images.device, non_blocking=True), shape)
            self._images.write(slots, ids[rows], kept)


def find_images(batch: Any, size: int) -> Tensor | None:
    """The first tensor in a batch that looks like images.

    Args:
        batch: A tensor, or tuples, lists and mappings of tensors.
        size: Number of samples in the batch.

    Returns:
        (size, C, H, W) real numbers, C 1 or 3, H and W at least 4; or ``None``.

    Example:
        >>> find_images({"label": torch.zeros(2), "image": torch.zeros(2, 3, 8, 8)}, size=2).shape
        torch.Size([2, 3, 8, 8])
        >>> find_images([torch.zeros(2, 64, 8, 8)], size=2)
    """
    return next((tensor for tensor in _tensors(batch) if _looks_like_images(tensor, size)), None)


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, (tuple, list, Mapping)):
        for part in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _tensors(part)


def _looks_like_images(tensor: Tensor, size: int) -> bool:
    if tensor.is_nested or tensor.layout != torch.strided or tensor.ndim != 4:
        return False
    count, channels, height, width = tensor.shape
    real = tensor.is_floating_point() or tensor.dtype == torch.uint8
    return real and count == size and channels in (1, 3) and min(height, width) >= _SMALLEST


def _smaller(images: Tensor, rows: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(n, C * h * w) copies of some rows, at the wanted size."""
    # Every step-th pixel first: of 8 images of 224 pixels, averaging all pixels takes 2.3 ms, this 0.3 ms.
    step = max(1, images.shape[2] // shape[1])
    values = images[:, :, ::step, ::step].index_select(0, rows).float()
    if values.shape[1:] != shape:
        values = nn.functional.interpolate(values, size=shape[1:], mode="bilinear")
    return values.flatten(1)
