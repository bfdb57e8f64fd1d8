"""Which positions of padded samples hold data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from topocallback.activations.batches import Part, batch_parts, tensors_in
from topocallback.activations.sequences import packed_lengths

__all__ = ["MaskFinder", "may_be_padded"]

_MOST_TRIES = 8

_TRUE_IS_DATA = ("attention_mask", "input_mask", "token_mask", "sequence_mask", "valid_mask", "pixel_mask")
_TRUE_IS_PADDING = ("padding_mask", "pad_mask", "key_padding_mask", "src_key_padding_mask", "src_padding_mask")
_LENGTHS = (
    "lengths", "length", "lens", "seq_lens", "seq_lengths", "sequence_lengths", "input_lengths", "src_lengths",
    "x_lengths", "x_lens", "text_lengths", "num_frames",
)  # fmt: skip


class MaskFinder:
    """Finds the mask of one padded batch after the other, in the same place once it has been found.

    Args:
        mask: An index or a key into the batch; ``None``: nothing is padded; ``"auto"``: what is there under a usual
            name (``attention_mask``, ``padding_mask``, ``lengths`` and kin), packed sequences, or a part of the batch
            that the padding itself confirms: lengths behind which every sequence is constant, or truth values of that
            form. True values are data: a name with "pad" in it says that the batch has it the other way round.

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
        self._is_confirmed = False
        self._tries = _MOST_TRIES

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
            return self._found(*_asked_for(batch, parts, self._mask, size))
        found = _usual(batch, parts, size)
        if found is None and (self._is_confirmed or self._tries):
            # It reads values, which a device has to be waited for.
            self._tries -= 1
            found = _confirmed(parts, size)
            self._is_confirmed |= found is not None
        return None if found is None else self._found(*found)

    def _found(self, place: str, inside: Tensor) -> Tensor:
        self.place = place
        return inside


def _usual(batch: Any, parts: Sequence[Part], size: int) -> tuple[str, Tensor] | None:
    """A mask under a usual name, or packed sequences."""
    for part in parts:
        name = str(part.key).lower()
        if name in (*_TRUE_IS_DATA, *_TRUE_IS_PADDING, *_LENGTHS):
            inside = _inside(part.value, size, _longest(parts, size), pads="pad" in name)
            if inside is not None:
                return part.place, inside
    for part in [Part("batch", "", batch), *parts]:
        if isinstance(part.value, PackedSequence):
            return part.place, _up_to(packed_lengths(part.value))
    return None


def _asked_for(batch: Any, parts: Sequence[Part], mask: str | int, size: int) -> tuple[str, Tensor]:
    part = next((part for part in parts if part.key == mask), None)
    if part is None:
        has = [part.key for part in parts] or f"type {type(batch).__name__}"
        raise ValueError(f"Expected `mask={mask!r}` to be in the batch, which has {has}.")
    inside = _inside(part.value, size, _longest(parts, size), pads="pad" in str(mask).lower())
    if inside is None:
        got = tuple(part.value.shape) if isinstance(part.value, Tensor) else type(part.value).__name__
        raise ValueError(
            f"Expected `mask={mask!r}` to hold {size} lengths, or a truth value for every position of {size} samples, "
            f"got {got}."
        )
    return part.place, inside


def _inside(value: Any, size: int, longest: int | None, *, pads: bool) -> Tensor | None:
    """True values where there is data, of lengths or truth values."""
    lengths = _as_lengths(value, size)
    if lengths is not None:
        return _up_to(lengths, longest)
    if not isinstance(value, Tensor) or value.ndim < 2 or len(value) != size or value.is_complex():
        return None
    inside = value.detach().bool()
    return ~inside if pads else inside


def _as_lengths(value: Any, size: int) -> Tensor | None:
    if isinstance(value, (list, tuple)) and len(value) == size and all(type(one) is int for one in value):
        return torch.tensor(value, dtype=torch.int64)
    is_one_each = isinstance(value, Tensor) and value.shape == (size,)
    return value.detach() if is_one_each and not (value.is_floating_point() or value.dtype == torch.bool) else None


def _up_to(lengths: Tensor, longest: int | None = None) -> Tensor:
    longest = int(lengths.max()) if longest is None and len(lengths) else longest or 0
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def _longest(parts: Sequence[Part], size: int) -> int | None:
    """How many positions the padded sequences have: the second axis of the first tensor with one row per sample."""
    sequences = _sequences(parts, size)
    return None if sequences is None else sequences.shape[1]


