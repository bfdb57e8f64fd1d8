"""What one process recorded: tensors with one row per slot of the sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topocallback.activations.labels import TextLabels, known_labels
from topocallback.activations.positions import Positions
from topocallback.records.edges import edges_among
from topocallback.records.point_clouds import PointClouds
from topocallback.records.weights import LayerWeights

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
        weights: Layer name to its own weights, where they were asked for and it has any.
        edges: (m, 2) slots of nodes that are joined by an edge; ``None`` where that is not known.
        parameters: Layer name to a hash of its parameters; see ``parameter_digests``.
        together: Layer to the names of its calls, whose vectors are points of one cloud, several of each sample.
    """

    ids: NDArray[np.int64]
    vectors: dict[str, Tensor]
    labels: Tensor | None = None
    problems: dict[str, str] = field(default_factory=dict)
    positions: Positions | None = None
    text: TextLabels | None = None
    about: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, LayerWeights] = field(default_factory=dict)
    edges: NDArray[np.int64] | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    together: dict[str, list[str]] = field(default_factory=dict)

    def to_point_clouds(self, *, hand_over: bool = False) -> PointClouds:
        """The filled slots in the order of their sample indices, on the CPU.

        Args:
            hand_over: Whether the recording is done with: its vectors then leave it one layer after the other, and are
                not copied where they are in their order already. Nothing may write to them any more.
        """
        filled = np.flatnonzero(self.ids >= 0)
        slots = filled[np.argsort(self.ids[filled])]
        index = torch.from_numpy(slots)
        in_order = hand_over and np.array_equal(slots, np.arange(len(self.ids)))
        clouds: dict[str, NDArray[Any]] = {}
        owners: dict[str, NDArray[np.int64]] = {}
        for name in list(self.vectors):
            values = self.vectors.pop(name) if hand_over else self.vectors[name]
            clouds[name] = values.cpu().numpy() if in_order else values.cpu()[index].numpy()
            if self.positions is not None:
                clouds[name], owners[name] = self.positions.unpack(clouds[name])
        problems, weights, parameters = dict(self.problems), dict(self.weights), dict(self.parameters)
        if self.together:
            clouds, owners = _joined(clouds, owners, self.together, len(slots), problems)
            firsts = {layer: calls[0] for layer, calls in self.together.items()}
            weights |= {layer: weights[call] for layer, call in firsts.items() if call in weights}
            parameters |= {layer: parameters[call] for layer, call in firsts.items() if call in parameters}
        return PointClouds(
            clouds=clouds,
            owners=owners,
            sample_ids=self.ids[slots],
            labels=None if self.labels is None else self._readable(self.labels.cpu()[index]),
            problems=problems,
            recording=self.about,
            weights={name: weights[name] for name in clouds if name in weights},
            parameters={name: parameters[name] for name in clouds if name in parameters},
            edges=None if self.edges is None else edges_among(self.edges, slots, len(self.ids)),
        )

    def _readable(self, labels: Tensor) -> NDArray[Any]:
        return known_labels(labels.numpy()) if self.text is None else self.text.decode(labels)


def _joined(
    clouds: dict[str, NDArray[Any]],
    owners: dict[str, NDArray[np.int64]],
    together: Mapping[str, Sequence[str]],
    n_samples: int,
    problems: dict[str, str],
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[np.int64]]]:
    """One cloud of each layer in the place of those of its calls, a sample's points after one another."""
    layer_of = {call: layer for layer, calls in together.items() for call in calls}
    calls_of: dict[str, list[str]] = {}
    for name in clouds:
        calls_of.setdefault(layer_of.get(name, name), []).append(name)
    joined, of_points = {}, {}
    for layer, calls in calls_of.items():
        widths = sorted({clouds[call].shape[1] for call in calls})
        if len(widths) > 1:
            problems[layer] = f"its calls give vectors of different lengths ({', '.join(map(str, widths))})."
        elif layer in together:
            whose = np.concatenate([owners.get(call, np.arange(n_samples)) for call in calls])
            order = np.argsort(whose, kind="stable")
            joined[layer] = np.concatenate([clouds[call] for call in calls])[order]
            of_points[layer] = whose[order]
        else:
            joined[layer] = clouds[layer]
            of_points |= {layer: owners[layer]} if layer in owners else {}
    return joined, of_points
