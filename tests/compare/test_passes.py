"""What a pass through a data loader is known by."""

import random

import numpy as np
import pytest
import torch
from small_classifier import Data
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from topocallback.compare.contents import CannotBeSeenError
from topocallback.compare.passes import batches_of_trainer, digest_of_pass
from topocallback.compare.recording import ValidationData


class Rows(Dataset):
    def __init__(self, change=lambda index: index):
        self.change = change

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return self.change(index)


@pytest.mark.parametrize("draw", [random.random, np.random.rand, lambda: torch.rand(1)])
@pytest.mark.parametrize("at", [0, 39])
def test_what_is_drawn_at_random_is_noticed_wherever_it_is(draw, at):
    data = DataLoader(Rows(lambda index: float(draw()) if index == at else 0.0), batch_size=8)
    with pytest.raises(CannotBeSeenError, match="differ from pass to pass"):
        digest_of_pass(data)


def test_random_generators_are_left_as_they_were():
    states = [torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()]  # noqa: NPY002
    digest_of_pass(DataLoader(Rows(), batch_size=8))
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == [random.getstate(), np.random.get_state()[1].tolist()]  # noqa: NPY002


def test_a_last_item_and_which_item_it_is_count():
    same = digest_of_pass(DataLoader(Rows(), batch_size=8))
    assert digest_of_pass(DataLoader(Rows(), batch_size=8)) == same
    assert digest_of_pass(DataLoader(Rows(lambda index: min(index, 38)), batch_size=8)) != same
    zeros = Rows(lambda index: 0)
    orders = [digest_of_pass(DataLoader(zeros, sampler=sampler)) for sampler in ([1, 2], [2, 1])]
    assert orders[0] != orders[1]
    assert digest_of_pass(DataLoader(Subset(Rows(), [1, 2]))) != digest_of_pass(DataLoader(Subset(Rows(), [1, 3])))


class Endless(IterableDataset):
    def __iter__(self):
        return iter(lambda: 1, 0)


def test_no_more_batches_are_read_than_a_model_is_given():
    assert digest_of_pass(DataLoader(Endless()), 3) != digest_of_pass(DataLoader(Endless()), 4)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, float("inf")),
        ({"limit_val_batches": 3}, 3),
        ({"limit_val_batches": 0.5}, 5),
        ({"limit_val_batches": 1.0}, float("inf")),
        ({"fast_dev_run": True}, 1),
        ({"fast_dev_run": 2, "limit_val_batches": 9}, 2),
        ({"overfit_batches": 4}, 4),
    ],
)
def test_a_trainers_limits_are_known(options, expected):
    assert batches_of_trainer(options, range(10)) == expected


def test_a_batch_without_tensors_is_known_by_its_values():
    data = [digest_of_pass(DataLoader(Rows(lambda i, word=word: f"{word} {i}"), batch_size=8)) for word in ("a", "b")]
    assert data[0] != data[1]


def test_what_a_data_module_does_to_batches_counts():
    def changed(factor):
        class Changed(Data):
            def on_after_batch_transfer(self, batch, dataloader_idx):
                return [factor * batch[0], batch[1]]

        return ValidationData(Changed()).fingerprint()

    assert changed(2.0) == changed(2.0) != changed(3.0)
