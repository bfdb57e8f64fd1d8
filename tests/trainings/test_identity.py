"""Which item of the data set a row is: every index leads to its item, or it is said why none does."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from identified_rows import (
    N_SAMPLES,
    Fetches,
    Items,
    RunsBoth,
    assert_it_is_said,
    assert_rows_are_their_items,
    validate,
    why_unidentified,
)
from lightning.pytorch.utilities.combined_loader import CombinedLoader
from small_trainings import in_two_processes
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


class Stream(IterableDataset):
    """Every value once, whatever the number of workers."""

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        yield from (torch.tensor([float(i)]) for i in range(worker.id if worker else 0, 20, 2 if worker else 1))


class Batches(Dataset):
    """Every item is a batch."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.arange(4.0).reshape(4, 1) + 4 * index


# -- Every index leads to its item ------------------------------------------------------------------------------------


class Buckets(BatchSampler):
    """Items of one remainder together: batches of unequal sizes."""

    def __init__(self, data_set: Sized) -> None:
        super().__init__(SequentialSampler(data_set), 4, drop_last=False)

    def __iter__(self):
        for remainder in range(3):
            bucket = list(range(remainder, len(self.sampler), 3))
            yield from (bucket[start : start + 4] for start in range(0, len(bucket), 4))

    def __len__(self) -> int:
        return sum(-(-len(range(remainder, len(self.sampler), 3)) // 4) for remainder in range(3))


class LongestFirst(Sampler):
    """From the last item to the first, counting its passes."""

    def __init__(self, data_set: Sized) -> None:
        self.data_set = data_set
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        return reversed(range(len(self.data_set)))

    def __len__(self) -> int:
        return len(self.data_set)


def scenario(text: str, loader: Any, items: Any) -> Any:
    return pytest.param(loader, set(map(float, items)), id=text, marks=pytest.mark.scenario(text))


JOINED = ConcatDataset([Items(7), Items(9, first=50), Subset(Items(30, first=70), range(5, 25))])


@pytest.mark.parametrize(
    ("loader", "items"),
    [
        scenario("a plain loader", DataLoader(Items(30), 4), range(30)),
        scenario("a list as a sampler", DataLoader(Items(100), 4, sampler=list(range(60, 100))), range(60, 100)),
        scenario("a tensor as a sampler", DataLoader(Items(100), 4, sampler=torch.arange(99, 0, -7)), range(99, 0, -7)),
        scenario("a sampler of its own order", DataLoader(Items(30), 4, sampler=LongestFirst(Items(30))), range(30)),
        scenario("a sampler that repeats items", DataLoader(Items(30), 4, sampler=[5, 5, 3, 29, 3] * 3), [3, 5, 29]),
        scenario(
            "a list of batches", DataLoader(Items(30), batch_sampler=[[3, 1], [7], [29, 11, 0]]), [3, 1, 7, 29, 11, 0]
        ),
        scenario("batches by length", DataLoader(Items(31), batch_sampler=Buckets(Items(31))), range(31)),
        scenario("a part of a data set", DataLoader(Subset(Items(100), range(90, 10, -2)), 4), range(90, 10, -2)),
        scenario("joined data sets", DataLoader(JOINED, 4), [*range(7), *range(50, 59), *range(75, 95)]),
        scenario("a last batch that is dropped", DataLoader(Items(30), 7, drop_last=True), range(28)),
        scenario("workers", DataLoader(Items(30), 4, sampler=range(29, 9, -1), num_workers=2), range(10, 30)),
        scenario(
            "a distributed sampler at random, in one process",
            DataLoader(Items(30), 4, sampler=DistributedSampler(Items(30), 1, 0, shuffle=True)),
            range(30),
        ),
    ],
)
def test_every_index_leads_to_the_item_of_its_row(tmp_path, loader, items):
    records, told = validate(tmp_path, loader)
    assert_rows_are_their_items(records, items)
    assert told == []


@pytest.mark.scenario("`limit_val_batches` with a sampler of its own order")
def test_limited_validation_keeps_the_items(tmp_path):
    loader = DataLoader(Items(100), 4, sampler=range(99, -1, -1))
    records, told = validate(tmp_path, loader, limit_val_batches=4)
    assert_rows_are_their_items(records, set(map(float, range(84, 100))))
    assert told == []


@pytest.mark.scenario("one of several loaders, in a list")
@pytest.mark.parametrize("dataloader_idx", [0, 1, 2])
def test_every_one_of_several_loaders_leads_to_its_own_items(tmp_path, dataloader_idx):
    loaders = [DataLoader(Items(30), 4, sampler=range(start, start + 8)) for start in (20, 0, 10)]
    records, told = validate(tmp_path, loaders, dataloader_idx)
    start = (20, 0, 10)[dataloader_idx]
    assert_rows_are_their_items(records, set(map(float, range(start, start + 8))))
    assert told == []


@pytest.mark.scenario("one of several loaders, in a `CombinedLoader` that runs them one after the other")
def test_a_combined_loader_leads_to_the_items_of_the_recorded_one(tmp_path):
    loaders = {"first": DataLoader(Items(30), 4), "second": DataLoader(Items(9, first=40), 4, sampler=[8, 3, 1, 0, 5])}
    records, told = validate(tmp_path, CombinedLoader(loaders, "sequential"), 1)
    assert_rows_are_their_items(records, {48.0, 43.0, 41.0, 40.0, 45.0})
    assert told == []


# -- It is said where no index does -----------------------------------------------------------------------------------


class ShufflesBuckets(Buckets):
    """Buckets in a random order."""

    def __iter__(self):
        batches = list(super().__iter__())
        return iter([batches[i] for i in torch.randperm(len(batches)).tolist()])


class BatchesOf:
    """Batches that no data set stands behind. A Trainer would take a list of them for a list of loaders."""

    def __init__(self, batches: list[torch.Tensor]) -> None:
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def without_every_fourth(batch: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack([item for item in batch if item.item() % 4])


def without_the_first(batch: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(batch[1:])


def twice(batch: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack([*batch, *batch])


def lost(text: str, loader: Any) -> Any:
    return pytest.param(loader, id=text, marks=pytest.mark.scenario(text))


@pytest.mark.parametrize(
    "loader",
    [
        lost("a loader that shuffles", DataLoader(Items(30), 4, shuffle=True)),
        lost("`SubsetRandomSampler`", DataLoader(Items(30), 4, sampler=SubsetRandomSampler(range(20)))),
        lost("`WeightedRandomSampler`", DataLoader(Items(30), 4, sampler=WeightedRandomSampler([1.0] * 30, 40))),
        lost("batches by length, in a random order", DataLoader(Items(31), batch_sampler=ShufflesBuckets(Items(31)))),
        lost("a collate function that leaves items out", DataLoader(Items(30), 4, collate_fn=without_every_fourth)),
        lost("a collate function that repeats items", DataLoader(Items(30), 4, collate_fn=twice)),
        lost("workers that do not keep the order", DataLoader(Items(30), 4, num_workers=2, in_order=False)),
    ],
)
def test_where_indices_are_lost_one_warning_says_why(tmp_path, loader):
    records, told = validate(tmp_path, loader)
    assert_it_is_said(records, told, is_defect=True)


@pytest.mark.parametrize(
    "loader",
    [
        lost("an iterable data set", DataLoader(Stream(), 4)),
        lost("an iterable data set with workers", DataLoader(Stream(), 4, num_workers=2)),
        lost("`batch_size=None`", DataLoader(Batches(), batch_size=None)),
        lost("batches without a data set", BatchesOf([Batches()[i] for i in range(5)])),
    ],
)
def test_where_there_is_no_item_to_lead_to_there_is_nothing_to_warn_about(tmp_path, loader):
    records, told = validate(tmp_path, loader)
    assert_it_is_said(records, told, is_defect=False)


# -- Several processes ------------------------------------------------------------------------------------------------

_IDENTIFIED = {
    "plain": (lambda: DataLoader(Items(31), 4), range(31)),
    "fewer items than processes": (lambda: DataLoader(Items(1), 4), range(1)),
    "list": (lambda: DataLoader(Items(100), 4, sampler=list(range(99, 60, -1))), range(61, 100)),
    "own order": (lambda: DataLoader(Items(31), 4, sampler=LongestFirst(Items(31))), range(31)),
    "shuffled by Lightning's sampler": (lambda: DataLoader(Items(31), 4, shuffle=True), range(31)),
    "part": (lambda: DataLoader(Subset(Items(100), range(90, 10, -2)), 4), range(90, 10, -2)),
    "drop last": (lambda: DataLoader(Items(30), 4, drop_last=True), range(24)),
}
_LOST = {
    "subset at random": lambda: DataLoader(Items(30), 4, sampler=SubsetRandomSampler(range(30))),
    "leaves out": lambda: DataLoader(Items(32), 4, collate_fn=without_the_first),
}


def validate_every_kind(folder: Path) -> None:
    options: dict[str, Any] = {"strategy": "ddp", "devices": 2}
    _validate_steps_and_loaders(folder, **options)
    for make, items in _IDENTIFIED.values():
        records, told = validate(folder, make(), **options)
        assert_rows_are_their_items(records, set(map(float, items)))
        assert told == []
    for make in _LOST.values():
        records, told = validate(folder, make(), **options)
        for clouds, _ in records.passes:
            assert why_unidentified(clouds)
            assert len(clouds.sample_ids) == N_SAMPLES
            assert np.unique(clouds.sample_ids).size == N_SAMPLES
        assert len(told) == bool(records.passes)  # the first process says it


def _validate_steps_and_loaders(folder: Path, **options: Any) -> None:
    records, told = validate(folder, DataLoader(Items(31), 4), model=Fetches, **options)
    assert_rows_are_their_items(records, set(map(float, range(31))))
    assert told == []
    loaders = [DataLoader(Items(32), 4), DataLoader(Items(32, first=50), 4)]
    records, told = validate(folder, CombinedLoader(loaders, "min_size"), 1, RunsBoth, **options)
    assert_rows_are_their_items(records, set(map(float, range(50, 82))))
    assert told == []


@pytest.mark.scenario("two processes: plain loaders, samplers of one's own, padding, shuffling, parts of data sets")
@pytest.mark.scenario("two processes: a step that fetches its batches, and two loaders at once")
def test_two_processes_lead_to_the_items_of_both(tmp_path):
    in_two_processes(validate_every_kind, tmp_path)
