"""Loaders and the indices of their batches' samples, against what real data loaders give."""

import itertools

import numpy as np
import pytest
import torch
from lightning.pytorch.utilities.combined_loader import CombinedLoader
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from topocallback.activations.batches import BatchIndices, flatten_loaders


class Numbers(Dataset):
    """Sample i is the number i."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return index


class Stream(IterableDataset):
    def __init__(self, length):
        self.length = length

    def __iter__(self):
        return iter(range(self.length))


class SizedStream(Stream):
    def __len__(self):
        return self.length


class EveryOther:
    """A batch sampler of the user's own: pairs of neighbours but one."""

    def __init__(self, length):
        self.length = length

    def __iter__(self):
        return iter([i, i + 2] for i in range(0, self.length - 2, 3))

    def __len__(self):
        return self.length // 3


def run(loader, max_batches=float("inf")):
    """The indices of all batches as the loader runs, beside the samples that it gives."""
    indices = BatchIndices(loader, max_batches)
    batches = [batch.tolist() for i, batch in enumerate(loader) if i < max_batches]
    taken = [indices.take(len(batch)) for batch in batches]
    assert all(ids.dtype == np.int64 for ids in taken)
    return indices, [ids.tolist() for ids in taken], batches


# -- Loaders ----------------------------------------------------------------------------------------------------------

FIRST, SECOND, THIRD = (DataLoader(Numbers(length)) for length in (3, 5, 7))


@pytest.mark.parametrize(
    ("loaders", "expected"),
    [
        (FIRST, [FIRST]),
        ([FIRST], [FIRST]),
        ([SECOND, FIRST], [SECOND, FIRST]),
        ((FIRST, SECOND, THIRD), [FIRST, SECOND, THIRD]),
        ({"b": SECOND, "a": FIRST}, [SECOND, FIRST]),
        ([FIRST, {"b": [SECOND], "a": (THIRD,)}], [FIRST, SECOND, THIRD]),
    ],
    ids=["one", "list of one", "list", "tuple", "mapping", "nested"],
)
def test_loaders_are_numbered_as_lightning_numbers_them(loaders, expected):
    assert flatten_loaders(loaders) == CombinedLoader(loaders, "sequential").flattened == expected


def test_no_loader_is_an_empty_list():
    assert flatten_loaders(None) == flatten_loaders([]) == []


# -- Indices on one process -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 10, 12])
@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("max_batches", [0, 2, float("inf")])
def test_indices_and_length_are_those_of_a_loader_that_does_not_shuffle(length, size, max_batches):
    indices, taken, batches = run(DataLoader(Numbers(length), batch_size=size), max_batches)
    assert taken == batches
    assert indices.length == sum(map(len, batches))
    assert indices.shuffled is False


@pytest.mark.parametrize(("length", "size"), [(10, 4), (12, 4), (3, 4)])
def test_a_last_batch_that_is_dropped_does_not_count(length, size):
    indices, taken, batches = run(DataLoader(Numbers(length), batch_size=size, drop_last=True))
    assert taken == batches
    assert indices.length == sum(map(len, batches))


def test_max_batches_may_be_a_whole_float():
    length = BatchIndices(DataLoader(Numbers(10), batch_size=3), 2.0).length
    assert length == 6
    assert isinstance(length, int)


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(Numbers(10), batch_size=4, shuffle=True),
        DataLoader(Numbers(10), batch_size=4, sampler=RandomSampler(range(10))),
        DataLoader(Numbers(10), batch_size=4, sampler=SubsetRandomSampler(list(range(10)))),
        DataLoader(Numbers(10), batch_size=4, sampler=WeightedRandomSampler([1.0] * 10, 10)),
        DataLoader(Numbers(10), batch_size=4, sampler=DistributedSampler(Numbers(10), 1, 0, shuffle=True)),
        DataLoader(Numbers(10), batch_sampler=BatchSampler(RandomSampler(range(10)), 4, drop_last=False)),
    ],
    ids=["shuffle", "random", "subset", "weighted", "distributed", "batch sampler"],
)
def test_a_shuffling_loader_is_known_as_such_and_counts_on(loader):
    indices, taken, batches = run(loader)
    assert indices.shuffled is True
    assert list(itertools.chain(*taken)) == list(range(10))
    assert len(list(itertools.chain(*batches))) == 10


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(Numbers(10), batch_size=4),
        DataLoader(Numbers(10), batch_size=4, sampler=SequentialSampler(range(10))),
        DataLoader(Numbers(10), batch_size=4, sampler=DistributedSampler(Numbers(10), 1, 0, shuffle=False)),
        DataLoader(Numbers(10), batch_sampler=BatchSampler(SequentialSampler(range(10)), 4, drop_last=False)),
        DataLoader(Numbers(10), batch_sampler=EveryOther(10)),
        DataLoader(Stream(10), batch_size=4),
        [torch.arange(4)],
        None,
    ],
    ids=["plain", "sequential", "distributed", "batch sampler", "own batch sampler", "stream", "list", "none"],
)
def test_a_loader_that_does_not_shuffle_is_known_as_such(loader):
    assert BatchIndices(loader).shuffled is False


