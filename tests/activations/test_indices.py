"""The indices of batches' samples, against the items that real data loaders give."""

import itertools
import random
from collections import deque

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.distributed import DistributedSamplerWrapper
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler
from lightning.pytorch.utilities.combined_loader import CombinedLoader
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from topocallback.activations.indices import BatchIndices, flatten_loaders


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


class ShufflesAnew(Sampler):
    """A sampler of the user's own that draws from the generator that it is given."""

    def __init__(self, length, draw):
        self.length = length
        self.draw = draw

    def __iter__(self):
        return iter(self.draw(self.length))

    def __len__(self):
        return self.length


class ShufflesBatches:
    """A batch sampler of the user's own: batches of neighbours, in a random order."""

    def __init__(self, length):
        self.length = length

    def __iter__(self):
        return iter([[2 * i, 2 * i + 1] for i in torch.randperm(self.length // 2).tolist()])


GENERATOR = torch.Generator()
DRAWS = {
    "torch": lambda n: torch.randperm(n).tolist(),
    "numpy": lambda n: np.random.permutation(n).tolist(),  # noqa: NPY002
    "python": lambda n: random.sample(range(n), n),
    "a generator of its own": lambda n: torch.randperm(n, generator=GENERATOR).tolist(),
    "with replacement": lambda n: random.choices(range(n), k=n),
}


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(Numbers(10), batch_size=4, shuffle=True),
        DataLoader(Numbers(10), batch_size=4, sampler=RandomSampler(range(10))),
        DataLoader(Numbers(10), batch_size=4, sampler=SubsetRandomSampler(list(range(10)))),
        DataLoader(Numbers(10), batch_size=4, sampler=WeightedRandomSampler([1.0] * 10, 10)),
        DataLoader(Numbers(10), batch_sampler=BatchSampler(RandomSampler(range(10)), 4, drop_last=False)),
        DataLoader(Numbers(10), batch_sampler=ShufflesBatches(10)),
        DataLoader(Numbers(10), batch_size=4, sampler=DistributedSamplerWrapper(SubsetRandomSampler(range(10)), 1, 0)),
        *(DataLoader(Numbers(10), batch_size=4, sampler=ShufflesAnew(10, draw)) for draw in DRAWS.values()),
    ],
    ids=["shuffle", "random", "subset", "weighted", "batch sampler", "own batch sampler", "wrapped", *DRAWS],
)
def test_a_random_order_is_known_as_such_and_places_count_on(loader):
    indices, taken, batches = run(loader)
    assert indices.shuffled is True
    assert indices.is_defect is True
    assert "at random" in indices.unidentified or "another order in every pass" in indices.unidentified
    assert list(itertools.chain(*taken)) == list(range(10))
    assert len(list(itertools.chain(*batches))) == 10


@pytest.mark.parametrize("length", [2, 3, 5])
def test_a_random_order_of_few_items_is_not_taken_for_a_fixed_one(length):
    for _ in range(50):
        assert BatchIndices(DataLoader(Numbers(length), sampler=ShufflesAnew(length, DRAWS["python"]))).shuffled
        assert BatchIndices(DataLoader(Numbers(2 * length), batch_sampler=ShufflesBatches(2 * length))).shuffled


class Buckets(BatchSampler):
    """A batch sampler of the user's own: items of one length together."""

    def __init__(self, lengths, size):
        super().__init__(SequentialSampler(lengths), size, drop_last=False)
        self.lengths = lengths

    def __iter__(self):
        for length in sorted(set(self.lengths)):
            bucket = [i for i, other in enumerate(self.lengths) if other == length]
            yield from (bucket[start : start + self.batch_size] for start in range(0, len(bucket), self.batch_size))


class SeedsItself(Sampler):
    """A sampler of the user's own: at random, but always the same."""

    def __init__(self, seed):
        self.seed = seed

    def __iter__(self):
        torch.manual_seed(self.seed)
        return iter(torch.randperm(10).tolist())


def distributed(length, shuffle, epoch=0):
    sampler = DistributedSampler(Numbers(length), 2, 1, shuffle=shuffle)
    sampler.set_epoch(epoch)
    return sampler


IDENTIFIED = {
    "plain": DataLoader(Numbers(10), batch_size=4),
    "sequential": DataLoader(Numbers(10), batch_size=4, sampler=SequentialSampler(range(7))),
    "list": DataLoader(Numbers(100), batch_size=4, sampler=list(range(60, 100))),
    "list with repetitions": DataLoader(Numbers(10), batch_size=4, sampler=[3, 3, 1, 3, 9]),
    "tuple": DataLoader(Numbers(10), batch_size=4, sampler=(7, 2, 5, 0, 1)),
    "range": DataLoader(Numbers(10), batch_size=4, sampler=range(9, -1, -2)),
    "array": DataLoader(Numbers(10), batch_size=4, sampler=np.array([7, 2, 5])),
    "tensor": DataLoader(Numbers(10), batch_size=4, sampler=torch.tensor([7, 2, 5])),
    "deque": DataLoader(Numbers(10), batch_size=4, sampler=deque([7, 2, 5])),
    "frozen set": DataLoader(Numbers(100), batch_size=4, sampler=frozenset([70, 2, 51])),
    "a list whose last batch is dropped": DataLoader(Numbers(10), 2, sampler=[3, 1, 2], drop_last=True),
    "distributed": DataLoader(Numbers(10), batch_size=4, sampler=distributed(9, shuffle=False)),
    "distributed, fewer items than processes": DataLoader(Numbers(1), sampler=distributed(1, shuffle=False)),
    "distributed, at random": DataLoader(Numbers(10), batch_size=4, sampler=distributed(9, shuffle=True, epoch=3)),
    "unrepeated": DataLoader(
        Numbers(9), batch_size=2, sampler=UnrepeatedDistributedSampler(Numbers(9), 2, 1, shuffle=False)
    ),
    "unrepeated, at random": DataLoader(
        Numbers(9), batch_size=2, sampler=UnrepeatedDistributedSampler(Numbers(9), 2, 1, shuffle=True)
    ),
    "a wrapped list": DataLoader(
        Numbers(10), batch_size=2, sampler=DistributedSamplerWrapper([7, 2, 5, 1, 4], 2, 1, shuffle=False)
    ),
    "a wrapped list, at random": DataLoader(
        Numbers(10), batch_size=2, sampler=DistributedSamplerWrapper([7, 2, 5, 1, 4], 2, 0, shuffle=True)
    ),
    "batch sampler": DataLoader(Numbers(10), batch_sampler=BatchSampler(range(9, 2, -1), 4, drop_last=False)),
    "list of batches": DataLoader(Numbers(10), batch_sampler=[[3, 1], [7]]),
    "array of batches": DataLoader(Numbers(10), batch_sampler=np.array([[3, 1], [7, 2]])),
    "generated batches": DataLoader(Numbers(10), batch_sampler=[range(3), (7, 9), torch.tensor([1])]),
    "own batch sampler": DataLoader(Numbers(10), batch_sampler=EveryOther(10)),
    "buckets": DataLoader(Numbers(10), batch_sampler=Buckets([5, 3, 3, 5, 8, 5, 3, 3, 8, 5], 2)),
    "seeds itself": DataLoader(Numbers(10), batch_size=4, sampler=SeedsItself(3)),
    "subset": DataLoader(Subset(Numbers(100), [70, 50, 30]), batch_size=2, sampler=[2, 0]),
    "concatenated": DataLoader(ConcatDataset([Numbers(3), Numbers(4)]), batch_size=2, sampler=[5, 0, 6]),
    "workers": DataLoader(Numbers(10), batch_size=2, sampler=[7, 2, 5, 1], num_workers=2),
}


@pytest.mark.parametrize("loader", IDENTIFIED.values(), ids=IDENTIFIED.keys())
@pytest.mark.parametrize("max_batches", [1, float("inf")])
def test_every_index_is_the_one_of_the_rows_item(loader, max_batches):
    indices, taken, batches = run(loader, max_batches)
    assert len(batches) > 0
    assert [[loader.dataset[index] for index in ids] for ids in taken] == batches
    assert indices.unidentified is None
    assert indices.is_defect is indices.shuffled is False
    assert indices.left_out == 0


@pytest.mark.parametrize("loader", IDENTIFIED.values(), ids=IDENTIFIED.keys())
def test_a_known_length_is_the_number_of_the_first_items(loader):
    indices, taken, _ = run(loader)
    if indices.length is not None and getattr(loader.sampler, "num_replicas", 1) == 1:
        assert sorted(itertools.chain(*taken)) == list(range(indices.length))


def test_a_permutation_of_all_items_has_a_known_length():
    assert BatchIndices(DataLoader(Numbers(4), sampler=[3, 1, 0, 2])).length == 4
    assert BatchIndices(DataLoader(Numbers(4), batch_sampler=[[3], [1, 0], [2]])).length == 4
    assert BatchIndices(DataLoader(Numbers(4), sampler=[3, 1, 0, 3])).length is None
    assert BatchIndices(DataLoader(Numbers(4), sampler=[3, 1, 2])).length is None


def test_a_collate_function_of_ones_own_leaves_the_length_open():
    indices = BatchIndices(DataLoader(Numbers(4), collate_fn=torch.tensor))
    assert indices.length is None
    assert [indices.take(1).tolist() for _ in range(4)] == [[0], [1], [2], [3]]


# -- Where there is nothing to lead back to, or what leads back is lost -----------------------------------------------


class OwnIteration(DataLoader):
    def __iter__(self):
        return reversed(list(super().__iter__()))


class FailingSampler(DataLoader):
    """A data loader whose sampler cannot be asked for."""

    failing = False

    def __getattribute__(self, name):
        if name == "batch_sampler" and type(self).failing:
            raise AttributeError("not today")
        return super().__getattribute__(name)


class Raises(Sampler):
    def __iter__(self):
        raise OSError("no file")


class Gives(Sampler):
    """Says one length, and gives what it likes."""

    def __init__(self, *items, length=None):
        self.items = items
        self.length = len(items) if length is None else length

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return self.length


class Endless(Sampler):
    def __iter__(self):
        return itertools.repeat(0)


class Rotates(Sampler):
    """Starts one item later in every pass."""

    passes = 0

    def __iter__(self):
        self.passes += 1
        return iter([*range(self.passes % 10, 10), *range(self.passes % 10)])


class Records(Dataset):
    """A data set whose items have names."""

    def __getitem__(self, name):
        return len(name)


def lost(loader, says):
    return pytest.param(loader, says, id=says)


@pytest.mark.parametrize(
    ("loader", "says"),
    [
        lost(DataLoader(Numbers(10), num_workers=2, in_order=False), "in the order in which they finish"),
        lost(OwnIteration(Numbers(10)), "in a way of its own"),
        lost(DataLoader(Numbers(10), sampler=iter(range(10))), "only once"),
        lost(DataLoader(Numbers(10), sampler=(i for i in range(10))), "cannot be read (TypeError"),
        lost(DataLoader(Numbers(10), batch_sampler=([i] for i in range(10))), "generator"),
        lost(DataLoader(Numbers(10), sampler=Raises()), "OSError: no file"),
        lost(DataLoader(Numbers(10), sampler=Gives(1, 2, 3, length=2)), "more than its length"),
        lost(DataLoader(Numbers(10), sampler=Gives(1, length=10**9)), "too many"),
        lost(DataLoader(Numbers(10), sampler=Endless()), "no end"),
        lost(DataLoader(Numbers(10), sampler=[-1, 2]), "-1, no index"),
        lost(DataLoader(Numbers(10), sampler=Gives(3, 10)), "10, no index"),
        lost(DataLoader(Numbers(10), batch_sampler=[[3], [11]]), "11, no index"),
        lost(DataLoader(Numbers(10), sampler=[0.5, 1.0]), "TypeError"),
        lost(DataLoader(Records(), sampler=["a", "bc"]), "TypeError"),
        lost(DataLoader(Numbers(10), sampler=Rotates()), "another order in every pass"),
    ],
)
def test_lost_indices_are_a_defect_that_says_why_and_places_count_on(loader, says):
    indices = BatchIndices(loader)
    assert says in indices.unidentified
    assert indices.is_defect is True
    assert [indices.take(size).tolist() for size in (2, 0, 3)] == [[0, 1], [], [2, 3, 4]]


def test_a_data_loader_whose_sampler_cannot_be_asked_for_is_unidentified(monkeypatch):
    loader = FailingSampler(Numbers(10))
    monkeypatch.setattr(FailingSampler, "failing", True)
    indices = BatchIndices(loader)
    assert "not today" in indices.unidentified
    assert indices.is_defect is True
    assert indices.take(2).tolist() == [0, 1]


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(Stream(10), batch_size=4),
        DataLoader(Stream(10), batch_size=4, num_workers=2),
        DataLoader(Stream(10), batch_size=None),
        DataLoader(Numbers(10), batch_size=None),
        [torch.arange(4)],
        iter([torch.arange(4)]),
        None,
    ],
    ids=["stream", "workers", "stream without batches", "no batches", "list", "iterator", "none"],
)
def test_where_nothing_could_lead_back_to_items_there_is_no_defect(loader):
    indices = BatchIndices(loader)
    assert indices.unidentified
    assert indices.is_defect is indices.shuffled is False
    assert indices.expected is None or isinstance(loader, DataLoader)


