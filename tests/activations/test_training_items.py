"""Which items of the training data are taken: a fixed sample of those that training draws from."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from topocallback.activations.generators import forked_generators
from topocallback.activations.training_items import UnknownItemsError, sampled_loader
from topocallback.hashing import sample_priorities

ITEMS = range(100)


class Buckets(Sampler):
    """Batches of neighbours, in another order in every pass."""

    def __init__(self, n: int = 40) -> None:
        self.n = n

    def __iter__(self):
        batches = [list(range(start, start + 4)) for start in range(0, self.n, 4)]
        random.shuffle(batches)
        return iter(batches)


class Wanders(Buckets):
    """Other items in every pass."""

    def __iter__(self):
        return iter([[random.randrange(100)] for _ in range(20)])


class Stream(IterableDataset):
    """Items that come one after the other."""

    def __iter__(self):
        return iter(ITEMS)


def taken(loaders, n=1000, seed=0, **more) -> list[int]:
    return [int(item) for batch in sampled_loader(loaders, n, seed, **more) for item in batch]


@pytest.mark.parametrize(
    ("loader", "items"),
    [
        (DataLoader(ITEMS, 8), range(100)),
        (DataLoader(ITEMS, 8, shuffle=True), range(100)),
        (DataLoader(ITEMS, 8, sampler=SubsetRandomSampler([7, 3, 50])), [3, 7, 50]),
        (DataLoader(ITEMS, 8, sampler=WeightedRandomSampler([0.0, 1.0] * 50, 9)), range(1, 100, 2)),
        (DataLoader(ITEMS, 8, sampler=DistributedSampler(ITEMS, 2, 0)), range(100)),
        (DataLoader(ITEMS, 8, sampler=[5, 5, 1, 90]), [1, 5, 90]),
        (DataLoader(ITEMS, batch_sampler=Buckets()), range(40)),
        (DataLoader(ITEMS, batch_sampler=BatchSampler(RandomSampler(ITEMS), 8, drop_last=True)), range(100)),
        ({"stream": DataLoader(Stream()), "items": [DataLoader(range(3)), DataLoader(ITEMS)]}, range(3)),
    ],
)
def test_the_items_are_those_that_training_draws_from(loader, items):
    assert taken(loader) == list(items)


def test_of_many_items_those_of_smallest_priority_are_taken_in_their_order():
    for seed in (0, 1):
        expected = np.sort(np.argsort(sample_priorities(np.arange(100), seed))[:10])
        assert taken(DataLoader(ITEMS, 8, shuffle=True), 10, seed) == expected.tolist()


def test_of_a_fixed_order_items_that_never_come_are_not_taken():
    assert taken(DataLoader(ITEMS, 8), max_batches=2) == list(range(16))
    in_two = DataLoader(ITEMS, 8, sampler=DistributedSampler(ITEMS, 2, 0, shuffle=False))
    assert taken(in_two, max_batches=2) == list(range(32))
    assert len(taken(DataLoader(ITEMS, 8, shuffle=True), max_batches=2)) == 100


def test_batches_are_made_as_training_makes_them():
    loader = DataLoader(ITEMS, 8, shuffle=True, collate_fn=tuple)
    assert [len(batch) for batch in sampled_loader(loader, 20, 0)] == [8, 8, 4]
    assert all(isinstance(batch, tuple) for batch in sampled_loader(loader, 20, 0))


@pytest.mark.parametrize(
    ("loader", "why"),
    [
        (None, "there is no training data loader"),
        ([[1, 2, 3]], "no DataLoader of torch, but a int"),
        (DataLoader(Stream()), "an iterable data set has no items"),
        (DataLoader(ITEMS, batch_size=None), "an item of the data set is a whole batch"),
        (DataLoader(ITEMS, batch_sampler=Wanders()), "a Wanders, has other items in every pass"),
        (DataLoader(ITEMS, 8, sampler=[400]), "gives 400, no index of a data set of 100 items"),
        (DataLoader([], 8), "the training data are empty"),
    ],
)
def test_where_there_are_no_items_it_is_said_why(loader, why):
    with pytest.raises(UnknownItemsError, match=why):
        sampled_loader(loader, 10, 0)


class Draws(Dataset):
    """Draws from generators of its own, however they are held."""

    def __init__(self) -> None:
        self.own = torch.Generator().manual_seed(0)
        self.transforms = {"noise": [np.random.default_rng(0)]}

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> float:
        return float(torch.rand(1, generator=self.own)) + self.transforms["noise"][0].random() + random.random()


def test_reading_leaves_all_generators_as_they_were():
    data_set = Draws()
    loader = DataLoader(data_set, 4, shuffle=True)
    before = data_set.own.get_state(), data_set.transforms["noise"][0].bit_generator.state, torch.get_rng_state()
    with forked_generators(data_set):
        assert len(taken(loader)) == 20
    after = data_set.own.get_state(), data_set.transforms["noise"][0].bit_generator.state, torch.get_rng_state()
    assert torch.equal(before[0], after[0])
    assert before[1] == after[1]
    assert torch.equal(before[2], after[2])


class Opens(Dataset):
    """Opens something where it is first read."""

    def __init__(self) -> None:
        self.opened = 0

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        self.opened += 1
        return index


@pytest.mark.parametrize("workers", [0, 2])
def test_what_training_reads_in_workers_is_not_read_in_this_process(workers):
    data_set = Opens()
    assert taken(DataLoader(data_set, 4, num_workers=workers)) == list(range(8))
    assert data_set.opened == (0 if workers else 8)