def test_a_sampler_of_a_part_of_the_data_set_decides_on_the_length():
    sampler = SequentialSampler(range(7))
    assert BatchIndices(DataLoader(Numbers(10), batch_size=2, sampler=sampler)).length == 7
    assert BatchIndices(DataLoader(Numbers(10), batch_size=2, sampler=SubsetRandomSampler([3, 1, 4]))).length == 3


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(Stream(10), batch_size=4),
        DataLoader(SizedStream(10), batch_size=4),
        DataLoader(Numbers(10), batch_sampler=EveryOther(10)),
        DataLoader(Numbers(10), batch_size=None),
        DataLoader(Numbers(10), batch_size=4, sampler=iter(range(10))),
        [torch.arange(4), torch.arange(3)],
        iter([torch.arange(4)]),
        None,
    ],
    ids=["stream", "sized stream", "own batch sampler", "no batches", "unsized sampler", "list", "iterator", "none"],
)
def test_a_length_that_cannot_be_known_is_none_and_indices_count_on(loader):
    indices = BatchIndices(loader, max_batches=3)
    assert indices.length is None
    assert [indices.take(size).tolist() for size in (2, 0, 3)] == [[0, 1], [], [2, 3, 4]]


def test_two_passes_have_the_same_indices():
    loader = DataLoader(Stream(10), batch_size=4)
    assert run(loader)[1] == run(loader)[1] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


# -- Indices on several processes -------------------------------------------------------------------------------------


def run_processes(length, size, world_size=2, max_batches=float("inf"), *, loader_drops=False, sampler_drops=False):
    """What all processes take as the length, and the indices of all processes beside the samples that they are."""
    lengths, pairs = set(), []
    for rank in range(world_size):
        sampler = DistributedSampler(Numbers(length), world_size, rank, shuffle=False, drop_last=sampler_drops)
        loader = DataLoader(Numbers(length), batch_size=size, sampler=sampler, drop_last=loader_drops)
        indices, taken, batches = run(loader, max_batches)
        lengths.add(indices.length)
        pairs += zip(itertools.chain(*taken), itertools.chain(*batches), strict=True)
    return lengths, pairs


@pytest.mark.parametrize("length", [1, 5, 6, 11, 12])
@pytest.mark.parametrize("size", [1, 2, 50])
@pytest.mark.parametrize("max_batches", [1, 2, float("inf")])
@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_the_data_sets_indices_and_padding_lies_beyond_them(length, size, max_batches, world_size):
    lengths, pairs = run_processes(length, size, world_size, max_batches)
    assert all(index % length == sample for index, sample in pairs)  # padding begins again with the first sample
    own = [index for index, _ in pairs if index < length]
    assert sorted(own) == list(range(len(own)))
    assert lengths == {len(own)}


@pytest.mark.parametrize("drops", ["loader_drops", "sampler_drops"])
@pytest.mark.parametrize(("length", "size"), [(5, 2), (11, 2), (11, 50), (12, 4)])
def test_what_loader_and_sampler_drop_does_not_count(length, size, drops):
    lengths, pairs = run_processes(length, size, **{drops: True})
    assert all(index % length == sample for index, sample in pairs)
    assert lengths == {sum(index < length for index, _ in pairs)}


def test_padding_of_two_processes_hand_computed():
    lengths, pairs = run_processes(length=5, size=2)
    assert lengths == {5}
    assert pairs == [(0, 0), (2, 2), (4, 4), (1, 1), (3, 3), (5, 0)]


def test_a_shuffling_distributed_sampler_is_known_as_such_and_shares_the_places():
    loaders = [
        DataLoader(Numbers(6), batch_size=2, sampler=DistributedSampler(Numbers(6), 2, rank, shuffle=True))
        for rank in range(2)
    ]
    assert [BatchIndices(loader).shuffled for loader in loaders] == [True, True]
    assert sorted(itertools.chain(*itertools.chain(*(run(loader)[1] for loader in loaders)))) == list(range(6))


def test_a_distributed_sampler_inside_of_a_batch_sampler_shares_the_indices_too():
    taken = []
    for rank in range(2):
        sampler = BatchSampler(DistributedSampler(Numbers(6), 2, rank, shuffle=False), 2, drop_last=False)
        _, ids, batches = run(DataLoader(Numbers(6), batch_sampler=sampler))
        assert ids == batches
        taken += itertools.chain(*ids)
    assert sorted(taken) == list(range(6))


def test_a_sized_stream_in_several_processes_has_no_known_length():
    class Stream(IterableDataset):
        def __len__(self):
            return 10

        def __iter__(self):
            return iter(range(10))

    assert BatchIndices(DataLoader(Stream(), batch_size=2), rank=1, world_size=2).length is None
