"""Packed sequences: which values are whose."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_sequence

from topocallback.activations.sequences import packed_lengths, repack, unpack

LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=7)


def sequences(lengths):
    return [torch.arange(length * 2.0).reshape(length, 2) + 100 * i for i, length in enumerate(lengths)]


@given(LENGTHS)
def test_packed_sequences_come_out_in_the_order_in_which_they_went_in(lengths):
    packed = pack_sequence(sequences(lengths), enforce_sorted=False)
    assert packed_lengths(packed).tolist() == lengths
    values, inside = unpack(packed)
    assert inside.sum(dim=1).tolist() == lengths
    for row, which, sequence in zip(values, inside, sequences(lengths), strict=True):
        assert row[which].tolist() == sequence.tolist()
        assert bool((row[~which] == 0).all())


@given(LENGTHS)
def test_sorted_sequences_need_no_order(lengths):
    lengths = sorted(lengths, reverse=True)
    packed = pack_sequence(sequences(lengths))
    assert packed.unsorted_indices is None
    assert packed_lengths(packed).tolist() == lengths
    assert unpack(packed)[1].sum(dim=1).tolist() == lengths


@given(LENGTHS)
def test_what_a_layer_makes_of_packed_rows_is_packed_as_they_are(lengths):
    packed = pack_sequence(sequences(lengths), enforce_sorted=False)
    values, inside = unpack(repack(packed.data[:, :1] * 10, packed))
    expected, _ = unpack(packed)
    assert values.tolist() == (expected[..., :1] * 10).tolist()
    assert inside.sum(dim=1).tolist() == lengths
