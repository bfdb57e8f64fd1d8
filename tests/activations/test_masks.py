"""Which positions of padded samples hold data: masks wherever a batch has them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from topocallback.activations.masks import MaskFinder, data_positions, told_size

LENGTHS = torch.tensor([2, 4, 1])
INSIDE = torch.arange(5) < LENGTHS[:, None]
X = torch.randint(1, 9, (3, 5), generator=torch.Generator().manual_seed(0)).masked_fill(~INSIDE, 0)
Y = torch.tensor([0, 1, 0])
ADDED = torch.zeros(3, 5).masked_fill(~INSIDE, torch.finfo(torch.float16).min)


@pytest.mark.parametrize(
    ("batch", "place"),
    [
        ({"x": X, "attention_mask": INSIDE}, "batch['attention_mask']"),
        ({"x": X, "attention_mask": INSIDE.long()}, "batch['attention_mask']"),
        ({"x": X, "attention_mask": INSIDE.half()}, "batch['attention_mask']"),
        ({"x": X, "attention_mask": ADDED}, "batch['attention_mask']"),
        ({"x": X, "attention_mask": ADDED.half()}, "batch['attention_mask']"),
        ({"x": X, "attention_mask": INSIDE.numpy()}, "batch['attention_mask']"),
        ({"x": X, "Padding_Mask": ~INSIDE}, "batch['Padding_Mask']"),
        ({"x": X, "pad_mask": (~INSIDE).int()}, "batch['pad_mask']"),
        ({"x": X, "src_key_padding_mask": ADDED}, "batch['src_key_padding_mask']"),
        ({"x": X, "lengths": LENGTHS}, "batch['lengths']"),
        ({"x": X, "lengths": LENGTHS.tolist()}, "batch['lengths']"),
        ({"x": X, "lengths": LENGTHS.numpy()}, "batch['lengths']"),
        ({"x": X, "lengths": LENGTHS[:, None]}, "batch['lengths']"),
        ({"x": X.T, "lengths": LENGTHS}, "batch['lengths']"),
        (SimpleNamespace(x=X, lengths=LENGTHS), "batch.lengths"),
        ((X, LENGTHS), "batch[1]"),
        ((X, LENGTHS, Y), "batch[1]"),
        ((X, Y, LENGTHS), "batch[2]"),
        ((X, Y, INSIDE), "batch[2]"),
        ((X, ~INSIDE, Y), "batch[1]"),
        ({"sentence": X, "how_many": LENGTHS}, "batch['how_many']"),
        ((X.float()[..., None].expand(-1, -1, 7), LENGTHS), "batch[1]"),
        ((X.float()[:, None].expand(-1, 7, -1), LENGTHS), "batch[1]"),
    ],
)
def test_the_mask_is_found_wherever_it_is(batch, place):
    find = MaskFinder("auto")
    assert find(batch, 3).tolist() == INSIDE.tolist()
    assert find.place == place


@pytest.mark.parametrize(
    "batch",
    [
        X,
        (X,),
        (X, Y),
        None,
        "text",
        {"x": X, "y": Y},
        {"x": X, "lengths": LENGTHS[:2]},
        {"x": X, "lengths": LENGTHS.float()},
        {"x": X, "attention_mask": INSIDE[:2]},
        {"x": X, "attention_mask": "full"},
        {"x": X, "attention_mask": INSIDE.to(torch.complex64)},
        {"x": X, "length": None},
        (X, torch.tensor([5, 4, 3])),  # data lie behind none of them, and no padding begins there
        (torch.eye(3).to_sparse(), LENGTHS),
    ],
)
def test_there_may_be_no_mask(batch):
    find = MaskFinder("auto")
    assert find(batch, 3) is None
    assert find.place is None


def test_sounds_are_sequences_and_the_rows_of_a_table_are_not():
    lengths = torch.tensor([200, 300, 100])
    sounds = torch.randn(3, 300).masked_fill(torch.arange(300) >= lengths[:, None], 0)
    assert MaskFinder("auto")((sounds, lengths), 3).sum(dim=1).tolist() == lengths.tolist()
    assert MaskFinder("auto")((sounds[:, None], lengths), 3).sum(dim=1).tolist() == lengths.tolist()
    assert MaskFinder("auto")((X.float(), LENGTHS), 3) is None


def test_packed_sequences_say_how_long_they_are():
    packed = pack_sequence([torch.zeros(n) for n in LENGTHS], enforce_sorted=False)
    for batch in (packed, (packed, Y), {"x": packed}):
        assert MaskFinder("auto")(batch, 3).tolist() == INSIDE[:, :4].tolist()
    assert MaskFinder("x")({"x": packed}, 3).tolist() == INSIDE[:, :4].tolist()


def test_a_place_that_is_named_is_taken_without_a_proof():
    noise = torch.randn(3, 5)
    assert MaskFinder(1)((noise, LENGTHS), 3).tolist() == INSIDE.tolist()
    assert MaskFinder(-1)((noise, Y, LENGTHS), 3).tolist() == INSIDE.tolist()
    assert MaskFinder("n")({"x": noise, "n": LENGTHS}, 3).tolist() == INSIDE.tolist()
    assert MaskFinder("pads")({"x": noise, "pads": ~INSIDE}, 3).tolist() == INSIDE.tolist()
    assert MaskFinder(None)((X, LENGTHS), 3) is None


@pytest.mark.parametrize(
    ("mask", "batch", "message"),
    [
        ("z", {"x": X}, r"`mask='z'` to be in the batch, which has \['x'\]"),
        (4, (X, Y), r"`mask=4` to be in the batch, which has \[0, 1\]"),
        (-3, (X, Y), r"`mask=-3` to be in the batch, which has \[0, 1\]"),
        ("z", X, "`mask='z'` to be in the batch, which has type Tensor"),
        ("y", {"x": X, "y": Y.float()}, r"`mask='y'` to hold 3 lengths, or a truth value .* got \(3,\)"),
        ("y", {"x": X, "y": "text"}, "`mask='y'` to hold 3 lengths, .* got str"),
    ],
)
def test_a_mask_that_is_not_there_is_an_error(mask, batch, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        MaskFinder(mask)(batch, 3)


def test_a_place_that_was_confirmed_is_the_masks_in_every_later_batch():
    for mask, of in ((LENGTHS, lambda rows: LENGTHS[rows]), (~INSIDE, lambda rows: ~INSIDE[rows])):
        find = MaskFinder("auto")
        assert find((X, mask, Y), 3).tolist() == INSIDE.tolist()
        ends_in_padding = X.clone()
        ends_in_padding[:, :] = 0  # the padding shows nothing any more
        assert find((ends_in_padding, mask, Y), 3).tolist() == INSIDE.tolist()
        assert find((X[:1], of([0]), Y[:1]), 1).tolist() == INSIDE[:1].tolist()


def test_a_mask_that_is_added_to_attention_may_mask_nothing():
    nothing = torch.zeros(2, 4)
    assert bool(data_positions(nothing, true_is_padding=False).all())
    assert bool(data_positions(nothing, true_is_padding=True).all())
    assert data_positions(torch.ones(1, 2), true_is_padding=False).tolist() == [[True, True]]
    assert data_positions(torch.tensor([[1, 0]]), true_is_padding=False).tolist() == [[True, False]]
    assert data_positions(torch.zeros(1, 2).bool(), true_is_padding=False).tolist() == [[False, False]]


def test_masks_and_lengths_say_how_many_samples_there_are():
    assert told_size({"x": torch.zeros(7, 3, 2), "src_padding_mask": torch.zeros(3, 7)}) == 3
    assert told_size({"x": torch.zeros(7, 3, 2), "lengths": 3}) is None
    assert told_size(torch.zeros(3)) is None


def test_no_samples_have_no_padding():
    assert MaskFinder("auto")({"x": X[:0], "lengths": LENGTHS[:0]}, 0).shape[0] == 0
    assert MaskFinder("auto")((X[:0], LENGTHS[:0]), 0) is None
    assert MaskFinder("auto")((X, LENGTHS), None) is None
    assert np.asarray(MaskFinder("auto")({"x": X, "lengths": LENGTHS * 0}, 3)).sum() == 0
