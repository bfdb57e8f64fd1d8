"""The sample of a stream of vectors: against Python's integers, in every order, split and precision."""

import itertools
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from topocallback.activations import reservoir
from topocallback.activations.reservoir import EMPTY, keep_smallest, row_priorities, sample_rows

MASK = (1 << 64) - 1
SEEDS = [0, 1, -1, 1 << 63, (1 << 200) + 7]


def splitmix(value):
    """The mixing function of SplitMix64, in Python's integers."""
    z = (value + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def priority(row, seed):
    """The hash of a row of floats, in Python's integers."""
    total = 0
    for column, value in enumerate(row):
        bits = struct.unpack("<i", struct.pack("<f", value or 0.0))[0]
        total += splitmix((bits + splitmix(splitmix(seed & MASK) ^ column)) & MASK)
    return min(signed(splitmix(total & MASK)), EMPTY - 1)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


small_floats = st.floats(-1000, 1000, width=32)
row_lists = st.lists(st.tuples(small_floats, small_floats), min_size=1, max_size=30)


# -- Priorities -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_priorities_are_those_of_the_formula(seed):
    rows = torch.cat([normal(20, 5), torch.tensor([[0.0, -0.0, 1e-45, 3e38, -1.0]])])
    assert row_priorities(rows, seed).tolist() == [priority(row, seed) for row in rows.tolist()]


@given(rows=row_lists)
def test_a_rows_priority_depends_on_that_row_alone(rows):
    together = row_priorities(torch.tensor(rows), 0).tolist()
    assert together == [row_priorities(torch.tensor([row]), 0).item() for row in rows]


def test_hashing_in_pieces_changes_nothing(monkeypatch):
    rows = normal(50, 7)
    expected = row_priorities(rows, 0)
    monkeypatch.setattr(reservoir, "_CHUNK", 20)
    assert torch.equal(row_priorities(rows, 0), expected)


def test_equal_values_have_equal_priorities_in_every_dtype():
    rows = torch.tensor([[0, 1, 2], [5, -3, 100]])
    expected = row_priorities(rows, 0)
    for dtype in (torch.int8, torch.float16, torch.bfloat16, torch.float32, torch.float64):
        assert torch.equal(row_priorities(rows.to(dtype), 0), expected)


def test_the_layout_in_memory_does_not_count():
    rows = normal(6, 4)
    assert torch.equal(row_priorities(rows.T.contiguous().T, 0), row_priorities(rows, 0))
    assert torch.equal(row_priorities(normal(6, 8)[:, ::2], 0), row_priorities(normal(6, 8)[:, ::2].contiguous(), 0))


def test_minus_zero_is_zero_and_its_rows_are_left_as_they_are():
    rows = torch.tensor([[-0.0, 1.0], [0.0, 1.0]])
    first, second = row_priorities(rows, 0)
    assert first == second
    assert torch.signbit(rows[0, 0])


def test_different_rows_have_different_priorities():
    # Few bits set, many columns: one-hot rows, pairs, and numbers of one column.
    one_hot = torch.eye(1000)
    pairs = one_hot + one_hot.roll(1, 0)
    along_one_column = torch.zeros(1000, 1000).index_fill_(1, torch.tensor([3]), 1.0) * torch.arange(2, 1002)[:, None]
    priorities = torch.cat([row_priorities(rows, 0) for rows in (one_hot, pairs, along_one_column)])
    assert len(priorities.unique()) == 3000


def test_columns_and_seeds_count():
    assert row_priorities(torch.tensor([[1.0, 2.0]]), 0) != row_priorities(torch.tensor([[2.0, 1.0]]), 0)
    assert len({row_priorities(torch.tensor([[1.0, 2.0]]), seed).item() for seed in SEEDS}) == len(SEEDS)


def test_every_bit_of_a_priority_is_set_half_the_time():
    numbers = row_priorities(torch.arange(4096.0)[:, None], 0).numpy().view(np.uint64)
    shares = np.unpackbits(numbers.view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
    np.testing.assert_allclose(shares, 0.5, atol=5 * 0.5 / np.sqrt(4096))


def test_no_row_has_the_priority_of_an_empty_place(monkeypatch):
    monkeypatch.setattr(reservoir, "_mix_", lambda z: z.fill_(EMPTY))
    assert row_priorities(torch.zeros(1, 1), 0).tolist() == [EMPTY - 1]


def test_no_rows_have_no_priorities():
    assert row_priorities(torch.zeros(0, 3), 0).shape == (0,)


# -- Keeping the smallest ---------------------------------------------------------------------------------------------


@given(
    priorities=st.lists(st.integers(-3, 12) | st.just(EMPTY), min_size=1, max_size=20),
    k=st.integers(1, 25),
)
def test_what_is_kept_are_the_smallest_different_priorities(priorities, k):
    values = torch.tensor([0.0 if p == EMPTY else 10.0 + p for p in priorities])
    kept, (rows, blocks) = keep_smallest(torch.tensor(priorities), [values[:, None], values[:, None, None]], k)
    expected = sorted(set(priorities) - {EMPTY})[:k]
    places = min(k, len(priorities))
    assert kept.tolist() == expected + [EMPTY] * (places - len(expected))
    assert rows[:, 0].tolist() == [10.0 + p for p in expected] + [0.0] * (places - len(expected))
    assert blocks.flatten().tolist() == rows.flatten().tolist()


def test_what_goes_in_is_left_as_it_is():
    priorities, rows = torch.tensor([3, 1, 3, EMPTY]), torch.tensor([[3.0], [1.0], [3.0], [7.0]])
    copies = priorities.clone(), rows.clone()
    keep_smallest(priorities, [rows], 4)
    assert torch.equal(priorities, copies[0])
    assert torch.equal(rows, copies[1])


@given(rows=row_lists, k=st.integers(1, 12), cuts=st.lists(st.integers(0, 30), max_size=3), random=st.randoms())
def test_the_sample_does_not_depend_on_order_and_merges(rows, k, cuts, random):
    expected = sample_rows(torch.tensor(rows), k, 0)
    shuffled = random.sample(rows, len(rows))
    assert torch.equal(sample_rows(torch.tensor(shuffled), k, 0), expected)
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [torch.tensor(shuffled[a:b]).reshape(-1, 2) for a, b in itertools.pairwise(bounds)]
    samples = [sample_rows(part, k, 0) for part in parts]
    assert torch.equal(sample_rows(torch.cat(samples), k, 0), expected)


@given(rows=row_lists, k=st.integers(1, 40))
def test_the_sample_is_that_of_a_brute_force(rows, k):
    different = {tuple(value or 0.0 for value in row) for row in rows}
    expected = sorted(different, key=lambda row: priority(row, 5))[:k]
    found = sample_rows(torch.tensor(rows), k, 5)
    assert [tuple(value or 0.0 for value in row) for row in found.tolist()] == expected


def test_seeds_choose_different_samples():
    rows = normal(100, 2)
    assert not torch.equal(sample_rows(rows, 10, 0), sample_rows(rows, 10, 1))


def test_a_sample_is_not_biased_towards_some_rows():
    rows = torch.arange(1000.0)[:, None]
    means = torch.stack([sample_rows(rows, 100, seed).mean() for seed in range(50)])
    # A mean of 100 of 1000 has a standard deviation of 27, the mean of 50 such means one of 4.
    assert abs(means.mean() - 499.5) < 20
    assert 15 < means.std() < 45


def test_samples_carry_no_gradients_and_work_in_inference_mode():
    rows = normal(10, 2).requires_grad_()
    assert not sample_rows(rows, 5, 0).requires_grad
    with torch.inference_mode():
        inside = sample_rows(normal(10, 2), 5, 0)
    assert torch.equal(inside, sample_rows(rows, 5, 0))


def test_no_global_random_generator_is_used():
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    sample_rows(normal(100, 3), 10, 0)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
