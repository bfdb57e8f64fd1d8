"""What padding itself shows: where sequences end in one value, and which part of a batch says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from topocallback.activations.batches import Part, batch_parts, tensors_in

__all__ = ["PaddingEvidence", "Where", "as_lengths", "is_table", "may_be_padded", "sequences_in"]

_MOST_TRIES = 8
_AGAINST_CHANCE = 100  # classes agree with where data end as well, once in so many times as there are positions
_FEWEST_POSITIONS = 4  # of truth values that say for themselves where data end
_LONG = 256  # positions of a table's row that can be nothing but steps


class Where(NamedTuple):
    """The key of a batch's mask or lengths, and whether its true values are padding."""

    key: Hashable
    true_is_padding: bool


class PaddingEvidence:
    """Finds the part of batches that says where padding begins, by what the padding says itself.

    Truth values are confirmed by one padded sequence, or by running from one end over other numbers of positions in
    other samples, whatever there is in the padding; lengths by as many sequences as classes would hardly agree with. In
    the meantime one will do where a third part of the batch can be the labels. What data beyond a length contradicts is
    never taken for lengths again.

    Example:
        >>> tokens = torch.tensor([[5, 3, 0, 0], [2, 0, 0, 0], [1, 2, 3, 4]])
        >>> PaddingEvidence().look(batch_parts((tokens, torch.tensor([2, 1, 4]), torch.zeros(3))), 3)
        Where(key=1, true_is_padding=False)
    """

    def __init__(self) -> None:
        self._tries = _MOST_TRIES
        self._confirmed: Where | None = None
        self._seen: dict[Where, Counter[str]] = {}
        self._refuted: set[Hashable] = set()

    def look(self, parts: Sequence[Part], size: int) -> Where | None:
        """Which part of a batch says where its padding is.

        Args:
            parts: The parts of the batch.
            size: Number of samples in it.

        Returns:
            The part, as far as this batch and the earlier ones tell.
        """
        sequences = sequences_in(parts, size)
        if self._confirmed is not None or not self._tries or sequences is None or not size:
            return self._confirmed
        self._tries -= 1  # it reads values, which a device has to be waited for
        forms = _forms(sequences)
        fitting = []
        for part in parts:
            if part.key in self._refuted or _is_same(part.value, sequences):
                continue
            # A single item at either end is what two forms say: rather there is more padding than less.
            agreements = [form.agreement(part.value, size) for form in forms]
            agreement = max(agreements, key=lambda one: one[:2], default=_NOTHING_SAID)
            if agreement.n_exact < 0:
                self._refuted.add(part.key)
            elif agreement.n_exact > 0:
                where = Where(part.key, agreement.true_is_padding)
                seen = self._seen.setdefault(where, Counter())
                seen.update(exact=agreement.n_exact, padded=agreement.n_padded)
                fitting.append(where)
                is_sure = agreement.n_values ** min(seen["exact"], 9) >= _AGAINST_CHANCE
                if self._confirmed is None and is_sure and seen["exact"] * 2 >= seen["padded"]:
                    self._confirmed = where
        return fitting[0] if self._confirmed is None and fitting and len(parts) > 2 else self._confirmed


def _is_same(value: Any, sequences: Tensor) -> bool:
    is_dense = isinstance(value, Tensor) and not value.is_nested and value.layout == torch.strided
    return is_dense and value.data_ptr() == sequences.data_ptr()


class _Agreement(NamedTuple):
    """How many ends of sequences something says exactly, -1 if data lie beyond one, and how much padding that is."""

    n_exact: int
    n_padding: int
    true_is_padding: bool
    n_padded: int = 0
    n_values: int = 0  # that what is said may have, where it is one number of many


_NOTHING_SAID = _Agreement(0, 0, False)


