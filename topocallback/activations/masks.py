"""Which positions of padded samples hold data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from topocallback.activations.batches import Part, batch_parts
from topocallback.activations.padding import PaddingEvidence, StepsAxis, as_lengths
from topocallback.activations.sequences import packed_lengths

__all__ = ["MaskFinder", "data_positions", "told_size"]

_TRUE_IS_DATA = (
    "attention_mask", "input_mask", "token_mask", "sequence_mask", "valid_mask", "pixel_mask", "node_mask", "atom_mask",
)  # fmt: skip
_TRUE_IS_PADDING = ("padding_mask", "pad_mask", "key_padding_mask", "src_key_padding_mask", "src_padding_mask")
_LENGTHS = (
    "lengths", "length", "lens", "seq_lens", "seq_lengths", "sequence_lengths", "input_lengths", "src_lengths",
    "x_lengths", "x_lens", "text_lengths", "num_frames",
)  # fmt: skip
_MASKS = (*_TRUE_IS_DATA, *_TRUE_IS_PADDING)


class MaskFinder:
    """Finds the mask of one padded batch after the other, in the same place once it has been found.

    Args:
        mask: An index or a key into the batch; ``None``: nothing is padded; ``"auto"``: what is there under a usual
            name (``attention_mask``, ``padding_mask``, ``lengths`` and kin), packed sequences, or a part of the batch
            that the padding itself confirms: lengths behind which every sequence is constant, or truth values of that
            form; or truth values that run from one end, over other numbers of positions in other samples, whatever the
            padding holds. True values are data: a name with "pad" in it says that the batch has it the other way round.
            Real numbers none of which is positive are added to attention: 0 is data.

    Attributes:
        place: Where the mask is, as far as is known.

    Example:
        >>> find = MaskFinder("auto")
        >>> find({"x": torch.zeros(2, 3, 4), "lengths": torch.tensor([1, 3])}, 2).tolist(), find.place
        ([[True, False, False], [True, True, True]], "batch['lengths']")
    """

    def __init__(self, mask: str | int | None) -> None:
        self.place: str | None = None
        self._mask = mask
        self._evidence = PaddingEvidence()
        self._steps = StepsAxis()

    def __call__(self, batch: Any, size: int | None) -> Tensor | None:
        """The mask of a batch.

        Args:
            batch: What the data loader gave, or the arguments of a call by their names.
            size: Number of samples in the batch.

        Returns:
            (size, positions...) true values where there is data; ``None`` where there is no mask.

        Raises:
            ValueError: If a place was asked for where the batch has nothing, or what is there is no mask.
        """
        if self._mask is None or size is None:
            return None
        parts = batch_parts(batch)
        if self._mask != "auto":
            return self._found(*_asked_for(batch, parts, self._mask, size, self._steps))
        found = _usual(batch, parts, size, self._steps) or self._confirmed(parts, size)
        return None if found is None else self._found(*found)

    def _confirmed(self, parts: Sequence[Part], size: int) -> tuple[str, Tensor] | None:
        """A part under no usual name that says exactly where the padding is."""
        where = self._evidence.look(parts, size)
        part = None if where is None else next((part for part in parts if part.key == where.key), None)
        if where is None or part is None:
            return None
        inside = _inside(part.value, size, parts, self._steps, pads=where.true_is_padding)
        return None if inside is None else (part.place, inside)

    def _found(self, place: str, inside: Tensor) -> Tensor:
        self.place = place
        return inside


def _usual(batch: Any, parts: Sequence[Part], size: int, steps: StepsAxis) -> tuple[str, Tensor] | None:
    """A mask under a usual name, or packed sequences."""
    for part in parts:
        name = str(part.key).lower()
        if name in (*_MASKS, *_LENGTHS):
            inside = _inside(part.value, size, parts, steps, pads="pad" in name)
            if inside is not None:
                return part.place, inside
    for part in [Part("batch", "", batch), *parts]:
        if isinstance(part.value, PackedSequence):
            return part.place, _up_to(packed_lengths(part.value))
    return None


def _asked_for(batch: Any, parts: Sequence[Part], mask: str | int, size: int, steps: StepsAxis) -> tuple[str, Tensor]:
    key = mask + len(parts) if isinstance(mask, int) and mask < 0 and isinstance(batch, (tuple, list)) else mask
    part = next((part for part in parts if part.key == key), None)
    if part is None:
        has = [part.key for part in parts] or f"type {type(batch).__name__}"
        raise ValueError(f"Expected `mask={mask!r}` to be in the batch, which has {has}.")
    if isinstance(part.value, PackedSequence):
        return part.place, _up_to(packed_lengths(part.value))
    inside = _inside(part.value, size, parts, steps, pads="pad" in str(mask).lower())
    if inside is None:
        got = tuple(part.value.shape) if isinstance(part.value, Tensor) else type(part.value).__name__
        raise ValueError(
            f"Expected `mask={mask!r}` to hold {size} lengths, or a truth value for every position of {size} samples, "
            f"got {got}."
        )
    return part.place, inside


def _inside(value: Any, size: int, parts: Sequence[Part], steps: StepsAxis, *, pads: bool) -> Tensor | None:
    """True values where there is data, of lengths or truth values."""
    lengths = as_lengths(value, size)
    if lengths is not None:
        return _up_to(lengths, steps.count(parts, size, lengths))
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.tensor(value)
    if not isinstance(value, Tensor) or value.is_nested or value.ndim < 2 or len(value) != size or value.is_complex():
        return None
    return data_positions(value, true_is_padding=pads)


def data_positions(mask: Tensor, *, true_is_padding: bool) -> Tensor:
    """True values where there is data.

    Args:
        mask: Truth values, zeros and ones, or numbers that are added to attention: 0 where there is data, and negative
            elsewhere.
        true_is_padding: Whether truth values are true where there is padding.

    Returns:
        Truth values of the same shape.

    Example:
        >>> data_positions(torch.tensor([[0.0, float("-inf")]]), true_is_padding=False)
        tensor([[ True, False]])
    """
    mask = mask.detach()
    if true_is_padding:
        return mask == 0
    # Not read back: the device would have to be waited for.
    is_added = (mask <= 0).all() if mask.is_floating_point() else torch.zeros((), dtype=torch.bool, device=mask.device)
    return (mask != 0) ^ is_added


def told_size(batch: Any) -> int | None:
    """How many samples a mask, or lengths, under a usual name are of.

    Args:
        batch: What the data loader gave, or the arguments of a call by their names.

    Returns:
        The number, or ``None`` if there is no such part.

    Example:
        >>> told_size({"x": torch.zeros(7, 2, 3), "lengths": torch.tensor([7, 5])})
        2
    """
    named = (part.value for part in batch_parts(batch) if str(part.key).lower() in (*_LENGTHS, *_MASKS))
    tensors = (value for value in named if isinstance(value, Tensor) and not value.is_nested and value.ndim)
    return next((len(value) for value in tensors), None)


def _up_to(lengths: Tensor, longest: int | None = None) -> Tensor:
    longest = int(lengths.max()) if longest is None and len(lengths) else longest or 0
    return torch.arange(longest, device=lengths.device) < lengths[:, None]