@pytest.mark.parametrize("sampler", [RandomSampler(range(10)), BatchSampler(RandomSampler(range(10)), 2, False)])
def test_whole_batches_at_random_are_known_to_be_shuffled(sampler):
    assert BatchIndices(DataLoader(torch.arange(10), batch_size=None, sampler=sampler)).shuffled is True


def test_workers_that_do_not_keep_the_order_give_other_samples_in_every_pass():
    assert BatchIndices(DataLoader(Numbers(10), num_workers=2, in_order=False)).shuffled is True
    assert BatchIndices(DataLoader(Numbers(10), num_workers=0, in_order=False)).unidentified is None


def test_an_endless_sampler_is_read_as_far_as_batches_are_run():
    class Cycles(Sampler):
        def __iter__(self):
            return itertools.cycle([4, 2])

    indices = BatchIndices(DataLoader(Numbers(10), batch_size=3, sampler=Cycles()), max_batches=2)
    assert [indices.take(3).tolist() for _ in range(2)] == [[4, 2, 4], [2, 4, 2]]


# -- Batches that are not what the sampler put into them --------------------------------------------------------------


def test_a_batch_is_expected_to_have_what_the_sampler_puts_into_it():
    for loader, sizes in [
        (DataLoader(Numbers(10), batch_size=4), [4, 4, 2]),
        (DataLoader(Numbers(10), batch_size=4, drop_last=True), [4, 4]),
        (DataLoader(Numbers(10), batch_size=4, shuffle=True), [4, 4, 2]),
        (DataLoader(Numbers(10), batch_size=2, sampler=[3, 1, 2]), [2, 1]),
        (DataLoader(Numbers(10), batch_sampler=[[3, 1], [7]]), [2, 1]),
    ]:
        indices = BatchIndices(loader)
        for size in sizes:
            assert indices.expected == size
            indices.take(size)
        assert indices.expected is None