class _Form:
    """One reading of a batch's sequences: where their steps are, and on which side they are padded."""

    def __init__(self, sequences: Tensor, *, padded_left: bool = False) -> None:
        self._sequences = sequences
        self._padded_left = padded_left

    @cached_property
    def _begins(self) -> Tensor:
        """Where padding seems to begin: read once something is there to compare it with."""
        return _last_change(self._sequences.flip(1) if self._padded_left else self._sequences)

    @property
    def _ends_in_zeros(self) -> Tensor:
        """(samples,) whether the last step is one of padding in all likelihood: any value may come once."""
        return (self._sequences[:, 0 if self._padded_left else -1] == 0).reshape(len(self._sequences), -1).all(dim=1)

    def agreement(self, value: Any, size: int) -> _Agreement:
        """How well something says where the padding begins."""
        said = self._ends(value, size)
        if said is None:
            return _NOTHING_SAID
        ends, true_is_padding = said[0].to(self._begins.device), said[1]
        padded = ends < self._sequences.shape[1]
        n_padding, n_padded = int((self._sequences.shape[1] - ends).sum()), int(padded.sum())
        if bool((self._begins > ends).any()):
            # There may be anything in padding; what padding of one value confirms is the better reading.
            says_for_itself = _says_for_itself(value, ends) and not (true_is_padding and bool(padded.all()))
            return _Agreement(1 if says_for_itself else -1, 0, true_is_padding, 1, _AGAINST_CHANCE)
        # A sequence may end with the value that pads: its padding seems to begin earlier than it does.
        exact = (
            (self._begins == ends) & padded & (ends > 0) & (self._ends_in_zeros | (self._sequences.shape[1] - ends > 1))
        )
        n_exact = int(exact.sum()) if int(exact.sum()) * 2 >= n_padded else 0
        n_values = _AGAINST_CHANCE if as_lengths(value, size) is None else self._sequences.shape[1]
        return _Agreement(n_exact, n_padding, true_is_padding, n_padded, n_values)

    def _ends(self, value: Any, size: int) -> tuple[Tensor, bool] | None:
        """(size,) numbers of positions, if something may be lengths, or true on one side and false on the other."""
        longest = self._sequences.shape[1]
        lengths = None if self._padded_left else as_lengths(value, size)
        if lengths is not None:
            return (lengths, False) if bool(((lengths >= 0) & (lengths <= longest)).all()) else None
        if not isinstance(value, Tensor) or value.is_nested or value.shape != (size, longest):
            return None
        if not bool(((value == 0) | (value == 1)).all()):
            return None
        data = value.detach().flip(1).bool() if self._padded_left else value.detach().bool()
        true_is_padding = not bool(data[:, 0].all())  # the first position is data, unless all is padding
        data = ~data if true_is_padding else data
        is_prefix = bool(data[:, 0].all()) and not bool((data[:, 1:] & ~data[:, :-1]).any())
        return (data.sum(dim=1), true_is_padding) if is_prefix else None


def _says_for_itself(value: Any, ends: Tensor) -> bool:
    """Whether truth values can be nothing but a mask: classes hardly come in runs from one end in every sample."""
    is_long = isinstance(value, Tensor) and value.dtype == torch.bool and value.shape[1] >= _FEWEST_POSITIONS
    return is_long and len(ends) >= _FEWEST_POSITIONS and len(set(ends.tolist())) > 1


def is_table(tensor: Tensor) -> bool:
    """Whether the rows of a tensor are features rather than steps.

    Example:
        >>> is_table(torch.zeros(3, 10)), is_table(torch.zeros(3, 16000))
        (True, False)
    """
    return tensor.ndim == 2 and tensor.is_floating_point() and tensor.shape[1] < _LONG


def _forms(sequences: Tensor) -> list[_Form]:
    steps = [sequences] if sequences.shape[1] > 1 and not is_table(sequences) else []
    forms = [_Form(own, padded_left=left) for own in steps for left in (False, True)]
    if sequences.ndim == 3 and sequences.is_floating_point() and sequences.shape[2] > 1:  # channels may come first
        forms.append(_Form(sequences.transpose(1, 2)))
    return forms


