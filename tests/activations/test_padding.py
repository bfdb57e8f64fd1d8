"""What padding itself shows."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from topocallback.activations.batches import batch_parts
from topocallback.activations.padding import PaddingEvidence, StepsAxis, Where, as_lengths, may_be_padded

T = 12


def padded(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(1, 1000, (len(lengths), T), generator=generator)
    return x.masked_fill(torch.arange(T) >= torch.tensor(lengths)[:, None], 0)


def look(evidence, *parts):
    return evidence.look(batch_parts(parts), len(parts[0]))


SOME_PADDED = st.lists(st.integers(2, T - 2), min_size=2, max_size=6)


@given(SOME_PADDED, st.integers(0, 9))
def test_lengths_are_confirmed_by_padding_and_labels_are_not(lengths, seed):
    x, labels = padded(lengths, seed), torch.arange(len(lengths)) % 2
    assert look(PaddingEvidence(), x, torch.tensor(lengths), labels) == Where(1, False)
    assert look(PaddingEvidence(), x, labels, lengths) == Where(2, False)
    assert look(PaddingEvidence(), x, labels) is None


@given(SOME_PADDED, st.booleans(), st.booleans())
def test_masks_are_confirmed_on_either_side_and_either_way_round(lengths, left, pads):
    x = padded(lengths)
    inside = torch.arange(T) < torch.tensor(lengths)[:, None]
    x, inside = (x.flip(1), inside.flip(1)) if left else (x, inside)
    assert look(PaddingEvidence(), x, ~inside if pads else inside) == Where(1, pads)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("pads", [False, True])
def test_truth_values_that_run_from_one_end_are_a_mask_whatever_is_in_the_padding(left, pads):
    inside = torch.arange(6) < torch.tensor([[2], [6], [3], [5]])
    inside = inside.flip(1) if left else inside
    x = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0))
    assert look(PaddingEvidence(), x, ~inside if pads else inside) == Where(1, pads)


def test_truth_values_that_do_not_run_from_one_end_or_all_end_alike_are_no_mask_of_what_is_no_padding():
    x = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0))
    runs = torch.arange(6) < torch.tensor([[2], [6], [3], [5]])
    for classes in (runs ^ (torch.arange(6) == 4), torch.arange(6).expand(4, 6) < 3, runs.long(), runs[:, :3]):
        assert look(PaddingEvidence(), x, classes) is None
    assert look(PaddingEvidence(), x[:3], runs[:3]) is None  # so few samples may agree by chance


def test_one_padded_sequence_is_no_proof_but_two_are():
    evidence = PaddingEvidence()
    assert look(evidence, padded([3]), torch.tensor([3])) is None
    assert look(evidence, padded([5]), torch.tensor([5])) == Where(1, False)
    assert look(evidence, padded([7]), torch.tensor([1])) == Where(1, False)  # from now on it is not looked at


def test_one_padded_sequence_will_do_beside_a_label():
    assert look(PaddingEvidence(), padded([3]), torch.tensor([3]), torch.tensor([0])) == Where(1, False)


def test_what_data_contradict_is_never_taken_for_lengths_again():
    evidence = PaddingEvidence()
    assert look(evidence, padded([6]), torch.tensor([2]), torch.tensor([6])) == Where(2, False)
    assert look(evidence, padded([2]), torch.tensor([2]), torch.tensor([2])) == Where(2, False)


@given(st.integers(0, 10**6), st.sampled_from([1, 2, 8]), st.sampled_from(["dense", "sparse", "one-hot", "tokens"]))
def test_classes_are_never_taken_for_lengths_of_features(seed, batch_size, kind):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(40, T, generator=generator)
    if kind == "sparse":
        x = x * (torch.rand(40, T, generator=generator) < 0.1)
    if kind == "one-hot":
        x = torch.eye(T)[torch.randint(T, (40,), generator=generator)]
    if kind == "tokens":
        x = torch.randint(0, 50, (40, T), generator=generator)
    classes = torch.randint(T + 1, (40,), generator=generator)
    evidence = PaddingEvidence()
    found = [look(evidence, *parts) for parts in zip(x.split(batch_size), classes.split(batch_size), strict=True)]
    assert set(found) == {None}


def test_values_are_read_in_a_few_batches_only():
    evidence = PaddingEvidence()
    full = torch.full((2,), T)
    assert all(look(evidence, padded([T, T]), full) is None for _ in range(8))
    assert look(evidence, padded([3, 4]), torch.tensor([3, 4])) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([3, 1], [3, 1]),
        ((3, 0), [3, 0]),
        (torch.tensor([[3], [1]]), [3, 1]),
        (torch.tensor([3, 1], dtype=torch.int16).numpy(), [3, 1]),
        (torch.tensor([[1], [1]]), None),
        ([True, True], None),
        ([1.0, 2.0], None),
        (torch.tensor([True, False]), None),
        ([3, 1, 2], None),
        ("ab", None),
        (None, None),
    ],
)
def test_lengths_are_whole_numbers_one_for_each_sample(value, expected):
    found = as_lengths(value, 2)
    assert (None if found is None else found.tolist()) == expected


def test_the_axis_of_steps_is_told_by_lengths_or_else_by_padding():
    x = torch.randn(2, 6, 9)
    assert StepsAxis().count(batch_parts((x,)), 2, torch.tensor([8, 2])) == 9
    assert StepsAxis().count(batch_parts((x,)), 2, torch.tensor([6, 2])) == 6
    assert StepsAxis().count(batch_parts((torch.zeros(7, 2, 3),)), 2, torch.tensor([6, 2])) == 7
    assert StepsAxis().count([], 2, torch.tensor([6, 2])) is None
    steps, told = StepsAxis(), torch.tensor([3, 2])
    channels_first = x.masked_fill(torch.arange(9) >= told[:, None, None], 0)
    assert steps.count(batch_parts((channels_first,)), 2, told) == 9
    assert steps.count(batch_parts((x,)), 2, told) == 9  # where nothing is padded


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (padded([3, 5, T]), True),
        ((padded([3, 5, T]), torch.zeros(3)), True),
        ((padded([3, 5, T]).float()[..., None], torch.zeros(3)), True),
        (padded([T, T, T]), False),
        (padded([3, 3, 3]), False),
        (torch.randn(3, 8), False),
        (torch.zeros(3, 4, 8, 8), False),
        ("text", False),
        (None, False),
    ],
    ids=["tokens", "in a tuple", "vectors", "full", "equal", "features", "images", "text", "nothing"],
)
def test_sequences_that_end_alike_look_padded(batch, expected):
    assert may_be_padded(batch, 3) is expected


def test_pieces_of_text_that_end_in_spaces_by_chance_do_not_look_padded():
    pieces = ["if x:   ", "a = b + ", "return 1", "    y   "]
    assert not may_be_padded(torch.tensor([[ord(letter) for letter in piece] for piece in pieces]), 4)
    padded = [piece.strip().replace(" ", "_").ljust(8) for piece in pieces]
    assert may_be_padded(torch.tensor([[ord(letter) for letter in piece] for piece in padded]), 4)
