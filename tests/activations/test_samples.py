"""Sampling: bottom-k by hashed index, against a brute force of its own and in every order and split."""

import itertools
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topocallback.activations import samples
from topocallback.activations.samples import KnownSample, StreamedSample, bottom_k, start_sample
from topocallback.hashing import sample_priorities

MASK = (1 << 64) - 1
SEEDS = [0, 1, -1, -12345, 1 << 63, (1 << 64) - 1, (1 << 200) + 7, -(1 << 100) - 3]

given_examples = settings(deadline=None, derandomize=True, max_examples=80)


def splitmix(value):
    """The mixing function of SplitMix64, in Python's integers."""
    z = (value + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def priority(index, seed):
    return splitmix(splitmix(seed & MASK) ^ index)


def brute_force(indices, k, seed):
    return sorted(sorted(set(indices), key=lambda index: priority(index, seed))[:k])


def kept_after(sample, batches):
    """What is in each slot after writing every kept row of every batch into its slot."""
    slots = {}
    for ids in batches:
        rows, places = sample.admit(np.array(ids, dtype=np.int64))
        assert len(rows) == len(places)
        assert len(set(places.tolist())) == len(places)
        slots.update(zip(places.tolist(), np.array(ids)[rows].tolist(), strict=True))
    return slots


def split(items, sizes):
    """The items in consecutive parts, whose sizes repeat."""
    parts, start, turn = [], 0, 0
    while start < len(items):
        size = sizes[turn % len(sizes)]
        parts.append(items[start : start + size])
        start, turn = start + size, turn + 1
    return parts


# -- Priorities -------------------------------------------------------------------------------------------------------


def test_the_reference_gives_the_published_first_numbers_of_splitmix64():
    # The generator's state advances by the golden gamma; seed 1234567, as published with the algorithm.
    gamma, seed = 0x9E3779B97F4A7C15, 1234567
    assert [splitmix((seed + i * gamma) & MASK) for i in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_priorities_are_those_of_the_reference(seed):
    indices = [0, 1, 2, 1000, 2**31, 2**40, 2**63 - 1]
    assert sample_priorities(indices, seed).tolist() == [priority(index, seed) for index in indices]


def test_priorities_are_unsigned_whatever_the_indices_are_given_as():
    for indices in ([3, 4], np.array([3, 4], dtype=np.int32), np.array([3, 4], dtype=np.uint64)):
        priorities = sample_priorities(indices, seed=1)
        assert priorities.dtype == np.uint64
        assert priorities.tolist() == [priority(3, 1), priority(4, 1)]


def test_different_indices_have_different_priorities():
    assert len(np.unique(sample_priorities(np.arange(100_000), seed=0))) == 100_000


@pytest.mark.parametrize("seed", [np.int64(3), np.int32(-3), np.uint64(2**64 - 1)], ids=repr)
def test_a_numpy_integer_is_a_seed_like_any_other(seed):
    assert sample_priorities([0, 1], seed).tolist() == sample_priorities([0, 1], int(seed)).tolist()


# -- Bottom k ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 2, 15, 16, 17, 31, 32, 33, 53, 160])
@pytest.mark.parametrize("k", [0, 1, 5, 16, 40, 1000])
def test_bottom_k_is_the_brute_force_across_chunks(monkeypatch, length, k):
    monkeypatch.setattr(samples, "_CHUNK", 16)
    for seed in (0, 1, -7):
        chosen = bottom_k(length, k, seed)
        assert chosen.dtype == np.int64
        assert chosen.tolist() == brute_force(range(length), k, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_bottom_k_takes_any_integer_as_a_seed(seed):
    assert bottom_k(50, 7, seed).tolist() == brute_force(range(50), 7, seed)


def test_bottom_k_of_a_length_beyond_the_real_chunk_keeps_the_smallest_of_all():
    length = samples._CHUNK + 1000
    priorities = sample_priorities(np.arange(length), seed=2)
    assert bottom_k(length, 50, seed=2).tolist() == np.sort(np.argpartition(priorities, 50)[:50]).tolist()


@given_examples
@given(st.lists(st.integers(0, 60), max_size=8), st.integers(0, 12), st.integers())
def test_the_bottom_k_of_a_union_is_the_bottom_k_of_the_parts_bottom_k(cuts, k, seed):
    bounds = [0, *sorted(cuts), 60]
    parts = [range(low, high) for low, high in itertools.pairwise(bounds)]
    survivors = [index for part in parts for index in brute_force(part, k, seed)]
    assert brute_force(survivors, k, seed) == bottom_k(60, k, seed).tolist()


@given_examples
@given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 20), st.integers())
def test_a_longer_data_set_keeps_samples_of_a_shorter_one_or_replaces_them_by_later_ones(length, more, k, seed):
    short, long = bottom_k(length, k, seed).tolist(), bottom_k(length + more, k, seed).tolist()
    assert [index for index in long if index < length] == [index for index in short if index in long]


@given_examples
@given(st.integers(0, 80), st.integers(0, 20), st.integers(0, 20), st.integers())
def test_a_smaller_sample_is_part_of_a_larger_one(length, k, more, seed):
    assert set(bottom_k(length, k, seed).tolist()) <= set(bottom_k(length, k + more, seed).tolist())


def test_seeds_choose_different_samples():
    samples = [frozenset(bottom_k(1000, 50, seed).tolist()) for seed in range(-10, 20)]
    assert len(set(samples)) == len(samples)
    # Two independent samples share 50 * 50 / 1000 = 2.5 indices on average.
    shared = [len(a & b) for i, a in enumerate(samples) for b in samples[:i]]
    assert 2.0 < np.mean(shared) < 3.0
    assert max(shared) < 12


def test_every_index_is_chosen_about_equally_often():
    length, k, n_seeds = 40, 5, 2000
    counts = np.zeros(length)
    for seed in range(n_seeds):
        counts[bottom_k(length, k, seed)] += 1
    expected = n_seeds * k / length
    # Chi-square with 39 degrees of freedom: mean 39, standard deviation 8.8.
    assert ((counts - expected) ** 2 / expected).sum() < 39 + 5 * 8.8


def test_every_pair_is_chosen_about_equally_often():
    length, n_seeds = 8, 2800
    counts = np.zeros((length, length))
    for seed in range(n_seeds):
        counts[tuple(bottom_k(length, 2, seed))] += 1
    observed = counts[np.triu_indices(length, 1)]
    expected = n_seeds / 28
    # 27 degrees of freedom: mean 27, standard deviation 7.3.
    assert observed.sum() == n_seeds
    assert ((observed - expected) ** 2 / expected).sum() < 27 + 5 * 7.3


# -- A sample with slots ----------------------------------------------------------------------------------------------


@given_examples
@given(
    st.integers(0, 60).flatmap(lambda n: st.permutations(range(n))),
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.integers(1, 15),
    st.integers(),
)
def test_a_streamed_sample_is_the_bottom_k_in_any_order_and_split(order, sizes, k, seed):
    sample = StreamedSample(k, seed)
    slots = kept_after(sample, split(order, sizes))
    assert sorted(slots.values()) == bottom_k(len(order), k, seed).tolist()
    assert [slots.get(slot, -1) for slot in range(k)] == sample.ids.tolist()


@given_examples
@given(
    st.lists(st.integers(0, 30), max_size=80),
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.integers(1, 10),
    st.integers(),
)
def test_a_streamed_sample_counts_repeated_samples_once(ids, sizes, k, seed):
    sample = StreamedSample(k, seed)
    slots = kept_after(sample, split(ids, sizes))
    assert sorted(slots.values()) == brute_force(ids, k, seed)
    assert [slots.get(slot, -1) for slot in range(k)] == sample.ids.tolist()


@given_examples
@given(
    st.integers(0, 60).flatmap(lambda n: st.permutations(range(n))),
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.integers(1, 15),
    st.integers(),
)
def test_a_known_sample_gives_every_chosen_index_its_slot(order, sizes, k, seed):
    sample = KnownSample(len(order), k, seed)
    assert sample.ids.tolist() == bottom_k(len(order), k, seed).tolist()
    slots = kept_after(sample, split(order, sizes))
    assert [slots[slot] for slot in range(len(sample.ids))] == sample.ids.tolist()


def test_a_known_sample_drops_indices_beyond_the_length():
    sample = KnownSample(length=5, k=10, seed=0)
    rows, slots = sample.admit(np.array([5, 4, 6, 0, 1000]))
    assert rows.tolist() == [1, 3]
    assert slots.tolist() == [4, 0]


def test_a_known_sample_of_no_data_keeps_nothing():
    rows, slots = KnownSample(length=0, k=10, seed=0).admit(np.arange(4))
    assert len(rows) == len(slots) == 0


@pytest.mark.parametrize("sample", [KnownSample(9, 3, 0), StreamedSample(3, 0)], ids=["known", "streamed"])
def test_an_empty_batch_changes_nothing(sample):
    before = sample.ids.tolist()
    rows, slots = sample.admit(np.array([], dtype=np.int64))
    assert len(rows) == len(slots) == 0
    assert sample.ids.tolist() == before


def test_slots_are_empty_until_samples_come():
    sample = StreamedSample(k=4, seed=0)
    assert sample.ids.tolist() == [-1, -1, -1, -1]
    sample.admit(np.array([7, 8]))
    assert sorted(sample.ids.tolist()) == [-1, -1, 7, 8]


def test_a_streamed_sample_replaces_only_those_that_drop_out():
    sample = StreamedSample(k=5, seed=0)
    sample.admit(np.arange(20))
    before = sample.ids.copy()
    _, slots = sample.admit(np.arange(20, 40))
    kept = np.setdiff1d(np.arange(5), slots)
    assert sample.ids[kept].tolist() == before[kept].tolist()
    assert set(before[slots].tolist()) == set(bottom_k(20, 5, 0).tolist()) - set(bottom_k(40, 5, 0).tolist())


def test_no_global_generator_is_drawn_from():
    random_before, numpy_before, torch_before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    sample_priorities(np.arange(10), seed=1)
    bottom_k(100, 10, seed=1)
    KnownSample(100, 10, seed=1).admit(np.arange(100))
    StreamedSample(10, seed=1).admit(np.arange(100))
    assert random.getstate() == random_before
    numpy_after = np.random.get_state()  # noqa: NPY002
    assert numpy_after[1].tolist() == numpy_before[1].tolist()
    assert numpy_after[2:] == numpy_before[2:]
    assert torch.equal(torch.get_rng_state(), torch_before)


# -- Either of them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [300, None])
def test_a_sample_is_the_same_whether_the_length_is_known_or_not(length):
    sample = start_sample(20, length, seed=4)
    for ids in np.array_split(np.arange(300), 7):
        sample.admit(ids)
    assert sorted(sample.ids.tolist()) == bottom_k(300, 20, seed=4).tolist()
    assert isinstance(sample, StreamedSample if length is None else KnownSample)