def _sequences(parts: Sequence[Part], size: int) -> Tensor | None:
    tensors = (tensor for part in parts for tensor in tensors_in(part.value))
    dense = (tensor for tensor in tensors if not tensor.is_nested and tensor.layout == torch.strided)
    return next((tensor.detach() for tensor in dense if tensor.ndim > 1 and len(tensor) == size), None)


def _confirmed(parts: Sequence[Part], size: int) -> tuple[str, Tensor] | None:
    """A part under no usual name that says exactly where the padding begins."""
    sequences = _sequences(parts, size)
    # Single numbers, one after the other, may be sound as well as features: what confirms lengths tells them apart.
    is_sound = sequences is not None and sequences.ndim == 2 and sequences.is_floating_point()
    if sequences is None or size < 2 or sequences.shape[1] < 2 or not (is_sound or _may_be_sequences(sequences)):
        return None
    begins: Tensor | None = None
    for part in parts:
        lengths = _as_prefix(part.value, size, sequences)
        if lengths is None or not bool((lengths < sequences.shape[1]).any()):
            continue
        begins = _last_change(sequences) if begins is None else begins
        lengths = lengths.to(begins.device)
        # A sequence may end with the value that pads: its padding seems to begin earlier than it does.
        as_said = (begins == lengths) | ((begins == lengths - 1) & (lengths == sequences.shape[1]))
        if bool((begins <= lengths).all()) and int(as_said.sum()) * 2 >= size:
            return part.place, _up_to(lengths, sequences.shape[1])
    return None


def _as_prefix(value: Any, size: int, sequences: Tensor) -> Tensor | None:
    """(size,) numbers of positions, if something may be lengths or true values followed by false ones."""
    lengths = _as_lengths(value, size)
    if lengths is not None:
        fitting = bool((lengths >= 1).all()) and bool((lengths <= sequences.shape[1]).all())
        return lengths if fitting else None
    if not isinstance(value, Tensor) or value.shape != sequences.shape[:2] or value.data_ptr() == sequences.data_ptr():
        return None
    values = value.detach()
    if not bool(((values == 0) | (values == 1)).all()):
        return None
    data = values.bool()
    data = data if bool(data[:, 0].all()) else ~data  # the first position is data, unless all is padding
    is_prefix = bool(data[:, 0].all()) and not bool((data[:, 1:] & ~data[:, :-1]).any())
    return data.sum(dim=1) if is_prefix else None


def _last_change(sequences: Tensor) -> Tensor:
    """(n,) the last position that differs from the one before it: where padding begins, if there is any."""
    steps = sequences[:, 1:] != sequences[:, :-1]
    steps = steps.flatten(2).any(dim=2) if sequences.ndim > 2 else steps
    return torch.where(steps, torch.arange(1, sequences.shape[1], device=sequences.device), 0).amax(dim=1)


def may_be_padded(batch: Any, size: int | None) -> bool:
    """Whether sequences in a batch end in runs of different lengths of one value, as padded ones do.

    Args:
        batch: What the data loader gave.
        size: Number of samples in the batch.

    Returns:
        Whether at least two sequences end in two or more equal tokens, or in two or more rows of zeros, all of one
        value, and not all runs are of one length.

    Example:
        >>> may_be_padded(torch.tensor([[5, 3, 0, 0], [2, 0, 0, 0], [1, 2, 3, 4]]), 3)
        True
    """
    parts = batch_parts(batch) or [Part("batch", "", batch)]
    sequences = None if size is None else _sequences(parts, size)
    if sequences is None or sequences.shape[1] < 2 or not _may_be_sequences(sequences):
        return False
    runs = sequences.shape[1] - _last_change(sequences)
    ends = sequences[:, -1].flatten(1) if sequences.ndim == 3 else sequences[:, -1:]
    padded = (runs >= 2) & (ends == (0 if sequences.ndim == 3 else ends[runs.argmax()])).all(dim=1)
    return bool(padded.sum() >= 2) and len(set(runs[padded].tolist())) > 1


def _may_be_sequences(tensor: Tensor) -> bool:
    """Vectors or tokens, one after the other."""
    is_whole = not tensor.is_floating_point() and not tensor.is_complex() and tensor.dtype != torch.bool
    return tensor.is_floating_point() if tensor.ndim == 3 else tensor.ndim == 2 and is_whole
