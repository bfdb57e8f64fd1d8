"""From one output of a layer to vectors: at once, or when it is known what in the output is padding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topocallback.activations.layer_record import LayerRecord
from topocallback.activations.outputs import Arranged
from topocallback.activations.pooling import Pooling, describe_pooling, rows_to_vectors
from topocallback.activations.positions import Positions
from topocallback.activations.tensors import padded_shape, take_rows

__all__ = ["LayerOutput", "VectorMaker", "WaitingOutputs"]


@dataclass(frozen=True)
class LayerOutput:
    """One output of a layer in a batch.

    Attributes:
        layer: The layer.
        call: Under which number of a call it is kept.
        arranged: The output, one row per sample.
        rows: (n,) the places of the kept samples in it.
        slots: (n,) their slots.
        ids: (n,) their indices.
    """

    layer: LayerRecord
    call: int
    arranged: Arranged
    rows: NDArray[np.intp]
    slots: NDArray[np.intp]
    ids: NDArray[np.int64]

    @property
    def may_be_padded(self) -> bool:
        """Whether it is one vector after the other, and nothing tells yet how many of them are the sample's own."""
        values = self.arranged.values
        is_plain = not values.is_nested and values.layout == torch.strided and not values.is_quantized
        return is_plain and values.ndim == 3 and not values.is_complex() and self.arranged.inside is None

    def copied(self) -> LayerOutput:
        """The same of the kept samples alone, which shares no memory with what the layer gave."""
        values = take_rows(self.arranged.values.movedim(self.arranged.samples_axis, 0), self.rows)
        return replace(self, arranged=Arranged(values), rows=np.arange(len(self.rows)))


@dataclass(frozen=True)
class VectorMaker:
    """Makes one vector of each kept sample in an output, and writes it where its layer keeps them.

    Attributes:
        pooling: How positions become one vector.
        channels: Where the user says that channels are: 1, -1, or ``None``.
        seed: Seed of the draws of positions.
    """

    pooling: Pooling | Positions
    channels: int | None
    seed: int

    def __call__(self, output: LayerOutput, masks: Sequence[Tensor]) -> None:
        """Write an output's vectors.

        Args:
            output: The output.
            masks: (samples, positions...) which positions are no padding, the likelier mask first.

        Raises:
            ValueError: If it does not give vectors of one length.
        """
        layer, arranged = output.layer, output.arranged
        channels, positions = layer.axes_of(arranged, self.channels)
        inside = layer.mask_of(arranged, positions, masks)
        vectors = rows_to_vectors(
            arranged.values, output.rows, self.pooling, channels, output.ids, self.seed,
            samples_axis=arranged.samples_axis, inside=inside,
        )  # fmt: skip
        masked = inside is not None or arranged.values.is_nested  # a nested tensor has no padding
        shape = padded_shape(arranged.values)
        n_channels = math.prod(shape) // max(1, shape[arranged.samples_axis] * math.prod(positions))
        layer.pooled = describe_pooling(self.pooling, channels, n_channels, positions, masked=masked)
        layer.write(output.call, output.slots, output.ids, vectors)


@dataclass
class WaitingOutputs:
    """The outputs of a batch that came before anything told of padding, as those of a transformer's embedding do.

    They are copies of the kept samples' rows, made before the model can change them in place, and are let go of at the
    end of the batch.
    """

    _outputs: dict[tuple[int, int], tuple[LayerOutput, NDArray[np.intp]]] = field(default_factory=dict)

    def add(self, output: LayerOutput) -> None:
        """Keep an output."""
        self._outputs[id(output.layer), output.call] = output.copied(), output.rows

    def drop(self, output: LayerOutput) -> None:
        """Let go of an earlier output in whose place this one comes."""
        self._outputs.pop((id(output.layer), output.call), None)

    def settle(self, inside: Tensor | None, write: VectorMaker) -> None:
        """Write what is kept, and let go of it. A layer of which that fails has a problem.

        Args:
            inside: (samples, positions...) which positions of the batch's samples are no padding, if that is known.
            write: Makes and writes the vectors.
        """
        while self._outputs:
            output, rows = self._outputs.popitem()[1]
            try:
                masks = [] if inside is None else [inside[torch.from_numpy(rows).to(inside.device)]]
                write(output, masks)
            except Exception as error:  # a forward pass must never fail because it is watched
                output.layer.fail(f"{type(error).__name__}: {error}")