def test_a_first_batch_of_another_size_makes_all_indices_places():
    indices = BatchIndices(DataLoader(Numbers(10), batch_size=4, sampler=range(9, -1, -1)))
    assert indices.take(3).tolist() == [0, 1, 2]
    assert "3 samples, where its sampler put in 4" in indices.unidentified
    assert indices.is_defect is True
    assert indices.length is None
    assert indices.take(4).tolist() == [3, 4, 5, 6]
    assert indices.left_out == 0


@pytest.mark.parametrize("size", [0, 3, 5])
def test_a_later_batch_of_another_size_has_no_indices(size):
    indices = BatchIndices(DataLoader(Numbers(10), batch_size=4))
    assert indices.take(4).tolist() == [0, 1, 2, 3]
    assert indices.take(size) is None
    assert indices.take(2).tolist() == [8, 9]
    assert indices.unidentified is None
    assert indices.left_out == 1


def test_more_batches_than_the_sampler_gives_have_no_indices():
    indices = BatchIndices(DataLoader(Numbers(4), batch_size=4))
    assert indices.take(4).tolist() == [0, 1, 2, 3]
    assert indices.take(4) is None
    assert indices.left_out == 1


def test_a_skipped_batch_keeps_the_indices_of_the_following_ones():
    indices = BatchIndices(DataLoader(Numbers(10), batch_size=4))
    indices.skip()
    assert indices.take(4).tolist() == [4, 5, 6, 7]
    counted = BatchIndices(DataLoader(Numbers(10), batch_size=4, shuffle=True))
    counted.skip()
    assert counted.take(4).tolist() == [4, 5, 6, 7]
    assert "have passed" not in counted.unidentified