def _last_change(sequences: Tensor) -> Tensor:
    """(n,) the last position that differs from the one before it: where padding begins, if there is any."""
    if sequences.shape[1] < 2:
        return torch.zeros(len(sequences), dtype=torch.int64, device=sequences.device)
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
        value, and not all runs are of one length. A token that stands before the end of a sequence as well, such as
        the space in pieces of text, pads nothing.

    Example:
        >>> may_be_padded(torch.tensor([[5, 3, 0, 0], [2, 0, 0, 0], [1, 2, 3, 4]]), 3)
        True
    """
    parts = batch_parts(batch) or [Part("batch", "", batch)]
    sequences = None if size is None else sequences_in(parts, size)
    if sequences is None or sequences.shape[1] < 2 or not _may_be_sequences(sequences):
        return False
    runs = sequences.shape[1] - _last_change(sequences)
    ends = sequences[:, -1].flatten(1) if sequences.ndim == 3 else sequences[:, -1:]
    padded = (runs >= 2) & (ends == (0 if sequences.ndim == 3 else ends[runs.argmax()])).all(dim=1)
    if bool(padded.sum() < 2) or len(set(runs[padded].tolist())) < 2:
        return False
    if sequences.ndim == 3:
        return True
    before_the_end = torch.arange(sequences.shape[1], device=sequences.device) < sequences.shape[1] - runs[:, None]
    return not bool(((sequences == sequences[runs.argmax(), -1]) & before_the_end).any())


def _may_be_sequences(tensor: Tensor) -> bool:
    """Vectors or tokens, one after the other."""
    is_whole = not tensor.is_floating_point() and not tensor.is_complex() and tensor.dtype != torch.bool
    return tensor.is_floating_point() if tensor.ndim == 3 else tensor.ndim == 2 and is_whole


def as_lengths(value: Any, size: int) -> Tensor | None:
    """Lengths: one whole number per sample.

    Args:
        value: Anything.
        size: Number of samples.

    Returns:
        (size,) integers, or ``None`` if it is something else.

    Example:
        >>> as_lengths([3, 1], 2), as_lengths(torch.tensor([0.5]), 1)
        (tensor([3, 1]), None)
    """
    if isinstance(value, (list, tuple)):
        is_whole = len(value) == size and all(isinstance(one, (int, np.integer)) and one is not True for one in value)
        return torch.tensor([int(one) for one in value], dtype=torch.int64) if is_whole and size else None
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        value = torch.tensor(value.astype(np.int64))
    if not isinstance(value, Tensor) or value.is_nested or value.dtype == torch.bool:
        return None
    if value.is_floating_point() or value.is_complex() or value.layout != torch.strided:
        return None
    if value.shape == (size,):
        return value.detach()
    # (size, 1) may be a mask of one position as well, of zeros and ones.
    return value.detach()[:, 0] if value.shape == (size, 1) and bool((value > 1).any()) else None


class StepsAxis:
    """Says how many positions padded sequences have: which axis their steps are in, as soon as something tells.

    Example:
        >>> x = torch.zeros(2, 6, 7)
        >>> x[0, :, :4] = torch.rand(6, 4)  # channels first
        >>> StepsAxis().count(batch_parts((x, None)), 2, torch.tensor([4, 1]))
        7
    """

    def __init__(self) -> None:
        self._is_last: bool | None = None

    def count(self, parts: Sequence[Part], size: int, lengths: Tensor) -> int | None:
        """How many positions the padded sequences of a batch have.

        Args:
            parts: The parts of the batch.
            size: Number of samples in it.
            lengths: (size,) the lengths of the sequences.

        Returns:
            The number, or ``None`` if there are no such sequences.
        """
        sequences = sequences_in(parts, size)
        longest = int(lengths.max()) if len(lengths) else 0
        if sequences is None:
            steps_first = sequences_in(parts, size, axis=1)
            return None if steps_first is None or len(steps_first) < longest else len(steps_first)
        second, last = sequences.shape[1], sequences.shape[-1]
        if sequences.ndim == 2 or last < longest or last == second:
            return second
        if second < longest:
            return last
        if self._is_last is None and sequences.ndim == 3:
            self._is_last = self._told_by_padding(sequences, lengths)
        return last if self._is_last or (self._is_last is None and last == longest) else second

    @staticmethod
    def _told_by_padding(sequences: Tensor, lengths: Tensor) -> bool | None:
        """Whether padding begins where lengths end along the last axis rather than along the second."""
        ends = lengths.to(sequences.device)
        begins = (_last_change(sequences), _last_change(sequences.transpose(1, 2)))
        second, last = (int((begin == ends).sum()) if bool((begin <= ends).all()) else -1 for begin in begins)
        return None if second == last else last > second


def sequences_in(parts: Sequence[Part], size: int, axis: int = 0) -> Tensor | None:
    """The first tensor of a batch that may be padded sequences.

    Args:
        parts: The parts of the batch.
        size: Number of samples in it.
        axis: Where the samples are.

    Returns:
        A tensor with two axes or more; ``None`` if there is none.

    Example:
        >>> sequences_in(batch_parts((torch.zeros(3), torch.zeros(3, 5))), 3).shape
        torch.Size([3, 5])
    """
    tensors = (tensor for part in parts for tensor in tensors_in(part.value))
    dense = (tensor for tensor in tensors if not tensor.is_nested and tensor.layout == torch.strided)
    return next((tensor.detach() for tensor in dense if tensor.ndim > 1 and tensor.shape[axis] == size), None)
