"""Which item a row is where steps fetch their batches, loaders run at once, or collate functions leave items out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from identified_rows import (
    Fetches,
    Identity,
    Items,
    RunsBoth,
    assert_rows_are_their_items,
    validate,
)
from lightning.pytorch.utilities.combined_loader import CombinedLoader
from torch.utils.data import DataLoader, WeightedRandomSampler

# -- Steps that fetch their batches, and several loaders at once -------------------------------------------------------


class FetchesTwo(Identity):
    """Fetches two batches, and then runs both."""

    def validation_step(self, dataloader_iter):
        for batch in [next(dataloader_iter)[0] for _ in range(2)]:
            self.value(batch)


class FetchesAndRunsTwice(Identity):
    """Fetches a batch and runs it, twice in each step."""

    def validation_step(self, dataloader_iter):
        for _ in range(2):
            self.value(next(dataloader_iter)[0])


class FetchesAhead(Identity):
    """Fetches the batch of the next step, and runs the one that it has."""

    def validation_step(self, dataloader_iter):
        batch = next(dataloader_iter)[0] if dataloader_iter.fetched == 0 else self.ahead
        if not dataloader_iter.done:
            self.ahead = next(dataloader_iter)[0]
        self.value(batch)


@pytest.mark.scenario("`validation_step(dataloader_iter)`, which fetches a batch in each step")
@pytest.mark.parametrize("sampler", [range(30), range(29, -1, -1)])
def test_a_step_that_fetches_its_batches_leads_to_their_items(tmp_path, sampler):
    records, told = validate(tmp_path, DataLoader(Items(30), 4, sampler=sampler), model=Fetches)
    assert_rows_are_their_items(records, set(map(float, range(30))))
    assert told == []


@pytest.mark.scenario(
    "`validation_step(dataloader_iter)` with several fetches in a step: nothing is recorded that may be wrong"
)
@pytest.mark.parametrize("model", [FetchesTwo, FetchesAndRunsTwice, FetchesAhead])
def test_several_fetches_in_a_step_record_nothing_wrong_and_are_said(tmp_path, model):
    records, told = validate(tmp_path, DataLoader(Items(32), 4, sampler=range(31, -1, -1)), model=model)
    assert sum("did not fetch one batch for each step" in message for message in told) == 1
    for clouds, loader in records.passes:
        rows = clouds.clouds.get("value", np.empty((0, 1)))[:, 0].tolist()
        assert [float(loader.dataset[index]) for index in clouds.sample_ids[: len(rows)].tolist()] == rows


class RunsBothTheOtherWayRound(RunsBoth):
    """The second one first."""

    order = (1, 0)


class RunsBothAtOnce(RunsBoth):
    """In one call, so that no row can be told from the other loader's."""

    def validation_step(self, batch, batch_idx):
        self.value(torch.cat([part for part in batch if part is not None]))


def two_loaders() -> list[DataLoader]:
    return [DataLoader(Items(30), 4), DataLoader(Items(30, first=50), 4, sampler=[8, 3, 1, 0, 5, 20, 21, 22, 9, 7, 2])]


@pytest.mark.scenario(
    "several loaders at once: `CombinedLoader` in the modes `min_size`, `max_size` and `max_size_cycle`"
)
@pytest.mark.parametrize("model", [RunsBoth, RunsBothTheOtherWayRound])
@pytest.mark.parametrize("dataloader_idx", [0, 1])
@pytest.mark.parametrize("mode", ["min_size", "max_size", "max_size_cycle"])
def test_loaders_that_run_at_once_lead_to_the_items_of_the_recorded_one(tmp_path, mode, dataloader_idx, model):
    records, told = validate(tmp_path, CombinedLoader(two_loaders(), mode), dataloader_idx, model)
    first = range(12) if mode == "min_size" else range(30)
    second = [50 + i for i in (8, 3, 1, 0, 5, 20, 21, 22, 9, 7, 2)]
    assert_rows_are_their_items(records, set(map(float, (first, second)[dataloader_idx])))
    assert told == []


@pytest.mark.scenario(
    "several loaders at once, whose samples are joined in one call: nothing is recorded, and that is said"
)
def test_rows_of_several_loaders_in_one_call_are_not_recorded(tmp_path):
    records, told = validate(tmp_path, CombinedLoader(two_loaders(), "min_size"), model=RunsBothAtOnce)
    assert ["on samples of another data loader" in message for message in told] == [True]
    assert all(not clouds.clouds for clouds, _ in records.passes)


# -- Batches that are not as the sampler made them ---------------------------------------------------------------------


def without_multiples_of_ten(batch: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack([item for item in batch if item.item() % 10 or item.item() == 0])


@pytest.mark.scenario("a collate function that leaves an item out in later batches: these batches are left out")
def test_only_the_batches_without_some_items_are_left_out(tmp_path):
    loader = DataLoader(Items(40), 4, collate_fn=without_multiples_of_ten)
    records, told = validate(tmp_path, loader)
    left_out = {8, 9, 10, 11, 20, 21, 22, 23, 28, 29, 30, 31}
    assert_rows_are_their_items(records, set(map(float, set(range(40)) - left_out)))
    assert ["batches were left out" in message for message in told] == [True]


class WithIds(Identity):
    """Takes mappings."""

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.value(batch["x"])


def with_ids(batch: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"x": torch.stack(batch), "sample_ids": torch.stack(batch)[:, 0].long()}


def with_ids_of_some(batch: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    return with_ids([item for item in batch if item.item() % 4])


@pytest.mark.scenario("`sample_ids` in the batch, for a loader that shuffles or leaves items out")
@pytest.mark.parametrize(
    ("loader", "items"),
    [
        (DataLoader(Items(30), 4, shuffle=True, collate_fn=with_ids), range(30)),
        (DataLoader(Items(30), 4, collate_fn=with_ids_of_some), [i for i in range(30) if i % 4]),
        (
            DataLoader(Items(30), 4, sampler=WeightedRandomSampler([1.0] * 9 + [0.0] * 21, 90), collate_fn=with_ids),
            range(9),
        ),
    ],
)
def test_ids_in_the_batch_lead_to_the_items(tmp_path, loader, items):
    records, told = validate(tmp_path, loader, model=WithIds)
    assert_rows_are_their_items(records, set(map(float, items)))
    assert told == []