def test_a_skipped_batch_of_unknown_size_is_said():
    indices = BatchIndices(DataLoader(Stream(10), batch_size=4))
    assert indices.take(4).tolist() == [0, 1, 2, 3]
    indices.skip()
    indices.skip()
    assert indices.unidentified.count("batches of unknown size have passed") == 1
    assert indices.take(2).tolist() == [4, 5]


def test_a_sampler_of_a_part_of_the_data_set_decides_on_the_length():
    sampler = SequentialSampler(range(7))
    assert BatchIndices(DataLoader(Numbers(10), batch_size=2, sampler=sampler)).length == 7
    assert BatchIndices(DataLoader(Numbers(10), batch_size=2, sampler=SubsetRandomSampler([3, 1, 4]))).length == 3


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(Stream(10), batch_size=4),
        DataLoader(SizedStream(10), batch_size=4),
        DataLoader(Numbers(10), batch_size=4, sampler=iter(range(10))),
        [torch.arange(4), torch.arange(3)],
        iter([torch.arange(4)]),
        None,
    ],
    ids=["stream", "sized stream", "unsized sampler", "list", "iterator", "none"],
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
def test_processes_share_the_data_sets_indices_and_padding_repeats_them(length, size, max_batches, world_size):
    lengths, pairs = run_processes(length, size, world_size, max_batches)
    assert all(index == sample for index, sample in pairs)
    own = {index for index, _ in pairs}
    assert sorted(own) == list(range(len(own)))
    assert lengths == {len(own)}


@pytest.mark.parametrize("drops", ["loader_drops", "sampler_drops"])
@pytest.mark.parametrize(("length", "size"), [(5, 2), (11, 2), (11, 50), (12, 4)])
def test_what_loader_and_sampler_drop_does_not_count(length, size, drops):
    lengths, pairs = run_processes(length, size, **{drops: True})
    assert all(index == sample for index, sample in pairs)
    assert lengths == {len({index for index, _ in pairs})}


def test_padding_of_two_processes_hand_computed():
    lengths, pairs = run_processes(length=5, size=2)
    assert lengths == {5}
    assert pairs == [(0, 0), (2, 2), (4, 4), (1, 1), (3, 3), (0, 0)]


def test_processes_whose_order_is_not_known_share_the_places():
    taken = []
    for rank in range(2):
        sampler = DistributedSamplerWrapper(SubsetRandomSampler(range(6)), 2, rank, shuffle=False)
        indices, ids, _ = run(DataLoader(Numbers(6), batch_size=2, sampler=sampler))
        assert indices.shuffled is True
        taken += itertools.chain(*ids)
    assert sorted(taken) == list(range(6))


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
