"""What one process recorded: tensors with one row per slot of the sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topocallback.activations.labels import TextLabels, known_labels
from topocallback.activations.positions import Positions
from topocallback.records.point_clouds import PointClouds

__all__ = ["Recording"]


@dataclass
class Recording:
    """What one process recorded: tensors with one row per slot of the sample.

    Attributes:
        ids: (slots,) sample index in each slot, -1 for an empty one.
        vectors: Layer name to (slots, d) float32, on the device where the layer ran.
        labels: (slots,) int64 or float64 (float32 on devices without it), or ``None``.
        problems: Layer name to a sentence, for the layers that could not be recorded.
        positions: How several positions of a sample were packed into its vector, if they were.
        text: What labels stand for, if they are text.
        about: How it was recorded, as JSON can hold it.
    """

    ids: NDArray[np.int64]
    vectors: dict[str, Tensor]
    labels: Tensor | None = None
    problems: dict[str, str] = field(default_factory=dict)
    positions: Positions | None = None
    text: TextLabels | None = None
    about: dict[str, Any] = field(default_factory=dict)

    def to_point_clouds(self) -> PointClouds:
        """The filled slots in the order of their sample indices, on the CPU."""
        filled = np.flatnonzero(self.ids >= 0)
        slots = filled[np.argsort(self.ids[filled])]
        index = torch.from_numpy(slots)
        clouds = {name: values.cpu()[index].numpy() for name, values in self.vectors.items()}
        owners = {}
        if self.positions is not None:
            for name, rows in clouds.items():
                clouds[name], owners[name] = self.positions.unpack(rows)
        return PointClouds(
            clouds=clouds,
            owners=owners,
            sample_ids=self.ids[slots],
            labels=None if self.labels is None else self._readable(self.labels.cpu()[index]),
            problems=dict(self.problems),
            recording=self.about,
        )

    def _readable(self, labels: Tensor) -> NDArray[Any]:
        return known_labels(labels.numpy()) if self.text is None else self.text.decode(labels)
